"""The layer table against numbers worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.cnn3 import CNN3Config
from learnloop.models.lenet import LeNet5Config
from learnloop.models.mlp import MLPConfig
from learnloop.models.summary import summary
from learnloop.models.table import MODELS
from tests.small_models import least_side, small_options

DIGITS = InputSpec("image", shape=(1, 28, 28), mean=(0.1,), std=(0.3,))
SEVEN = InputSpec("table", numbers=7)


def test_lenet_by_hand() -> None:
    found = summary(LeNet5Config().build(DIGITS, 10), DIGITS)
    rows = {row.name: row for row in found.rows}
    adds = {
        "conv1": 28 * 28 * 6 * 25,
        "conv2": 10 * 10 * 16 * 6 * 25,
        "dense1": 400 * 120,
        "dense2": 120 * 84,
    }
    assert {name: rows[name].multiply_adds for name in adds} == adds
    assert found.multiply_adds == sum(adds.values()) + 840 == 416_520
    assert found.parameters == found.trainable == 61_706
    assert rows["conv1"].output == (1, 6, 28, 28) and rows["pool2"].output == (1, 16, 5, 5)
    assert sum(row.parameters for row in found.rows) == 61_706
    assert sum(row.multiply_adds for row in found.rows) == 416_520


def test_memory_by_hand() -> None:
    """Linear(7, 5) - ReLU - Linear(5, 2) keeps for backward: the input, and the ReLU's output once."""
    net = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2))
    found = summary(net, SEVEN, batch=8)
    weights = 4 * (7 * 5 + 5 + 5 * 2 + 2)
    activations = 4 * 8 * (7 + 5)
    expected = {"weights": weights, "gradients": weights, "moments": 2 * weights, "activations": activations}
    assert found.memory == expected | {"buffers": 0, "total": 4 * weights + activations}
    assert summary(net, SEVEN, batch=8, moments=0).memory["total"] == 2 * weights + activations
    assert summary(net, SEVEN, batch=1).memory["activations"] == 4 * (7 + 5)
    assert sum(row.bytes for row in found.rows) == found.memory["total"]


def test_frozen_weights_have_no_gradient() -> None:
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2))
    net[0].requires_grad_(False)
    found = summary(net, SEVEN)
    assert (found.parameters, found.trainable) == (52, 12)
    assert found.memory["gradients"] == 4 * 12
    assert "40 of the parameters are frozen" in found.text()


def test_norms_cost_one_multiply_add_a_value() -> None:
    config = MLPConfig(hidden=(6,), batch_norm=True, layer_norm=True)
    rows = {row.name: row for row in summary(config.build(SEVEN, 2), SEVEN, batch=4).rows}
    assert rows["norm1"].multiply_adds == rows["layer_norm1"].multiply_adds == 4 * 6
    assert rows["linear1"].multiply_adds == 4 * 7 * 6


class Odd(nn.Module):
    """Arithmetic of its own (as in an ensemble), attention, recurrence, a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.Parameter(torch.randn(3, 7, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.recurrent = nn.LSTM(8, 2, batch_first=True)
        self.forgotten = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.einsum("bi,kio->bko", x, self.members)  # [batch, 3, 8]
        h = self.attention(h, h, h, need_weights=False)[0]  # [batch, 3, 8]
        return self.recurrent(h)[0]  # [batch, 3, 2]


def test_what_a_module_does_itself_is_booked_on_it_and_gaps_are_said() -> None:
    found = summary(Odd(), SEVEN, batch=2)
    rows = {row.name: row for row in found.rows}
    assert rows["(whole)"].multiply_adds == 2 * 7 * 3 * 8 and rows["(whole)"].parameters == 168
    heads = 2 * 2 * 3 * 3 * (4 + 4)  # batch x heads x 3 x 3 x (q k + v)
    assert rows["attention"].multiply_adds == 2 * 3 * 8 * 24 + heads + 2 * 3 * 8 * 8
    assert rows["forgotten"].output == () and rows["forgotten"].parameters == 6
    text = found.text()
    assert "Not counted either, though it is work: mkldnn_rnn_layer." in text and "not called itself" in text
    assert found.parameters == sum(row.parameters for row in found.rows)


def test_the_network_is_left_as_it_was() -> None:
    net = CNN3Config().build(DIGITS, 10).train()
    before, drawn = {k: v.clone() for k, v in net.state_dict().items()}, torch.get_rng_state()
    summary(net, DIGITS, batch=3)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.equal(drawn, torch.get_rng_state()) and net.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())


def test_text_and_json() -> None:
    found = summary(LeNet5Config().build(DIGITS, 10), DIGITS)
    lines = found.text().splitlines()
    assert lines[0].split() == [
        "layer",
        "type",
        "output",
        "parameters",
        "multiply-adds",
        "training",
        "memory",
    ]
    assert lines[3].split()[:3] == ["conv1", "Conv2d", "1"] and "117,600" in lines[3]
    assert any(line.startswith("total") and "61,706" in line and "416,520" in line for line in lines)
    assert max(len(line) for line in lines) <= 130
    data = json.loads(json.dumps(found.to_json()))
    assert data["rows"][1]["output"] == [1, 6, 28, 28] and data["parameters"] == 61_706


SPECS = {
    "table": InputSpec("table", numbers=3, cardinalities=(3, 40)),
    "image": DIGITS,
    "text": InputSpec("text", vocabulary=50, length=12),
    "series": InputSpec("series", numbers=3, length=12),
}


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].inputs & SPECS.keys() and name != "hf"])
def test_every_model_has_a_summary(name: str) -> None:
    config = MODELS[name].model_validate({})
    spec = next(spec for kind, spec in SPECS.items() if kind in config.inputs)
    if hasattr(config, "native"):
        spec = InputSpec("image", shape=config.native, mean=(0.5,) * 3, std=(0.25,) * 3)
    with torch.device("meta" if hasattr(config, "native") else "cpu"):
        net = config.build(spec, 3)
    found = summary(net, spec, batch=5)
    assert found.parameters == sum(p.numel() for p in net.parameters()) == sum(r.parameters for r in found.rows)
    assert found.multiply_adds > 0 and found.memory["activations"] > 0
    assert found.text().count("\n") > 4


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11_bn", "efficientnet_b0"])
def test_without_values_the_table_is_the_same(name: str) -> None:
    side = least_side(name)
    spec = InputSpec("image", shape=(2, side, side), mean=(0.5,) * 2, std=(0.25,) * 2)
    config = MODELS[name].model_validate(small_options(name))
    with torch.device("meta"):
        bare = summary(config.build(spec, 3), spec, batch=3)
    assert bare == summary(config.build(spec, 3), spec, batch=3)


def test_it_does_not_import_dynamo() -> None:
    code = (
        "import sys; from learnloop.contracts import InputSpec; from learnloop.models.mlp import MLPConfig; "
        "from learnloop.models.summary import summary; spec = InputSpec('table', numbers=3); "
        "summary(MLPConfig().build(spec, 2), spec); "
        "assert 'torch._dynamo' not in sys.modules, 'torch._dynamo was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
