"""Shapes, sizes and behaviour that belong to one model."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.cnn3 import CNN3Config
from learnloop.models.lenet import LeNet5Config
from learnloop.models.linear import LinearConfig
from learnloop.models.mlp import MLPConfig
from learnloop.models.perceptron import Perceptron, PerceptronConfig
from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.init import INITIALISATIONS
from learnloop.testing.models import check_model

LOGIC = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
PAIR = InputSpec("table", numbers=2)


def image(channels: int, height: int, width: int) -> InputSpec:
    return InputSpec("image", shape=(channels, height, width), mean=(0.3,) * channels, std=(0.2,) * channels)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("size", [28, 32])
def test_lenet_has_61706_parameters(size: int) -> None:
    net = LeNet5Config().build(image(1, size, size), 10)
    assert count(net) == 61_706
    assert [type(m) for m in net][2] is nn.Tanh and isinstance(net.pool1, nn.AvgPool2d)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 27, 40), (1, 29, 31), (2, 33, 48), (1, 1, 1), (3, 64, 64)])
def test_lenet_takes_any_size(shape: tuple[int, int, int]) -> None:
    net = LeNet5Config(activation="relu", pool="max").build(image(*shape), 4)
    assert net(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, 4)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((3, 3), "images of 3 x 3 are enlarged (bilinear, which adds no detail) to 32 x 32"),
        ((27, 40), "images of 27 x 40 are enlarged (bilinear, which adds no detail) to 32 x 40"),
        ((28, 28), "images of 28 x 28 are padded with zeros to 32 x 32"),
        ((29, 40), "images of 29 x 40 are padded with zeros to 33 x 40"),
    ],
)
def test_lenet_says_what_becomes_of_small_images(size: tuple[int, int], says: str) -> None:
    config, spec = LeNet5Config(), image(1, *size)
    assert config.remark(spec) == f"lenet5: {says}: it was made for 32 x 32."
    seen: list[tuple[int, ...]] = []
    net = config.build(spec, 4)
    net.conv1.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[2:])))
    net(torch.zeros(1, *spec.shape, dtype=torch.uint8))
    height, width = (int(side) for side in says.split(" to ")[1].split(" x "))
    assert seen == [(height - 4, width - 4)]  # a 5 x 5 convolution of what the sentence says


@pytest.mark.parametrize("size", [(32, 32), (64, 48)])
def test_lenet_has_nothing_to_say_about_large_images(size: tuple[int, int]) -> None:
    assert LeNet5Config().remark(image(3, *size)) == ""


def test_lenet_with_relu_and_max_pool_keeps_to_the_contract() -> None:
    check_model(LeNet5Config(activation="relu", pool="max"), image(1, 28, 28))


def test_cnn3_by_hand() -> None:
    blocks = (9 * 32 + 32 + 64) + (9 * 32 * 64 + 64 + 128) + (9 * 64 * 128 + 128 + 256)
    assert count(CNN3Config().build(image(1, 28, 28), 10)) == blocks + (3 * 3 * 128 * 128 + 128) + 1290


def test_cnn3_refuses_images_that_vanish() -> None:
    with pytest.raises(ModelError) as caught:
        CNN3Config().build(image(1, 8, 7), 10)
    assert "at least 8 x 8" in str(caught.value) and "1 x 8 x 7" in str(caught.value)


def test_mlp_by_hand() -> None:
    net = MLPConfig().build(InputSpec("table", numbers=64), 10)
    assert count(net) == 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    assert type(net) is nn.Sequential and type(net[0]) is nn.Linear  # nothing stands before the first layer


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_mlp_with_every_activation(activation: str) -> None:
    config = MLPConfig.model_validate({"activation": activation})
    only = ["shape", "gradients", "first_loss", "rows", "learns"]
    if activation == "softmax":  # legal, but units that must share 1 learn too slowly for the toy problem
        only.remove("learns")
    check_model(config, InputSpec("table", numbers=4), only=only)


@pytest.mark.parametrize("initialisation", sorted(set(INITIALISATIONS) - {"zeros"}))
def test_mlp_with_every_initialisation(initialisation: str) -> None:
    config = MLPConfig.model_validate({"initialisation": initialisation})
    check_model(config, InputSpec("table", numbers=4), only=["shape", "gradients", "learns", "seed"])


def test_mlp_from_zeros_is_found_out() -> None:
    with pytest.raises(AssertionError, match=r"gradients: dead parameters.*linear1.weight"):
        check_model(MLPConfig(initialisation="zeros"), InputSpec("table", numbers=4))


@pytest.mark.parametrize("options", [{"batch_norm": True, "dropout": 0.2}, {"layer_norm": True}, {"hidden": ()}])
def test_mlp_with_options(options: dict[str, object]) -> None:
    config = MLPConfig.model_validate(options)
    check_model(config, InputSpec("table", numbers=3, cardinalities=(4, 30)))
    check_model(config, image(1, 8, 8))


def test_mlp_refuses_nonsense() -> None:
    with pytest.raises(ValidationError) as caught:
        MLPConfig.model_validate({"hidden": (0,), "activation": "rleu", "dropout": 1.0, "widht": 3})
    assert {error["loc"][0] for error in caught.value.errors()} == {
        "hidden",
        "activation",
        "dropout",
        "widht",
    }


def test_mlp_learns_xor() -> None:
    torch.manual_seed(0)
    config = MLPConfig()
    values = config.suggest(4, PAIR, 2, None)
    net, y = config.build(PAIR, 2), torch.tensor([0, 1, 1, 0])
    x = (LOGIC - 0.5) * 2
    optimiser = torch.optim.AdamW(net.parameters(), lr=values["optimiser.lr"], weight_decay=0)
    for _ in range(values["train.epochs"] // 4):  # a quarter of what it suggests must do
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    assert net(x).argmax(1).tolist() == y.tolist()


def learn(net: Perceptron, y: torch.Tensor) -> int:
    """The textbook rule on the four rows; the number of mistakes in the last of 50 passes."""
    mistakes = 0
    with torch.no_grad():
        for _ in range(50):
            mistakes = 0
            for row, wanted in zip(LOGIC, y):
                error = wanted - net.step(row[None])[0]
                net.weight += error[:, None] * net.features(row[None])
                net.bias += error
                mistakes += int(error.abs().sum())
    return mistakes


@pytest.mark.parametrize(("y", "separable"), [([0, 0, 0, 1], True), ([0, 1, 1, 1], True), ([0, 1, 1, 0], False)])
def test_perceptron_learns_and_or_but_not_xor(y: list[int], separable: bool) -> None:
    net = PerceptronConfig().build(PAIR, 1)
    assert isinstance(net, Perceptron)
    assert (learn(net, torch.tensor(y, dtype=torch.float32)) == 0) is separable
    if separable:
        assert net.step(LOGIC).flatten().tolist() == y
    assert torch.equal(net(LOGIC), net.scores(LOGIC)) and net.weight.shape == (1, 2) and net.bias.shape == (1,)


def test_linear_is_one_layer_at_zero_with_one_hot_categories() -> None:
    net = LinearConfig().build(InputSpec("table", numbers=2, cardinalities=(40,)), 3)
    assert count(net) == (2 + 39) * 3 + 3
    assert not any(parameter.any() for parameter in net.parameters())
