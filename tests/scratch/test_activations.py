from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch import activations
from learnloop.scratch.activations import (
    ACTIVATIONS,
    elu,
    elu_prime,
    example,
    gelu,
    identity,
    leaky_relu,
    leaky_relu_prime,
    relu,
    relu_prime,
    sigmoid,
    softmax,
    softmax_backward,
    step,
    step_prime,
    swish,
    swish_prime,
    tanh,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "swish": F.silu,
    "silu": F.silu,
    "gelu": F.gelu,
    "elu": F.elu,
    "selu": F.selu,
    "identity": lambda z: z,
}
SHAPES = [(1,), (7,), (1, 1), (3, 5), (2, 1, 3)]
sizes = st.integers(1, 6)


def values(*shape: int, seed: int = 0) -> Array:
    """Sums away from the kink at 0, where a central difference would straddle it."""
    z = np.random.default_rng(seed).normal(0, 2, shape)
    return np.where(np.abs(z) < 1e-3, 0.5, z)


def test_the_example_gives_the_numbers_of_the_tables() -> None:
    found = example()
    golden = {
        "step": [0, 0, 1, 1, 1],
        "sigmoid": [0.119202922022118, 0.268941421369995, 0.5, 0.731058578630005, 0.880797077977882],
        "sigmoid_prime": [0.104993585403507, 0.196611933241482, 0.25, 0.196611933241482, 0.104993585403507],
        "tanh": [-0.964027580075817, -0.761594155955765, 0, 0.761594155955765, 0.964027580075817],
        "tanh_prime": [0.070650824853164, 0.419974341614026, 1, 0.419974341614026, 0.070650824853164],
        "relu": [0, 0, 0, 1, 2],
        "relu_prime": [0, 0, 0, 1, 1],
        "leaky_relu": [-0.02, -0.01, 0, 1, 2],
        "leaky_relu_prime": [0.01, 0.01, 0.01, 1, 1],
        "swish": [-0.238405844044235, -0.268941421369995, 0, 0.731058578630005, 1.761594155955765],
        "gelu": [-0.045500263896358, -0.158655253931457, 0, 0.841344746068543, 1.954499736103642],
        "elu": [-0.864664716763387, -0.632120558828558, 0, 1, 2],
        "selu": [-1.520166468595695, -1.111330737812563, 0, 1.050700987355480, 2.101401974710961],
        "2 sigmoid(2z) - 1": [-0.964027580075817, -0.761594155955765, 0, 0.761594155955765, 0.964027580075817],
        "softmax": [0.090030573170380, 0.244728471054798, 0.665240955774822],
        "softmax of scores + 1000": [0.090030573170380, 0.244728471054798, 0.665240955774822],
        "softmax_backward": [-0.059892024547, -0.162803402, 0.222695426547],
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(found[name], numbers, rtol=0, atol=2e-9, err_msg=name)


def test_the_table_names_every_elementwise_activation_of_the_library() -> None:
    from learnloop.nn.activations import ACTIVATIONS as OF_THE_LIBRARY

    assert set(ACTIVATIONS) == set(OF_THE_LIBRARY) - {"softmax"}
    assert all(getattr(activations, name) is g for name, (g, _) in ACTIVATIONS.items() if name != "silu")


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_slope_equal_torch_and_differences(name: str, shape: tuple[int, ...]) -> None:
    g, g_prime = ACTIVATIONS[name]
    z, dy = values(*shape), values(*shape, seed=1)
    np.testing.assert_allclose(g(z), TORCH[name](torch64(z)).numpy(), rtol=1e-12, atol=1e-14)
    assert_autograd(TORCH[name], [z], dy, [dy * g_prime(z)])
    assert_differences(g, [z], dy, [dy * g_prime(z)])


def test_the_parameters_of_leaky_relu_elu_and_swish_reach_value_and_slope() -> None:
    z, dy = values(3, 5), values(3, 5, seed=1)
    leaky = partial(F.leaky_relu, negative_slope=0.2)
    cases = [
        (partial(leaky_relu, alpha=0.2), partial(leaky_relu_prime, alpha=0.2), leaky),
        (partial(elu, alpha=0.7), partial(elu_prime, alpha=0.7), partial(F.elu, alpha=0.7)),
        (partial(swish, beta=2.5), partial(swish_prime, beta=2.5), lambda t: t * torch.sigmoid(2.5 * t)),
    ]
    for g, g_prime, of_torch in cases:
        np.testing.assert_allclose(g(z), of_torch(torch64(z)).numpy(), rtol=1e-12, atol=1e-14)
        assert_autograd(of_torch, [z], dy, [dy * g_prime(z)])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_at_the_kink_is_the_one_that_torch_takes(name: str) -> None:
    assert_autograd(TORCH[name], [np.zeros(3)], 1.0, [ACTIVATIONS[name][1](np.zeros(3))])


def test_step_fires_from_zero_on_and_has_no_slope() -> None:
    z = np.array([-1e-9, 0.0, 1e-9])
    assert step(z).tolist() == [0, 1, 1]
    # Guide 002 writes z > 0: another answer at z = 0, the same everywhere else.
    assert (z > 0).astype(float).tolist() == [0, 0, 1]
    assert step_prime(z).tolist() == [0, 0, 0]


def test_max_of_alpha_z_and_z_is_leaky_relu_only_up_to_alpha_1() -> None:
    z = values(4, 4)
    np.testing.assert_array_equal(np.maximum(0.3 * z, z), leaky_relu(z, 0.3))
    assert not np.allclose(np.maximum(2 * z, z), leaky_relu(z, 2.0))


def test_gelu_is_the_exact_form_and_the_tanh_form_differs_by_up_to_5e_4() -> None:
    z = np.linspace(-5, 5, 1001)
    exact, approximate = torch64(z), F.gelu(torch64(z), approximate="tanh").numpy()
    np.testing.assert_allclose(gelu(z), F.gelu(exact).numpy(), rtol=0, atol=1e-14)
    assert 4e-4 < np.abs(gelu(z) - approximate).max() < 5e-4


@pytest.mark.parametrize("name", ["softmax", *ACTIVATIONS])
def test_nothing_overflows_at_a_thousand(name: str) -> None:
    z = np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        if name == "softmax":
            found = [softmax(z), softmax_backward(np.ones(5), softmax(z))]
        else:
            found = [part(z) for part in ACTIVATIONS[name]]
    assert all(np.isfinite(part).all() for part in found)


def test_the_ratios_as_the_guides_print_them_overflow_where_these_do_not() -> None:
    z = np.array([800.0])
    with np.errstate(over="ignore", invalid="ignore"):
        printed = (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))
        soft = np.exp(z) / np.exp(z).sum()
    assert np.isnan(printed).all() and np.isnan(soft).all()
    assert tanh(z) == 1 and softmax(z) == 1


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 4), (2, 3, 5)])
def test_softmax_equals_torch_forward_and_backward_on_every_axis(shape: tuple[int, ...], axis: int) -> None:
    z, dy = values(*shape), values(*shape, seed=1)
    y = softmax(z, axis)
    dz = softmax_backward(dy, y, axis)
    np.testing.assert_allclose(y, torch.softmax(torch64(z), axis).numpy(), rtol=1e-12, atol=1e-15)
    assert_differences(lambda z: softmax(z, axis), [z], dy, [dz])
    assert_autograd(lambda z: torch.softmax(z, axis), [z], dy, [dz])


