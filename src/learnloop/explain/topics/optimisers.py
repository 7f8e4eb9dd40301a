"""`learnloop explain optimisers`: a rate for every weight, and the paths of all optimisers in a valley, on a saddle."""

from __future__ import annotations

from collections.abc import Iterable

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
from learnloop.scratch.adaptive import Squares, adagrad, example, rmsprop
from learnloop.scratch.surfaces import (
    RULES,
    SADDLE_START,
    STEEPNESS,
    VALLEY_START,
    paths,
    rotation,
    saddle_gradient,
    turned,
    valley,
    valley_gradient,
)

ALPHA, BETA = 0.1, 0.9
"""Of the example of `adaptive`."""
STEPS, LONG, QUARTER = 60, 400, np.pi / 4
HALF = 30
SHOWN = (0, 10, HALF, STEPS)


def walk() -> Walk:
    values = example() | _rates() | _valleys() | _saddles()
    sections = [
        Section("Two weights, slopes ten times apart", _adagrad(values)),
        Section("Adagrad tires, RMSprop forgets", _rmsprop(values)),
        Section("Through a narrow valley", _valley(values)),
        Section("Off a saddle", _saddle(values)),
        Section("The same valley, turned", _turned(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Optimisers: ten ways downhill",
        sections,
        values,
        "course guide 004, section 3.2; guide 003, Adaptive learning rate optimizers; Goodfellow, Bengio and "
        "Courville, Deep Learning, 2016, sections 8.2 and 8.5. Code: learnloop.scratch.adaptive, "
        "learnloop.scratch.surfaces",
        ["learnloop explain sgd", "learnloop explain momentum", "learnloop explain adam"],
    )


_REMEMBER = (
    "Momentum averages over time. Adagrad, RMSprop and Adadelta scale each weight by itself. Adam does both.",
    "These are two small pictures with alphas chosen for them: they show how each rule moves, not which is best. "
    "On your data, `learnloop compare` tells.",
)


def _rates() -> dict[str, Array]:
    """The length of each step while the slope stays 1. [STEPS] each"""
    found: dict[str, list[float]] = {"adagrad": [], "rmsprop": []}
    sums: Squares | None = None
    average: Squares | None = None
    for _ in range(STEPS):
        w, sums = adagrad(np.zeros(1), np.ones(1), sums, ALPHA)
        found["adagrad"].append(-float(w[0]))
        w, average = rmsprop(np.zeros(1), np.ones(1), average, ALPHA, BETA)
        found["rmsprop"].append(-float(w[0]))
    return {f"{name}, step by step": np.array(steps) for name, steps in found.items()}


def _valleys() -> dict[str, Array]:
    """Paths [STEPS + 1, 2] in the valley and in the turned one (turned back), and their heights."""
    start, R = np.array(VALLEY_START), rotation(QUARTER)
    straight = paths(valley_gradient, start, STEPS)
    across = paths(turned(valley_gradient, QUARTER), R @ start, STEPS)
    found: dict[str, Array] = {}
    for name in RULES:
        back = across[name] @ R  # each row R' w
        found |= {f"valley {name}": straight[name], f"height {name}": valley(straight[name])}
        found |= {f"turned {name}": back, f"turned height {name}": valley(back)}
    return found


def _saddles() -> dict[str, Array]:
    """Paths [LONG + 1, 2] off the saddle, and the steps to half of the way to the lowest point."""
    found: dict[str, Array] = {}
    for name, places in paths(saddle_gradient, np.array(SADDLE_START), LONG).items():
        found |= {f"saddle {name}": places, f"steps off {name}": np.array(float(np.argmax(np.abs(places[:, 1]) > 0.5)))}
    return found


def _adagrad(values: dict[str, Array]) -> list[Block]:
    (w, _), (first, second) = values["w"], values["g"][:, 0]
    small = values["g"][:, 1]
    w1, state = adagrad(values["w"], values["g"][0], None, ALPHA)
    s1, s2 = state.s[0], values["adagrad_s"][0]
    return [
        Say(
            f"The first weight sees the slopes {number(first)} and {number(second)}, the second {number(small[0])} and "
            f"{number(small[1])}. One alpha for both suits neither. Adagrad divides by the root of all squares so far."
        ),
        Equation("s := s + g^2", f"0 + {factor(first)}**2", s1, "the first weight"),
        Equation(
            "w := w - alpha g / sqrt(s)", f"{number(w)} - {number(ALPHA)}*{factor(first)} / sqrt({number(s1)})", w1[0]
        ),
        Equation("s := s + g^2", f"{number(s1)} + {factor(second)}**2", s2),
        Equation(
            "w := w - alpha g / sqrt(s)",
            f"{number(w1[0])} - {number(ALPHA)}*{factor(second)} / sqrt({number(s2)})",
            values["adagrad"][0],
        ),
        Table(
            ("after two steps", "first weight", "second weight"),
            [[name, *values[name]] for name in ("adagrad", "rmsprop", "adadelta")],
            note="Slopes ten times smaller, the same steps. (Adadelta starts slowly: its first step is made of "
            "epsilon.)",
        ),
    ]


def _rmsprop(values: dict[str, Array]) -> list[Block]:
    w, (first, second) = values["w"][0], values["g"][:, 0]
    w1, state = rmsprop(values["w"], values["g"][0], None, ALPHA, BETA, 0.0)
    s1, s2 = state.s[0], values["rmsprop_s"][0]
    share, rest = number(BETA), number(1 - BETA)
    t = np.arange(1.0, STEPS + 1)
    return [
        Say("RMSprop takes a fading average of the squares instead of their sum."),
        Equation("s := beta s + (1 - beta) g^2", f"{share}*0 + {rest}*{factor(first)}**2", s1),
        Equation(
            "w := w - alpha g / sqrt(s)", f"{number(w)} - {number(ALPHA)}*{factor(first)} / sqrt({number(s1)})", w1[0]
        ),
        Equation("s := beta s + (1 - beta) g^2", f"{share}*{factor(s1)} + {rest}*{factor(second)}**2", s2),
        Equation(
            "w := w - alpha g / sqrt(s)",
            f"{number(w1[0])} - {number(ALPHA)}*{factor(second)} / sqrt({number(s2)})",
            values["rmsprop"][0],
        ),
        Curves(
            "Length of a step while the slope stays 1",
            "step",
            "length",
            {name: (t, values[f"{name}, step by step"]) for name in ("adagrad", "rmsprop")},
            note="Adagrad's steps only get shorter. RMSprop's start too long (its average starts at 0) and go to "
            "alpha.",
        ),
        Say(
            "Guide 004 prints `sqrt(s + epsilon)`, PyTorch computes `sqrt(s) + epsilon`. "
            "With slopes near 0 the second takes far longer steps."
        ),
    ]


def _lines(values: dict[str, Array], surface: str, names: Iterable[str]) -> dict[str, tuple[Array, Array]]:
    return {name: (values[f"{surface} {name}"][:, 0], values[f"{surface} {name}"][:, 1]) for name in names}


def _valley(values: dict[str, Array]) -> list[Block]:
    along, across = "w1, along the valley", "w2, across it"
    return [
        Say(
            f"`f = (w1^2 + {number(STEEPNESS)} w2^2) / 2`: steep walls, a floor that hardly falls. "
            f"All start at {listed(VALLEY_START)}; the lowest point is [0, 0]."
        ),
        Curves(
            f"One rate for both, {STEPS} steps",
            along,
            across,
            _lines(values, "valley", ("sgd", "momentum", "nesterov")),
        ),
        Curves(
            f"A rate for each, {STEPS} steps",
            along,
            across,
            _lines(values, "valley", ("adagrad", "adadelta", "rmsprop", "adam")),
        ),
        Table(
            ("height", *(f"step {step}" for step in SHOWN)),
            [[name, *values[f"height {name}"][list(SHOWN)]] for name in RULES],
            note="momentum and momentum_classic have alphas ten apart and are one path; amsgrad stays close to adam.",
        ),
    ]


def _saddle(values: dict[str, Array]) -> list[Block]:
    t = np.arange(STEPS + 1.0)
    names = ("sgd", "momentum", "nesterov", "rmsprop", "adam")
    away = {name: (t, np.abs(values[f"saddle {name}"][: STEPS + 1, 1])) for name in names}
    return [
        Say(
            "`f = w1^2/2 - w2^2/2 + w2^4/4` falls towards the middle along w1 and away from it along w2. At [0, 0] it "
            f"is flat, and no minimum. All start almost on the ridge, at {listed(SADDLE_START)}."
        ),
        Curves(
            "Distance from the ridge", "step", "|w2|", away, log_y=True, note="The lowest points are at w2 = 1 and -1."
        ),
        Table(
            ("rule", "steps to half of the way down"),
            [[name, float(values[f"steps off {name}"])] for name in RULES],
        ),
        Say(
            "Near the ridge the slope along w2 is as small as w2 itself. SGD multiplies it by `1 + alpha` and waits. "
            "Rules that divide by the size of the slope do not see how small it is."
        ),
    ]


def _turned(values: dict[str, Array]) -> list[Block]:
    rows = [
        (name, float(values[f"height {name}"][HALF]), float(values[f"turned height {name}"][HALF])) for name in RULES
    ]
    return [
        Say(
            "Turn the valley by 45 degrees: now both weights see steep walls, and a rate for each cannot tell them "
            "apart."
        ),
        Curves(
            "Adam's path in both (the turned one turned back)",
            "w1, along the valley",
            "w2, across it",
            _lines(values, "valley", ["adam"]) | {"adam, turned": _lines(values, "turned", ["adam"])["adam"]},
        ),
        Table((f"height after {HALF} steps", "valley along an axis", "valley turned"), rows),
        Say("SGD and momentum do not notice. Those with a rate for each weight lose part of their gain."),
    ]
