from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch.optimisers import path, sgd
from learnloop.scratch.regularise import (
    Waiting,
    dropout,
    dropout_backward,
    dropout_in_use,
    early_stopping,
    example,
    inverted_dropout,
    inverted_dropout_backward,
    keep,
    l1,
    l1_backward,
    l2,
    l2_backward,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SHAPES = [(1, 1), (1, 5), (4, 3), (2, 3, 5)]
rates = st.floats(0, 0.9)


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 2, shape)


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    expected = {
        # squares: 1 + 4 + 0.25 + 0 and 9 + 1: 15.25; times 0.1/2, and 0.1/20
        "l2": 0.7625,
        "l2_m": 0.07625,
        # sizes: 1 + 2 + 0.5 + 0 and 3 + 1: 7.5, times 0.1/2
        "l1": 0.375,
        "l2_dW1": [[0.1, -0.2], [0.05, 0]],
        "l1_dW1": [[0.05, -0.05], [0.05, 0]],
        "dropout": [2, 0, 0.5, 4],
        "in_use": [1.5, -0.75, 0.375, 3],
        "inverted": [8 / 3, 0, 2 / 3, 16 / 3],
        "inverted_da": [4 / 3, 0, 4 / 3, 4 / 3],
        # 0.65, 0.61 and 0.62 are not below 0.6: three epochs of patience after epoch 3; 0.5 is never heard
        "best_epoch": 3,
        "stopped": 6,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("m", [1, 7])
def test_the_penalties_slopes_equal_differences_and_autograd(shape: tuple[int, ...], m: int) -> None:
    W, V = numbers(*shape), numbers(3, seed=1)
    share = 0.3 / (2 * m)
    slopes = l2_backward([W, V], 0.3, m)
    assert_differences(lambda a, b: l2([a, b], 0.3, m), [W, V], 1.0, slopes)
    assert_autograd(lambda a, b: share * ((a**2).sum() + (b**2).sum()), [W, V], 1.0, slopes)
    slopes = l1_backward([W, V], 0.3, m)
    assert_differences(lambda a, b: l1([a, b], 0.3, m), [W, V], 1.0, slopes)
    assert_autograd(lambda a, b: share * (a.abs().sum() + b.abs().sum()), [W, V], 1.0, slopes)


def test_the_two_scalings_are_one_with_lambda_times_m() -> None:
    W = [numbers(3, 4)]
    np.testing.assert_allclose(l2(W, 0.5), l2(W, 0.5 * 20, m=20), rtol=1e-14)
    assert l2(W, 0.5) > 19 * l2(W, 0.5, m=20)
    # most books' L1 is lambda sum |w|: twice the lambda here
    np.testing.assert_allclose(l1(W, 2 * 0.5), 0.5 * np.abs(W[0]).sum(), rtol=1e-14)


@pytest.mark.parametrize("m", [1, 8])
def test_the_l2_penalty_under_sgd_is_torchs_weight_decay(m: int) -> None:
    start = numbers(2, 3)
    found = path(
        lambda w, g, state: sgd(w, g, state, alpha=0.05), lambda w: np.cos(w) + l2_backward([w], 0.4, m)[0], start, 20
    )
    w = torch.nn.Parameter(torch64(start))
    optimiser = torch.optim.SGD([w], lr=0.05, weight_decay=0.4 / m)
    for _ in range(20):
        w.grad = torch.cos(w.detach())
        optimiser.step()
    np.testing.assert_allclose(found[-1], w.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.6])
def test_the_mean_over_all_masks_is_what_is_used_later(p: float) -> None:
    a = np.array([2.0, -1.0, 0.5, 4.0])
    plain, inverted = np.zeros(4), np.zeros(4)
    for d in product((0.0, 1.0), repeat=4):
        chance = np.prod([1 - p if kept else p for kept in d])
        plain += chance * dropout(a, np.array(d))
        inverted += chance * inverted_dropout(a, np.array(d), p)
    np.testing.assert_allclose(plain, dropout_in_use(a, p), rtol=1e-12)
    np.testing.assert_allclose(inverted, a, rtol=1e-12)


def test_a_mask_keeps_the_share_it_says_and_comes_again_with_the_seed() -> None:
    d = keep((200, 500), 0.3, np.random.default_rng(0))
    assert set(np.unique(d)) == {0.0, 1.0}
    # 5 standard deviations of the mean of 100 000 coins: 5 sqrt(0.21 / 1e5) = 0.0072
    assert abs(d.mean() - 0.7) < 0.0072
    np.testing.assert_array_equal(d, keep((200, 500), 0.3, np.random.default_rng(0)))
    assert (keep((50,), 0.0, np.random.default_rng(0)) == 1).all()


