"""Against learning the noise: L1 and L2 penalties, dropout in two forms, early stopping. (Norms: see `normalise`.)

    l2        lambda/(2m) sum_l ||W[l]||_F^2        derivative  lambda/m W           m = 1: lambda/2, equation (27)
    l1        lambda/(2m) sum_l sum |W[l]|          derivative  lambda/(2m) sign(W)
    dropout   d ~ Bernoulli(1 - p)                  a := a * d                       (28)    in use: a := (1 - p) a
    inverted  d ~ Bernoulli(1 - p)                  a := a * d / (1 - p)                     in use: a := a
    early stopping: stop when the validation loss has not gone below its best for `patience` epochs; keep the best

| here              | book                 | PyTorch                                                     |
|-------------------|----------------------|-------------------------------------------------------------|
| l2, m = 1         | lambda/2 ||W||^2     | SGD(weight_decay=lambda): the derivative, not the penalty   |
| l2, m rows        | lambda/2m ||w||^2    | SGD(weight_decay=lambda / m)                                |
| l1                | lambda/2m ||w||      | lambda_ / (2 m) * w.abs().sum() added to the loss           |
| p                 | p, dropped           | nn.Dropout(p): also the share dropped                       |
| d                 | d                    | (inside nn.Dropout)                                         |

Where the forms differ. Guide 004 writes lambda/2, guide 003 lambda/2m with m the number of samples: the same penalty
with lambda_003 = m lambda_004. Guide 003 writes L1 with 2m too; there the 2 cancels nothing, and most books write
lambda sum |w| (pass 2 lambda). Dropout: guide 004 scales in use, PyTorch scales while training (inverted): its
activations are those of guide 004 divided by 1 - p, in training and in use. Srivastava's p is the share kept.
Weight decay is the L2 penalty for SGD, not for Adam: see `adam`.

Source: guide 003, "L2&L1 Regularization" and "Early Stopping"; guide 004, sections 4.1 and 4.2; Srivastava et al. 2014,
Dropout, section 4 (scaling in use) and section 10 (scaling while training); Goodfellow, Bengio and Courville 2016, Deep
Learning, sections 7.1 and 7.8, algorithm 7.1 (early stopping).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def l2(weights: Sequence[Array], lambda_: float, m: int = 1) -> float:
    """weights: one array a layer, of any shape. Biases are usually left out."""
    return lambda_ / (2 * m) * sum(float((W**2).sum()) for W in weights)


def l2_backward(weights: Sequence[Array], lambda_: float, m: int = 1) -> list[Array]:
    """d/dW lambda/(2m) W^2 = lambda/m W: every weight is pulled to 0 by a share of itself."""
    return [lambda_ / m * W for W in weights]


def l1(weights: Sequence[Array], lambda_: float, m: int = 1) -> float:
    return lambda_ / (2 * m) * sum(float(np.abs(W).sum()) for W in weights)


def l1_backward(weights: Sequence[Array], lambda_: float, m: int = 1) -> list[Array]:
    """d/dW |W| = sign(W), 0 at 0: every weight is pulled to 0 by the same amount, so that small ones get there."""
    return [lambda_ / (2 * m) * np.sign(W) for W in weights]


def keep(shape: tuple[int, ...], p: float, rng: np.random.Generator) -> Array:
    """d ~ Bernoulli(1 - p): 1 where a unit stays, 0 where it is dropped. A new one for every step."""
    _check_rate(p)
    # uniform in [0, 1) reaches p with probability 1 - p
    return (rng.random(shape) >= p).astype(np.float64)


def dropout(a: Array, d: Array) -> Array:
    """While training. The mean over d is (1 - p) a."""
    _check_shapes("a := a * d", a, d)
    return a * d


def dropout_backward(da: Array, d: Array) -> Array:
    # d (a * d) / da = d
    _check_shapes("da := da * d", da, d)
    return da * d


def dropout_in_use(a: Array, p: float) -> Array:
    """No unit is dropped; each is scaled to the mean it had while training."""
    _check_rate(p)
    return (1 - p) * a


def inverted_dropout(a: Array, d: Array, p: float) -> Array:
    """While training. The mean over d is a itself, so that nothing is left to do in use."""
    _check_rate(p)
    _check_shapes("a := a * d / (1 - p)", a, d)
    return a * d / (1 - p)


def inverted_dropout_backward(da: Array, d: Array, p: float) -> Array:
    # d (a * d / (1 - p)) / da = d / (1 - p)
    _check_rate(p)
    _check_shapes("da := da * d / (1 - p)", da, d)
    return da * d / (1 - p)


class Waiting(NamedTuple):
    """Epochs count from 1; best_epoch 0: none yet. `stop` is the verdict after the last epoch heard."""

    best: float = float("inf")
    best_epoch: int = 0
    epoch: int = 0
    stop: bool = False


def early_stopping(loss: float, state: Waiting | None = None, patience: int = 5, min_delta: float = 0.0) -> Waiting:
    """One epoch's validation loss. Better means below best - min_delta. Keras: EarlyStopping(patience, min_delta)."""
    state = Waiting() if state is None else state
    epoch = state.epoch + 1
    if loss < state.best - min_delta:
        return Waiting(loss, epoch, epoch)
    return Waiting(state.best, state.best_epoch, epoch, epoch - state.best_epoch >= patience)


def _check_rate(p: float) -> None:
    if not 0 <= p < 1:
        raise ValueError(f"d ~ Bernoulli(1 - p): p is {p}; p is the share of units dropped, 0 <= p < 1")


def _check_shapes(equation: str, a: Array, d: Array) -> None:
    if a.shape != d.shape:
        left = equation.split()[0]
        raise ValueError(
            f"{equation}: {left} is {list(a.shape)}, d is {list(d.shape)}; every entry needs its own 0 or 1"
        )


def example() -> dict[str, Array]:
    """Penalties of two small layers; four units under one mask; a validation loss that turns after epoch 3."""
    weights = [np.array([[1.0, -2.0], [0.5, 0.0]]), np.array([[3.0, -1.0]])]
    a, d, da = np.array([2.0, -1.0, 0.5, 4.0]), np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    losses = np.array([0.9, 0.7, 0.6, 0.65, 0.61, 0.62, 0.5])
    state = Waiting()
    for loss in losses:
        state = early_stopping(float(loss), state, patience=3)
        if state.stop:
            break
    penalties = {
        "l2": np.array(l2(weights, 0.1)),
        "l2_m": np.array(l2(weights, 0.1, m=10)),
        "l1": np.array(l1(weights, 0.1)),
    }
    slopes = {"l2_dW1": l2_backward(weights, 0.1)[0], "l1_dW1": l1_backward(weights, 0.1)[0]}
    dropped = {"a": a, "d": d, "dropout": dropout(a, d), "in_use": dropout_in_use(a, 0.25)}
    inverted = {"inverted": inverted_dropout(a, d, 0.25), "inverted_da": inverted_dropout_backward(da, d, 0.25)}
    stopping = {
        "losses": losses,
        "best_epoch": np.array(float(state.best_epoch)),
        "stopped": np.array(float(state.epoch)),
    }
    return {"W1": weights[0], "W2": weights[1], **penalties, **slopes, **dropped, **inverted, **stopping}
