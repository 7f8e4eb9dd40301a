"""The dense layer with samples as rows: nn.Linear and what stands behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from learnloop.scratch.activations import ACTIVATIONS
from learnloop.scratch.dense import (
    Dense,
    dense,
    dense_backward,
    descend,
    example,
    random_dense,
    stack,
    stack_backward,
)
from learnloop.scratch.mlp import affine
from tests.scratch.checks import assert_autograd, assert_differences, torch64


def test_the_worked_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    # z_11 = 0.5*1 - 1*2 + 0.25, z_12 = 1*1 + 0.5*2 - 1, z_21 = 0.5*3 - 1*(-1) + 0.25, z_22 = 1*3 + 0.5*(-1) - 1
    np.testing.assert_array_equal(values["z"], [[-1.25, 1.0], [2.75, 1.5]])
    np.testing.assert_array_equal(values["y"], [[0.0, 1.0], [2.75, 1.5]])
    # The first unit is silent on the first sample: dz = [[0, 1], [1, 1]].
    np.testing.assert_array_equal(values["dx"], [[1.0, 0.5], [1.5, -0.5]])
    np.testing.assert_array_equal(values["dW"], [[3.0, -1.0], [4.0, 1.0]])
    np.testing.assert_array_equal(values["db"], [1.0, 2.0])


@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (2, 7, 3)])
def test_one_layer_equals_linear_and_its_gradients(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    x, W, b = rng.normal(size=shape), rng.normal(size=(4, 3)), rng.normal(size=4)
    dy = rng.normal(size=(*shape[:-1], 4))
    cache = dense(x, Dense(W, b, "tanh"))
    gradients = dense_backward(dy, cache)
    np.testing.assert_allclose(
        cache.y, torch.tanh(nn.functional.linear(torch64(x), torch64(W), torch64(b))), atol=1e-12
    )
    assert_autograd(lambda x, W, b: torch.tanh(nn.functional.linear(x, W, b)), [x, W, b], dy, gradients)
    assert_differences(lambda x, W, b: dense(x, Dense(W, b, "tanh")).y, [x, W, b], dy, gradients)


@pytest.mark.parametrize("g", sorted(ACTIVATIONS))
def test_every_activation_name_can_stand_behind_the_layer(g: str) -> None:
    rng = np.random.default_rng(2)
    x, W, b, dy = rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(3, 5))
    gradients = dense_backward(dy, dense(x, Dense(W, b, g)))
    assert_differences(lambda x, W, b: dense(x, Dense(W, b, g)).y, [x, W, b], dy, gradients)


def test_a_stack_equals_sequential() -> None:
    rng = np.random.default_rng(3)
    layers = [random_dense(3, 6, rng, "relu"), random_dense(6, 4, rng, "sigmoid"), random_dense(4, 2, rng)]
    x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    network = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4), nn.Sigmoid(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for layer, linear in zip(layers, (network[0], network[2], network[4])):
            linear.weight.copy_(torch64(layer.W))
            linear.bias.copy_(torch64(layer.b))
    y, passes = stack(x, layers)
    dx, gradients = stack_backward(dy, passes)
    inputs = torch64(x).requires_grad_()
    out = network(inputs)
    out.backward(torch64(dy))
    np.testing.assert_allclose(y, out.detach(), atol=1e-12)
    np.testing.assert_allclose(dx, inputs.grad, atol=1e-12)
    for gradient, linear in zip(gradients, (network[0], network[2], network[4])):
        np.testing.assert_allclose(gradient.W, linear.weight.grad, atol=1e-12)
        np.testing.assert_allclose(gradient.b, linear.bias.grad, atol=1e-12)


def test_descend_moves_every_weight_against_its_gradient() -> None:
    layers = [Dense(np.array([[1.0]]), np.array([2.0]), "relu")]
    (moved,) = descend(layers, [Dense(np.array([[10.0]]), np.array([-20.0]))], 0.1)
    assert (moved.W[0, 0], moved.b[0], moved.g) == (0.0, 4.0, "relu")


@given(batch=st.integers(1, 4), inputs=st.integers(1, 5), units=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_it_is_the_books_layer_laid_on_its_side(batch: int, inputs: int, units: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer, x = random_dense(inputs, units, rng), rng.normal(size=(batch, inputs))
    assert np.abs(layer.W).max() <= 1 / np.sqrt(inputs)
    book = affine(layer.W, x.T, layer.b[:, None])  # columns are samples
    np.testing.assert_allclose(dense(x, layer).z, book.T, atol=1e-12)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    layer = Dense(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError) as caught:
        dense(np.ones((5, 4)), layer)
    assert str(caught.value) == (
        "z = x W^T + b: x is [5, 4], W is [2, 3]; x's last axis (4) must equal W's columns (3)"
    )
    with pytest.raises(ValueError) as caught:
        dense(np.ones((5, 3)), Dense(np.ones((2, 3)), np.ones(3)))
    assert str(caught.value) == "z = x W^T + b: W is [2, 3], b is [3]; b needs one number for each of W's rows (2)"
