from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.adversaries import GanConfig, ObjectiveName
from learnloop.models.generative.cyclegan import CycleGanConfig
from learnloop.models.generative.dcgan import DcganConfig
from learnloop.models.generative.dense_gan import DenseGanConfig
from learnloop.models.generative.pix2pix import Pix2PixConfig
from learnloop.models.generative.superres import SuperResConfig
from learnloop.nn.spectral import SpectralConv2d, SpectralEmbedding, SpectralLinear, unit_norm
from learnloop.testing.gans import check_players

SMALL = InputSpec("image", shape=(1, 8, 8), mean=(0.5,), std=(0.3,))
COLOUR = replace(SMALL, shape=(3, 8, 8))
LARGE = replace(SMALL, shape=(1, 16, 16))
DIGITS = replace(SMALL, shape=(1, 28, 28))


def small_dense(objective: ObjectiveName, **fields: object) -> DenseGanConfig:
    return DenseGanConfig(
        objective=objective, noise=8, widths=(64, 64), discriminator_widths=(64, 64), **fields  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_dense_networks_hold_what_players_must_with_every_objective(objective: ObjectiveName) -> None:
    # squares make all slopes of this toy alike, whatever the rates; noise before the discriminator mends it
    fields = {"instance_noise": 0.3} if objective == "least_squares" else {}
    check_players(small_dense(objective, **fields), SMALL)


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_convolutions_hold_what_players_must_with_every_objective(objective: ObjectiveName) -> None:
    steps = 2 if objective == "wgan_gp" else None  # five gradients of gradients take their time
    check_players(DcganConfig(objective=objective, noise=8, widths=(32,), discriminator_steps=steps), SMALL)


@pytest.mark.parametrize(
    "config",
    [
        DcganConfig(noise=8, widths=(32,), class_conditional=True, objective="hinge"),
        small_dense("non_saturating", class_conditional=True, label_smoothing=0.1, instance_noise=0.1),
    ],
    ids=["hinge with spectral norm", "smoothed and noisy"],
)
def test_networks_that_are_told_classes_make_the_class_that_is_asked(config: GanConfig) -> None:
    check_players(config, SMALL, classes=2)


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (Pix2PixConfig(widths=(16,), discriminator_widths=(16,)), SMALL),
        (Pix2PixConfig(widths=(16,), discriminator_widths=(16,), content="perceptual", objective="hinge"), COLOUR),
        (CycleGanConfig(widths=(16,), discriminator_widths=(16,), identity=0.5), SMALL),
        (CycleGanConfig(widths=(16,), discriminator_widths=(16,)), COLOUR),
        (SuperResConfig(width=16, blocks=1, discriminator_widths=(16,)), LARGE),
    ],
    ids=["pix2pix", "pix2pix by features, to colours", "cyclegan", "cyclegan to colours", "superres"],
)
def test_pictures_from_pictures_hold_what_players_must(config: GanConfig, wanted: InputSpec) -> None:
    check_players(config, SMALL, wanted=wanted)


def test_the_dense_networks_are_those_of_the_textbook() -> None:
    net = DenseGanConfig().build(DIGITS)
    shapes = [list(p.shape) for p in net.parameters() if p.ndim == 2]
    assert shapes == [[256, 128], [512, 256], [784, 512], [512, 784], [256, 512], [1, 256]]


def test_dcgan_doubles_from_below_eight_to_the_size_of_the_pictures() -> None:
    for side, coarsest, widths in (
        (28, 7, [128, 64]),
        (32, 4, [256, 128, 64]),
        (8, 4, [64]),
        (64, 4, [512, 256, 128, 64]),
    ):
        generator = DcganConfig().build(replace(SMALL, shape=(3, side, side))).generator
        assert generator.coarsest == (widths[0], coarsest, coarsest)
        made = [layer.in_channels for layer in generator.layers if isinstance(layer, torch.nn.ConvTranspose2d)]
        assert made == widths


