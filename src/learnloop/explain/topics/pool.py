"""`learnloop explain pool`: windows keep their largest number, or their mean; the way back for both."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Equation, Grid, Say, Section, Table, Walk, number
from learnloop.scratch.pooling import example

SIZE = 2
"""The windows of the example are 2 x 2."""


def walk() -> Walk:
    values = example()
    return Walk(
        "Pooling: one number for each window",
        [_largest(values), _back(values), _mean(values), _overlap(values), _remember()],
        values,
        "LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998, "
        "section II.B; Goodfellow, Bengio and Courville, Deep Learning, 2016, section 9.3",
        ["learnloop explain conv"],
    )


def _window(x: Array, i: int, j: int, s: int = SIZE) -> Array:
    return x[i * s : i * s + SIZE, j * s : j * s + SIZE]


def _cells(i: int, j: int, s: int = SIZE) -> frozenset[tuple[int, int]]:
    return frozenset((i * s + u, j * s + v) for u, v in np.ndindex(SIZE, SIZE))


def _joined(window: Array, between: str) -> str:
    return between.join(number(value) for value in window.ravel())


def _largest(values: dict[str, Array]) -> Section:
    x, y = values["x"], values["max"]
    blocks: list[Block] = [
        Say(
            f"Cut the picture into windows of {SIZE} x {SIZE}. Of each window keep the largest number and forget where "
            "exactly it stood."
        )
    ]
    for i, j in np.ndindex(*y.shape):
        blocks += [
            Grid(f"window {i},{j}", x, marked=_cells(i, j)),
            Equation(f"y[{i},{j}] = max of the window", f"max({_joined(_window(x, i, j), ', ')})", y[i, j]),
        ]
    return Section("The largest of each window", [*blocks, Grid("y", y)])


def _back(values: dict[str, Array]) -> Section:
    dy, dx = values["dy"], values["dx of max"]
    winners = frozenset((int(i), int(j)) for i, j in np.argwhere(dx))
    return Section(
        "Backwards: the winner takes it all",
        [
            Say(
                "Change a number that is not the largest a little, and y stays the same: its derivative is 0. "
                "Change the largest, and y follows one to one: it gets the whole dy of its window."
            ),
            Grid("dy", dy),
            Grid("dx, winners framed", dx, marked=winners),
            Say(
                "Where two cells tie for the maximum there is no derivative; the first in reading order gets it, as in "
                "PyTorch. After a ReLU such ties of zeros are common."
            ),
        ],
    )


def _mean(values: dict[str, Array]) -> Section:
    x, y, dy, dx = (values[name] for name in ("x", "average", "dy", "dx of average"))
    forwards = [
        Equation(f"y[{i},{j}] = mean of the window", f"({_joined(_window(x, i, j), ' + ')}) / {SIZE * SIZE}", y[i, j])
        for i, j in np.ndindex(*y.shape)
    ]
    backwards = [
        Equation(
            f"dx in window {i},{j} = dy[{i},{j}] / {SIZE * SIZE}",
            f"{number(float(dy[i, j]))} / {SIZE * SIZE}",
            dx[i * SIZE, j * SIZE],
        )
        for i, j in np.ndindex(*y.shape)
    ]
    return Section(
        "The mean instead",
        [
            Say("Average pooling keeps the mean of each window. Every cell counts the same."),
            *forwards,
            Say("Backwards every cell of a window therefore gets the same share of dy:"),
            *backwards,
            Grid("dx of the maximum", values["dx of max"]),
            Grid("dx of the mean", dx),
        ],
    )


def _overlap(values: dict[str, Array]) -> Section:
    x, y, dx = values["x"], values["overlapping max"], values["dx of overlapping max"]
    i, j = (int(place) for place in np.unravel_index(dx.argmax(), dx.shape))
    wins = [(a, b) for a, b in np.ndindex(*y.shape) if (i, j) in _cells(a, b, 1) and y[a, b] == x[i, j]]
    rows: list[list[str | float]] = [[f"{a},{b}", _joined(_window(x, a, b, 1), " "), float(y[a, b])] for a, b in wins]
    return Section(
        "Windows that overlap",
        [
            Say(f"With a step of 1 the windows overlap and the answer is {y.shape[0]} x {y.shape[1]}. With dy = 1:"),
            Grid("y", y),
            Grid("dx", dx, marked=frozenset({(i, j)})),
            Say(f"The {number(x[i, j])} is the largest of {len(wins)} windows: it gets {len(wins)} shares of 1."),
            Table(["window", "its cells", "its maximum"], rows),
        ],
    )


def _remember() -> Section:
    return Section(
        "What to remember",
        [
            Say("Pooling has no weights. It makes the picture smaller and forgets shifts inside a window."),
            Say("Maximum: one cell gets the whole gradient. Mean: all cells get equal parts."),
            Say(
                "PyTorch: `MaxPool2d(2)` and `AvgPool2d(2)`; unless you say otherwise the step is the window's size. "
                "Padding is minus infinity for the maximum, and zeros that count for the mean."
            ),
        ],
    )
