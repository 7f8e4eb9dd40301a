from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from learnloop.nn.activations import activation
from learnloop.scratch.initialise import (
    INITIALISATIONS,
    Draw,
    Spread,
    example,
    he_limit,
    he_normal,
    he_sigma,
    lecun_normal,
    relu_growth,
    small_normal,
    spread,
    xavier_limit,
    xavier_normal,
    xavier_sigma,
)
from tests.scratch.checks import Array, torch64

UNITS, INPUTS = 400, 600
"""240 000 draws: the sample's standard deviation is within 0.7 % of the true one at five of its standard errors."""

TORCH = {
    "small_normal": lambda weight: nn.init.normal_(weight, 0.0, 0.01),
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "he_uniform": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "he_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "lecun_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="linear"),
    "pytorch_default": lambda weight: nn.Linear(INPUTS, UNITS).weight,
}
UNIFORM = {"xavier_uniform", "he_uniform", "pytorch_default"}


def test_the_example_gives_the_limits_worked_out_by_hand() -> None:
    golden = {
        "xavier_limit": 1,  # sqrt(6 / 6)
        "xavier_sigma": 0.577350269189626,  # sqrt(2 / 6)
        "he_limit": 1.224744871391589,  # sqrt(6 / 4)
        "he_sigma": 0.707106781186548,  # sqrt(2 / 4)
        "growth small_normal": 0.0064,  # 128 / 2 * 0.0001
        "growth xavier": 0.5,
        "growth he": 1,
        "growth he misread": 8,  # 128 / 2 * sqrt(2 / 128)
    }
    found = example()
    for name, value in golden.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_the_draws_spread_as_those_of_torch(name: str) -> None:
    W = INITIALISATIONS[name](UNITS, INPUTS, np.random.default_rng(0))
    torch.manual_seed(0)
    of_torch = TORCH[name](torch.empty(UNITS, INPUTS)).detach().numpy()
    assert W.shape == of_torch.shape == (UNITS, INPUTS)
    np.testing.assert_allclose(W.std(), of_torch.std(), rtol=0.01)
    assert abs(W.mean()) < 5 * W.std() / math.sqrt(W.size)
    if name in UNIFORM:
        # The largest of 240 000 uniform draws lies within 1e-4 of the limit.
        np.testing.assert_allclose(np.abs(W).max(), np.abs(of_torch).max(), rtol=1e-4)
    else:
        # Of normal draws, 4.55 % lie beyond two standard deviations; of uniform ones none.
        assert np.mean(np.abs(W) > 2 * W.std()) == pytest.approx(0.0455, abs=0.0022)


def test_the_spreads_are_those_of_the_equations() -> None:
    rng = np.random.default_rng(1)
    sigma = {name: draw(UNITS, INPUTS, rng).std() for name, draw in INITIALISATIONS.items()}
    exact = {
        "small_normal": 0.01,
        "xavier_uniform": math.sqrt(2 / (INPUTS + UNITS)),
        "xavier_normal": math.sqrt(2 / (INPUTS + UNITS)),
        "he_uniform": math.sqrt(2 / INPUTS),
        "he_normal": math.sqrt(2 / INPUTS),
        "lecun_normal": math.sqrt(1 / INPUTS),
        "pytorch_default": math.sqrt(1 / (3 * INPUTS)),
    }
    for name, value in exact.items():
        assert sigma[name] == pytest.approx(value, rel=0.007), name


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_draw_has_the_shape_of_the_weight_stays_in_its_limit_and_repeats(units: int, inputs: int, seed: int) -> None:
    for name, draw in INITIALISATIONS.items():
        W = draw(units, inputs, np.random.default_rng(seed))
        assert W.shape == (units, inputs), name
        np.testing.assert_array_equal(W, draw(units, inputs, np.random.default_rng(seed)))
    rng = np.random.default_rng(seed)
    assert np.abs(INITIALISATIONS["xavier_uniform"](units, inputs, rng)).max() <= math.sqrt(6 / (inputs + units))
    assert np.abs(INITIALISATIONS["he_uniform"](units, inputs, rng)).max() <= math.sqrt(6 / inputs)
    # A uniform draw on (-l, l) has the variance l^2 / 3: limit and sigma name the same spread.
    np.testing.assert_allclose(xavier_limit(units, inputs) / math.sqrt(3), xavier_sigma(units, inputs), rtol=1e-14)
    np.testing.assert_allclose(he_limit(inputs) / math.sqrt(3), he_sigma(inputs), rtol=1e-14)