def test_softmax_gives_nothing_to_a_masked_score() -> None:
    np.testing.assert_allclose(softmax(np.array([0.0, -np.inf, 0.0])), [0.5, 0, 0.5], rtol=0, atol=1e-15)


@given(sizes, sizes, st.integers(0, 1000), st.floats(-500, 500))
@settings(max_examples=25, deadline=None)
def test_softmax_sums_to_1_and_ignores_a_shift(rows: int, classes: int, seed: int, shift: float) -> None:
    z = values(rows, classes, seed=seed)
    y = softmax(z)
    assert y.shape == z.shape and (y > 0).all()
    np.testing.assert_allclose(y.sum(axis=1), np.ones(rows), rtol=1e-14)
    np.testing.assert_allclose(softmax(z + shift), y, rtol=1e-11)
    # One more for every score changes nothing, so a gradient of ones must vanish and every dz must sum to 0.
    np.testing.assert_allclose(softmax_backward(values(rows, classes, seed=seed + 1), y).sum(axis=1), 0, atol=1e-14)


@given(sizes, sizes, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_tanh_is_a_stretched_sigmoid_and_sigmoid_is_symmetric(rows: int, columns: int, seed: int) -> None:
    z = values(rows, columns, seed=seed)
    np.testing.assert_allclose(tanh(z), 2 * sigmoid(2 * z) - 1, rtol=0, atol=1e-15 * 4)
    np.testing.assert_allclose(sigmoid(z) + sigmoid(-z), np.ones_like(z), rtol=1e-15)
    np.testing.assert_allclose(relu(z) - relu(-z), identity(z), rtol=0, atol=0)
    assert (relu_prime(z) + relu_prime(-z) == 1).all()
    # GELU and swish with a steep beta lie near relu; beta = 0 is half a line.
    np.testing.assert_allclose(swish(z, 0.0), z / 2, rtol=1e-15)
    np.testing.assert_allclose(gelu(z) - gelu(-z), z, rtol=0, atol=1e-14)
    for name, (g, g_prime) in ACTIVATIONS.items():
        assert g(z).shape == g_prime(z).shape == z.shape, name
