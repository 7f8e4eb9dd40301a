"""The encoder block against nn.TransformerEncoderLayer, post and pre, plain and causal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from learnloop.scratch.attention import causal_mask
from learnloop.scratch.dense import Dense
from learnloop.scratch.multihead import Heads, from_pytorch
from learnloop.scratch.transformer import (
    Block,
    example,
    post_norm,
    post_norm_backward,
    pre_norm,
    pre_norm_backward,
    random_block,
)
from tests.scratch.checks import Array, assert_differences, torch64

FORMS = {"post": (post_norm, post_norm_backward), "pre": (pre_norm, pre_norm_backward)}


def _layer(form: str, d: int, heads: int, d_ff: int) -> nn.TransformerEncoderLayer:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(d, heads, d_ff, dropout=0.0, batch_first=True, norm_first=form == "pre").double()
    with torch.no_grad():
        for value in layer.parameters():
            if value.dim() == 1:
                value.add_(0.3 * torch.randn(value.shape))
    return layer


def _block(layer: nn.TransformerEncoderLayer, heads: int, gradients: bool = False) -> Block:
    def array(value: nn.Parameter) -> Array:
        return (value.grad if gradients else value.detach()).numpy()

    a = layer.self_attn
    return Block(
        from_pytorch(
            array(a.in_proj_weight), array(a.in_proj_bias), array(a.out_proj.weight), array(a.out_proj.bias), heads
        ),
        Dense(array(layer.linear1.weight), array(layer.linear1.bias), "relu"),
        Dense(array(layer.linear2.weight), array(layer.linear2.bias)),
        array(layer.norm1.weight),
        array(layer.norm1.bias),
        array(layer.norm2.weight),
        array(layer.norm2.bias),
    )


def _flat(block: Block) -> list[Array]:
    norms = [block.gamma_1, block.beta_1, block.gamma_2, block.beta_2]
    return [*block.heads, block.first.W, block.first.b, block.second.W, block.second.b, *norms]


def _built(values: tuple[Array, ...]) -> Block:
    return Block(Heads(*values[:8]), Dense(*values[8:10], "relu"), Dense(*values[10:12]), *values[12:])


def test_the_worked_example_of_the_post_form() -> None:
    values = example()
    # Scores 6/2, 2/2: softmax(3, 1) = 0.880797, 0.119203. Word 1 sees 2 * 0.880797, 2 * 0.119203, 1, 1.
    np.testing.assert_allclose(values["A"][0], [[0.880797, 0.119203], [0.119203, 0.880797]], atol=5e-7)
    np.testing.assert_allclose(values["looked"][0, 0], [1.761594, 0.238406, 1, 1], atol=5e-7)
    # X + looked = 3.761594, 0.238406, 2, 2: mean 2, variance 1.761594^2 / 2, so (sqrt 2, -sqrt 2, 0, 0) but for eps
    np.testing.assert_allclose(values["Z"][0, 0], [1.414209, -1.414209, 0, 0], atol=5e-7)
    np.testing.assert_allclose(values["post_thought"][0, 0], [1.414209, 0, 0, 0], atol=5e-7)
    # Z + FFN = 2.828417, -1.414209, 0, 0: mean 0.353552, variance (2.474865^2 + 1.767761^2 + 2 * 0.353552^2) / 4
    np.testing.assert_allclose(values["Y"][0, 0], [1.605907, -1.147076, -0.229415, -0.229415], atol=2e-6)


def test_the_worked_example_of_the_pre_form() -> None:
    values = example()
    # X = 2, 0, 1, 1: mean 1, variance 0.5. N . N = 4 * 0.99998, scores 2 and -2: softmax(2, -2) = 0.982013 but for eps
    np.testing.assert_allclose(values["pre_N"][0, 0], [1.414199, -1.414199, 0, 0], atol=5e-7)
    np.testing.assert_allclose(values["pre_A"][0, 0], [0.982012, 0.017988], atol=5e-7)
    # Word 1 sees 1.414199 * (0.982012 - 0.017988) = 1.363323, on top of 2.
    np.testing.assert_allclose(values["pre_Z"][0, 0], [3.363323, -1.363323, 1, 1], atol=2e-6)
    np.testing.assert_allclose(values["pre_Y"][0, 0], [4.777534, -1.363323, 1, 1], atol=2e-6)
    # The residuals hand dY on as it is; whatever else arrives comes on top.
    assert values["pre_dX"][0, 0, 0] > 1 > values["dX"][0, 0, 0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("batch", "time", "d", "heads", "d_ff"), [(1, 1, 3, 1, 5), (2, 3, 4, 2, 7)])
@pytest.mark.parametrize("causal", [False, True])
def test_it_equals_transformerencoderlayer(
    form: str, batch: int, time: int, d: int, heads: int, d_ff: int, causal: bool
) -> None:
    layer = _layer(form, d, heads, d_ff)
    rng = np.random.default_rng(1)
    X, dY = rng.normal(size=(2, batch, time, d))
    mask = causal_mask(time) if causal else None
    forward, backward = FORMS[form]
    Y, cache = forward(X, _block(layer, heads), mask)
    inputs = torch64(X).requires_grad_()
    expected = layer(inputs, src_mask=None if mask is None else torch.tensor(~mask))
    np.testing.assert_allclose(Y, expected.detach(), atol=1e-10)
    expected.backward(torch64(dY))
    dX, slope = backward(dY, cache)
    np.testing.assert_allclose(dX, inputs.grad, atol=1e-9)
    for found, right in zip(_flat(slope), _flat(_block(layer, heads, gradients=True))):
        np.testing.assert_allclose(found, right, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_blocks_backward_equals_differences(form: str) -> None:
    forward, backward = FORMS[form]
    block = _block(_layer(form, 4, 2, 3), 2)
    rng = np.random.default_rng(2)
    X, dY = rng.normal(size=(2, 1, 3, 4))
    dX, slope = backward(dY, forward(X, block, causal_mask(3))[1])
    assert_differences(
        lambda X, *values: forward(X, _built(values), causal_mask(3))[0], [X, *_flat(block)], dY, [dX, *_flat(slope)]
    )


@pytest.mark.parametrize("form", FORMS)
@given(batch=st.integers(1, 3), time=st.integers(2, 5), heads=st.integers(1, 2), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_under_the_causal_mask_no_word_hears_of_the_next(
    form: str, batch: int, time: int, heads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    block = random_block(4 * heads, heads, 6, rng)
    X = rng.normal(size=(batch, time, 4 * heads))
    changed = X.copy()
    changed[:, -1] = rng.normal(size=(batch, 4 * heads))
    forward, _ = FORMS[form]
    Y, other = forward(X, block, causal_mask(time))[0], forward(changed, block, causal_mask(time))[0]
    assert Y.shape == X.shape
    np.testing.assert_allclose(other[:, :-1], Y[:, :-1], atol=1e-12)
    assert np.abs(other[:, -1] - Y[:, -1]).max() > 1e-6
    assert np.abs(forward(X, block)[0][:, 0] - forward(changed, block)[0][:, 0]).max() > 1e-9


@given(seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_post_form_ends_normalised_and_the_pre_form_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    block, X = random_block(8, 2, 16, rng), 5 * rng.normal(size=(2, 3, 8))
    Y = post_norm(X, block)[0]
    np.testing.assert_allclose(Y.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(Y.std(axis=-1), 1, atol=1e-3)  # eps = 1e-5 in the root
    assert pre_norm(X, block)[0].std(axis=-1).max() > 2


def test_a_pre_block_whose_branches_say_nothing_hands_everything_through() -> None:
    rng = np.random.default_rng(3)
    block = random_block(4, 2, 6, rng)
    silent = block._replace(
        heads=block.heads._replace(WO=np.zeros((4, 4))), second=Dense(np.zeros((4, 6)), np.zeros(4))
    )
    X, dY = rng.normal(size=(2, 2, 3, 4))
    Y, cache = pre_norm(X, silent)
    np.testing.assert_array_equal(Y, X)
    np.testing.assert_array_equal(pre_norm_backward(dY, cache)[0], dY)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    block = random_block(4, 2, 6, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"head_i = Attention\(.*\): Q is \[1, 2, 3\], W\^Q is \[2, 4, 2\]"):
        post_norm(np.ones((1, 2, 3)), block)
    with pytest.raises(ValueError, match=r"d_k = d / heads: d is 5, heads is 2; heads must divide d"):
        random_block(5, 2, 6, np.random.default_rng(0))
