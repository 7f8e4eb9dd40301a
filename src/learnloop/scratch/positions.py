"""Sinusoidal positions: attention does not see order, so every word gets the time written onto it, as clock hands.

    PE[pos, 2i]     = sin(pos w_i)        w_i = 1 / 10000^(2i / d)
    PE[pos, 2i + 1] = cos(pos w_i)        wavelengths 2 pi / w_i from 2 pi to nearly 10000 * 2 pi
    X               = embedding + PE

| here    | shape            | PyTorch                                                        |
|---------|------------------|----------------------------------------------------------------|
| pos     | 0, 1, ...        | no class: a buffer that is added to the output of nn.Embedding |
| PE      | [length, d]      |                                                                |
| w       | [d / 2]          |                                                                |

Source: Vaswani et al. 2017, section 3.5 (guide 004, section 8.1, equations 59 and 60).
Why a sine and a cosine of the same w: such a pair is a clock hand. k steps on turn it by the angle k w_i wherever it
stands, so PE[pos + k] is a fixed rotation of PE[pos], and PE[p] . PE[q] = sum over i of cos((p - q) w_i) hangs on the
distance alone. Guide 004's code is not its equation 60: it gives each column its own w = 1 / 10000^(column / d). Its
cosines turn slower than their sines, and the products hang on where one stands as well (`guide_positions`).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

BASE = 10000.0


def frequencies(d: int) -> Array:
    """w_i = 1 / 10000^(2i / d), i = 0 .. d/2 - 1, radians a position. [d / 2]. Raises ValueError for odd or no d."""
    if d < 2 or d % 2:
        raise ValueError(
            f"PE[pos, 2i] = sin, PE[pos, 2i + 1] = cos: columns come in pairs, so d must be even, found {d}"
        )
    return BASE ** -(np.arange(0, d, 2) / d)


def positions(length: int, d: int) -> Array:
    """PE [length, d]: sines in the even columns, cosines in the odd ones."""
    angle = np.arange(length)[:, None] * frequencies(d)  # [length, d / 2]
    PE = np.empty((length, d))
    PE[:, 0::2] = np.sin(angle)
    PE[:, 1::2] = np.cos(angle)
    return PE


def rotation(k: int, d: int) -> Array:
    """R [d, d] with PE[pos + k] = R PE[pos] for every pos: one turn of each clock hand by k w_i.

    sin(a + b) = sin a cos b + cos a sin b       cos(a + b) = cos a cos b - sin a sin b
    """
    turn = k * frequencies(d)  # [d / 2]
    R = np.zeros((d, d))
    even, odd = np.arange(0, d, 2), np.arange(1, d, 2)
    R[even, even] = R[odd, odd] = np.cos(turn)
    R[even, odd] = np.sin(turn)
    R[odd, even] = -np.sin(turn)
    return R


def guide_positions(length: int, d: int) -> Array:
    """What guide 004's code computes: exponent column / d in every column, [length, d]. Kept to be compared with."""
    frequencies(d)
    angle = np.arange(length)[:, None] * BASE ** -(np.arange(d) / d)  # [length, d]
    PE = np.empty((length, d))
    PE[:, 0::2] = np.sin(angle[:, 0::2])
    PE[:, 1::2] = np.cos(angle[:, 1::2])
    return PE


def example() -> dict[str, Array]:
    """Four positions of width 4: w = (1, 1/100). The products of all pairs, in the paper's form and in the guide's."""
    PE, guide = positions(4, 4), guide_positions(4, 4)
    values = {
        "w": frequencies(4),
        "PE": PE,
        "products": PE @ PE.T,
        "R": rotation(1, 4),
        "turned": PE @ rotation(1, 4).T,
    }
    return {**values, "guide_PE": guide, "guide_products": guide @ guide.T}
