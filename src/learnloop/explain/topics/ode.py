"""`learnloop explain ode`: a layer that is a differential equation; Euler against Runge-Kutta; backwards in time."""

from __future__ import annotations

import numpy as np

from learnloop.explain.topics.ode_backwards import (
    COUNTS,
    DT,
    SPAN,
    a_layer_as_field,
    backwards_through_steps,
    gradients,
    two_ways_back,
)
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
    number,
)
from learnloop.scratch.ode import euler_step, example, flow, rk4_step, slopes

TURN = 2 * np.pi
TURN_STEPS = 20
ROTATION = np.array([[0.0, 1.0], [-1.0, 0.0]])
"""dh/dt = R h turns clockwise and keeps the length."""


def walk() -> Walk:
    values = example()
    values |= _rk4_by_hand() | _errors() | _turns() | gradients(values) | two_ways_back(values)
    sections = [
        _blocks(values),
        _euler(values),
        _rk4(values),
        _worth(values),
        a_layer_as_field(values),
        backwards_through_steps(values),
    ]
    return Walk(
        "Neural ODE: a network whose depth is time",
        [*sections, _remember()],
        values,
        "course guide 004, section 13.3, equation 80; Chen et al., Neural Ordinary Differential Equations, 2018; "
        "Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I. Code: learnloop.scratch.ode",
        ("learnloop explain rnn", "learnloop explain vanishing", "learnloop explain maml"),
    )


def _decay(h: Array, t: float) -> Array:
    return -h


def _turning(h: Array, t: float) -> Array:
    return h @ ROTATION.T


def _rk4_by_hand() -> dict[str, Array]:
    return {"k": np.array([k[0] for k in slopes(_decay, np.array([1.0]), 0.0, DT)])}


def _errors() -> dict[str, Array]:
    """|h(1) - e^-1| for each count of steps."""
    exact, one = np.exp(-SPAN), np.array([1.0])
    return {
        f"errors, {name}": np.array([abs(flow(step, _decay, one, SPAN, count)[-1, 0] - exact) for count in COUNTS])
        for name, step in (("Euler", euler_step), ("RK4", rk4_step))
    }


def _turns() -> dict[str, Array]:
    """One turn of the circle in TURN_STEPS steps, and the circle. [steps + 1, 2]"""
    start = np.array([1.0, 0.0])
    angle = np.linspace(0, TURN, 101)
    return {
        "turn, Euler": flow(euler_step, _turning, start, TURN, TURN_STEPS),
        "turn, RK4": flow(rk4_step, _turning, start, TURN, TURN_STEPS),
        "turn, exact": np.stack([np.cos(angle), -np.sin(angle)], axis=1),
    }


def _blocks(values: dict[str, Array]) -> Section:
    t = np.array([0.0, DT, SPAN])
    fine = np.linspace(0, SPAN, 41)
    return Section(
        "From layers to time",
        [
            Say(
                "A residual block adds a little to its input: `h' = h + f(h)`. Stack many and let each add less: in "
                "the end there is a speed, `dh/dt = f(h, t)`, and depth has become time. That is equation 80."
            ),
            Say("It says how fast h moves, not where it gets to. A solver walks along it, in steps of length dt."),
            Curves(
                "dh/dt = -h from h = 1, in two steps",
                "t",
                "h",
                {
                    "exact, e^-t": (fine, np.exp(-fine)),
                    "Euler": (t, values["decay_euler"]),
                    "Runge-Kutta 4": (t, values["decay_rk4"]),
                },
                note="Runge-Kutta lies on the exact curve",
            ),
        ],
    )


