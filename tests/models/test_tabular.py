"""The default network for tables: its parts are their equations, the conformance suite, suggestions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.tabular import TabularConfig
from learnloop.nn.members import MemberBias, MemberDropout, MemberHead, MemberScale
from learnloop.nn.numeric import PeriodicNumbers
from learnloop.optim.muon_config import MuonConfig
from learnloop.seeds import seed_torch
from learnloop.testing.models import check_model

SPECS = {
    "numbers": InputSpec("table", numbers=4),
    "mixed": InputSpec("table", numbers=3, cardinalities=(3, 2, 40)),
    "categories": InputSpec("table", cardinalities=(5, 30)),
}


def tabular(**fields: float | str) -> TabularConfig:
    return TabularConfig.model_validate(fields)


@pytest.mark.parametrize("key", SPECS)
@pytest.mark.parametrize("embedding", [0, 12])
def test_it_keeps_to_the_contract(key: str, embedding: int) -> None:
    check_model(tabular(width=32, members=4, embedding=embedding), SPECS[key])


def test_periodic_is_its_equation() -> None:
    seed_torch(0)
    layer = PeriodicNumbers(2, width=3, frequencies=5, slowest=0.1, fastest=2.0)
    x = torch.randn(7, 2)
    y = layer(x)
    assert y.shape == (7, layer.width) and torch.equal(y[:, :2], x)
    for j in range(2):
        waves = torch.cos(2 * math.pi * x[:, j : j + 1] * layer.frequency[j] + layer.phase[j])  # [7, 5]
        expected = waves @ layer.weight[j] + layer.shift[j]  # [7, 3]
        torch.testing.assert_close(y[:, 2 + 3 * j : 5 + 3 * j], expected)
    ends = layer.frequency.detach()[:, [0, -1]].flatten().tolist()
    assert ends == pytest.approx([0.1, 2.0, 0.1, 2.0])


def test_periodic_keeps_float32_under_autocast_and_holds_huge_numbers() -> None:
    seed_torch(0)
    layer = PeriodicNumbers(1, fastest=100.0)
    x = torch.tensor([[1.2345], [1e30], [-1e30]])
    with torch.autocast("cpu", torch.bfloat16):
        low = layer(x)
    assert low.dtype == torch.float32 and torch.equal(low, layer(x)) and bool(low.isfinite().all())
    assert torch.equal(layer(x)[1], layer(torch.tensor([[8.0]]))[0])


def test_member_layers_are_their_equations() -> None:
    seed_torch(1)
    x = torch.randn(5, 4)
    scale, bias, head = MemberScale(3, 4), MemberBias(3, 4, 4), MemberHead(3, 4, 2)
    y = bias(scale(x))  # [5, 3, 4]
    out = head(y)
    assert set(scale.scale.flatten().tolist()) <= {1.0, -1.0} and out.shape == (5, 3, 2)
    for k in range(3):
        member = x * scale.scale[k] + bias.bias[k]
        torch.testing.assert_close(y[:, k], member)
        torch.testing.assert_close(out[:, k], member @ head.weight[k] + head.bias[k, 0])


def test_dropout_is_drawn_for_each_member_and_keeps_the_mean() -> None:
    seed_torch(2)
    layer, x = MemberDropout(0.25), torch.ones(400, 3, 51)
    y = layer.train()(x)
    assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert not torch.equal(y[:, 0], y[:, 1])
    for part in (y, y[:200], y[:, 0], y[..., 7::8], y[..., 1]):  # every byte of the 64-bit integers
        assert float(part.mean()) == pytest.approx(1.0, abs=0.05)
    seed_torch(2)
    assert torch.equal(layer(x), y) and layer.eval()(x) is x


def test_members_differ_and_share_their_matrices() -> None:
    seed_torch(3)
    net = tabular(width=16, members=6, blocks=2).build(SPECS["mixed"], 3).eval()
    x, codes = torch.randn(9, 3), torch.ones(9, 3, dtype=torch.int64)
    out = net(x, codes)
    assert out.shape == (9, 6, 3) and float(out.detach().std(1).min()) > 0
    one = tabular(width=16, members=1, blocks=2).build(SPECS["mixed"], 3)
    matrices = [sum(p.numel() for n, p in net_.named_parameters() if "linear" in n) for net_ in (net, one)]
    assert matrices[0] == matrices[1]


def test_muon_moves_the_shared_matrices_and_nothing_else() -> None:
    net = tabular(width=16, members=4, blocks=3).build(SPECS["mixed"], 2)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    stepper = MuonConfig.model_validate({"lr": 0.1, "other_lr": 1e-9, "weight_decay": 0.0}).build(net, fused=False)
    net(torch.randn(8, 3), torch.ones(8, 3, dtype=torch.int64)).square().mean().backward()
    stepper.step()
    moved = {name for name, p in net.named_parameters() if float((p.detach() - before[name]).abs().max()) > 1e-6}
    assert moved == {f"body.linear{number}.weight" for number in (1, 2, 3)}


def _steps(values: int) -> tuple[Tensor, Tensor]:
    """A column of a few exact values in random order, whose class no smooth function of the value tells."""
    generator = torch.Generator().manual_seed(0)
    spots = torch.linspace(-2, 2, values)
    which = torch.randint(0, values, (512,), generator=generator)
    return spots[which].unsqueeze(1), (which * 7 % 5 % 2).long()


def test_fast_waves_tell_single_values_apart() -> None:
    """What the embedding is for: without it a class that jumps between near values is not learnt."""
    x, y = _steps(30)
    found = {}
    for embedding in (0, 12):
        seed_torch(0)
        config = tabular(width=32, members=4, dropout=0.0, embedding=embedding)
        net = config.build(InputSpec("table", numbers=1), 2)
        stepper = MuonConfig.model_validate({}).build(net, fused=True)
        for _ in range(60):
            stepper.zero_grad()
            out = net(x)
            torch.nn.functional.cross_entropy(out.flatten(0, 1), y.repeat_interleave(4)).backward()
            stepper.step()
        found[embedding] = float((net.eval()(x).softmax(-1).mean(1).argmax(1) == y).float().mean())
    assert found[12] > 0.95 and found[0] < 0.8, found


@pytest.mark.parametrize("config", [{"width": 0}, {"dropout": 1.0}, {"members": 0}, {"slowest": 0.0}])
def test_impossible_sizes_are_refused(config: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(config))):
        TabularConfig.model_validate(config)


def test_images_are_refused_with_models_that_fit() -> None:
    image = InputSpec("image", shape=(1, 8, 8), mean=(0.5,), std=(0.5,))
    with pytest.raises(ModelError) as caught:
        tabular().build(image, 2)
    assert "model 'tabular': takes tables" in str(caught.value) and "--model cnn" in str(caught.value)


def _seconds(rows: int, numbers: int, outputs: int) -> tuple[float, dict[str, Any]]:
    spec = InputSpec("table", numbers=numbers, cardinalities=(9, 42))
    values = tabular().suggest(rows, spec, outputs, None)
    config = tabular(**{key[6:]: value for key, value in values.items() if key.startswith("model.")})
    return config.cost(spec) * rows * values["train.epochs"] / 100e9, values


@pytest.mark.parametrize(("rows", "numbers", "outputs"), [(26_000, 6, 2), (14_000, 9, 1), (100_000, 30, 5)])
def test_the_default_fits_into_two_minutes(rows: int, numbers: int, outputs: int) -> None:
    seconds, values = _seconds(rows, numbers, outputs)
    assert seconds <= 125 and values["optimiser.name"] == "muon"


def test_few_rows_get_no_embedding_and_more_dropout_and_millions_few_passes() -> None:
    spec = InputSpec("table", numbers=10)
    small, large = (tabular().suggest(rows, spec, 2, None) for rows in (400, 2_000_000))
    assert small["model.embedding"] == 0 and small["model.dropout"] > large["model.dropout"]
    assert large["train.epochs"] <= 3 and large["train.batch_size"] >= 1024
    assert _seconds(450, 30, 2)[0] < 2


def test_minutes_buy_members_and_leave_the_length_to_the_clock() -> None:
    spec = InputSpec("table", numbers=9, cardinalities=(6,))
    short, long = (tabular().suggest(13_000, spec, 1, minutes) for minutes in (0.2, 5.0))
    assert short["model.members"] < long["model.members"]
    assert "train.epochs" not in short and "train.patience" not in short