def test_sizes_that_doubling_does_not_reach_are_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError) as refused:
        DcganConfig().build(replace(SMALL, shape=(1, 30, 30)))
    assert str(refused.value) == (
        "model 'dcgan': doubles its maps twice, so both sides of a picture must be multiples of 4\n"
        "  found:     pictures of 30 x 30\n"
        "  do:        --set data.image_size=28\n"
        "  or:        --set data.image_size=32\n"
        "  available: 28 x 28, 32 x 32"
    )
    with pytest.raises(ModelError, match="available: 27 x 20, 27 x 22|available: 26 x 20, 28 x 20") as refused:
        DcganConfig(widths=(32,)).build(replace(SMALL, shape=(1, 27, 20)))
    assert "multiples of 2" in str(refused.value)
    for config in (Pix2PixConfig(), CycleGanConfig()):
        with pytest.raises(ModelError, match="multiples of 4"):
            config.build(replace(SMALL, shape=(1, 30, 30)), wanted=replace(SMALL, shape=(1, 30, 30)))


def test_data_without_pairs_and_with_are_refused_where_they_do_not_belong() -> None:
    with pytest.raises(ModelError, match="so its data must hold both") as refused:
        Pix2PixConfig().build(DIGITS)
    assert "--set generate.make=edges" in str(refused.value)
    with pytest.raises(ModelError, match="makes pictures from noise") as refused:
        DcganConfig().build(DIGITS, wanted=DIGITS)
    assert "--model pix2pix" in str(refused.value)
    with pytest.raises(ModelError, match="takes pictures"):
        DenseGanConfig().build(InputSpec("table", numbers=3))


def test_sizes_of_sources_and_pictures_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ModelError, match="--model superres"):
        Pix2PixConfig().build(SMALL, wanted=LARGE)
    with pytest.raises(ModelError, match="8 x 8 to 20 x 20") as refused:
        SuperResConfig().build(SMALL, wanted=replace(SMALL, shape=(1, 20, 20)))
    assert "available: 16 x 16, 24 x 24" in str(refused.value)
    with pytest.raises(ModelError, match="--model pix2pix"):
        SuperResConfig().build(SMALL, wanted=SMALL)


def test_classes_without_labels_and_the_way_back_without_two_are_refused() -> None:
    with pytest.raises(ModelError, match=r"model\.class_conditional: needs the classes of the pictures"):
        DcganConfig(class_conditional=True).build(DIGITS)
    with pytest.raises(ModelError, match="--model cyclegan"):
        Pix2PixConfig(widths=(16,)).build(SMALL, wanted=SMALL).translate(torch.zeros(1, 1, 8, 8), back=True)


def test_smoothing_is_refused_where_real_pictures_have_no_target() -> None:
    with pytest.raises(ValidationError, match="it goes with non_saturating, minimax, least_squares"):
        DcganConfig(objective="hinge", label_smoothing=0.1)


def test_spectral_norm_and_batch_norm_follow_the_objective() -> None:
    def has(config: DcganConfig, kind: type) -> bool:
        return any(isinstance(module, kind) for module in config.build(DIGITS).discriminator.modules())

    assert has(DcganConfig(objective="hinge"), SpectralConv2d)
    assert not has(DcganConfig(objective="hinge"), torch.nn.BatchNorm2d)
    assert not has(DcganConfig(objective="wgan_gp"), torch.nn.BatchNorm2d)
    assert not has(DcganConfig(), SpectralConv2d) and has(DcganConfig(), torch.nn.BatchNorm2d)
    assert has(DcganConfig(spectral=True), SpectralConv2d)


@pytest.mark.parametrize("layer", [SpectralLinear(12, 7), SpectralConv2d(3, 5, 4), SpectralEmbedding(4, 9)])
def test_a_spectral_weight_is_divided_by_its_largest_singular_value(layer: SpectralLinear) -> None:
    for _ in range(300):
        unit_norm(layer.weight, layer.u, training=True)
    before = layer.u.clone()
    normed = unit_norm(layer.weight, layer.u, training=False)
    largest = torch.linalg.svdvals(layer.weight.flatten(1))[0]
    assert torch.allclose(normed, layer.weight / largest, rtol=1e-3)
    assert torch.equal(before, layer.u)


def test_spectral_layers_are_plain_layers_with_that_weight() -> None:
    linear, conv = SpectralLinear(12, 7).eval(), SpectralConv2d(3, 5, 4, stride=2, padding=1).eval()
    x, maps = torch.randn(2, 12), torch.randn(2, 3, 6, 6)
    normed = unit_norm(linear.weight, linear.u, training=False)
    assert torch.allclose(linear(x), x @ normed.T + linear.bias, atol=1e-6)
    normed = unit_norm(conv.weight, conv.u, training=False)
    assert torch.allclose(conv(maps), torch.nn.functional.conv2d(maps, normed, conv.bias, 2, 1), atol=1e-6)
