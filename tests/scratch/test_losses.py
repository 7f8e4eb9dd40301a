from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch import losses
from learnloop.scratch.activations import sigmoid, softmax
from learnloop.scratch.losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_from_logits,
    categorical_cross_entropy,
    categorical_cross_entropy_backward,
    categorical_cross_entropy_from_logits,
    categorical_cross_entropy_from_logits_backward,
    example,
    hinge,
    huber,
    huber_backward,
    kl,
    kl_backward,
    mae,
    mse,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

REDUCTIONS = ["mean", "sum"]
SHAPES = [(1, 1), (1, 3), (4, 1), (5, 3)]
sizes = st.integers(1, 5)


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 2, shape)


def chances(*shape: int, seed: int = 0) -> Array:
    """Probabilities not near 0, where the third derivative of the logarithm spoils a central difference."""
    return sigmoid(numbers(*shape, seed=seed) / 3)


def distributions(*shape: int, seed: int = 0) -> Array:
    return softmax(numbers(*shape, seed=seed) / 3, axis=1)


def one_hot(rows: int, classes: int, seed: int = 0) -> Array:
    return np.eye(classes)[np.random.default_rng(seed).integers(classes, size=rows)]


def torch_hinge(z: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
    terms = torch.clamp(1 - y * z, min=0)
    return terms.mean() if reduction == "mean" else terms.sum()


def batchmean(reduction: str) -> str:
    return "batchmean" if reduction == "mean" else "sum"


Case = tuple[Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor], Callable[..., Array], Callable[..., Array]]
CASES: dict[str, Case] = {
    "mse": (lambda a, y, r: F.mse_loss(a, y, reduction=r), numbers, numbers),
    "mae": (lambda a, y, r: F.l1_loss(a, y, reduction=r), numbers, numbers),
    "binary_cross_entropy": (
        lambda a, y, r: F.binary_cross_entropy(a, y, reduction=r),
        chances,
        lambda *shape, seed: (numbers(*shape, seed=seed) > 0).astype(float),
    ),
    "binary_cross_entropy_from_logits": (
        lambda a, y, r: F.binary_cross_entropy_with_logits(a, y, reduction=r),
        numbers,
        chances,
    ),
    "categorical_cross_entropy": (
        lambda a, y, r: F.nll_loss(a.log(), y.argmax(1), reduction=r),
        distributions,
        one_hot,
    ),
    "categorical_cross_entropy_from_logits": (
        lambda a, y, r: F.cross_entropy(a, y.argmax(1), reduction=r),
        numbers,
        one_hot,
    ),
    "hinge": (torch_hinge, numbers, lambda *shape, seed: np.sign(numbers(*shape, seed=seed))),
}


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    found = example()
    # errors -0.5 and 4: squares 0.25 and 16; huber 0.125 and 4 - 0.5.
    assert found["mse"] == 8.125 and found["mse_backward"].tolist() == [-0.5, 4]
    assert found["mae"] == 2.25 and found["mae_backward"].tolist() == [-0.5, 0.5]
    assert found["huber"] == 1.8125 and found["huber_backward"].tolist() == [-0.25, 0.5]
    golden = {
        "binary": (0.105360515657826 + 1.609437912434100) / 2,  # -ln 0.9, -ln 0.2
        "binary_backward": [-1 / 0.9 / 2, 1 / 0.2 / 2],
        "categorical": (0.407605964444380 + 2.407605964444380) / 2,  # ln(1 + e^-1 + e^-2) + 0 and + 2
        "categorical sum": 0.407605964444380 + 2.407605964444380,
        "categorical_from_logits": 1.407605964444380,
        "categorical_from_logits_backward": [
            [-0.167379522112589, 0.122364235527399, 0.045015286585190],
            [0.332620477887411, 0.122364235527399, -0.454984713414810],
        ],
        "hinge": 0.75,  # 0 and 1.5
        "hinge_backward": [0, 0.5],
        "kl(p, q)": 0.510825623765991,  # ln(1 / 0.6)
        "kl(q, p)": 0.368064207168497,
    }
    for name, value in golden.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_equal_torch_and_differences(name: str, shape: tuple[int, int], reduction: str) -> None:
    of_torch, answers, targets = CASES[name]
    loss, backward = getattr(losses, name), getattr(losses, name + "_backward")
    yhat, y = answers(*shape, seed=2), targets(*shape, seed=3)
    np.testing.assert_allclose(
        loss(yhat, y, reduction=reduction), of_torch(torch64(yhat), torch64(y), reduction), rtol=1e-12, atol=1e-14
    )
    gradient = backward(yhat, y, reduction=reduction)
    assert_autograd(lambda a: of_torch(a, torch64(y), reduction), [yhat], 1.0, [gradient])
    assert_differences(lambda a: loss(a, y, reduction=reduction), [yhat], 1.0, [gradient])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber_equals_torch(delta: float, reduction: str) -> None:
    yhat, y = numbers(5, 3, seed=2), numbers(5, 3, seed=3)
    assert (np.abs(yhat - y) < delta).any() and (np.abs(yhat - y) > delta).any()

    def of_torch(a: torch.Tensor) -> torch.Tensor:
        return F.huber_loss(a, torch64(y), delta=delta, reduction=reduction)

    np.testing.assert_allclose(huber(yhat, y, delta, reduction), of_torch(torch64(yhat)), rtol=1e-12)
    gradient = huber_backward(yhat, y, delta, reduction)
    assert_autograd(of_torch, [yhat], 1.0, [gradient])
    assert_differences(lambda a: huber(a, y, delta, reduction), [yhat], 1.0, [gradient])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2), (5, 3)])
