"""Attention against F.scaled_dot_product_attention, the additive form written in torch, and central differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch.attention import (
    additive,
    additive_backward,
    causal_mask,
    example,
    scaled_dot_product,
    scaled_dot_product_backward,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64


def _inputs(shape: tuple[int, ...], time_q: int, time_k: int, d_k: int, d_v: int, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    sizes = [(time_q, d_k), (time_k, d_k), (time_k, d_v), (time_q, d_v)]
    return [rng.normal(size=(*shape, *size)) for size in sizes]


def test_the_worked_example_of_three_words() -> None:
    values = example()
    # Q K^T: 2 0 2, 0 4 2, 1 2 2; sqrt(d_k) = 2.
    np.testing.assert_array_equal(values["S"], [[1, 0, 1], [0, 2, 1], [0.5, 1, 1]])
    # softmax(1, 0, 1) = (e, 1, e) / (2e + 1); softmax(0, 2, 1) = (1, e^2, e) / 11.107; (1, sqrt e, sqrt e) / 4.297
    np.testing.assert_allclose(
        values["A"],
        [[0.422319, 0.155362, 0.422319], [0.090031, 0.665241, 0.244728], [0.232697, 0.383652, 0.383652]],
        atol=5e-7,
    )
    # 10 * 0.422319 + 5 * 0.422319 = 6.334782; 10 * 0.155362 + 5 * 0.422319 = 3.665218
    np.testing.assert_allclose(
        values["O"], [[6.334782, 3.665218], [2.123948, 7.876052], [4.245224, 5.754776]], atol=5e-6
    )
    # Causal: the first word sees itself, the second weighs e^0 against e^2.
    first, second = [1, 0, 0], [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2)), 0]
    np.testing.assert_allclose(values["causal_A"], [first, second, [0.232697, 0.383652, 0.383652]], atol=5e-7)
    np.testing.assert_allclose(values["causal_O"][1], [1.192029, 8.807971], atol=5e-6)


def test_the_worked_example_backwards() -> None:
    values = example()
    np.testing.assert_array_equal(values["dA"][1], [10, 0, 5])
    # The row's mean slope is 0.090031*10 + 0.244728*5 = 2.123948: dS = A * (dA - 2.123948)
    np.testing.assert_allclose(values["dS"][1], [0.709085, -1.412937, 0.703852], atol=2e-6)
    np.testing.assert_allclose(values["dQ"][1], [0.706469, -1.061011, 0.706469, 0.351926], atol=2e-6)
    np.testing.assert_allclose(values["dK"][:, 1], [0.709085, -1.412937, 0.703852], atol=2e-6)
    np.testing.assert_allclose(values["dV"], [[0.090031, 0], [0.665241, 0], [0.244728, 0]], atol=5e-7)
    for name in ("dQ", "dS"):
        np.testing.assert_array_equal(values[name][[0, 2]], 0)


def test_the_worked_example_of_additive_attention() -> None:
    values = example()
    one, two = math.tanh(1), math.tanh(2)  # 0.761594, 0.964028
    np.testing.assert_allclose(values["t"][0], [[two, 0], [one, one], [two, one]], atol=1e-15)
    np.testing.assert_allclose(values["e"][0], [0.964028, 1.523188, 1.725622], atol=5e-7)
    np.testing.assert_allclose(values["a"][0], [0.204462, 0.357645, 0.437893], atol=5e-7)
    # c = (a_1 + a_3, a_2 + a_3)
    np.testing.assert_allclose(values["c"][0], [0.642355, 0.795538], atol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 5)])
@pytest.mark.parametrize("causal", [False, True])
def test_scaled_dot_product_equals_pytorch(shape: tuple[int, ...], causal: bool) -> None:
    Q, K, V, dO = _inputs(shape, 5, 5, 3, 7)
    mask = causal_mask(5) if causal else None
    O, cache = scaled_dot_product(Q, K, V, mask)
    np.testing.assert_allclose(
        O, F.scaled_dot_product_attention(torch64(Q), torch64(K), torch64(V), is_causal=causal), atol=1e-12
    )
    gradients = scaled_dot_product_backward(dO, cache)
    assert_autograd(lambda *x: F.scaled_dot_product_attention(*x, is_causal=causal), [Q, K, V], dO, gradients)
    assert_differences(lambda *x: scaled_dot_product(*x, mask)[0], [Q, K, V], dO, gradients)


def test_as_many_queries_as_one_likes_may_look_at_other_keys() -> None:
    Q, K, V, dO = _inputs((2,), 1, 4, 3, 2)
    mask = np.array([[True, False, True, False]])
    O, cache = scaled_dot_product(Q, K, V, mask)

    def pytorch(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=torch.tensor(mask))

    np.testing.assert_allclose(O, pytorch(torch64(Q), torch64(K), torch64(V)), atol=1e-12)
    gradients = scaled_dot_product_backward(dO, cache)
    assert_autograd(pytorch, [Q, K, V], dO, gradients)
    np.testing.assert_array_equal(gradients[1][:, [1, 3]], 0)
    np.testing.assert_array_equal(gradients[2][:, [1, 3]], 0)


def test_masks_are_read_the_other_way_round_by_multihead_attention() -> None:
    x = torch.randn(1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer = torch.nn.MultiheadAttention(4, 1, batch_first=True).double()
    _, weights = layer(x, x, x, attn_mask=torch.tensor(~causal_mask(3)))
    assert (weights[0][torch.tensor(~causal_mask(3))] == 0).all()
    _, upside_down = layer(x, x, x, attn_mask=torch.tensor(causal_mask(3)))
    assert (upside_down[0][torch.tensor(causal_mask(3))] != 0).any()


@given(
    batch=st.integers(1, 3),
    time=st.integers(1, 6),
    d_k=st.integers(1, 5),
    d_v=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_rows_of_weights_sum_to_one_and_none_falls_on_the_future(
    batch: int, time: int, d_k: int, d_v: int, seed: int
) -> None:
    Q, K, V, _ = _inputs((batch,), time, time, d_k, d_v, seed)
    O, cache = scaled_dot_product(Q, K, V, causal_mask(time))
    assert O.shape == (batch, time, d_v)
    np.testing.assert_allclose(cache.A.sum(axis=-1), 1, atol=1e-12)
    assert (cache.A >= 0).all() and (cache.A[:, ~causal_mask(time)] == 0).all()
    # What comes after a word may change as it likes: the words up to it do not notice.
    K2, V2 = K.copy(), V.copy()
    K2[:, -1] += 5
    V2[:, -1] -= 7
    np.testing.assert_array_equal(scaled_dot_product(Q, K2, V2, causal_mask(time))[0][:, :-1], O[:, :-1])


@given(time=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_order_of_keys_means_nothing(time: int, seed: int) -> None:
    Q, K, V, _ = _inputs((2,), 3, time, 4, 2, seed)
    order = np.random.default_rng(seed).permutation(time)
    np.testing.assert_allclose(
        scaled_dot_product(Q, K[:, order], V[:, order])[0], scaled_dot_product(Q, K, V)[0], atol=1e-12
    )


def test_without_the_root_scores_of_wide_vectors_saturate_the_softmax() -> None:
    rng = np.random.default_rng(4)
    Q, K = rng.normal(size=(200, 512)), rng.normal(size=(200, 512))
    S = scaled_dot_product(Q, K, K)[1].S
    # A sum of 512 products of N(0, 1) has variance 512; 40000 of them show it to about 1 %.
    assert S.std() == pytest.approx(1, rel=0.02)


def _additive_in_torch(
    s: torch.Tensor, h: torch.Tensor, W: torch.Tensor, U: torch.Tensor, v: torch.Tensor, bias: float = 0.0
) -> torch.Tensor:
    score = torch.tanh(F.linear(s, W).unsqueeze(1) + F.linear(h, U)) @ v + bias
    return (torch.softmax(score, dim=1).unsqueeze(-1) * h).sum(dim=1)


@pytest.mark.parametrize(("batch", "time"), [(1, 1), (1, 5), (3, 4)])
def test_additive_attention_equals_torch_and_differences(batch: int, time: int) -> None:
    rng = np.random.default_rng(5)
    inputs = [rng.normal(size=size) for size in [(batch, 3), (batch, time, 2), (5, 3), (5, 2), (5,)]]  # s, h, W, U, v
    dc = rng.normal(size=(batch, 2))
    c, cache = additive(*inputs)
    np.testing.assert_allclose(c, _additive_in_torch(*map(torch64, inputs)), atol=1e-12)
    np.testing.assert_allclose(cache.a.sum(axis=1), 1, atol=1e-12)
    gradients = additive_backward(dc, cache)
    assert_autograd(_additive_in_torch, inputs, dc, gradients)
    assert_differences(lambda *x: additive(*x)[0], inputs, dc, gradients)


def test_the_guides_bias_of_the_score_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    inputs = [rng.normal(size=size) for size in [(2, 3), (2, 4, 2), (5, 3), (5, 2), (5,)]]
    np.testing.assert_allclose(additive(*inputs)[0], _additive_in_torch(*map(torch64, inputs), bias=3.0), atol=1e-12)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as caught:
        scaled_dot_product(np.ones((2, 3, 4)), np.ones((2, 5, 6)), np.ones((2, 5, 6)))
    assert str(caught.value) == (
        "S = Q K^T / sqrt(d_k): Q is [2, 3, 4], K is [2, 5, 6]; Q's last axis (4) must equal K's last axis (6)"
    )
    with pytest.raises(ValueError) as caught:
        scaled_dot_product(np.ones((3, 4)), np.ones((5, 4)), np.ones((6, 4)))
    assert str(caught.value) == (
        "O = A V: K is [5, 4], V is [6, 4]; K's last axis but one (5) must equal V's last axis but one (6)"
    )
    with pytest.raises(ValueError) as caught:
        additive(np.ones((1, 3)), np.ones((1, 4, 2)), np.ones((5, 2)), np.ones((5, 2)), np.ones(5))
    assert str(caught.value) == (
        "e_j = v . tanh(W s + U h_j): s is [1, 3], W is [5, 2]; s's last axis (3) must equal W's last axis (2)"
    )
    with pytest.raises(ValueError) as caught:
        additive(np.ones((1, 2)), np.ones((1, 4, 3)), np.ones((5, 2)), np.ones((5, 2)), np.ones(5))
    assert str(caught.value) == (
        "e_j = v . tanh(W s + U h_j): h is [1, 4, 3], U is [5, 2]; h's last axis (3) must equal U's last axis (2)"
    )


def test_batches_are_not_stretched() -> None:
    with pytest.raises(ValueError) as caught:
        scaled_dot_product(np.ones((1, 3, 4)), np.ones((2, 5, 4)), np.ones((2, 5, 6)))
    assert str(caught.value) == (
        "O = softmax(Q K^T / sqrt(d_k)) V: Q is [1, 3, 4], K is [2, 5, 4], V is [2, 5, 6]; "
        "all axes before time must be the same"
    )
    with pytest.raises(ValueError, match=r"s is \[1, 3\], h is \[2, 4, 2\]; s's first axis \(1\) must equal h's first"):
        additive(np.ones((1, 3)), np.ones((2, 4, 2)), np.ones((5, 3)), np.ones((5, 2)), np.ones(5))
    with pytest.raises(
        ValueError, match=r"U is \[5, 2\], v is \[4\]; U's first axis \(5\) must equal v's first axis \(4\)"
    ):
        additive(np.ones((1, 3)), np.ones((1, 4, 2)), np.ones((5, 3)), np.ones((5, 2)), np.ones(4))


def test_a_query_that_may_look_at_nothing_is_refused() -> None:
    mask = np.array([[True, True], [False, False]])
    with pytest.raises(ValueError) as caught:
        scaled_dot_product(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1)), mask)
    assert str(caught.value) == (
        "A = softmax(S) row by row: a row of the mask is all False; each query needs a key to look at"
    )
