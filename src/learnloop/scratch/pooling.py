"""Pooling: a window slides over each channel and keeps one number of what it covers, the largest or the mean.

    max       y[n,c,i,j] = max over u, v of x[n, c, i s + u - p, j s + v - p]
    average   y[n,c,i,j] = (1/f^2) sum_u sum_v x[n, c, i s + u - p, j s + v - p]
    size      floor((n + 2p - f)/s) + 1, as for a filter of size f
    backward  max: the winner of each window gets dy, the others 0
              average: every cell of the window gets dy / f^2
              where windows overlap, the shares of a cell add up

It has no weights: there is nothing to learn, and backward returns dx alone.

    book   here                      PyTorch
    x      x [n, c, height, width]   input
    |R|    f * f                     kernel_size ** 2
    s, p   s (default f), p          stride (default kernel_size), padding

Padding is minus infinity for the maximum and 0 for the mean, and those zeros count in f^2 (PyTorch:
count_include_pad=True, its default). A tie has no derivative; the first winner in reading order gets it all, as in
PyTorch. After a ReLU ties of zeros are common.

Sources: LeCun et al., Gradient-based learning applied to document recognition, 1998, section II.B (average); Goodfellow
et al., Deep Learning, 2016, section 9.3. One course guide takes the picture of `example` and, as far as its
damaged print can be read, does not give [[6, 4], [8, 6]].
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.convolution import met_by, output_size, pad

Array: TypeAlias = NDArray[np.float64]


class Winners(NamedTuple):
    """What the maximum's backward needs."""

    entry: NDArray[np.int64]  # [n, c, height, width]: u f + v of the winner
    shape: tuple[int, ...]  # of x
    f: int
    s: int
    p: int


def max_pool(x: Array, f: int, s: int | None = None, p: int = 0) -> tuple[Array, Winners]:
    """y[i, j] = the largest of the window. [n, c, h, w] -> [n, c, height, width]"""
    s = f if s is None else s
    size = _size(x, f, s, p)
    x_padded = pad(x, (f, f), p, value=-np.inf)
    window = np.stack([met_by(x_padded, u, v, size, s) for u, v in np.ndindex(f, f)])  # [f*f, n, c, height, width]
    return window.max(axis=0), Winners(window.argmax(axis=0), x.shape, f, s, p)


def max_pool_backward(dy: Array, winners: Winners) -> Array:
    """dx: dy/dx is 1 at the winner and 0 elsewhere."""
    entry, shape, f, s, p = winners
    _check(dy, entry.shape)
    dx_padded = pad(np.zeros(shape), (f, f), p)
    for u, v in np.ndindex(f, f):
        met_by(dx_padded, u, v, dy.shape[2:], s)[...] += dy * (entry == u * f + v)
    return _inside(dx_padded, shape, p)


def average_pool(x: Array, f: int, s: int | None = None, p: int = 0) -> Array:
    """y[i, j] = the mean of the window. [n, c, h, w] -> [n, c, height, width]"""
    s = f if s is None else s
    size = _size(x, f, s, p)
    x_padded = pad(x, (f, f), p)
    window = np.stack([met_by(x_padded, u, v, size, s) for u, v in np.ndindex(f, f)])  # [f*f, n, c, height, width]
    return window.mean(axis=0)


def average_pool_backward(dy: Array, x: Array, f: int, s: int | None = None, p: int = 0) -> Array:
    """dx: dy/dx is 1/f^2 in the whole window. Of x only the shape is used."""
    s = f if s is None else s
    _check(dy, (*x.shape[:2], *_size(x, f, s, p)))
    dx_padded = pad(np.zeros(x.shape), (f, f), p)
    for u, v in np.ndindex(f, f):
        met_by(dx_padded, u, v, dy.shape[2:], s)[...] += dy / f**2
    return _inside(dx_padded, x.shape, p)


def _inside(padded: Array, shape: tuple[int, ...], p: int) -> Array:
    return padded[:, :, p : p + shape[2], p : p + shape[3]]  # [n, c, h, w]


def _size(x: Array, f: int, s: int, p: int) -> tuple[int, int]:
    if x.ndim != 4:
        raise ValueError(f"y = pool(x): x is {list(x.shape)}; it must be [n, c, height, width]")
    if p > f // 2:
        raise ValueError(
            f"y = pool(x): p is {p}, f is {f}; p must be at most f/2, or a window lies in the padding alone"
        )
    return output_size(x.shape[2], f, p, s), output_size(x.shape[3], f, p, s)


def _check(dy: Array, shape: tuple[int, ...]) -> None:
    if dy.shape != shape:
        raise ValueError(f"y = pool(x): dy is {list(dy.shape)}, y is {list(shape)}; they must be equal")


def example() -> dict[str, Array]:
    """A 4 x 4 picture under 2 x 2 windows side by side, backwards from dy; then under windows that overlap (s = 1)."""
    x = np.array([[[[1.0, 3.0, 2.0, 4.0], [5.0, 6.0, 1.0, 2.0], [7.0, 8.0, 3.0, 5.0], [2.0, 1.0, 4.0, 6.0]]]])
    dy = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    largest, winners = max_pool(x, 2)
    overlapping, overlapping_winners = max_pool(x, 2, s=1)
    values = {
        "x": x,
        "max": largest,
        "average": average_pool(x, 2),
        "dy": dy,
        "dx of max": max_pool_backward(dy, winners),
        "dx of average": average_pool_backward(dy, x, 2),
        "overlapping max": overlapping,
        "dx of overlapping max": max_pool_backward(np.ones_like(overlapping), overlapping_winners),
    }
    return {name: value[0, 0] for name, value in values.items()}