@pytest.mark.parametrize("p", [0.0, 0.5, 0.8])
def test_torchs_dropout_is_the_inverted_one_not_the_guides(p: float) -> None:
    a = np.abs(numbers(6, 7)) + 1  # no zeros: what is 0 afterwards was dropped
    torch.manual_seed(0)
    theirs = F.dropout(torch64(a), p, training=True).numpy()
    d = (theirs != 0).astype(float)
    np.testing.assert_allclose(theirs, inverted_dropout(a, d, p), rtol=1e-12)
    np.testing.assert_array_equal(F.dropout(torch64(a), p, training=False).numpy(), a)
    # the mapping: everywhere 1 - p times as large
    np.testing.assert_allclose(dropout(a, d), (1 - p) * theirs, rtol=1e-12)
    np.testing.assert_allclose(dropout_in_use(a, p), (1 - p) * a, rtol=1e-12)
    if p:
        assert np.abs(dropout(a, d) - theirs).max() > 0.1


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SHAPES), rates, st.integers(0, 9))
def test_both_dropouts_backwards_equal_differences_and_autograd(shape: tuple[int, ...], p: float, seed: int) -> None:
    a, da, d = numbers(*shape, seed=seed), numbers(*shape, seed=seed + 1), keep(shape, p, np.random.default_rng(seed))
    assert_differences(lambda x: dropout(x, d), [a], da, [dropout_backward(da, d)])
    assert_differences(lambda x: inverted_dropout(x, d, p), [a], da, [inverted_dropout_backward(da, d, p)])
    assert_autograd(lambda x: x * torch64(d) / (1 - p), [a], da, [inverted_dropout_backward(da, d, p)])
    assert dropout(a, d).shape == shape


def heard(losses: list[float], patience: int, min_delta: float = 0.0) -> list[Waiting]:
    states = [early_stopping(losses[0], None, patience, min_delta)]
    for loss in losses[1:]:
        states.append(early_stopping(loss, states[-1], patience, min_delta))
    return states


def test_early_stopping_waits_patience_epochs_after_the_best() -> None:
    states = heard([1.0, 0.5, 0.6, 0.5, 0.4, 0.7, 0.7, 0.7], patience=3)
    assert [state.stop for state in states] == [False] * 7 + [True]
    assert states[-1] == Waiting(0.4, 5, 8, True)
    # one epoch of patience: the first that is not better
    assert [state.stop for state in heard([1.0, 0.9, 0.9], patience=1)] == [False, False, True]


def test_a_gain_of_min_delta_or_less_is_no_gain() -> None:
    assert heard([1.0, 0.95], 5, min_delta=0.1)[-1].best_epoch == 1
    assert heard([1.0, 0.85], 5, min_delta=0.1)[-1].best_epoch == 2
    assert heard([1.0, float("nan"), float("nan")], 2)[-1] == Waiting(1.0, 1, 3, True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.integers(1, 4))
def test_the_best_is_the_lowest_heard_and_the_first_of_equals(losses: list[float], patience: int) -> None:
    for state in heard(losses, patience):
        assert state.best == min(losses[: state.epoch])
        assert state.best_epoch == losses.index(state.best) + 1
        assert state.stop == (state.epoch - state.best_epoch >= patience)


def test_what_does_not_fit_is_named_with_the_equation() -> None:
    with pytest.raises(ValueError, match=r"^a := a \* d: a is \[2\], d is \[3\]; every entry needs its own 0 or 1"):
        dropout(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match=r"^da := da \* d: da is \[2\], d is \[2, 1\]"):
        dropout_backward(np.zeros(2), np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"^a := a \* d / \(1 - p\): a is \[2\], d is \[3\]"):
        inverted_dropout(np.zeros(2), np.zeros(3), 0.5)
    with pytest.raises(ValueError, match=r"^da := da \* d / \(1 - p\): da is \[1\], d is \[3\]"):
        inverted_dropout_backward(np.zeros(1), np.zeros(3), 0.5)
    for p in (1.0, -0.1):
        with pytest.raises(ValueError, match=rf"^d ~ Bernoulli\(1 - p\): p is {p}; p is the share of units dropped"):
            keep((2,), p, np.random.default_rng(0))
        with pytest.raises(ValueError, match="share of units dropped"):
            dropout_in_use(np.zeros(2), p)
        with pytest.raises(ValueError, match="share of units dropped"):
            inverted_dropout(np.zeros(2), np.zeros(2), p)
