"""The whitening layer, and layers that are computed from the data."""

from __future__ import annotations

import torch
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.fastnet import FastNetConfig
from learnloop.nn.fitted import fit_layers
from learnloop.nn.whiten import Whiten


def correlated(rows: int = 200, channels: int = 3) -> torch.Tensor:
    """Images whose neighbours are alike, as in photos."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(rows, channels, 9, 9, generator=generator)
    smooth = nn.functional.avg_pool2d(noise, 2, stride=1)  # [rows, channels, 8, 8]
    return smooth + 0.5 * smooth.mean(1, keepdim=True)


def test_whitened_patches_are_uncorrelated_and_of_variance_one() -> None:
    x = correlated()
    layer = Whiten(3)
    layer.fit_to(x)
    y = layer(x)[:, :12].transpose(0, 1).flatten(1).double()  # [12, positions]
    covariance = y @ y.T / y.shape[1]
    # eps = 5e-4 makes the direction with eigenvalue l come out as l / (l + eps): 0.95 at the least eigenvalue here
    assert torch.allclose(covariance, torch.eye(12, dtype=torch.float64), atol=0.06)
    before = nn.functional.unfold(x, 2).transpose(1, 2).reshape(-1, 12)
    assert (before.T @ before / len(before) - torch.eye(12)).abs().max() > 0.4


def test_the_second_half_is_the_negative_of_the_first_and_only_the_bias_learns() -> None:
    layer = Whiten(2)
    layer.fit_to(correlated(channels=2))
    assert torch.equal(layer.weight[:8], -layer.weight[8:])
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert "weight" in layer.state_dict()


def test_before_it_is_fitted_the_layer_passes_pixels_on() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    y = Whiten(1)(x)
    assert y.shape == (1, 8, 3, 3)
    assert torch.equal(y[0, 0], x[0, 0, :3, :3]) and torch.equal(y[0, 3], x[0, 0, 1:, 1:])


def test_a_network_is_fitted_to_what_its_layers_see_and_nothing_else_changes() -> None:
    spec = InputSpec("image", shape=(3, 16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)
    net = FastNetConfig.model_validate({"widths": (8, 8)}).build(spec, 4)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = torch.randint(0, 256, (50, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert fit_layers(net, [images]) == 1 and net.training
    changed = [name for name, value in net.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["whiten.weight"]
    other = Whiten(3)
    other.fit_to(net.input(images))  # type: ignore[operator]
    assert torch.equal(net.state_dict()["whiten.weight"], other.weight)
    assert fit_layers(nn.Linear(2, 1), [torch.zeros(1, 2)]) == 0
    assert not net.whiten._forward_pre_hooks  # type: ignore[union-attr]
