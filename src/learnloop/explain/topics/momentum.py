"""`learnloop explain momentum`: steps that remember, in the averaging form, the classic form and Nesterov's."""

from __future__ import annotations

from functools import partial

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Curves,
    Equation,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
)
from learnloop.scratch.optimisers import (
    Velocity,
    example,
    momentum,
    momentum_classic,
    nesterov,
    nesterov_ahead,
    path,
)
from learnloop.scratch.surfaces import RULES, STEEPNESS, VALLEY_START, valley, valley_gradient

ALPHA, BETA, STEPS, LONG = 0.1, 0.9, 60, 40
SHOWN = (0, 10, 20, 40, STEPS)
SLOPE = 2.0
"""Of the hill that has the same slope everywhere."""


def walk() -> Walk:
    values = example() | _constant() | _same_path() | _in_the_valley() | _ahead()
    sections = [
        Section("Two slopes, one velocity", _two_steps(values)),
        Section("The classic form", _classic(values)),
        Section("Which alpha belongs to which form", _mapping(values)),
        Section("In a narrow valley", _valley(values)),
        Section("Nesterov: the slope further on", _nesterov(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Momentum: steps that remember",
        sections,
        values,
        "course guide 004, section 3.2.1, equations 19 and 20; Sutskever et al., On the importance of initialization "
        "and momentum, 2013. Code: learnloop.scratch.optimisers",
        ["learnloop explain adam", "learnloop explain optimisers"],
    )


_REMEMBER = (
    "Slopes that agree add up; slopes that turn back and forth cancel.",
    "A book's `v = beta v + (1 - beta) g` takes an alpha that is `1/(1 - beta)` times PyTorch's lr. "
    "Ask which form is meant before you copy a learning rate.",
)


def _constant() -> dict[str, Array]:
    """The velocities under g = SLOPE, step by step. [LONG + 1] each"""
    g, values = np.array([SLOPE]), {}
    for rule in (momentum, momentum_classic):
        state, velocities = Velocity(np.zeros(1)), [0.0]
        for _ in range(LONG):
            _, state = rule(np.zeros(1), g, state, ALPHA, BETA)
            velocities.append(float(state.v[0]))
        values[f"constant {rule.__name__}"] = np.array(velocities)
    return values


def _same_path() -> dict[str, Array]:
    """Four steps down f = w^2 / 2, whose slope at w is w."""
    rules = {
        "averaging": partial(momentum, alpha=ALPHA, beta=BETA),
        "classic, same alpha": partial(momentum_classic, alpha=ALPHA, beta=BETA),
        "classic, mapped alpha": partial(momentum_classic, alpha=ALPHA * (1 - BETA), beta=BETA),
    }
    return {name: path(rule, lambda w: w, np.array([1.0]), 4)[:, 0] for name, rule in rules.items()}


def _in_the_valley() -> dict[str, Array]:
    start = np.array(VALLEY_START)
    found = {f"{name} in the valley": path(RULES[name], valley_gradient, start, STEPS) for name in ("sgd", "momentum")}
    heights = {name.replace("in", "height in", 1): valley(places) for name, places in found.items()}
    return found | heights


def _ahead() -> dict[str, Array]:
    """Three steps down f = w^2 / 2 in both of Nesterov's forms: w, and the point ahead w - alpha beta v."""
    w, state, behind, ahead = np.array([1.0]), None, [1.0], [1.0]
    for _ in range(3):
        w, state = nesterov_ahead(w, lambda place: place, state, ALPHA, BETA)
        behind.append(float(w[0]))
        ahead.append(float((w - ALPHA * BETA * state.v)[0]))
    torch_form = path(partial(nesterov, alpha=ALPHA, beta=BETA), lambda w: w, np.array([1.0]), 3)[:, 0]
    return {"nesterov, w": np.array(behind), "nesterov, ahead": np.array(ahead), "nesterov, PyTorch": torch_form}


def _two_steps(values: dict[str, Array]) -> list[Block]:
    w, g, v2 = values["w"][0], values["g"][:, 0], values["momentum_v"][0]
    _, state = momentum(values["w"], values["g"][0], None, ALPHA, BETA)
    v1 = state.v[0]
    w1 = momentum(values["w"], values["g"][0], None, ALPHA, BETA)[0][0]
    return [
        Say(
            "Plain descent goes against the slope of this moment. Momentum goes against an average of the slopes so "
            f"far, the velocity `v`. Here `alpha = {number(ALPHA)}`, `beta = {number(BETA)}`, and one weight meets the "
            f"slopes {number(g[0])} and {number(g[1])}."
        ),
        Equation(
            "v := beta v + (1 - beta) g", f"{number(BETA)}*0 + {number(1 - BETA)}*{factor(g[0])}", v1, "v starts at 0"
        ),
        Equation("w := w - alpha v", f"{number(w)} - {number(ALPHA)}*{factor(v1)}", w1),
        Equation("v := beta v + (1 - beta) g", f"{number(BETA)}*{factor(v1)} + {number(1 - BETA)}*{factor(g[1])}", v2),
        Equation("w := w - alpha v", f"{number(w1)} - {number(ALPHA)}*{factor(v2)}", values["momentum"][0]),
        Say("A slope that is k steps old still counts `(1 - beta) beta^k`: it fades and is never quite gone."),
    ]


def _classic(values: dict[str, Array]) -> list[Block]:
    g, steps = values["g"][:, 0], np.arange(LONG + 1.0)
    averaged, summed = values["constant momentum"], values["constant momentum_classic"]
    v1 = float(momentum_classic(values["w"], values["g"][0], None, ALPHA, BETA)[1].v[0])
    return [
        Say(
            "Polyak's form, and PyTorch's, leaves the factor `1 - beta` away. Its velocity is a fading sum, no average."
        ),
        Equation("v := beta v + g", f"{number(BETA)}*0 + {factor(g[0])}", v1),
        Equation("v := beta v + g", f"{number(BETA)}*{factor(v1)} + {factor(g[1])}", values["momentum_classic_v"][0]),
        Curves(
            f"The velocity while the slope stays {number(SLOPE)}",
            "step",
            "v",
            {"averaging form": (steps, averaged), "classic form": (steps, summed)},
        ),
        Equation("classic: v goes to g / (1 - beta)", f"{number(SLOPE)} / (1 - {number(BETA)})", SLOPE / (1 - BETA)),
        Equation(f"averaging: v after {LONG} steps", "", averaged[-1], "it goes to g itself"),
    ]


def _mapping(values: dict[str, Array]) -> list[Block]:
    names = ("averaging", "classic, same alpha", "classic, mapped alpha")
    return [
        Say("The two velocities differ by the factor `1 - beta` and by nothing else. So alpha can make up for it."),
        Equation("alpha_classic = alpha (1 - beta)", f"{number(ALPHA)}*(1 - {number(BETA)})", ALPHA * (1 - BETA)),
        Table(
            ("w, step by step", *(f"{step}" for step in range(5))),
            [[name, *values[name]] for name in names],
            note="The slope is w itself (f = w^2 / 2). The first and the last row are one path.",
        ),
        Say(
            "PyTorch's SGD has a `dampening` that looks like `1 - beta`. It leaves the first slope undamped, so "
            f"with `dampening = beta` its first v is {number(values['g'][0, 0])} where the averaging form has "
            f"{number((1 - BETA) * values['g'][0, 0])}."
        ),
    ]


def _valley(values: dict[str, Array]) -> list[Block]:
    plain, smooth = values["sgd in the valley"], values["momentum in the valley"]
    return [
        Curves(
            f"Seen from above: from {listed(VALLEY_START)} to the lowest point [0, 0]",
            "w1, along the valley",
            "w2, across it",
            {"sgd": (plain[:, 0], plain[:, 1]), "momentum": (smooth[:, 0], smooth[:, 1])},
            note=f"f = (w1^2 + {number(STEEPNESS)} w2^2) / 2: so many times steeper across than along.",
        ),
        Table(
            ("height", *(f"step {step}" for step in SHOWN)),
            [[name, *values[f"{name} height in the valley"][list(SHOWN)]] for name in ("sgd", "momentum")],
            note="Momentum swings past the lowest point and comes back: sooner there, but not straight.",
        ),
        Say(
            "Plain steps jump from wall to wall, and alpha must stay small for that. In the average the jumps cancel: "
            "what is left leads along the valley."
        ),
    ]


def _nesterov(values: dict[str, Array]) -> list[Block]:
    behind, ahead = values["nesterov, w"], values["nesterov, ahead"]
    _, state = nesterov_ahead(np.array([1.0]), lambda place: place, None, ALPHA, BETA)
    v1 = float(state.v[0])
    return [
        Say("Momentum will carry us on anyway. Nesterov takes the slope there, not where we stand."),
        Equation(
            "ahead = w - alpha beta v",
            f"{number(behind[1])} - {number(ALPHA)}*{number(BETA)}*{factor(v1)}",
            ahead[1],
            "after one step on f = w^2 / 2",
        ),
        Table(
            ("", *(f"step {step}" for step in range(4))),
            [
                ["w, the book's form", *behind],
                ["the point ahead of it", *ahead],
                ["PyTorch's w: g + beta v", *values["nesterov, PyTorch"]],
            ],
            note="PyTorch keeps the point ahead as its weight. The last two rows are the same.",
        ),
    ]
