from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from learnloop.nn.activations import activation
from learnloop.scratch.mlp import (
    Layer,
    Pass,
    activation_backward,
    affine,
    affine_backward,
    backward,
    example,
    forward,
    loss,
    output_delta,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

sizes = st.integers(1, 5)


def network(widths: Sequence[int], names: Sequence[str], seed: int = 0) -> list[Layer]:
    rng = np.random.default_rng(seed)
    return [
        Layer(rng.normal(size=(units, inputs)), rng.normal(size=(units, 1)), g)
        for (inputs, units), g in zip(pairwise(widths), names, strict=True)
    ]


def targets(output: str, units: int, m: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if output == "softmax":
        return np.eye(units)[:, rng.integers(units, size=m)]
    return rng.integers(2, size=(units, m)).astype(float) if output == "sigmoid" else rng.normal(size=(units, m))


def of_torch(layers: Sequence[Layer]) -> nn.Sequential:
    """The same network in torch: nn.Linear with W and b, rows as samples; the last activation is the loss's part."""
    parts: list[nn.Module] = []
    for layer in layers:
        linear = nn.Linear(layer.W.shape[1], layer.W.shape[0], dtype=torch.float64)
        linear.load_state_dict({"weight": torch64(layer.W), "bias": torch64(layer.b[:, 0])})
        parts += [linear, nn.Softmax(1) if layer.g == "softmax" else activation(layer.g)]
    return nn.Sequential(*parts)


def torch_loss(net: nn.Sequential, X: Array, Y: Array, output: str) -> torch.Tensor:
    z, y = net[:-1](torch64(X.T)), torch64(Y.T)
    if output == "softmax":
        return F.cross_entropy(z, y)
    if output == "sigmoid":
        return F.binary_cross_entropy_with_logits(z, y)
    return F.mse_loss(net[-1](z), y)


def test_the_guide_s_spam_network_gives_0_636() -> None:
    layers = [
        Layer(np.array([[0.5, -0.2, 0.3], [0.4, 0.1, -0.5]]), np.zeros((2, 1)), "relu"),
        Layer(np.array([[0.7, 0.2]]), np.zeros((1, 1)), "sigmoid"),
    ]
    (z1, a1), (z2, a2) = forward(np.array([[1.0], [0.0], [1.0]]), layers)
    np.testing.assert_allclose(z1[:, 0], [0.8, -0.1], rtol=0, atol=1e-15)
    np.testing.assert_allclose(a1[:, 0], [0.8, 0], rtol=0, atol=1e-15)
    np.testing.assert_allclose([z2[0, 0], a2[0, 0]], [0.56, 0.636453], rtol=0, atol=5e-7)


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    """t1 = tanh 1 = 0.761594, t2 = tanh 2 = 0.964028, th = tanh 0.5 = 0.462117, ts = tanh 1.5 = 0.905148."""
    found = example()
    golden = {
        "z1": [[0, -1, -1, -2], [0, 1, 0.5, 1.5]],
        "a1": [[0, -0.761594, -0.761594, -0.964028], [0, 0.761594, 0.462117, 0.905148]],
        # z2 = -0.5 a1[0] + a1[1] and its negative; yhat = sigmoid(2 z2) in the first row.
        "z2": [[0, 1.142391, 0.842914, 1.387162], [0, -1.142391, -0.842914, -1.387162]],
        "a2": [[0.5, 0.907609, 0.843675, 0.941272], [0.5, 0.092391, 0.156325, 0.058728]],
        # (-ln 0.5 - ln 0.092391 - ln 0.156325 - ln 0.941272) / 4
        "loss": 1.247803,
        "delta2": [[-0.5, 0.907609, 0.843675, -0.058728], [0.5, -0.907609, -0.843675, 0.058728]],
        # W2^T delta2 = (-1, 2) times delta2's first row
        "da1": [[0.5, -0.907609, -0.843675, 0.058728], [-1, 1.815218, 1.687350, -0.117455]],
        # times 1 - a1^2: 1, 0.419974, 0.419974, 0.070651 and 1, 0.419974, 0.786448, 0.180707
        "delta1": [[0.5, -0.381172, -0.354322, 0.004149], [-1, 0.762345, 1.327012, -0.021225]],
        "dW2": [[-0.319288, 0.256987], [0.319288, -0.256987]],
        "db2": [[0.298139], [-0.298139]],
        "dW1": [[-0.087543, -0.094256], [0.326447, 0.185280]],
        "db1": [[-0.057836], [0.267033]],
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(found[name], numbers, rtol=0, atol=1.1e-6, err_msg=name)


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize(
    ("widths", "names"),
    [
        ([3, 2], ["softmax"]),
        ([3, 4, 2], ["relu", "softmax"]),
        ([2, 5, 3, 4], ["tanh", "gelu", "softmax"]),
        ([4, 3, 1], ["sigmoid", "sigmoid"]),
        ([4, 3, 3], ["leaky_relu", "sigmoid"]),
        ([1, 3, 2], ["elu", "identity"]),
        ([3, 2, 2], ["swish", "tanh"]),
        ([3, 4, 3], ["softmax", "identity"]),
        ([1, 1, 1], ["selu", "identity"]),
    ],
)
def test_passes_loss_and_gradients_equal_torch_and_differences(widths: list[int], names: list[str], m: int) -> None:
    layers = network(widths, names)
    X = np.random.default_rng(1).normal(size=(widths[0], m))
    Y = targets(names[-1], widths[-1], m)
    passes = forward(X, layers)
    gradients = backward(X, Y, layers, passes)

    net = of_torch(layers)
    np.testing.assert_allclose(passes[-1].a, net(torch64(X.T)).detach().numpy().T, rtol=1e-11, atol=1e-13)
    torch_value = torch_loss(net, X, Y, names[-1])
    torch_value.backward()
    np.testing.assert_allclose(loss(Y, layers, passes), torch_value.item(), rtol=1e-12)
    for layer, gradient, linear in zip(layers, gradients, net[::2], strict=True):
        np.testing.assert_allclose(gradient.dW, linear.weight.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gradient.db[:, 0], linear.bias.grad.numpy(), rtol=1e-9, atol=1e-12)
        assert gradient.dW.shape == layer.W.shape and gradient.db.shape == layer.b.shape

    def value(*parameters: Array) -> float:
        changed = [Layer(W, b, g) for W, b, g in zip(parameters[::2], parameters[1::2], names, strict=True)]
        return loss(Y, changed, forward(X, changed))

    flat = [part for layer in layers for part in (layer.W, layer.b)]
    assert_differences(value, flat, 1.0, [part for gradient in gradients for part in gradient])


@pytest.mark.parametrize(("inputs", "units", "m"), [(1, 1, 1), (3, 2, 1), (2, 5, 4)])
def test_affine_equals_linear_on_its_side(inputs: int, units: int, m: int) -> None:
    rng = np.random.default_rng(0)
    W, a, b = rng.normal(size=(units, inputs)), rng.normal(size=(inputs, m)), rng.normal(size=(units, 1))
    dz = rng.normal(size=(units, m))
    linear = F.linear(torch64(a.T), torch64(W), torch64(b[:, 0])).numpy().T
    np.testing.assert_allclose(affine(W, a, b), linear, rtol=1e-12, atol=1e-14)
    da, dW, db = affine_backward(dz, W, a)
    assert_differences(affine, [W, a, b], dz, [dW, da, db])
    assert_autograd(lambda W, a, b: F.linear(a.T, W, b[:, 0]).T, [W, a, b], dz, [dW, da, db])


def test_the_output_delta_is_yhat_minus_y_for_both_cross_entropies() -> None:
    for output, units in [("softmax", 3), ("sigmoid", 1)]:
        layers = network([2, units], [output])
        X, Y = np.random.default_rng(0).normal(size=(2, 4)), targets(output, units, 4)
        passes = forward(X, layers)
        np.testing.assert_array_equal(output_delta(Y, layers, passes), passes[-1].a - Y)


def test_a_hidden_softmax_mixes_the_units_of_a_column() -> None:
    z, da = np.random.default_rng(0).normal(size=(2, 3, 4))
    a = torch.softmax(torch64(z), 0).numpy()
    dz = activation_backward(da, "softmax", Pass(z, a))
    assert_autograd(lambda z: torch.softmax(z, 0), [z], da, [dz])


@given(sizes, sizes, sizes, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_batch_is_its_columns_side_by_side_and_its_gradient_their_mean(
    features: int, units: int, m: int, seed: int
) -> None:
    layers = network([features, units, 3], ["tanh", "softmax"], seed)
    X, Y = np.random.default_rng(seed).normal(size=(features, m)), targets("softmax", 3, m, seed)
    passes = forward(X, layers)
    gradients = backward(X, Y, layers, passes)
    assert [kept.a.shape for kept in passes] == [(units, m), (3, m)]
    np.testing.assert_allclose(passes[-1].a.sum(axis=0), np.ones(m), rtol=1e-13)
    single = [backward(X[:, [i]], Y[:, [i]], layers, forward(X[:, [i]], layers)) for i in range(m)]
    for l in range(2):
        mean = np.mean([gradient[l].dW for gradient in single], axis=0)
        np.testing.assert_allclose(gradients[l].dW, mean, rtol=1e-10, atol=1e-13)
    columns = [forward(X[:, [i]], layers)[-1].a for i in range(m)]
    np.testing.assert_allclose(passes[-1].a, np.hstack(columns), rtol=1e-12)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    W, b = np.zeros((2, 3)), np.zeros((2, 1))
    with pytest.raises(ValueError) as error:
        affine(W, np.zeros((4, 1)), b)
    assert str(error.value) == "z = W a + b: W is [2, 3], a is [4, 1]; W's columns (3) must equal a's rows (4)"
    with pytest.raises(ValueError) as error:
        affine(W, np.zeros(3), b)
    assert str(error.value) == (
        "z = W a + b: W is [2, 3], a is [3]; both have two axes, one sample is a column [inputs, 1]"
    )
    with pytest.raises(ValueError) as error:
        affine(W, np.zeros((3, 2)), np.zeros(2))
    assert str(error.value) == "z = W a + b: W is [2, 3], b is [2]; b must be [2, 1]"
    layers = [Layer(W, b, "softmax")]
    passes = forward(np.zeros((3, 4)), layers)
    for function in (loss, output_delta):
        with pytest.raises(ValueError) as error:
            function(np.zeros((4, 2)), layers, passes)
        assert str(error.value) == "delta[L] = yhat - y: yhat is [2, 4], y is [4, 2]; they must be equal"
