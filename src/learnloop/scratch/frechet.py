"""The Frechet distance of two Gaussians, and the FID that is made of it: how far generated data is from real data.

    d^2 = ||mu_1 - mu_2||^2 + Tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))
    Tr (S_1 S_2)^(1/2) = Tr (A S_2 A)^(1/2),  A = S_1^(1/2)
    S^(1/2) = Q diag(sqrt(l)) Q'  for symmetric S = Q diag(l) Q', l >= 0
    FID = d^2 of the Gaussians with the mean and covariance of the features of real and of generated images

S_1 S_2 is not symmetric. But it is A (A S_2), and so has the eigenvalues of (A S_2) A, which is: the trace of the root
is the sum of their roots, and symmetric matrices are all that is needed.

| here                   | book             | elsewhere                                                        |
|------------------------|------------------|------------------------------------------------------------------|
| mean, covariance       | mu, Sigma        | numpy.mean, numpy.cov(rowvar=False)                              |
| square_root            | Sigma^(1/2)      | scipy.linalg.sqrtm (of any square matrix)                        |
| x, y [n, features]     | (2048 features)  | activations of Inception-v3's last pooling layer                 |

PyTorch has none. Features are yours to choose; with Inception's the number is called FID. The covariance is the
unbiased one, and the FID of few images is too large: compare only numbers with the same n.

Source: guide 000, "Model Evaluation Metrics" (named only); Dowson and Landau 1982, The Frechet Distance between
Multivariate Normal Distributions; Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, equation 6.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def square_root(S: Array) -> Array:
    """S^(1/2) S^(1/2) = S, for symmetric S [k, k] without negative eigenvalues (a covariance)."""
    if S.ndim != 2 or S.shape[0] != S.shape[1] or not np.allclose(S, S.T):
        raise ValueError(f"S = Q diag(l) Q': S is {list(S.shape)}; it must be square and symmetric")
    l, Q = np.linalg.eigh(S)  # l [k], Q [k, k]
    if l[0] < -1e-8 * max(1.0, l[-1]):
        raise ValueError(
            f"S^(1/2) = Q diag(sqrt(l)) Q': S has the eigenvalue {l[0]:.4g}; a covariance has none below 0"
        )
    # rounding leaves a zero eigenvalue a little below 0
    root: Array = Q * np.sqrt(np.maximum(l, 0)) @ Q.T
    return root


def frechet_distance(mu_1: Array, S_1: Array, mu_2: Array, S_2: Array) -> float:
    """d^2, the squared distance. mu [k], S [k, k]."""
    k = len(mu_1)
    for name, array, shape in (("mu_2", mu_2, (k,)), ("S_1", S_1, (k, k)), ("S_2", S_2, (k, k))):
        if array.shape != shape:
            raise ValueError(
                f"d^2 = ||mu_1 - mu_2||^2 + Tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)): mu_1 is {list(mu_1.shape)}, "
                f"{name} is {list(array.shape)}; it must be {list(shape)}"
            )
    A = square_root(S_1)
    cross = np.trace(square_root(A @ S_2 @ A))
    return float(((mu_1 - mu_2) ** 2).sum() + np.trace(S_1) + np.trace(S_2) - 2 * cross)


def covariance(x: Array) -> Array:
    """1/(n - 1) sum_i (x_i - mu)(x_i - mu)', [k, k], of x [n, k]."""
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(
            f"S = 1/(n - 1) sum_i (x_i - mu)(x_i - mu)': x is {list(x.shape)}; it takes [n, features], n >= 2"
        )
    centred = x - x.mean(axis=0)  # [n, k]
    product: Array = centred.T @ centred / (len(x) - 1)  # [k, k]
    return product


def fid(x: Array, y: Array) -> float:
    """The squared Frechet distance of the features x [n, k] of real and y [m, k] of generated data."""
    return frechet_distance(x.mean(axis=0), covariance(x), y.mean(axis=0), covariance(y))


def example() -> dict[str, Array]:
    """Two Gaussians of two features. S_1 is diagonal; S_2 is not, and its root is [[2, 1], [1, 2]]."""
    mu_1, S_1 = np.array([0.0, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
    mu_2, S_2 = np.array([1.0, 2.0]), np.array([[5.0, 4.0], [4.0, 5.0]])
    distance = frechet_distance(mu_1, S_1, mu_2, S_2)
    root = square_root(S_2)
    return {"mu_1": mu_1, "S_1": S_1, "mu_2": mu_2, "S_2": S_2, "root": root, "distance": np.array(distance)}
