"""`learnloop explain adam`: three steps by hand, what the correction is for, and what decay does beside it."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Say, Section, Table, Walk, factor, number
from learnloop.scratch.adam import Moments, adam, adamw, average, correct, example
from learnloop.scratch.regularise import l2_backward

ALPHA, BETA1, BETA2, EPSILON, STEPS = 0.1, 0.9, 0.999, 1e-8, 60
LAMBDA = 0.1
START = 1.0
"""The weight of the example before its first step."""


def walk() -> Walk:
    values = example() | _uncorrected() | _scales() | _decays()
    sections = [
        Section("Two averages", _averages(values)),
        *(Section(f"Step {t}", _step(values, t)) for t in (1, 2, 3)),
        Section("Why correct", _correction(values)),
        Section("Decay: L2 is not AdamW", _decay(values)),
        Section("Remember", _remember(values)),
    ]
    return Walk(
        "Adam: a step of its own for every weight",
        sections,
        values,
        "course guide 004, section 3.2.3, equations 23 to 26; Kingma and Ba, Adam, 2015; Loshchilov and Hutter, "
        "Decoupled Weight Decay Regularization, 2019. Code: learnloop.scratch.adam",
        ["learnloop explain optimisers", "learnloop explain schedules", "learnloop explain regularise"],
    )


def _uncorrected() -> dict[str, Array]:
    """Step lengths over alpha under a constant slope, with and without (25). [STEPS]"""
    state: Moments | None = None
    rows = []
    for _ in range(STEPS):
        state = average(np.zeros(1), np.ones(1), state, BETA1, BETA2)
        m_hat, v_hat = correct(state, BETA1, BETA2)
        rows.append([(state.m / np.sqrt(state.v))[0], (m_hat / np.sqrt(v_hat))[0]])
    without, corrected = np.array(rows).T  # [STEPS], [STEPS]
    return {"step without correction": without, "step with correction": corrected}


def _scales() -> dict[str, Array]:
    """The weight after the three steps of the example when all slopes are so many times as large."""
    found = {}
    for scale in (0.01, 1.0, 100.0):
        w, state = np.array([START]), None
        for slope in example()["g"] * scale:
            w, state = adam(w, np.array([slope]), state, ALPHA)
        found[f"w, slopes times {number(scale)}"] = w[0]
    return found


def _decays() -> dict[str, Array]:
    """Two weights start at 1; the slopes turn back and forth, a hundred times larger for the first. [STEPS + 1, 2]"""
    size = np.array([10.0, 0.1])

    def run(penalty: float, decay: float) -> Array:
        w, state, places = np.ones(2), None, [np.ones(2)]
        for t in range(STEPS):
            slope = size * (-1) ** t + l2_backward([w], penalty)[0]
            w, state = adamw(w, slope, state, ALPHA, decay=decay)
            places.append(w)
        return np.array(places)

    return {"decay none": run(0.0, 0.0), "decay L2": run(LAMBDA, 0.0), "decay AdamW": run(0.0, LAMBDA)}


def _averages(values: dict[str, Array]) -> list[Block]:
    first, second, third = values["g"]
    return [
        Say(
            "Adam keeps two averages for every weight: `m` of its slopes, `v` of their squares. Settings: "
            f"`alpha = {number(ALPHA)}`, `beta1 = {number(BETA1)}`, `beta2 = {number(BETA2)}`; "
            f"`epsilon = {number(EPSILON)}` only keeps the divisor off 0."
        ),
        Equation("m := beta1 m + (1 - beta1) g", meaning="where to"),
        Equation("v := beta2 v + (1 - beta2) g^2", meaning="how large slopes are here"),
        Equation("w := w - alpha m_hat / (sqrt(v_hat) + epsilon)", meaning="so the unit of g cancels"),
        Say(
            f"One weight starts at `w = {number(START)}`. "
            f"Its slopes will be {number(first)}, {number(second)} and {number(third)}."
        ),
    ]


def _step(values: dict[str, Array], t: int) -> list[Block]:
    g, m, v, m_hat, v_hat, w = (values[name][t - 1] for name in ("g", "m", "v", "m_hat", "v_hat", "w"))
    m_before, v_before = (values[name][t - 2] if t > 1 else 0.0 for name in ("m", "v"))
    w_before = values["w"][t - 2] if t > 1 else START
    b1, b2, rest1, rest2 = number(BETA1), number(BETA2), number(1 - BETA1), number(1 - BETA2)
    return [
        Equation("m := beta1 m + (1 - beta1) g", f"{b1}*{factor(m_before)} + {rest1}*{factor(g)}", m),
        Equation("v := beta2 v + (1 - beta2) g^2", f"{b2}*{factor(v_before)} + {rest2}*{factor(g)}**2", v),
        Equation(f"m_hat = m / (1 - beta1^{t})", f"{factor(m)} / (1 - {b1}**{t})", m_hat),
        Equation(f"v_hat = v / (1 - beta2^{t})", f"{factor(v)} / (1 - {b2}**{t})", v_hat),
        Equation(
            "w := w - alpha m_hat / (sqrt(v_hat) + epsilon)",
            f"{number(w_before)} - {number(ALPHA)}*{factor(m_hat)} / (sqrt({number(v_hat)}) + {number(EPSILON)})",
            w,
        ),
        Say(_COMMENTS[t - 1]),
    ]


_COMMENTS = (
    "The first corrected averages are the slope and its square themselves. Their quotient is 1: the step is alpha.",
    "The slope turned, three times as large. The averages weigh both, so the step back is shorter than alpha.",
    "The slopes so far nearly cancel: m is small, v is not. Where slopes disagree, Adam takes small steps.",
)


def _correction(values: dict[str, Array]) -> list[Block]:
    t = np.arange(1.0, STEPS + 1)
    lines = {name: (t, values[f"step {name}"]) for name in ("without correction", "with correction")}
    return [
        Say(
            "Both averages start at 0, as if slopes of 0 had come before. `v` is slower: it stays too small for longer."
        ),
        Curves("Length of a step, in alphas, while the slope stays the same", "step", "length / alpha", lines),
        Equation(
            "m / sqrt(v) = (1 - beta1) / sqrt(1 - beta2)",
            f"(1 - {number(BETA1)}) / sqrt(1 - {number(BETA2)})",
            values["step without correction"][0],
            "alphas: the first step without the correction",
        ),
        Equation("m_hat / sqrt(v_hat)", "", values["step with correction"][0], "alpha: the first step with it"),
    ]


def _decay(values: dict[str, Array]) -> list[Block]:
    t = np.arange(STEPS + 1.0)
    lines = {
        f"{kind}, {slopes} slopes": (t, values[f"decay {kind}"][:, column])
        for kind in ("L2", "AdamW")
        for column, slopes in enumerate(("large", "small"))
    }
    after = adamw(np.array([START]), np.zeros(1), None, ALPHA, decay=LAMBDA)[0][0]
    return [
        Say(
            "An L2 penalty adds `lambda w` to the slope. Adam divides that by `sqrt(v_hat)` with all the rest, so that "
            "a weight with large slopes is hardly pulled. AdamW shrinks every weight by the same share instead."
        ),
        Equation(
            "w := (1 - alpha decay) w",
            f"(1 - {number(ALPHA)}*{number(LAMBDA)})*{number(START)}",
            after,
            "AdamW's pull; then Adam's step",
        ),
        Curves(
            "Two weights whose slopes turn back and forth, 100 times larger for one",
            "step",
            "w",
            lines,
            note="AdamW's two lines lie on each other.",
        ),
        Table(
            (f"w after {STEPS} steps", "large slopes", "small slopes"),
            [[kind, *values[f"decay {kind}"][-1]] for kind in ("none", "L2", "AdamW")],
            note="The first row: what the turning slopes alone do.",
        ),
    ]


def _remember(values: dict[str, Array]) -> list[Block]:
    names = [name for name in values if name.startswith("w, slopes")]
    return [
        Say("`m` says where to, `sqrt(v)` how far: alpha is about the length of a step, for every weight."),
        Table(("the same three steps with", "w at the end"), [[name[3:], float(values[name])] for name in names]),
        Say("So the unit of the loss does not matter. SGD would need another alpha in each row."),
        Say("With weight decay, take AdamW."),
    ]
