"""The second half of `learnloop explain ode`: a field that is a layer, and two ways back through its steps."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    factor,
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch.ode import (
    euler_step,
    euler_step_backward,
    flow,
    flow_backward,
    tanh_field,
    tanh_field_backward,
)

SPAN = 1.0
DT = 0.5
COUNTS = (2, 4, 8, 16, 32)


def gradients(values: dict[str, Array]) -> dict[str, Array]:
    """The gradient at each state of the path, and what each step gives to W."""
    path, W, b = values["path"], values["W"], values["b"]
    dh_1, dW_2, _ = euler_step_backward(values["dy"], path[1], W, b, DT)
    dh_0, dW_1, _ = euler_step_backward(dh_1, path[0], W, b, DT)
    return {"dh_1": dh_1, "dh_0": dh_0, "dW of step 1": dW_1, "dW of step 2": dW_2}


def two_ways_back(values: dict[str, Array]) -> dict[str, Array]:
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


def a_layer_as_field(values: dict[str, Array]) -> Section:
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


def backwards_through_steps(values: dict[str, Array]) -> Section:
    W, b, path = values["W"], values["b"], values["path"]
    arriving = [values["dh_0"], values["dh_1"], values["dy"]]
    blocks: list[Block] = []
    for n in (1, 0):
        f = tanh_field(W, b)(path[n], n * DT)[0]
        du = DT * arriving[n + 1][0] * (1 - f**2)
        for i in range(2):
            blocks.append(
                Equation(
                    f"du_{n}[{i + 1}] = dt dh_{n + 1}[{i + 1}] (1 - f^2)",
                    f"{number(DT)}*{factor(arriving[n + 1][0, i])}*(1 - {factor(f[i])}**2)",
                    du[i],
                    f"f = {number(f[i])} at h_{n}",
                )
            )
        for j in range(2):
            blocks.append(
                Equation(
                    f"dh_{n}[{j + 1}] = dh_{n + 1}[{j + 1}] + sum_i W[i,{j + 1}] du_{n}[i]",
                    f"{factor(arriving[n + 1][0, j])} + {weighted_sum(W[:, j], du)}",
                    arriving[n][0, j],
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
