"""Multi-head attention against nn.MultiheadAttention, its weights mapped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from learnloop.scratch.attention import causal_mask, scaled_dot_product
from learnloop.scratch.multihead import Heads, example, from_pytorch, multi_head, multi_head_backward
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64


def _layer(d: int, heads: int, seed: int = 0) -> tuple[nn.MultiheadAttention, Heads]:
    torch.manual_seed(seed)
    layer = nn.MultiheadAttention(d, heads, batch_first=True).double()
    with torch.no_grad():
        for bias in (layer.in_proj_bias, layer.out_proj.bias):
            bias.copy_(torch.randn(bias.shape))
    given = (layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias)
    return layer, from_pytorch(*(value.detach().numpy() for value in given), heads)


def _words(batch: int, time: int, d: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=(batch, time, d))


def test_the_worked_example_of_two_heads() -> None:
    values = example()
    root = 2**0.5
    # Words (1 0 | 1 0), (0 1 | 1 0), (1 0 | 0 1): in the first head word 1 fits 3, in the second 1 fits 2.
    np.testing.assert_allclose(values["S"][0, 0], [[root, 0, root], [0, root, 0], [root, 0, root]], atol=1e-15)
    np.testing.assert_allclose(values["S"][0, 1], [[root, root, 0], [root, root, 0], [0, 0, root]], atol=1e-15)
    # e^1.41421 = 4.11325: 4.11325 / 9.2265, 1 / 9.2265; 4.11325 / 6.11325, 1 / 6.11325
    fit, other, alone, rest = 0.445808, 0.108383, 0.672842, 0.163579
    np.testing.assert_allclose(
        values["A"][0, 0], [[fit, other, fit], [rest, alone, rest], [fit, other, fit]], atol=5e-7
    )
    np.testing.assert_allclose(values["Y"][0, 0], [2 * fit, other, 2 * fit, other], atol=2e-6)
    np.testing.assert_allclose(values["causal_A"][0, 1], [[1, 0, 0], [0.5, 0.5, 0], [rest, rest, alone]], atol=5e-7)
    # Word 2, number 1 is 2 * 0.163579: the slope of V's projection is what the words had there.
    np.testing.assert_allclose(values["dWV"][0, :, 0], [2 * rest, alone, rest + alone, rest], atol=2e-6)
    np.testing.assert_array_equal(values["dWV"][1], 0)


@pytest.mark.parametrize(("batch", "time", "d", "heads"), [(1, 1, 3, 1), (1, 5, 6, 3), (2, 3, 4, 2)])
@pytest.mark.parametrize("causal", [False, True])
def test_it_equals_nn_multiheadattention(batch: int, time: int, d: int, heads: int, causal: bool) -> None:
    layer, weights = _layer(d, heads)
    X = _words(batch, time, d)
    mask = causal_mask(time) if causal else None
    Y, cache = multi_head(X, X, X, weights, mask)
    inputs = torch64(X).requires_grad_()
    other_way = None if mask is None else torch.tensor(~mask)
    expected, A = layer(inputs, inputs, inputs, attn_mask=other_way, average_attn_weights=False)
    np.testing.assert_allclose(Y, expected.detach(), atol=1e-12)
    np.testing.assert_allclose(cache.dot.A, A.detach(), atol=1e-12)

    dY = _words(batch, time, d, seed=2)
    dQ, dK, dV, slope = multi_head_backward(dY, cache)
    expected.backward(torch64(dY))
    np.testing.assert_allclose(dQ + dK + dV, inputs.grad, atol=1e-10)
    mapped = from_pytorch(
        layer.in_proj_weight.grad.numpy(),
        layer.in_proj_bias.grad.numpy(),
        layer.out_proj.weight.grad.numpy(),
        layer.out_proj.bias.grad.numpy(),
        heads,
    )
    for name, found, right in zip(Heads._fields, slope, mapped):
        np.testing.assert_allclose(found, right, atol=1e-10, err_msg=name)


def test_backward_equals_differences_with_queries_that_look_elsewhere() -> None:
    _, weights = _layer(4, 2)
    rng = np.random.default_rng(3)
    Q, K, V = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 4))
    dY = rng.normal(size=(2, 3, 4))
    dQ, dK, dV, slope = multi_head_backward(dY, multi_head(Q, K, V, weights)[1])

    def forward(*inputs: Array) -> Array:
        return multi_head(*inputs[:3], Heads(*inputs[3:]))[0]

    assert_differences(forward, [Q, K, V, *weights], dY, [dQ, dK, dV, *slope])


def test_cross_attention_equals_pytorch() -> None:
    layer, weights = _layer(4, 2, seed=4)
    Q, K, V = _words(2, 3, 4, 5), _words(2, 5, 4, 6), _words(2, 5, 4, 7)
    dY = _words(2, 3, 4, 8)
    dQ, dK, dV, _ = multi_head_backward(dY, multi_head(Q, K, V, weights)[1])
    np.testing.assert_allclose(
        multi_head(Q, K, V, weights)[0], layer(torch64(Q), torch64(K), torch64(V))[0].detach(), atol=1e-12
    )
    assert_autograd(lambda *x: layer(*x)[0], [Q, K, V], dY, [dQ, dK, dV])


def test_one_head_without_projections_is_plain_attention() -> None:
    X, one, none = _words(2, 3, 4), np.eye(4)[None], np.zeros((1, 4))
    weights = Heads(one, none, one, none, one, none, np.eye(4), np.zeros(4))
    np.testing.assert_allclose(multi_head(X, X, X, weights)[0], scaled_dot_product(X, X, X)[0], atol=1e-12)


def test_the_biases_of_the_keys_change_nothing() -> None:
    """They add one and the same number to all scores of a query, and softmax(e + c) = softmax(e)."""
    _, weights = _layer(4, 2)
    X = _words(2, 3, 4)
    shifted = weights._replace(bK=weights.bK + 3.0)
    np.testing.assert_allclose(multi_head(X, X, X, shifted)[0], multi_head(X, X, X, weights)[0], atol=1e-12)


@given(batch=st.integers(1, 3), time=st.integers(1, 5), heads=st.integers(1, 3), seed=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_words_in_another_order_give_the_same_answers_in_that_order(
    batch: int, time: int, heads: int, seed: int
) -> None:
    _, weights = _layer(2 * heads, heads, seed)
    X = _words(batch, time, 2 * heads, seed)
    order = np.random.default_rng(seed).permutation(time)
    Y, cache = multi_head(X, X, X, weights)
    assert Y.shape == X.shape
    np.testing.assert_allclose(cache.dot.A.sum(axis=-1), 1, atol=1e-12)
    moved = X[:, order]
    np.testing.assert_allclose(multi_head(moved, moved, moved, weights)[0], Y[:, order], atol=1e-12)


def test_the_mapping_cuts_in_proj_weight_into_thirds_and_heads() -> None:
    in_weight = np.arange(12.0).reshape(6, 2)  # d = 2, so two rows each for Q, K, V
    weights = from_pytorch(in_weight, np.arange(6.0), np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2), heads=2)
    np.testing.assert_array_equal(weights.WQ, [[[0], [1]], [[2], [3]]])
    np.testing.assert_array_equal(weights.WK[1], [[6], [7]])
    np.testing.assert_array_equal(weights.bV, [[4], [5]])
    np.testing.assert_array_equal(weights.WO, [[1, 3], [2, 4]])
    assert F.linear(torch.ones(1, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[3.0, 7.0]]


def test_mistakes_are_named_with_the_equation() -> None:
    _, weights = _layer(4, 2)
    with pytest.raises(ValueError) as caught:
        multi_head(np.ones((1, 3, 4)), np.ones((1, 3, 5)), np.ones((1, 3, 4)), weights)
    assert str(caught.value) == (
        "head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V): K is [1, 3, 5], W^K is [2, 4, 2]; "
        "K must be [batch, time, d] and its d (5) that of W^K [heads, d, d_k] (4)"
    )
    with pytest.raises(ValueError) as caught:
        from_pytorch(np.ones((15, 5)), np.ones(15), np.ones((5, 5)), np.ones(5), heads=2)
    assert str(caught.value) == "d_k = d / heads: d is 5, heads is 2; heads must divide d"
