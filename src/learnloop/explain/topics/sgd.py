"""`learnloop explain sgd`: one weight goes downhill, with the slope of all samples, of one, or of a few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Say, Section, Table, Walk, factor, number
from learnloop.scratch.dense import Dense, dense, dense_backward
from learnloop.scratch.losses import mse, mse_backward
from learnloop.scratch.optimisers import path, sgd

X = np.array([[1.0], [2.0], [3.0], [4.0]])
Y = np.array([[2.0], [5.0], [5.0], [9.0]])
START, ALPHA, EPOCHS, STEPS = 1.0, 0.02, 6, 12
ALL = (0, 1, 2, 3)
WAYS = {"batch": 4, "mini-batch": 2, "stochastic": 1}
"""Samples in a step."""
ALPHAS = (0.005, 0.05, 0.12, 0.14)
"""Too small, good, near the limit, above it."""


def walk() -> Walk:
    values = _first_steps() | {name: _run(size) for name, size in WAYS.items()} | _alphas()
    sections = [
        Section("The slope", _slope(values)),
        Section("One step, three ways", _ways(values)),
        Section("Some epochs", _epochs(values)),
        Section("How large a step", _sizes(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Gradient descent: downhill, one step after another",
        sections,
        values,
        "course guide 004, section 3.1, equations 16 to 18; guide 003, Optimizers. Code: learnloop.scratch.optimisers",
        ["learnloop explain momentum", "learnloop explain schedules", "learnloop explain optimisers"],
    )


_REMEMBER = (
    "The rule is always `w := w - alpha g`. What differs is how many samples speak in `g`.",
    "Few samples: cheap steps in a rough direction. All samples: one dear step in the right one. "
    "Mini-batches are between the two, and are what is used.",
    "`alpha` has a limit: above 2 divided by the steepest curvature, every step lands higher than it started.",
)


def slope(w: Array, rows: Sequence[int] = ALL) -> Array:
    """dL/dw [1] of L = mean over rows of (w x - y)^2."""
    passed = dense(X[list(rows)], Dense(w[None], np.zeros(1)))
    _, dW, _ = dense_backward(mse_backward(passed.y, Y[list(rows)]), passed)
    return np.asarray(dW[0])


def loss(w: Array) -> float:
    return mse(dense(X, Dense(w[None], np.zeros(1))).y, Y)


def _first_steps() -> dict[str, Array]:
    w = np.array([START])
    each = np.concatenate([slope(w, [i]) for i in ALL])
    steps = {"batch": ALL, "mini-batch": (0, 1), "stochastic": (3,)}
    values = {f"w after a {name} step": sgd(w, slope(w, rows), None, ALPHA)[0] for name, rows in steps.items()}
    values |= {f"g of the {name}": slope(w, rows) for name, rows in steps.items()}
    after = values["w after a batch step"]
    return values | {"w": w, "slopes": each, "loss": np.array(loss(w)), "loss after": np.array(loss(after))}


def _run(size: int) -> Array:
    """[updates + 1] the weight, over EPOCHS passes in shuffled batches of `size`."""
    rng, w, places = np.random.default_rng(0), np.array([START]), [START]
    for _ in range(EPOCHS):
        order = rng.permutation(len(X))
        for first in range(0, len(X), size):
            w, _ = sgd(w, slope(w, order[first : first + size].tolist()), None, ALPHA)
            places.append(float(w[0]))
    return np.array(places)


def _alphas() -> dict[str, Array]:
    def run(alpha: float) -> Array:
        return path(lambda w, g, state: sgd(w, g, state, alpha), slope, np.array([START]), STEPS)[:, 0]

    return {f"alpha = {number(alpha)}": run(alpha) for alpha in ALPHAS}


def _slope(values: dict[str, Array]) -> list[Block]:
    w, slopes = float(values["w"][0]), values["slopes"]
    line = np.linspace(0, 4, 41)
    rows = [
        [f"{i + 1}", x, y, w * x, values["slopes"][i]]
        for i, (x, y) in enumerate(zip(X[:, 0].tolist(), Y[:, 0].tolist()))
    ]
    squares = " + ".join(f"{factor(w * x - y)}**2" for x, y in zip(X[:, 0], Y[:, 0]))
    return [
        Curves("The loss L over the weight w", "w", "L", {"L": (line, np.array([loss(np.array([v])) for v in line]))}),
        Say(
            "Four samples, one weight, the model `yhat = w x`. "
            f"We stand at `w = {number(w)}` and know only the slope there."
        ),
        Equation("L = mean of (w x - y)^2", f"({squares}) / 4", float(values["loss"])),
        Table(("sample", "x", "y", "w x", "slope 2 (w x - y) x"), rows),
        Equation("g = mean of the slopes", f"({_sum(slopes)}) / 4", float(values["g of the batch"][0])),
        Say("The slope is negative: more `w`, less loss. So we go against it."),
    ]


def _sum(terms: Array) -> str:
    return " + ".join(factor(term) for term in terms)


def _ways(values: dict[str, Array]) -> list[Block]:
    def step(name: str, meaning: str) -> Equation:
        g, after = float(values[f"g of the {name}"][0]), float(values[f"w after a {name} step"][0])
        return Equation("w := w - alpha g", f"{number(START)} - {number(ALPHA)}*{factor(g)}", after, meaning)

    return [
        Say(f"The step is `alpha = {number(ALPHA)}` times the slope. Whose slope?"),
        step("batch", "batch: the mean of all four"),
        step("stochastic", "stochastic: sample 4 alone"),
        step("mini-batch", "mini-batch: the mean of samples 1 and 2"),
        Equation("L after the batch step", "", float(values["loss after"]), f"before: {number(float(values['loss']))}"),
        Say("Each sample pulls with its own strength. The mean of many pulls steadily, but all must be looked at."),
    ]


def _epochs(values: dict[str, Array]) -> list[Block]:
    seen = {name: np.arange(0, len(X) * EPOCHS + 1, size, dtype=float) for name, size in WAYS.items()}
    best = _best()
    rows = [
        [name, len(values[name]) - 1, values[name][len(X) // size], values[name][-1]] for name, size in WAYS.items()
    ]
    return [
        Curves(
            f"The weight over {EPOCHS} epochs",
            "samples seen",
            "w",
            {name: (seen[name], values[name]) for name in WAYS},
            note=f"The lowest loss is at w = {number(best)}.",
        ),
        Table(("way", "updates", "w after 1 epoch", f"w after {EPOCHS}"), rows),
        Say(
            "With one sample a step the weight is there first, and does not come to rest: each sample wants another w. "
            "A rate that falls with time settles it (`learnloop explain schedules`)."
        ),
    ]


def _best() -> float:
    """Where the slope is 0: it is a straight line in w."""
    low, high = float(slope(np.array([0.0]))[0]), float(slope(np.array([1.0]))[0])
    return low / (low - high)


def _sizes(values: dict[str, Array]) -> list[Block]:
    curvature = float(slope(np.array([1.0]))[0] - slope(np.array([0.0]))[0])
    factors = [
        Equation("1 - alpha c", f"1 - {number(alpha)}*{number(curvature)}", 1 - alpha * curvature, meaning)
        for alpha, meaning in zip(
            ALPHAS, ("slow", "fast", "over the floor and back, nearer each time", "further each time")
        )
    ]
    steps = np.arange(STEPS + 1.0)
    return [
        Say(
            f"The slope grows by `c = {number(curvature)}` for each 1 that w goes on: that is the curvature. "
            "A step multiplies the distance to the lowest point by `1 - alpha c`."
        ),
        *factors,
        Curves(
            "The weight under four alphas (batch)",
            "step",
            "w",
            {f"alpha = {number(alpha)}": (steps, values[f"alpha = {number(alpha)}"]) for alpha in ALPHAS},
        ),
        Equation("limit 2/c", f"2/{number(curvature)}", 2 / curvature, "alphas above it diverge"),
    ]
