"""Initialisations: the variance that each equation gives, and what they leave alone."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.init import AUTO, INITIALISATIONS, InitName, initialise, initialise_output


def test_names_agree() -> None:
    assert set(get_args(InitName)) == set(INITIALISATIONS)
    assert set(AUTO) == set(ACTIVATIONS) and set(AUTO.values()) <= set(INITIALISATIONS)


VARIANCE = {
    "xavier_uniform": 2 / (300 + 200),
    "xavier_normal": 2 / (300 + 200),
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300,
    "normal": 1e-4,
    "zeros": 0.0,
    "orthogonal": 2 / 300,
}


@pytest.mark.parametrize("name", sorted(INITIALISATIONS))
def test_variance_of_a_dense_layer(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(300, 200)
    initialise(layer, name, "relu")
    assert float(layer.weight.detach().var()) == pytest.approx(VARIANCE[name], rel=0.03)
    assert not layer.bias.any()


def test_a_filter_counts_its_area() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 64, 5)
    initialise(layer, "he_normal", "relu")
    assert float(layer.weight.detach().var()) == pytest.approx(2 / (16 * 25), rel=0.03)


def test_uniform_stays_within_its_bound() -> None:
    layer = nn.Linear(10, 20)
    initialise(layer, "xavier_uniform", "tanh")
    assert float(layer.weight.detach().abs().max()) <= (6 / 30) ** 0.5


def test_orthogonal_rows_have_length_one_before_tanh() -> None:
    layer = nn.Linear(30, 20)
    initialise(layer, "orthogonal", "tanh")
    torch.testing.assert_close(layer.weight @ layer.weight.T, torch.eye(20), atol=1e-5, rtol=0)


def test_auto_follows_the_activation() -> None:
    weights = []
    for name, activation in (("auto", "selu"), ("lecun_normal", "selu"), ("he_normal", "selu")):
        torch.manual_seed(3)
        layer = nn.Linear(30, 20)
        initialise(layer, name, activation)
        weights.append(layer.weight)
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_norms_and_embeddings_are_left_alone() -> None:
    net = nn.Sequential(nn.Embedding(4, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))
    before = [p.clone() for p in net.parameters()]
    initialise(net, "zeros", "relu")
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))


def test_the_output_layer_starts_small_or_as_named() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(400, 100)
    initialise_output(layer, "auto")
    assert float(layer.weight.detach().var()) == pytest.approx(0.01 / 400, rel=0.03)
    initialise_output(layer, "he_normal")
    assert float(layer.weight.detach().var()) == pytest.approx(2 / 400, rel=0.03)


def test_zeros_never_part() -> None:
    """What `zeros` is there to show: after training, all units of a layer are still the same unit."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
    initialise(net, "zeros", "sigmoid")
    x, y = torch.randn(32, 4), torch.randint(2, (32,))
    for _ in range(20):
        net.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.5 * parameter.grad
    weight = net[0].weight
    assert weight.abs().max() > 0 and torch.equal(weight, weight[:1].expand_as(weight))
