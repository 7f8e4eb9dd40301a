"""A convolution: a small filter slides over an image; at each place it is multiplied with what it covers and summed.

    cross-correlation   y[n,o,i,j] = b[o] + sum_c sum_u sum_v x[n, c, i s + u d - p, j s + v d - p] W[o,c,u,v]
    true convolution    the same with the filter turned by 180 degrees: W[o, c, f-1-u, f-1-v]
    output size         floor((n + 2p - f)/s) + 1;  with dilation f counts as d(f - 1) + 1
    backward            dW[o,c,u,v] = sum_n sum_i sum_j dy[n,o,i,j] x[n, c, i s + u d - p, j s + v d - p]
                        dx[n, c, i s + u d - p, j s + v d - p] += dy[n,o,i,j] W[o,c,u,v]
                        db[o] = sum_n sum_i sum_j dy[n,o,i,j]

Outside the image x is 0. Networks use cross-correlation and call it convolution: W is learnt, so it may as well be
learnt turned. The derivative by x (s = d = 1) is a true convolution of dy with W, padded by f - 1 - p.

    book      here                          PyTorch (nn.Conv2d)
    I         x [n, c, height, width]       input
    K         W [o, c, f_height, f_width]   weight
    b         b [o]                         bias
    s, p, d   s, p, d                       stride, padding (an int, "valid" or "same"), dilation

p is a number of zeros on each side, or "valid" (none), "same" (output as large as the input), "full" (every place where
filter and image touch: d(f - 1) on each side). "same" puts d(f - 1) zeros around, the odd one after the image, as
PyTorch does; PyTorch refuses it with s > 1, where TensorFlow spends fewer zeros and so starts elsewhere.

Sources: Goodfellow, Bengio, Courville, Deep Learning, 2016, section 9.1 (equations 9.4 and 9.6); Dumoulin and Visin,
A guide to convolution arithmetic, 2016. One course guide writes the true form (sum I(m,n) K(i-m,j-n)), another
writes cross-correlation (sum I(i+m,j+n) K(m,n)); both call it convolution.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Padding: TypeAlias = int | str


def sides(f: int, p: Padding, d: int = 1) -> tuple[int, int]:
    """Zeros before and after the image along one axis."""
    around = {"valid": (0, 0), "same": (d * (f - 1) // 2, (d * (f - 1) + 1) // 2), "full": (d * (f - 1), d * (f - 1))}
    if isinstance(p, str) and p in around:
        return around[p]
    if isinstance(p, str) or p < 0:
        raise ValueError(f'padding is "valid", "same", "full" or a number of zeros >= 0, not {p!r}')
    return p, p


def output_size(n: int, f: int, p: Padding = 0, s: int = 1, d: int = 1) -> int:
    """floor((n + 2p - f)/s) + 1, where a dilated filter reaches over f = d(f - 1) + 1 cells."""
    reach, padded = d * (f - 1) + 1, n + sum(sides(f, p, d))
    if reach > padded:
        raise ValueError(f"floor((n + 2p - f)/s) + 1: f is {reach}, n + 2p is {padded}; the filter must fit inside")
    return (padded - reach) // s + 1


def pad(x: Array, f: tuple[int, int], p: Padding, d: int = 1, value: float = 0.0) -> Array:
    """x with `value` around height and width, as a filter of height f[0] and width f[1] needs it."""
    return np.pad(x, [(0, 0), (0, 0), sides(f[0], p, d), sides(f[1], p, d)], constant_values=value)


def met_by(x: Array, u: int, v: int, size: tuple[int, int], s: int = 1, d: int = 1) -> Array:
    """What entry (u, v) of the filter meets at every place: x[:, :, i s + u d, j s + v d]. A view into x."""
    height, width = size
    return x[:, :, u * d : u * d + s * (height - 1) + 1 : s, v * d : v * d + s * (width - 1) + 1 : s]


def cross_correlate(x: Array, W: Array, b: Array, s: int = 1, p: Padding = 0, d: int = 1) -> Array:
    """y = W * x + b, the layer that networks call convolution. [n, c, h, w] -> [n, o, height, width]"""
    _check(x, W, b)
    size = _size(x, W, s, p, d)
    x_padded = pad(x, W.shape[2:], p, d)
    y = np.zeros((len(x), len(W), *size)) + b[:, None, None]  # [n, o, height, width]
    for u, v in np.ndindex(*W.shape[2:]):
        y += np.einsum("ncij,oc->noij", met_by(x_padded, u, v, size, s, d), W[:, :, u, v])
    return y


def cross_correlate_backward(
    dy: Array, x: Array, W: Array, s: int = 1, p: Padding = 0, d: int = 1
) -> tuple[Array, Array, Array]:
    """(dx, dW, db) from dy [n, o, height, width]. What the padding would get is cut off."""
    size = _size(x, W, s, p, d)
    if dy.shape != (len(x), len(W), *size):
        raise ValueError(f"y = W * x + b: dy is {list(dy.shape)}, y is {[len(x), len(W), *size]}; they must be equal")
    x_padded = pad(x, W.shape[2:], p, d)
    dx_padded, dW = np.zeros_like(x_padded), np.zeros_like(W)
    for u, v in np.ndindex(*W.shape[2:]):
        # dy/dW[o,c,u,v] = what the entry met, dy/dx there = W[o,c,u,v]
        dW[:, :, u, v] = np.einsum("noij,ncij->oc", dy, met_by(x_padded, u, v, size, s, d))
        met_by(dx_padded, u, v, size, s, d)[...] += np.einsum("noij,oc->ncij", dy, W[:, :, u, v])
    (top, _), (left, _) = sides(W.shape[2], p, d), sides(W.shape[3], p, d)
    dx = dx_padded[:, :, top : top + x.shape[2], left : left + x.shape[3]]  # [n, c, h, w]
    return dx, dW, dy.sum(axis=(0, 2, 3))


def turned(W: Array) -> Array:
    """The filter turned by 180 degrees: W[o, c, f-1-u, f-1-v]."""
    return W[:, :, ::-1, ::-1]


def convolve(x: Array, W: Array, b: Array, s: int = 1, p: Padding = 0, d: int = 1) -> Array:
    """The true convolution: sum_m sum_n x[m, n] W[i - m, j - n] + b."""
    return cross_correlate(x, turned(W), b, s, p, d)


def convolve_backward(
    dy: Array, x: Array, W: Array, s: int = 1, p: Padding = 0, d: int = 1
) -> tuple[Array, Array, Array]:
    """(dx, dW, db): turning the filter turns its derivative."""
    dx, dW_turned, db = cross_correlate_backward(dy, x, turned(W), s, p, d)
    return dx, turned(dW_turned), db


def _size(x: Array, W: Array, s: int, p: Padding, d: int) -> tuple[int, int]:
    return output_size(x.shape[2], W.shape[2], p, s, d), output_size(x.shape[3], W.shape[3], p, s, d)


def _check(x: Array, W: Array, b: Array) -> None:
    shapes = f"y = W * x + b: W is {list(W.shape)}, x is {list(x.shape)}, b is {list(b.shape)}"
    if W.ndim != 4 or x.ndim != 4:
        raise ValueError(f"{shapes}; W must be [o, c, f_height, f_width] and x [n, c, height, width]")
    if W.shape[1] != x.shape[1]:
        raise ValueError(f"{shapes}; W's channels ({W.shape[1]}) must equal x's channels ({x.shape[1]})")
    if b.shape != (len(W),):
        raise ValueError(f"{shapes}; b must have one entry for each of W's filters ({len(W)})")


def example() -> dict[str, Array]:
    """The guide's picture and filter, and a filter that shows the turn; then backwards from dy = (1, 2)."""
    image = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    diagonal = np.array([[[[1.0, 0.0], [0.0, 1.0]]]])
    edge = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])
    b, dy = np.zeros(1), np.array([[[[1.0, 2.0]]]])
    dx, dW, db = cross_correlate_backward(dy, image, diagonal)
    values = {
        "image": image,
        "filter": diagonal,
        "y": cross_correlate(image, diagonal, b),
        "first row of the filter only": cross_correlate(image, diagonal[:, :, :1], b),
        "same": cross_correlate(image, diagonal, b, p="same"),
        "full": cross_correlate(image, diagonal, b, p="full"),
        "edge": edge,
        "edge, cross-correlation": cross_correlate(image, edge, b),
        "edge, true convolution": convolve(image, edge, b),
        "dy": dy,
        "dx": dx,
        "dW": dW,
    }
    return {name: value[0, 0] for name, value in values.items()} | {"b": b, "db": db}
