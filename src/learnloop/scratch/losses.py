"""Losses: one number that says how wrong the answers yhat are, and its slope, dL/dyhat (or dL/dz from logits z).

    mse                        (yhat - y)^2                                   2 (yhat - y)
    mae                        |yhat - y|                                     sign(yhat - y)
    huber                      e^2 / 2 if |e| <= delta                        e clipped to -delta .. delta
                               else delta (|e| - delta / 2), e = yhat - y
    binary_cross_entropy       -[y log yhat + (1 - y) log(1 - yhat)]          -y / yhat + (1 - y) / (1 - yhat)
      from logits              max(z, 0) - y z + log(1 + e^-|z|)              sigmoid(z) - y
    categorical_cross_entropy  -sum_k y_k log yhat_k                          -y_k / yhat_k
      from logits              sum_k y_k (log sum_j e^z_j - z_k)              softmax(z) - y
    hinge                      max(0, 1 - y z), y = -1 or +1                  -y if y z < 1 else 0
    kl(p, q)                   sum_k p_k log(p_k / q_k)                       dp = log(p / q) + 1, dq = -p / q

Rows are samples. "sum" adds every term; "mean" divides by the number of terms: of entries for the losses of single
numbers, of rows (samples) m where a term is a sum over the classes k (categorical cross-entropy and kl). Logs are
natural, so entropies are in nats.

    here                                   PyTorch (torch.nn.functional)
    yhat, y                                input, target
    mse, mae, huber                        mse_loss, l1_loss, huber_loss
    binary_cross_entropy[_from_logits]     binary_cross_entropy[_with_logits]
    categorical_cross_entropy              nll_loss(log yhat, class numbers)
    categorical_cross_entropy_from_logits  cross_entropy: it always takes logits
    hinge                                  none for two classes (hinge_embedding_loss is another function)
    kl(p, q)                               kl_div(input=log q, target=p), "mean" here is "batchmean" there

Textbook and PyTorch: -log 0 is infinite here; PyTorch's binary_cross_entropy stops at 100, and guide 004's code takes
log(yhat + 1e-8), which stops at 18.4. From logits no stop is needed. 0 log 0 counts as 0. Guide 003 writes categorical
cross-entropy as the sum over samples, guide 004 as their mean.
Raises ValueError when yhat and y differ in shape: NumPy would stretch [m, 1] against [m] to [m, m].

Sources: guide 004, section 2.3.2 (equations 10, 11); guide 003, Loss Functions. Huber 1964; hinge: Cortes and Vapnik
1995; kl: Kullback and Leibler 1951. Logits forms: Goodfellow, Bengio and Courville 2016, section 6.2.2.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import sigmoid, softmax

Array: TypeAlias = NDArray[np.float64]
Reduction: TypeAlias = Literal["mean", "sum"]


def mse(yhat: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("(yhat - y)^2", yhat, y)
    return _share(reduction, y.size) * float(((yhat - y) ** 2).sum())


def mse_backward(yhat: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * 2 * (yhat - y)


def mae(yhat: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("|yhat - y|", yhat, y)
    return _share(reduction, y.size) * float(np.abs(yhat - y).sum())


def mae_backward(yhat: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * np.sign(yhat - y)


def huber(yhat: Array, y: Array, delta: float = 1.0, reduction: Reduction = "mean") -> float:
    _fit("huber(yhat - y)", yhat, y)
    e = np.abs(yhat - y)
    return _share(reduction, y.size) * float(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).sum())


def huber_backward(yhat: Array, y: Array, delta: float = 1.0, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * np.clip(yhat - y, -delta, delta)


def binary_cross_entropy(yhat: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("-[y log yhat + (1 - y) log(1 - yhat)]", yhat, y)
    return -_share(reduction, y.size) * float((_times_log(y, yhat) + _times_log(1 - y, 1 - yhat)).sum())


def binary_cross_entropy_backward(yhat: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * (-_over(y, yhat) + _over(1 - y, 1 - yhat))


def binary_cross_entropy_from_logits(z: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("max(z, 0) - y z + log(1 + e^-|z|)", z, y, "z")
    return _share(reduction, y.size) * float((np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum())


def binary_cross_entropy_from_logits_backward(z: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * (sigmoid(z) - y)


def categorical_cross_entropy(yhat: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("-sum_k y_k log yhat_k", yhat, y)
    return -_share(reduction, len(y)) * float(_times_log(y, yhat).sum())  # y [m, K]


def categorical_cross_entropy_backward(yhat: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return -_share(reduction, len(y)) * _over(y, yhat)


def categorical_cross_entropy_from_logits(z: Array, y: Array, reduction: Reduction = "mean") -> float:
    _fit("sum_k y_k (log sum_j e^z_j - z_k)", z, y, "z")
    c = z.max(axis=1, keepdims=True)  # [m, 1]: taken out of the sum so that e^z cannot overflow
    log_sum = c + np.log(np.exp(z - c).sum(axis=1, keepdims=True))  # [m, 1]
    return _share(reduction, len(y)) * float((y * (log_sum - z)).sum())


def categorical_cross_entropy_from_logits_backward(z: Array, y: Array, reduction: Reduction = "mean") -> Array:
    # sum_k y_k is 1 for one-hot rows and for distributions, which leaves softmax(z) - y.
    return _share(reduction, len(y)) * (softmax(z, axis=1) * y.sum(axis=1, keepdims=True) - y)


def hinge(z: Array, y: Array, reduction: Reduction = "mean") -> float:
    """Raises ValueError when an entry of y is neither -1 nor +1."""
    _fit("max(0, 1 - y z)", z, y, "z")
    if not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"max(0, 1 - y z): y must be -1 or +1, found {np.unique(y).tolist()}; from 0 and 1: 2 * y - 1")
    return _share(reduction, y.size) * float(np.maximum(0, 1 - y * z).sum())


def hinge_backward(z: Array, y: Array, reduction: Reduction = "mean") -> Array:
    return _share(reduction, y.size) * np.where(y * z < 1, -y, 0.0)


def kl(p: Array, q: Array, reduction: Reduction = "mean") -> float:
    _fit("sum_k p_k log(p_k / q_k)", p, q, "p", "q")
    return _share(reduction, len(p)) * float((_times_log(p, p) - _times_log(p, q)).sum())  # p, q [m, K]


def kl_backward(p: Array, q: Array, reduction: Reduction = "mean") -> tuple[Array, Array]:
    """(dp, dq). dp is minus infinity where p = 0 and q > 0: the first grain of probability is worth most."""
    with np.errstate(divide="ignore"):
        dp = np.log(p) - np.log(q) + 1
    return _share(reduction, len(p)) * dp, -_share(reduction, len(p)) * _over(p, q)


def _share(reduction: Reduction, terms: int) -> float:
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction must be "mean" or "sum", found {reduction!r}')
    return 1 / terms if reduction == "mean" else 1.0


def _times_log(y: Array, p: Array) -> Array:
    """y log p, and 0 where y = 0, whatever p."""
    with np.errstate(divide="ignore"):
        return np.where(y == 0, 0.0, y * np.log(np.where(y == 0, 1.0, p)))


def _over(y: Array, p: Array) -> Array:
    """y / p, the slope of y log p, and 0 where y = 0, whatever p."""
    with np.errstate(divide="ignore"):
        return y / np.where(y == 0, 1.0, p)


def _fit(equation: str, left: Array, right: Array, left_name: str = "yhat", right_name: str = "y") -> None:
    if left.shape != right.shape:
        raise ValueError(
            f"{equation}: {left_name} is {list(left.shape)}, {right_name} is {list(right.shape)}; "
            "they must have the same shape"
        )


def example() -> dict[str, Array]:
    """Two samples of each kind: one answered well, one badly."""
    target, guess = np.array([3.0, 5.0]), np.array([2.5, 9.0])
    y, yhat = np.array([1.0, 0.0]), np.array([0.9, 0.8])
    Y, Z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.array([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    sign, z = np.array([1.0, -1.0]), np.array([2.0, 0.5])
    p, q = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    Yhat = softmax(Z, axis=1)
    inputs = {"target": target, "guess": guess, "y": y, "yhat": yhat, "Y": Y, "Z": Z, "Yhat": Yhat}
    return inputs | {
        "sign": sign,
        "z": z,
        "p": p,
        "q": q,
        "mse": np.array(mse(guess, target)),
        "mse_backward": mse_backward(guess, target),
        "mae": np.array(mae(guess, target)),
        "mae_backward": mae_backward(guess, target),
        "huber": np.array(huber(guess, target)),
        "huber_backward": huber_backward(guess, target),
        "binary": np.array(binary_cross_entropy(yhat, y)),
        "binary_backward": binary_cross_entropy_backward(yhat, y),
        "categorical": np.array(categorical_cross_entropy(Yhat, Y)),
        "categorical sum": np.array(categorical_cross_entropy(Yhat, Y, "sum")),
        "categorical_from_logits": np.array(categorical_cross_entropy_from_logits(Z, Y)),
        "categorical_from_logits_backward": categorical_cross_entropy_from_logits_backward(Z, Y),
        "hinge": np.array(hinge(z, sign)),
        "hinge_backward": hinge_backward(z, sign),
        "kl(p, q)": np.array(kl(p, q)),
        "kl(q, p)": np.array(kl(q, p)),
    }
