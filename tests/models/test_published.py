"""The published networks: weights, names, arithmetic, stems for small images, and what is too small for them."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.efficientnet import STAGES, EfficientNetB0Config, StochasticDepth, divisible
from learnloop.models.mini_resnet import MiniResNetConfig
from learnloop.models.resnet import BasicBlock, ResNet18Config
from learnloop.models.summary import summary
from learnloop.models.table import MODELS
from tests.small_models import PUBLISHED, least_side, small_options

# Weights, and sha256 (16 digits) of the lines "name [shape]" of the state dict, both of torchvision 0.29.2's networks.
TORCHVISION = {
    "alexnet": (61_100_840, "23c3b8d4a3e86dc8"),
    "vgg11": (132_863_336, "ddb4b3f56e9755a6"),
    "vgg11_bn": (132_868_840, "dc54d45fed4bc7b4"),
    "vgg13": (133_047_848, "08687bab35dc8767"),
    "vgg13_bn": (133_053_736, "057b00c1243905f9"),
    "vgg16": (138_357_544, "8a41c838cadbc3e0"),
    "vgg16_bn": (138_365_992, "ae5d7d87f5e61a76"),
    "vgg19": (143_667_240, "5319ee52249b66d1"),
    "vgg19_bn": (143_678_248, "555ec1b35ce917df"),
    "resnet18": (11_689_512, "66b04efc1dfd4b80"),
    "resnet34": (21_797_672, "4aa3e2bbbdc5e2fd"),
    "resnet50": (25_557_032, "614cd53ddf849669"),
    "resnet101": (44_549_160, "593b3bde446ee903"),
    "resnet152": (60_192_808, "9ce3831312550858"),
    "efficientnet_b0": (5_288_548, "9da4cc5e2bca0790"),
    "efficientnet_b1": (7_794_184, "d037a7897a24735c"),
    "efficientnet_b2": (9_109_994, "d6c07a751ed53f4d"),
    "efficientnet_b3": (12_233_232, "b509cc28dcc3814b"),
}
# Of convolutions and dense layers, in millions. He et al. 2016, table 1: 1.8, 3.6, 3.8, 7.6 and 11.3 thousand (their
# stride is at the first 1x1 of a bottleneck; at the 3x3, as here, 4.09, 7.8 and 11.5). Tan and Le 2019, table 2: 390.
MULTIPLY_ADDS = {
    "alexnet": 714.2,
    "vgg11": 7609.1,
    "vgg16": 15470.3,
    "vgg19": 19632.1,
    "resnet18": 1814.1,
    "resnet34": 3663.8,
    "resnet50": 4089.2,
    "resnet101": 7801.4,
    "resnet152": 11513.6,
    "efficientnet_b0": 385.8,
}


def image(channels: int, height: int, width: int) -> InputSpec:
    return InputSpec("image", shape=(channels, height, width), mean=(0.3,) * channels, std=(0.2,) * channels)


def bare(name: str) -> nn.Module:
    """The network at its published size, without values."""
    with torch.device("meta"):
        config = MODELS[name].model_validate({})
        return config.build(image(*config.native), config.classes)  # type: ignore[attr-defined]


def shapes(net: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in net.state_dict().items()}


def test_every_published_network_is_compared() -> None:
    assert list(TORCHVISION) == PUBLISHED


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_published_checkpoint_fits_as_it_is(name: str) -> None:
    """Count, names, shapes and order of weights and buffers of `net.net` are those of torchvision."""
    net = bare(name).net
    lines = "\n".join(f"{key} {shape}" for key, shape in shapes(net).items())
    found = sum(p.numel() for p in net.parameters()), hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert found == TORCHVISION[name]


@pytest.mark.parametrize(
    ("name", "weight", "shape"),
    [
        ("alexnet", "features.10.weight", [256, 256, 3, 3]),
        ("alexnet", "classifier.1.weight", [4096, 9216]),
        ("vgg16", "features.28.bias", [512]),
        ("vgg16_bn", "features.41.running_var", [512]),
        ("vgg19", "classifier.6.weight", [1000, 4096]),
        ("resnet18", "layer4.0.downsample.0.weight", [512, 256, 1, 1]),
        ("resnet50", "layer1.0.downsample.1.num_batches_tracked", []),
        ("resnet152", "layer3.35.conv3.weight", [1024, 256, 1, 1]),
        ("efficientnet_b0", "features.1.0.block.1.fc1.weight", [8, 32, 1, 1]),
        ("efficientnet_b3", "features.8.0.weight", [1536, 384, 1, 1]),
    ],
)
def test_names_that_can_be_read(name: str, weight: str, shape: list[int]) -> None:
    assert shapes(bare(name).net)[weight] == shape


@pytest.mark.parametrize("name", MULTIPLY_ADDS)
def test_multiply_adds_are_the_published_ones(name: str) -> None:
    rows = summary(bare(name), image(*MODELS[name].native)).rows  # type: ignore[attr-defined]
    adds = sum(row.multiply_adds for row in rows if row.type in ("Conv2d", "Linear"))
    assert round(adds / 1e6, 1) == MULTIPLY_ADDS[name]


@pytest.mark.parametrize("name", [*PUBLISHED, "mini_resnet"])
def test_stages_and_head_are_the_whole_network(name: str) -> None:
    """Every weight is in exactly one stage or in the head, in the order of the network."""
    net = (bare(name) if name in PUBLISHED else MiniResNetConfig().build(image(1, 28, 28), 10)).net
    found = [p for _, part in net.stages() for p in part.parameters()]
    found += list(net.get_submodule(net.head).parameters())
    assert [id(p) for p in found] == [id(p) for p in net.parameters()]
    assert isinstance(net.get_submodule(net.head), nn.Linear)
    assert len({stage for stage, _ in net.stages()}) == len(net.stages()) >= 4


SIZES = [("resnet18", 8), ("resnet18", 28), ("efficientnet_b0", 16), ("efficientnet_b0", 33), ("alexnet", 15)]
SIZES += [("alexnet", 40), ("vgg11", 32), ("vgg11_bn", 45), ("resnet18", 64), ("efficientnet_b0", 64), ("alexnet", 64)]


@pytest.mark.parametrize(("name", "side"), SIZES)
def test_any_size_and_any_channels(name: str, side: int) -> None:
    config = MODELS[name].model_validate(small_options(name))
    for shape in ((1, side, side), (5, side + 3, side)):
        assert config.build(image(*shape), 4)(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, 4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_one_pixel_less_is_refused(name: str) -> None:
    side = least_side(name)
    with pytest.raises(ModelError) as caught:
        MODELS[name].model_validate(small_options(name)).build(image(1, side, side - 1), 3)
    assert f"model '{name}': needs images of at least {side} x {side}: " in str(caught.value)
    assert f"--set data.image_size={side}" in caught.value.do


def test_too_deep_for_the_picture_says_what_to_do() -> None:
    with pytest.raises(ModelError) as caught:
        MODELS["resnet50"].model_validate({"stem": "published"}).build(image(3, 28, 28), 10)
    assert str(caught.value) == (
        "model 'resnet50': needs images of at least 32 x 32: five layers halve them\n"
        "  found:     the inputs are images of 3 x 28 x 28 (channels x height x width)\n"
        "  probably:  the architecture is too deep for pictures of this size\n"
        "  do:        --set data.image_size=32\n"
        "  or:        --set model.stem=small\n"
        "  or:        --model cnn"
    )


@pytest.mark.parametrize(("side", "strided"), [(63, False), (64, True)])
def test_the_stem_follows_the_size(side: int, strided: bool) -> None:
    for name, first in (("resnet18", "conv1"), ("efficientnet_b0", "features.0.0"), ("alexnet", "features.0")):
        config = MODELS[name].model_validate(small_options(name))
        net = config.build(image(3, side, side), 2).net
        assert (net.get_submodule(first).stride != (1, 1)) is strided
        other = MODELS[name].model_validate({**small_options(name), "stem": "small" if strided else "published"})
        assert (other.build(image(3, side, side), 2).net.get_submodule(first).stride == (1, 1)) is strided


def test_a_small_stem_keeps_the_size_until_layer2() -> None:
    net = ResNet18Config(width=0.125).build(image(3, 32, 32), 2)
    found = {row.name: row.output for row in summary(net, image(3, 32, 32)).rows}
    assert found["net.layer1.1.relu"] == (1, 8, 32, 32) and found["net.layer4.1.relu"] == (1, 64, 4, 4)
    assert isinstance(net.net.maxpool, nn.Identity)


def test_small_stem_of_efficientnet_leaves_every_weight_as_it_is() -> None:
    config = EfficientNetB0Config(width=0.25)
    assert shapes(config.build(image(3, 32, 32), 7)) == shapes(config.build(image(3, 224, 224), 7))


def test_blocks_start_as_their_shortcuts() -> None:
    block = BasicBlock(4, 4)
    nn.init.zeros_(block.last_norm.weight)
    x = torch.rand(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    norms = {
        zero: [m.last_norm.weight.abs().sum() for m in net.modules() if isinstance(m, BasicBlock)]
        for zero in (True, False)
        for net in [ResNet18Config(width=0.125, zero_init=zero).build(image(1, 8, 8), 2)]
    }
    assert len(norms[True]) == 8 and not any(norms[True]) and all(norms[False])


def test_width_scales_every_layer() -> None:
    half, whole = (ResNet18Config(width=width).build(image(3, 32, 32), 10).net for width in (0.5, 1.0))
    assert half.fc.in_features == 256 and whole.fc.in_features == 512
    assert half.layer2[0].conv1.weight.shape == (64, 32, 3, 3)


def test_widths_are_multiples_of_eight() -> None:
    wanted = {16: 16, 17.6: 16, 26.4: 24, 44: 48, 88: 88, 123.2: 120, 211.2: 208, 352: 352, 1: 8, 12: 16, 20: 24}
    assert {maps: divisible(maps) for maps in wanted} == wanted
    assert all(divisible(stage.maps) == stage.maps for stage in STAGES)


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = StochasticDepth(0.25)
    x = torch.ones(4000, 2, 3, 3)
    y = layer.train()(x)
    assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert bool((y.flatten(1) == y[:, :1, 0, 0]).all())
    assert abs(float(y.mean()) - 1) < 4 * (0.25 / 0.75 / 4000) ** 0.5  # four standard errors
    assert layer.eval()(x) is x and StochasticDepth(0.0).train()(x) is x


def test_images_skip_blocks_more_often_the_deeper_they_are() -> None:
    net = EfficientNetB0Config(skip=0.16, width=0.25).build(image(1, 16, 16), 2)
    rates = [m.rate for m in net.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.01 * number for number in range(16)])


CANCELLED = {
    "vgg11_bn": [f"net.features.{place}.bias" for place in (0, 4, 8, 11, 15, 18, 22, 25)],
    "efficientnet_b0": ["net.features.1.0.block.2.1.bias"]
    + [
        f"net.features.{stage}.{place}.block.3.1.bias"
        for stage, depth in zip(range(2, 8), (2, 2, 3, 3, 4, 1))
        for place in range(depth)
    ],
}


@pytest.mark.parametrize("name", CANCELLED)
def test_the_only_weights_without_a_gradient_are_shifts_that_the_next_norm_takes_away(name: str) -> None:
    """They are part of the published weights, but nothing that training could use."""
    torch.manual_seed(0)
    side = least_side(name)
    # With images that skip a block, its shift is no longer the same for all.
    options = {**small_options(name), **({"skip": 0} if name == "efficientnet_b0" else {})}
    net = MODELS[name].model_validate(options).build(image(1, side, side), 3).double().train()
    x = torch.randint(0, 256, (16, 1, side, side), dtype=torch.uint8)
    nn.functional.cross_entropy(net(x), torch.arange(16) % 3).backward()
    sizes = {key: float(p.grad.abs().max()) for key, p in net.named_parameters() if p.grad is not None}
    assert len(sizes) == len(list(net.parameters()))
    dead = [key for key, size in sizes.items() if size < 1e-12]
    assert dead == CANCELLED[name] and min(size for key, size in sizes.items() if key not in dead) > 1e-9


@pytest.mark.parametrize("name", [*PUBLISHED, "mini_resnet"])
def test_suggestions_know_the_size_and_what_was_asked(name: str) -> None:
    few, many = (MODELS[name].model_validate({}).suggest(rows, image(3, 224, 224), 5, None) for rows in (500, 50_000))
    assert many["train.batch_size"] == 128 and few["train.batch_size"] == 32
    assert few["train.epochs"] > many["train.epochs"] >= 10
    assert not [key for key in many if key.startswith("model.")]
    assert "train.epochs" not in MODELS[name].model_validate({}).suggest(500, image(3, 224, 224), 5, 2.0)


def test_vgg_and_alexnet_do_not_repeat_single_pixels_for_their_dense_layers() -> None:
    for name, pool in (("vgg16", 1), ("alexnet", 3)):
        values = MODELS[name].model_validate({}).suggest(5000, image(3, 32, 32), 10, None)
        assert (values["model.pool"], values["model.dense"]) == (pool, 512)
        asked = MODELS[name].model_validate({"dense": 64}).suggest(5000, image(3, 32, 32), 10, None)
        assert "model.dense" not in asked and asked["model.pool"] == pool


def test_mini_resnet_by_hand() -> None:
    stem = 9 * 32 + 64
    block1 = 2 * (9 * 32 * 32 + 64)
    block2 = 9 * 32 * 64 + 128 + 9 * 64 * 64 + 128 + 32 * 64 + 128
    net = MiniResNetConfig().build(image(1, 28, 28), 10)
    assert sum(p.numel() for p in net.parameters()) == stem + block1 + block2 + 65 * 128 + 1290 == 86_250
