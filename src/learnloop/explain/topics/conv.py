"""`learnloop explain conv`: a filter slides over a picture, forwards and backwards, number by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch.convolution import Padding, example, output_size, sides


def walk() -> Walk:
    values = example()
    sections = [_picture(values), _places(values), _slip(values), _turned(values), _border(values)]
    return Walk(
        "Convolution: a small filter slides over a picture",
        [*sections, _backwards(values), _remember(values)],
        values,
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 9.1; "
        "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016",
        ["learnloop explain pool", "learnloop explain spam"],
    )


def _picture(values: dict[str, Array]) -> Section:
    x, W = values["image"], values["filter"]
    sizes = [
        Equation(
            f"{name} of y = floor((n + 2p - f)/s) + 1",
            f"floor(({n} + 2*0 - {f})/1) + 1",
            output_size(n, f),
        )
        for name, n, f in zip(("rows", "columns"), x.shape, W.shape)
    ]
    return Section(
        "A picture and a filter",
        [
            Grid("picture x", x),
            Grid("filter W", W),
            Say(
                "Lay the filter on a corner of the picture. Multiply each of its cells with the one below it and add: "
                "that is one number of the answer. Then move the filter one cell on."
            ),
            Say(
                "How often does it fit? `n` is the size of the picture, `f` of the filter; `p` zeros stand around x; "
                "`s` is the step."
            ),
            *sizes,
        ],
    )


def _patch(x: Array, W: Array, i: int, j: int) -> Array:
    return x[i : i + W.shape[0], j : j + W.shape[1]]


def _covered(W: Array, i: int, j: int) -> frozenset[tuple[int, int]]:
    return frozenset((i + u, j + v) for u, v in np.ndindex(*W.shape))


def _places(values: dict[str, Array]) -> Section:
    x, W, y = values["image"], values["filter"], values["y"]
    blocks: list[Block] = []
    for i, j in np.ndindex(*y.shape):
        blocks += [
            Grid(f"the filter at row {i}, column {j}", x, marked=_covered(W, i, j)),
            Equation(
                f"y[{i},{j}] = sum_u sum_v W[u,v] x[{i}+u,{j}+v] + b",
                weighted_sum(W.ravel(), _patch(x, W, i, j).ravel(), values["b"][0]),
                y[i, j],
            ),
        ]
    blocks.append(Grid("answer y", y))
    blocks.append(
        Say(
            f"An answer is large where large cells lie below large weights. The same {W.size} weights served at every "
            "place: a filter finds its pattern wherever it is, and needs few weights."
        )
    )
    return Section("Place by place", blocks)


def _slip(values: dict[str, Array]) -> Section:
    x, W, wrong = values["image"], values["filter"], values["first row of the filter only"]
    first = W[:1]
    equations = [
        Equation(
            f"printed y[{i},{j}] = W[0,0] x[{i},{j}] + W[0,1] x[{i},{j + 1}]",
            weighted_sum(first.ravel(), _patch(x, first, i, j).ravel()),
            wrong[i, j],
            "the second row of the filter is missing",
        )
        for i, j in ((0, 0), (0, 1))
    ]
    return Section(
        "A slip in print",
        [
            Say(f"One course guide gives `{listed(wrong)}` for the same picture and filter. Its sums show why:"),
            *equations,
            Grid("filter, whole", W),
            Grid("what the slip used", first),
            Say(
                f"It used the first row of the filter only. A filter {len(first)} row high fits {len(wrong)} times "
                f"from top to bottom, so that answer also has {len(wrong)} rows. The whole filter is {len(W)} rows "
                f"high, as high as the picture: one row of answers, `{listed(values['y'])}`."
            ),
        ],
    )


def _turned(values: dict[str, Array]) -> Section:
    x, edge = values["image"], values["edge"]
    around = edge[::-1, ::-1]
    crossed, true = values["edge, cross-correlation"], values["edge, true convolution"]
    return Section(
        "Convolution or cross-correlation",
        [
            Say(
                "What we did is called cross-correlation in mathematics. A true convolution turns the filter by 180 "
                "degrees first. (One course guide writes that form, another ours; both call it convolution.) The "
                "filter above looks the same when turned; this one does not:"
            ),
            Grid("filter", edge),
            Grid("turned by 180 degrees", around),
            Equation(
                "crossed y[0,0] = sum_u sum_v W[u,v] x[u,v]",
                weighted_sum(edge.ravel(), _patch(x, edge, 0, 0).ravel()),
                crossed[0, 0],
            ),
            Equation(
                "true y[0,0] = sum_u sum_v W[1-u,1-v] x[u,v]",
                weighted_sum(around.ravel(), _patch(x, around, 0, 0).ravel()),
                true[0, 0],
            ),
            Say(
                "Networks use cross-correlation and call it convolution, PyTorch's `Conv2d` too. The filter is learnt, "
                "so it may as well be learnt turned. The difference matters when you bring a filter from elsewhere."
            ),
        ],
    )


def _border(values: dict[str, Array]) -> Section:
    x, W = values["image"], values["filter"]
    names = {"valid": "y", "same": "same", "full": "full"}
    rows = [
        [
            name,
            listed(np.array(sides(len(W), name))),
            f"{values[key].shape[0]} x {values[key].shape[1]}",
            {"valid": "only where the filter lies inside", "same": "as large as x", "full": "wherever the two touch"}[
                name
            ],
        ]
        for name, key in names.items()
    ]
    return Section(
        "At the border: padding and step",
        [
            Say(f"Zeros around the picture give the filter more places. For x, {x.shape[0]} x {x.shape[1]}:"),
            Table(["padding", "zeros before, after", "size of y", "places"], rows),
            Grid("y, same", values["same"]),
            Grid("y, full", values["full"]),
            Say("The step `s` (stride) leaves places out, and the answer shrinks. A picture 28 wide:"),
            Table(
                ["filter f", "padding p", "step s", "width of y"],
                _sizes(28, ((5, 0, 1), (5, 2, 1), (3, 1, 2), (2, 0, 2))),
            ),
        ],
    )


def _sizes(n: int, settings: Sequence[tuple[int, Padding, int]]) -> list[list[int]]:
    return [[f, int(p), s, output_size(n, f, p, s)] for f, p, s in settings]


def _backwards(values: dict[str, Array]) -> Section:
    x, W, dy, dW, dx = (values[name] for name in ("image", "filter", "dy", "dW", "dx"))
    by_weight = [
        Equation(
            f"dW[{u},{v}] = sum_j dy[0,j] x[{u},{v}+j]",
            weighted_sum(dy[0], x[u, v : v + dy.shape[1]]),
            dW[u, v],
        )
        for u, v in np.ndindex(*W.shape)
    ]
    by_pixel = [
        Equation("dx[0,0] = dy[0,0] W[0,0]", weighted_sum(dy[0, :1], W[0, :1]), dx[0, 0], "one place covered it"),
        Equation(
            "dx[0,1] = dy[0,0] W[0,1] + dy[0,1] W[0,0]",
            weighted_sum(dy[0], W[0, ::-1]),
            dx[0, 1],
            "two places covered it",
        ),
    ]
    return Section(
        "Backwards",
        [
            Say(f"Suppose the loss grows by `dy = {listed(dy)}` for each unit of y. What does it owe to each weight?"),
            Say("A weight was used at every place. Its derivative adds up what it met there, times dy there."),
            *by_weight,
            Say("A pixel was covered by several places, each time by another weight. Its derivative adds those up."),
            *by_pixel,
            Grid("dW", dW),
            Grid("dx", dx),
            Equation("db = sum_j dy[0,j]", " + ".join(factor(value) for value in dy.ravel()), values["db"][0]),
            Say(
                "`dx` is itself a convolution, a true one this time: dy with zeros around it, under the turned filter."
            ),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    x, W, y = values["image"], values["filter"], values["y"]
    return Section(
        "What to remember",
        [
            Say("A filter is a weighted sum that is repeated at every place with the same weights."),
            Say(
                f"Here {number(W.size + 1)} numbers are learnt (W and b). A dense layer from the same {number(x.size)} "
                f"pixels to the same {number(y.size)} answers learns {number(x.size * y.size + y.size)}."
            ),
            Say("Size of the answer: `floor((n + 2p - f)/s) + 1`. Several channels: one filter slice each, all added."),
        ],
    )