@pytest.mark.parametrize("name", ["relu", "tanh", "swish"])
def test_the_spread_through_layers_equals_torch_forwards_and_backwards(name: str) -> None:
    kept: list[Array] = []
    weights = np.random.default_rng(5)

    def draw(units: int, inputs: int, rng: np.random.Generator) -> Array:
        kept.append(he_normal(units, inputs, weights))
        return kept[-1]

    found = spread(draw, name, np.random.default_rng(3), units=6, layers=4, samples=5)
    rng = np.random.default_rng(3)
    a = [torch64(rng.normal(size=(6, 5))).requires_grad_()]
    for W in kept:
        a.append(activation(name)(torch64(W) @ a[-1]))
        a[-1].retain_grad()
    a[-1].backward(torch64(rng.normal(size=(6, 5))))
    np.testing.assert_allclose(found.activations, [float(x.detach().var(correction=0)) for x in a], rtol=1e-12)
    np.testing.assert_allclose(found.gradients, [float(x.grad.var(correction=0)) for x in a], rtol=1e-12)


def through(draw: Draw, name: str) -> Spread:
    return spread(draw, name, np.random.default_rng(0), units=128, layers=50, samples=64)


def test_through_50_relu_layers_he_keeps_the_signal_and_the_others_lose_it() -> None:
    he, xavier, small = (through(draw, "relu") for draw in (he_normal, xavier_normal, small_normal))
    assert len(he.activations) == len(he.gradients) == 51
    assert 0.05 < he.activations[-1] < 5 and 0.05 < he.gradients[0] < 5
    # Xavier halves it in each layer, 0.01 takes it times 0.0064: within a factor of 100 of the power.
    for found, growth in [(xavier, 0.5), (small, 0.0064)]:
        for end in (found.activations[-1], found.gradients[0]):
            assert abs(math.log10(end / growth**50)) < 2
    misread = through(lambda units, inputs, rng: small_normal(units, inputs, rng, math.sqrt(he_sigma(inputs))), "relu")
    assert abs(math.log10(misread.activations[-1] / 8.0**50)) < 2


def test_through_50_tanh_layers_xavier_keeps_the_signal_and_he_makes_the_gradient_grow() -> None:
    xavier, he, small = (through(draw, "tanh") for draw in (xavier_normal, he_normal, small_normal))
    assert xavier.activations[-1] > 5e-3 and xavier.gradients[0] > 5e-3
    assert he.activations[-1] > 0.2 and he.gradients[0] > 20
    assert small.activations[-1] < 1e-80 and small.gradients[0] < 1e-80


def test_one_layer_grows_as_relu_growth_says() -> None:
    """E[a^2] before and after one wide relu layer, to 3 %: 1000 units times 500 samples of them."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1000, 500))
    W = rng.normal(0, 0.05, (1000, 1000))
    after = np.maximum(0, W @ a)
    assert (after**2).mean() / (a**2).mean() == pytest.approx(relu_growth(1000, 0.05), rel=0.03)
    assert after.var() / (after**2).mean() == pytest.approx(1 - 1 / math.pi, rel=0.03)  # the 0.68 of the head


def test_an_identity_layer_keeps_the_variance_with_lecun() -> None:
    found = spread(lecun_normal, "identity", np.random.default_rng(0), units=512, layers=3, samples=64)
    np.testing.assert_allclose(found.activations, np.ones(4), rtol=0.1)
    np.testing.assert_allclose(found.gradients, np.ones(4), rtol=0.1)