def _euler(values: dict[str, Array]) -> Section:
    h, exact = values["decay_euler"], values["decay_exact"][-1]
    steps = [
        Equation(
            f"h_{n + 1} = h_{n} + dt f(h_{n})",
            f"{number(h[n])} + {number(DT)}*{factor(-h[n])}",
            h[n + 1],
            f"t = {number((n + 1) * DT)}",
        )
        for n in range(2)
    ]
    return Section(
        "Euler: straight on",
        [
            Say(f"The field `f(h) = -h` is decay. Two steps of dt = {number(DT)}, each in the direction at its start:"),
            *steps,
            Equation(
                "error = h_2 - e^-1",
                f"{number(h[2])} - {number(exact)}",
                h[2] - exact,
                "the curve bends, the step does not",
            ),
        ],
    )


def _rk4(values: dict[str, Array]) -> Section:
    k, h, exact = values["k"], values["decay_rk4"], values["decay_exact"][-1]
    start = number(h[0])
    looks: list[Block] = [Equation("k1 = f(h_0)", f"-{start}", k[0], "at the start")]
    for n, (share, place) in enumerate(
        ((DT / 2, "half way, by k1"), (DT / 2, "half way, by k2"), (DT, "at the end, by k3"))
    ):
        looks.append(
            Equation(
                f"k{n + 2} = f(h_0 + {number(share)} k{n + 1})",
                f"-({start} + {number(share)}*{factor(k[n])})",
                k[n + 1],
                place,
            )
        )
    mean = f"{start} + {number(DT)}/6*({factor(k[0])} + 2*{factor(k[1])} + 2*{factor(k[2])} + {factor(k[3])})"
    return Section(
        "Runge-Kutta: look four times, then step",
        [
            *looks,
            Say("The step goes along their mean; the two looks in the middle count twice."),
            Equation("h_1 = h_0 + dt/6 (k1 + 2 k2 + 2 k3 + k4)", mean, h[1]),
            Say(f"After the second step it is at {h[2]:.6f}; `e^-1` is {exact:.6f}."),
        ],
    )


def _worth(values: dict[str, Array]) -> Section:
    euler, rk4 = values["errors, Euler"], values["errors, RK4"]
    rows: list[list[str | float | int]] = []
    for n, count in enumerate(COUNTS):
        smaller = ("", "") if n == 0 else (float(euler[n - 1] / euler[n]), float(rk4[n - 1] / rk4[n]))
        rows.append([count, float(euler[n]), smaller[0], float(rk4[n]), smaller[1]])
    turns = {name: values[f"turn, {name}"] for name in ("exact", "Euler", "RK4")}
    radius: list[list[str | float | int]] = [[name, float(np.linalg.norm(turn[-1]))] for name, turn in turns.items()]
    return Section(
        "What a better step is worth",
        [
            Table(("steps", "Euler's error", "smaller by", "RK4's error", "smaller by"), rows, "error at t = 1"),
            Say(
                "Halve the step: Euler's error falls by about 2, it is of order 1. Runge-Kutta's falls by about "
                f"2^4 = 16: order 4. One of its steps costs four looks, but {COUNTS[0]} of them beat {COUNTS[-1]} of "
                "Euler's."
            ),
            Say("Now a field that only turns, `dh/dt = (h2, -h1)`. The true path is a circle, back to where it began."),
            Curves(
                f"One turn in {TURN_STEPS} steps",
                "h1",
                "h2",
                {name: (turn[:, 0], turn[:, 1]) for name, turn in turns.items()},
                note="Euler leaves the circle at every step, always outwards",
                square=True,
            ),
            Table(("", "distance from the centre after one turn"), radius),
        ],
    )


def _remember() -> Section:
    return Section(
        "Remember",
        [
            Say(
                "A residual block is an Euler step with dt = 1. In a neural ODE the number of steps is the solver's "
                "choice, not the network's."
            ),
            Say(
                "The solver is part of the answer. The guide's equation 80 names none, and Euler and Runge-Kutta "
                "give different numbers."
            ),
            Say(
                "Going back through the steps is the exact gradient of what was computed, and keeps every state. The "
                "adjoint keeps none, and agrees only up to the solver's error."
            ),
        ],
    )
