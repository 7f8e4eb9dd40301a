"""Gradient descent for the multi-layer perceptron: on all samples at once, on one at a time, or on small batches.

    batch        W := W - alpha dL/dW                         L: mean over all m samples; one update an epoch
    stochastic   W := W - alpha dL(i)/dW                      L(i): one sample; m updates an epoch
    mini-batch   W := W - alpha (1/B) sum over B of dL(i)/dW  B samples; m / B updates an epoch

    here                       PyTorch
    alpha                      lr of torch.optim.SGD
    descend                    optimiser.step()
    train(batch_size=B)        DataLoader(batch_size=B, shuffle=True, drop_last=False)
    epochs                     passes over the data

In all three the gradient of a batch is the mean over its samples (PyTorch: reduction="mean"), so that one alpha means
much the same for any B; a last batch that is smaller is a mean over fewer. An epoch without shuffling would visit
the samples in the order of the file. Guide 004's code starts the weights from 0.01 N(0, 1); here they start as He et
al. say (see `initialise`). Momentum and the rest are in the files of the optimisers.

Sources: guide 004, section 3.1 (equations 16 to 18) and 2.4.2; Goodfellow, Bengio and Courville 2016, section 8.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.initialise import he_normal
from learnloop.scratch.mlp import Gradient, Layer, backward, forward, loss
from learnloop.scratch.mlp import example as network

Array: TypeAlias = NDArray[np.float64]


class Training(NamedTuple):
    """The layers at the end; the loss of each update's batch before that update [updates]."""

    layers: list[Layer]
    losses: Array


def start(sizes: Sequence[int], hidden: str, output: str, rng: np.random.Generator) -> list[Layer]:
    """Layers [sizes[l+1], sizes[l]] with He-normal weights and biases 0; `hidden` between them, `output` at the end."""
    names = [hidden] * (len(sizes) - 2) + [output]
    return [
        Layer(he_normal(units, inputs, rng), np.zeros((units, 1)), g)
        for inputs, units, g in zip(sizes[:-1], sizes[1:], names, strict=True)
    ]


def descend(layers: Sequence[Layer], gradients: Sequence[Gradient], alpha: float) -> list[Layer]:
    """W := W - alpha dW, b := b - alpha db: new layers, the old ones stay."""
    return [
        Layer(layer.W - alpha * dW, layer.b - alpha * db, layer.g)
        for layer, (dW, db) in zip(layers, gradients, strict=True)
    ]


def train(
    X: Array,
    Y: Array,
    layers: Sequence[Layer],
    alpha: float,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> Training:
    """Each epoch shuffles the columns, cuts them into batches of batch_size and steps once for each.

    X [features, m], Y [K, m]. batch_size = m is batch descent, 1 stochastic, between mini-batch. Raises ValueError
    when X and Y have different numbers of columns, or when batch_size is below 1.
    """
    m = X.shape[1]
    if Y.shape[1] != m or batch_size < 1:
        raise ValueError(
            f"(x, y) = columns of (X, Y): X is {list(X.shape)}, Y is {list(Y.shape)}, batch_size is {batch_size}; "
            "X and Y need as many columns, a batch at least 1"
        )
    now, losses = list(layers), []
    for _ in range(epochs):
        order = rng.permutation(m)
        for begin in range(0, m, batch_size):
            columns = order[begin : begin + batch_size]
            x, y = X[:, columns], Y[:, columns]  # [features, B], [K, B]
            passes = forward(x, now)
            losses.append(loss(y, now, passes))
            now = descend(now, backward(x, y, now, passes), alpha)
    return Training(now, np.array(losses))


def example() -> dict[str, Array]:
    """The XOR network of `mlp.example`: one update with alpha = 0.5, then 200 epochs of each kind of descent."""
    values = network()
    X, Y = values["X"], values["Y"]
    layers = [Layer(values["W1"], values["b1"], "tanh"), Layer(values["W2"], values["b2"], "softmax")]
    after = descend(layers, backward(X, Y, layers, forward(X, layers)), 0.5)
    results = {
        "alpha": np.array(0.5),
        "loss before": values["loss"],
        "W1 after": after[0].W,
        "b1 after": after[0].b,
        "W2 after": after[1].W,
        "b2 after": after[1].b,
        "loss after": np.array(loss(Y, after, forward(X, after))),
    }
    for kind, batch_size in {"batch": 4, "mini-batch": 2, "stochastic": 1}.items():
        training = train(X, Y, layers, 0.5, 200, batch_size, np.random.default_rng(0))
        results[f"losses {kind}"] = training.losses
        results[f"yhat {kind}"] = forward(X, training.layers)[-1].a
    return results
