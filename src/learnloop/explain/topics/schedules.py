"""`learnloop explain schedules`: learning rates that fall, by the formula and as curves, and what it is good for."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Say, Section, Table, Walk, number
from learnloop.scratch.metrics import rmse
from learnloop.scratch.optimisers import sgd
from learnloop.scratch.schedules import (
    cosine,
    example,
    exponential,
    linear,
    milestones,
    one_cycle,
    staircase,
    warm_up,
)

ALPHA, DECAY, STEPS, RUN, WARM = 0.1, 0.5, 10, 40, 5
"""ALPHA, DECAY and STEPS: of the example. The curves run over RUN steps."""
NOISY, SEED = 200, 0


def walk() -> Walk:
    values = example() | _curves() | _noisy()
    sections = [
        Section("Why it should fall", _why(values)),
        Section("Halved every so many steps", _formula(values)),
        Section("As a curve, or in stairs", _stairs(values)),
        Section("To zero on time: linear and cosine", _to_zero(values)),
        Section("A warm start, and one cycle", _warm(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Schedules: a learning rate that falls",
        sections,
        values,
        "course guide 004, section 12.1, equation 73; Loshchilov and Hutter, SGDR, 2017; Smith and Topin, "
        "Super-Convergence, "
        "2019; Goyal et al., 2017, section 2.2. Code: learnloop.scratch.schedules",
        ["learnloop explain sgd", "learnloop explain adam"],
    )


_REMEMBER = (
    "Large steps first to get near, small ones at the end to settle.",
    "A schedule that ends at 0 must know the end: `learnloop fit --minutes` sets it by the clock.",
    "PyTorch calls them ExponentialLR, StepLR, MultiStepLR, LinearLR, CosineAnnealingLR and OneCycleLR.",
)


def _curves() -> dict[str, Array]:
    """alpha_t for t = 0 ... RUN (one_cycle: its last step is RUN). [RUN + 1] each"""
    t = np.arange(RUN + 1.0)
    return {
        "steps": t,
        "curve exponential": exponential(t, ALPHA, DECAY, STEPS),
        "curve staircase": staircase(t, ALPHA, DECAY, STEPS),
        "curve milestones": milestones(t, ALPHA, 0.1, (RUN // 2, RUN * 3 // 4)),
        "curve linear": linear(t, ALPHA, RUN),
        "curve cosine": cosine(t, ALPHA, RUN),
        "curve warm-up, then cosine": warm_up(t, ALPHA, WARM, lambda s: cosine(s, ALPHA, RUN - WARM)),
        "curve one cycle": one_cycle(t, ALPHA, RUN + 1),
    }


def _noisy() -> dict[str, Array]:
    """SGD on w^2 / 2 with slopes w + noise, alpha kept or falling to 0; the same noise. [NOISY + 1] each"""
    noise = np.random.default_rng(SEED).normal(0, 2, NOISY)
    rates = {"alpha stays": np.full(NOISY, 0.3), "alpha falls": linear(np.arange(float(NOISY)), 0.3, NOISY)}
    found = {}
    for name, alphas in rates.items():
        w, places = np.array([4.0]), [4.0]
        for alpha, push in zip(alphas, noise):
            w, _ = sgd(w, w + push, None, float(alpha))
            places.append(float(w[0]))
        found[name] = np.array(places)
    return found


def _lines(values: dict[str, Array], *names: str) -> dict[str, tuple[Array, Array]]:
    return {name: (values["steps"], values[f"curve {name}"]) for name in names}


def _why(values: dict[str, Array]) -> list[Block]:
    t, last = np.arange(NOISY + 1.0), NOISY // 4
    names = ("alpha stays", "alpha falls")
    rows: list[list[str | float]] = [
        [name, rmse(np.zeros(last), values[name][-last:]), float(values[name][-1])] for name in names
    ]
    return [
        Say("Slopes of small batches are noisy. Here `f = w^2 / 2`, lowest at 0, and every slope is off by chance."),
        Curves("The weight", "step", "w", {name: (t, values[name]) for name in names}),
        Table((f"the last {last} steps", "typical distance from 0", "at the end"), rows),
        Say("Both come down equally fast. One that keeps its alpha is pushed about for ever; the other comes to rest."),
    ]


def _formula(values: dict[str, Array]) -> list[Block]:
    sums = [
        Equation(
            "alpha_t = alpha_0 decay^(t / steps)",
            f"{number(ALPHA)}*{number(DECAY)}**({number(t)}/{STEPS})",
            float(alpha),
            f"t = {number(t)}",
        )
        for t, alpha in zip(values["t"], values["exponential"])
    ]
    return [
        Say(f"`alpha_0 = {number(ALPHA)}`, `decay = {number(DECAY)}`, `steps = {STEPS}`: halved every {STEPS} steps."),
        *sums,
    ]


def _stairs(values: dict[str, Array]) -> list[Block]:
    t = values["t"][1]
    return [
        Say(
            "As guide 004 prints it, the exponent is a fraction and alpha falls with every step. "
            "With whole numbers only, rounded down, it falls in stairs."
        ),
        Equation(
            "alpha_t = alpha_0 decay^floor(t / steps)",
            f"{number(ALPHA)}*{number(DECAY)}**floor({number(t)}/{STEPS})",
            float(values["staircase"][1]),
            f"t = {number(t)}; as a curve it is {number(float(values['exponential'][1]))}",
        ),
        Curves(
            "The learning rate",
            "step t",
            "alpha_t",
            _lines(values, "exponential", "staircase", "milestones"),
            note="milestones: a tenth at half and a tenth at three quarters of the run, as chosen by hand.",
        ),
        Table(
            ("t", *(number(t) for t in values["t"])), [[name, *values[name]] for name in ("exponential", "staircase")]
        ),
    ]


def _to_zero(values: dict[str, Array]) -> list[Block]:
    half, quarter = RUN // 2, RUN // 4
    turn = np.cos(np.pi * quarter / RUN)
    return [
        Curves("The learning rate", "step t", "alpha_t", _lines(values, "linear", "cosine")),
        Equation(
            "linear: alpha_0 (1 - t / T)",
            f"{number(ALPHA)}*(1 - {quarter}/{RUN})",
            float(values["curve linear"][quarter]),
            f"t = {quarter}",
        ),
        Equation("cos(pi t / T)", "", float(turn), f"t = {quarter}"),
        Equation(
            "cosine: alpha_0 (1 + cos(pi t / T)) / 2",
            f"{number(ALPHA)}*(1 + {number(turn)})/2",
            float(values["curve cosine"][quarter]),
            f"t = {quarter}",
        ),
        Equation("both at half of the run", "", float(values["curve cosine"][half]), f"t = {half}"),
        Say("Cosine stays high for longer, then low for longer. Past the end PyTorch's climbs again; ours stays down."),
    ]


def _warm(values: dict[str, Array]) -> list[Block]:
    return [
        Say(
            "At the start slopes are often largest, and Adam's averages know least. "
            "A few small steps first cost little and keep the weights from being thrown far off."
        ),
        Equation(
            "warm-up: alpha_0 t / steps",
            f"{number(ALPHA)}*2/{WARM}",
            float(values["curve warm-up, then cosine"][2]),
            "t = 2",
        ),
        Curves("The learning rate", "step t", "alpha_t", _lines(values, "warm-up, then cosine", "one cycle")),
        Equation("one cycle, first: alpha_0 / 25", f"{number(ALPHA)}/25", float(values["curve one cycle"][0])),
        Equation("one cycle, last: alpha_0 / 250000", f"{number(ALPHA)}/250000", float(values["curve one cycle"][-1])),
    ]