def test_kl_equals_torch_with_its_arguments_swapped(shape: tuple[int, int], reduction: str) -> None:
    p, q = distributions(*shape, seed=2), distributions(*shape, seed=3)

    def of_torch(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return F.kl_div(q.log(), p, reduction=batchmean(reduction))

    np.testing.assert_allclose(kl(p, q, reduction), of_torch(torch64(p), torch64(q)), rtol=1e-12, atol=1e-15)
    gradients = kl_backward(p, q, reduction)
    assert_autograd(of_torch, [p, q], 1.0, gradients)
    assert_differences(lambda p, q: kl(p, q, reduction), [p, q], 1.0, gradients)


def test_kl_is_not_symmetric_and_torch_mean_divides_by_entries_instead_of_rows() -> None:
    p, q = distributions(5, 3, seed=2), distributions(5, 3, seed=3)
    assert abs(kl(p, q) - kl(q, p)) > 0.005
    with pytest.warns(UserWarning, match="batchmean"):
        mean = float(F.kl_div(torch64(q).log(), torch64(p), reduction="mean"))
    np.testing.assert_allclose(mean, kl(p, q) / 3, rtol=1e-12)


@pytest.mark.parametrize("z", [-800.0, -40.0, 0.0, 40.0, 800.0])
def test_from_logits_is_exact_where_probabilities_have_run_out(z: float) -> None:
    logits, one = np.array([z]), np.array([1.0])
    with np.errstate(all="raise", under="ignore"):
        found = binary_cross_entropy_from_logits(logits, one)
        pair = categorical_cross_entropy_from_logits(np.array([[z, 0.0]]), np.array([[1.0, 0.0]]))
    # -log sigmoid(z) = log(1 + e^-z), which for large -z is -z.
    expected = math.log1p(math.exp(-z)) if z > -700 else -z
    np.testing.assert_allclose([found, pair], [expected, expected], rtol=1e-12, atol=1e-16)


def test_a_certain_wrong_answer_costs_everything_where_torch_stops_at_100_and_the_guide_at_18() -> None:
    yhat, y = np.array([0.0]), np.array([1.0])
    assert binary_cross_entropy(yhat, y) == math.inf
    assert binary_cross_entropy_backward(yhat, y)[0] == -math.inf
    assert float(F.binary_cross_entropy(torch64(yhat), torch64(y))) == 100
    np.testing.assert_allclose(-np.log(yhat + 1e-8), 18.420680743952367, rtol=1e-15)


def test_a_certain_right_answer_costs_nothing_and_zero_times_log_zero_is_zero() -> None:
    certain, y = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    assert binary_cross_entropy(certain, y) == 0
    assert categorical_cross_entropy(certain[None], y[None]) == 0
    assert categorical_cross_entropy_backward(certain[None], y[None]).tolist() == [[-1, 0]]
    assert kl(certain[None], certain[None]) == 0
    dp, dq = kl_backward(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    np.testing.assert_allclose(dp, [[1 + math.log(2), -math.inf]], rtol=1e-12)
    assert dq.tolist() == [[-2, 0]]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_soft_targets_are_distributions_as_in_torch(reduction: str) -> None:
    z, y = numbers(4, 3, seed=2), softmax(numbers(4, 3, seed=3))
    of_torch = F.cross_entropy(torch64(z), torch64(y), reduction=reduction)
    np.testing.assert_allclose(categorical_cross_entropy_from_logits(z, y, reduction), of_torch, rtol=1e-12)
    gradient = categorical_cross_entropy_from_logits_backward(z, y, reduction)
    assert_differences(lambda z: categorical_cross_entropy_from_logits(z, y, reduction), [z], 1.0, [gradient])
    # Also where a row does not sum to 1, as when a row counts twice.
    twice = categorical_cross_entropy_from_logits_backward(z, 2 * y, reduction)
    np.testing.assert_allclose(twice, 2 * gradient, rtol=1e-12, atol=1e-15)


def test_torch_takes_the_slope_0_at_the_point_of_mae_and_past_the_margin_of_hinge() -> None:
    same = np.array([2.0, 1.0])
    assert losses.mae_backward(same, same).tolist() == [0, 0]
    assert_autograd(lambda a: F.l1_loss(a, torch64(same)), [same], 1.0, [losses.mae_backward(same, same)])
    assert losses.hinge_backward(np.array([1.0, 3.0]), np.array([1.0, 1.0])).tolist() == [0, 0]


@given(sizes, sizes, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_from_logits_and_from_probabilities_agree_and_the_sum_is_the_mean_times_the_terms(
    rows: int, classes: int, seed: int
) -> None:
    z, Y = numbers(rows, classes, seed=seed), one_hot(rows, classes, seed)
    close = {"rtol": 1e-10, "atol": 1e-12}
    from_logits = categorical_cross_entropy_from_logits(z, Y)
    np.testing.assert_allclose(categorical_cross_entropy(softmax(z), Y), from_logits, **close)
    np.testing.assert_allclose(categorical_cross_entropy_from_logits(z, Y, "sum"), from_logits * rows, **close)
    np.testing.assert_allclose(binary_cross_entropy(sigmoid(z), Y), binary_cross_entropy_from_logits(z, Y), **close)
    np.testing.assert_allclose(mse(z, Y, "sum"), mse(z, Y) * rows * classes, **close)
    # The entropy of a one-hot row is 0, so its cross-entropy is its divergence.
    np.testing.assert_allclose(kl(Y, softmax(z)), from_logits, **close)


@given(sizes, sizes, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_losses_are_not_negative_and_zero_at_the_truth(rows: int, classes: int, seed: int) -> None:
    a, y = numbers(rows, classes, seed=seed), numbers(rows, classes, seed=seed + 1)
    assert mse(a, a) == mae(a, a) == huber(a, a) == 0
    assert min(mse(a, y), mae(a, y), huber(a, y)) > 0
    assert huber(a, y) <= min(mae(a, y), mse(a, y) / 2) + 1e-12
    p, q = softmax(a), softmax(y)
    assert abs(kl(p, p)) < 1e-15 and kl(p, q) > -1e-15
    # Two classes: a softmax over (z, 0) is the sigmoid of z.
    z, truth = a[:, 0], (y[:, 0] > 0).astype(float)
    pair, hot = np.stack([z, 0 * z], 1), np.stack([truth, 1 - truth], 1)
    np.testing.assert_allclose(
        categorical_cross_entropy_from_logits(pair, hot), binary_cross_entropy_from_logits(z, truth), rtol=1e-12
    )


def test_shapes_that_numpy_would_stretch_are_refused_by_name() -> None:
    column, row = np.zeros((3, 1)), np.zeros(3)
    with pytest.raises(ValueError) as error:
        mse(column, row)
    assert str(error.value) == "(yhat - y)^2: yhat is [3, 1], y is [3]; they must have the same shape"
    with pytest.raises(ValueError, match=r"^max\(0, 1 - y z\): z is \[3, 1\], y is \[3\]; they must"):
        hinge(column, row)
    with pytest.raises(ValueError, match=r"^sum_k p_k log\(p_k / q_k\): p is \[3, 1\], q is \[3\]; they must"):
        kl(column, row)
    for name in ["mae", "huber", "binary_cross_entropy", "categorical_cross_entropy"]:
        with pytest.raises(ValueError, match=r": yhat is \[3, 1\], y is \[3\]; they must have the same shape$"):
            getattr(losses, name)(column, row)
    for name in ["binary_cross_entropy_from_logits", "categorical_cross_entropy_from_logits"]:
        with pytest.raises(ValueError, match=r": z is \[3, 1\], y is \[3\]; they must have the same shape$"):
            getattr(losses, name)(column, row)


def test_hinge_refuses_zeros_and_a_reduction_has_two_names() -> None:
    with pytest.raises(ValueError) as error:
        hinge(np.zeros(2), np.array([0.0, 1.0]))
    assert str(error.value) == "max(0, 1 - y z): y must be -1 or +1, found [0.0, 1.0]; from 0 and 1: 2 * y - 1"
    with pytest.raises(ValueError) as error:
        mse(np.zeros(2), np.zeros(2), "average")  # type: ignore[arg-type]
    assert str(error.value) == 'reduction must be "mean" or "sum", found \'average\''
