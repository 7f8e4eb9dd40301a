"""`learnloop explain ode`: a layer that is a differential equation; Euler against Runge-Kutta; backwards in time."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Curves,
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
from learnloop.scratch.ode import (
    euler_step,
    euler_step_backward,
    example,
    flow,
    flow_backward,
    rk4_step,
    slopes,
    tanh_field,
    tanh_field_backward,
)

SPAN = 1.0
DT = 0.5
COUNTS = (2, 4, 8, 16, 32)
TURN = 2 * np.pi
TURN_STEPS = 20
ROTATION = np.array([[0.0, 1.0], [-1.0, 0.0]])
"""dh/dt = R h turns clockwise and keeps the length."""


def walk() -> Walk:
    values = example()
    values |= _rk4_by_hand() | _errors() | _turns() | _back(values) | _two_ways_back(values)
    sections = [_blocks(values), _euler(values), _rk4(values), _worth(values), _tanh(values), _backwards(values)]
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


def _back(values: dict[str, Array]) -> dict[str, Array]:
    """The gradient at each state of the path, and what each step gives to W."""
    path, W, b = values["path"], values["W"], values["b"]
    dh_1, dW_2, _ = euler_step_backward(values["dy"], path[1], W, b, DT)
    dh_0, dW_1, _ = euler_step_backward(dh_1, path[0], W, b, DT)
    return {"dh_1": dh_1, "dh_0": dh_0, "dW of step 1": dW_1, "dW of step 2": dW_2}


def _two_ways_back(values: dict[str, Array]) -> dict[str, Array]:
    """dL/dh_0 through the steps, and by the adjoint: da/dt = -a df/dh, solved backwards with h. [counts, 2] each."""
    W, b = values["W"], values["b"]
    field = tanh_field(W, b)

    def backwards(state: Array, s: float) -> Array:
        h, a = state[:, :2], state[:, 2:]
        return np.concatenate([-field(h, SPAN - s), tanh_field_backward(a, h, W, b)[0]], axis=1)

    through, adjoint = [], []
    for count in COUNTS:
        path = flow(euler_step, field, values["h0"], SPAN, count)
        through.append(flow_backward(values["dy"], path, euler_step_backward, W, b, SPAN)[0][0])
        end = np.concatenate([path[-1], values["dy"]], axis=1)  # [1, 4]
        adjoint.append(flow(euler_step, backwards, end, SPAN, count)[-1, 0, 2:])
    return {"dh_0 through the steps": np.array(through), "dh_0 by the adjoint": np.array(adjoint)}


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
            Say(f"After the second step it is at {h[2]:.6f}; e^-1 is {exact:.6f}."),
        ],
    )


def _worth(values: dict[str, Array]) -> Section:
    euler, rk4 = values["errors, Euler"], values["errors, RK4"]
    rows: list[list[str | float | int]] = []
    for n, count in enumerate(COUNTS):
        ratios = ("", "") if n == 0 else (number(euler[n - 1] / euler[n]), number(rk4[n - 1] / rk4[n]))
        rows.append([count, float(euler[n]), ratios[0], float(rk4[n]), ratios[1]])
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
            ),
            Table(("", "distance from the centre after one turn"), radius),
        ],
    )


def _tanh(values: dict[str, Array]) -> Section:
    W, path = values["W"], values["path"]
    blocks: list[Block] = []
    for n in range(2):
        for i in range(2):
            f = f"tanh({weighted_sum(W[i], path[n, 0])})"
            blocks.append(
                Equation(
                    f"h_{n + 1}[{i + 1}] = h_{n}[{i + 1}] + dt tanh((W h_{n})[{i + 1}])",
                    f"{number(path[n, 0, i])} + {number(DT)}*{f}",
                    path[n + 1, 0, i],
                )
            )
    return Section(
        "A field that can be learnt",
        [
            Say("In a neural ODE a network is the field. Here it is one layer, `f(h) = tanh(W h + b)` with b = 0."),
            Grid("W", W),
            Say(f"Two Euler steps of dt = {number(DT)} from h_0 = {listed(path[0, 0])}; the same W in both:"),
            *blocks,
        ],
    )


def _backwards(values: dict[str, Array]) -> Section:
    W, b, path = values["W"], values["b"], values["path"]
    gradients = [values["dh_0"], values["dh_1"], values["dy"]]
    blocks: list[Block] = []
    for n in (1, 0):
        f = tanh_field(W, b)(path[n], n * DT)[0]
        du = DT * gradients[n + 1][0] * (1 - f**2)
        for i in range(2):
            blocks.append(
                Equation(
                    f"du_{n}[{i + 1}] = dt dh_{n + 1}[{i + 1}] (1 - f^2)",
                    f"{number(DT)}*{factor(gradients[n + 1][0, i])}*(1 - {factor(f[i])}**2)",
                    du[i],
                    f"f = {number(f[i])} at h_{n}",
                )
            )
        for j in range(2):
            blocks.append(
                Equation(
                    f"dh_{n}[{j + 1}] = dh_{n + 1}[{j + 1}] + sum_i W[i,{j + 1}] du_{n}[i]",
                    f"{factor(gradients[n + 1][0, j])} + {weighted_sum(W[:, j], du)}",
                    gradients[n][0, j],
                )
            )
    through, adjoint = values["dh_0 through the steps"][:, 0], values["dh_0 by the adjoint"][:, 0]
    ways: list[list[str | float | int]] = [
        [n, x, y, abs(x - y)] for n, x, y in zip(COUNTS, through.tolist(), adjoint.tolist())
    ]
    one, two = values["dW of step 1"], values["dW of step 2"]
    return Section(
        "Backwards through the steps",
        [
            Say(
                f"The loss is the second number at the end, so dh_2 = {listed(values['dy'][0])}. A step was "
                "`h' = h + dt f`. The gradient passes straight on, plus what comes through the field: `dt (1 - f^2)` "
                "and W."
            ),
            *blocks,
            Say("Both steps used the same W: their gradients are added."),
            Equation("dW[2,1] = step 1 + step 2", f"{factor(one[1, 0])} + {factor(two[1, 0])}", values["dW"][1, 0]),
            Grid("dW", values["dW"]),
            Say(
                "Chen et al. go back another way: `a = dL/dh` obeys an equation of its own, `da/dt = -a df/dh`, which "
                "is solved backwards together with h. No state need be kept, but it is not the gradient of these steps:"
            ),
            Table(("steps", "dh_0[1] through the steps", "by the adjoint", "apart"), ways),
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
