"""`learnloop explain maml`: a start from which one step helps on two tasks; the outer gradient, term by term."""

from __future__ import annotations

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
    number,
)
from learnloop.scratch.maml import Quadratic, Task, example, loss, meta_loss, meta_train

TASKS = ("flat", "steep")
THETA = np.linspace(-1.0, 4.0, 101)
BETA = 0.5
ROUNDS = 8
LONG = 100
"""Outer steps until nothing moves any more."""


def walk() -> Walk:
    values = example()
    values |= _paths(values) | _meta_losses(values)
    sections = [_tasks(values), _inner(values), _outer(values), _starts(values), _learning(values), _remember()]
    return Walk(
        "MAML: learn where to start",
        sections,
        values,
        "course guide 004, section 13.2, equation 79; Finn, Abbeel and Levine, Model-Agnostic Meta-Learning, 2017. "
        "Code: learnloop.scratch.maml",
        ("learnloop explain sgd", "learnloop explain losses", "learnloop explain qlearning"),
    )


def _quadratic(values: dict[str, Array], name: str) -> Quadratic:
    return Quadratic(values[f"{name}_H"], values[f"{name}_c"])


def _both(values: dict[str, Array]) -> list[Task]:
    return [Task(_quadratic(values, name), _quadratic(values, name)) for name in TASKS]


def _paths(values: dict[str, Array]) -> dict[str, Array]:
    """theta over the outer steps, and where it ends. [ROUNDS + 1], [1]"""
    found: dict[str, Array] = {}
    for name, first_order in (("MAML", False), ("first order", True)):
        path = meta_train(values["theta"], _both(values), float(values["alpha"]), BETA, LONG, first_order)[:, 0]
        found |= {f"path, {name}": path[: ROUNDS + 1], f"end, {name}": path[-1:]}
    return found


def _meta_losses(values: dict[str, Array]) -> dict[str, Array]:
    """The summed losses at each theta of the picture, before and after one inner step."""
    before = [meta_loss(np.array([theta]), _both(values), 0.0) for theta in THETA]
    after = [meta_loss(np.array([theta]), _both(values), float(values["alpha"])) for theta in THETA]
    return {"summed loss before": np.array(before), "summed loss after": np.array(after)}


def _one(values: dict[str, Array], name: str) -> float:
    return float(values[name].ravel()[0])


def _tasks(values: dict[str, Array]) -> Section:
    lines = {}
    for i, name in enumerate(TASKS, start=1):
        quadratic = _quadratic(values, name)
        lines[f"task {i}, {name}"] = (THETA, np.array([loss(np.array([theta]), quadratic) for theta in THETA]))
    rows: list[list[str | float | int]] = [
        [f"{i}, {name}", _one(values, f"{name}_H"), _one(values, f"{name}_c")] for i, name in enumerate(TASKS, start=1)
    ]
    return Section(
        "Two tasks, one parameter",
        [
            Curves("The loss of each task", "theta", "L", lines),
            Table(("task", "curvature H", "best theta c"), rows, "L = 1/2 H (theta - c)^2"),
            Say(
                "No theta is good for both. MAML does not look for one: it looks for a start from which one gradient "
                "step on the task at hand goes far."
            ),
        ],
    )


def _inner(values: dict[str, Array]) -> Section:
    theta, alpha = _one(values, "theta"), _one(values, "alpha")
    blocks: list[Block] = [Say(f"Start at theta = {number(theta)}; the inner step has alpha = {number(alpha)}.")]
    for i, name in enumerate(TASKS, start=1):
        H, c, slope = (_one(values, f"{name}_{part}") for part in ("H", "c", "gradient"))
        adapted, (before, after) = _one(values, f"{name}_adapted"), values[f"{name}_loss"]
        away = f"({number(theta)} - {number(c)})"
        blocks += [
            Equation(f"g_{i} = H (theta - c)", f"{number(H)}*{away}", slope),
            Equation(
                f"theta_{i} = theta - alpha g_{i}",
                f"{number(theta)} - {number(alpha)}*{factor(slope)}",
                adapted,
                "one step",
            ),
            Equation(f"L_{i}(theta)", f"0.5*{number(H)}*{away}**2", before, "before"),
            Equation(f"L_{i}(theta_{i})", f"0.5*{number(H)}*({number(adapted)} - {number(c)})**2", after, "after"),
        ]
    return Section(
        "The inner step: adapt to each task",
        [
            *blocks,
            Say(
                "This step is all of the guide's equation 79. It is plain gradient descent; what follows makes it MAML."
            ),
        ],
    )


def _outer(values: dict[str, Array]) -> Section:
    alpha = _one(values, "alpha")
    blocks: list[Block] = [
        Say("How should the start move? The loss after the step depends on theta through theta_i; the chain rule:"),
        Equation("dL_i/dtheta = dL_i/dtheta_i * dtheta_i/dtheta"),
    ]
    for i, name in enumerate(TASKS, start=1):
        H, c, adapted = (_one(values, f"{name}_{part}") for part in ("H", "c", "adapted"))
        jacobian, first, outer = (_one(values, f"{name}_{part}") for part in ("jacobian", "first", "outer"))
        blocks += [
            Equation(f"dL_{i}/dtheta_{i} = H (theta_{i} - c)", f"{number(H)}*({number(adapted)} - {number(c)})", first),
            Equation(
                f"dtheta_{i}/dtheta = 1 - alpha H",
                f"1 - {number(alpha)}*{number(H)}",
                jacobian,
                "how much of a move of the start is left after the step",
            ),
            Equation(f"dL_{i}/dtheta", f"{factor(first)}*{number(jacobian)}", outer),
        ]
    flat, steep = (_one(values, f"{name}_outer") for name in TASKS)
    flat_first, steep_first = (_one(values, f"{name}_first") for name in TASKS)
    return Section(
        "The outer gradient: through the inner step",
        [
            *blocks,
            Say("The tasks add up. First-order MAML leaves the factor out, as though it were 1:"),
            Equation("MAML", f"{factor(flat)} + {factor(steep)}", _one(values, "outer")),
            Equation("first order", f"{factor(flat_first)} + {factor(steep_first)}", _one(values, "first")),
            Say(
                "Here the two do not even agree in sign. The steep task repairs most of its error by itself, so the "
                "start should care for the flat one; only the factor knows."
            ),
        ],
    )


def _starts(values: dict[str, Array]) -> Section:
    alpha, tasks = _one(values, "alpha"), _both(values)
    starts = {
        "MAML": values["best_start"],
        "first order": values["end, first order"],
        "best without adapting": values["compromise"],
    }
    rows: list[list[str | float | int]] = [
        [name, float(at[0]), meta_loss(at, tasks, 0.0), meta_loss(at, tasks, alpha)] for name, at in starts.items()
    ]
    weights = [_one(values, f"{name}_jacobian") ** 2 * _one(values, f"{name}_H") for name in TASKS]
    centres = [_one(values, f"{name}_c") for name in TASKS]
    products = " + ".join(f"{number(w)}*{number(c)}" for w, c in zip(weights, centres))
    return Section(
        "Which start is best",
        [
            Curves(
                "Both losses added up, over the start",
                "theta",
                "L_1 + L_2",
                {
                    "before the inner step": (THETA, values["summed loss before"]),
                    "after the inner step": (THETA, values["summed loss after"]),
                },
                note="the two curves have their lowest points in different places",
            ),
            Say(
                "A quadratic stays one after the step, with curvature `H (1 - alpha H)^2`. The best start is the mean "
                "of the c, weighed by it:"
            ),
            *[
                Equation(
                    f"w_{i} = H (1 - alpha H)^2",
                    f"{number(_one(values, f'{name}_H'))}*{number(_one(values, f'{name}_jacobian'))}**2",
                    weight,
                )
                for i, (name, weight) in enumerate(zip(TASKS, weights), start=1)
            ],
            Equation(
                "best start = (w_1 c_1 + w_2 c_2) / (w_1 + w_2)",
                f"({products}) / ({number(weights[0])} + {number(weights[1])})",
                _one(values, "best_start"),
            ),
            Table(("start", "theta", "loss before the step", "loss after the step"), rows),
        ],
    )


def _learning(values: dict[str, Array]) -> Section:
    theta, rounds = _one(values, "theta"), np.arange(ROUNDS + 1.0)
    outer, first = _one(values, "outer"), _one(values, "first")
    paths = {name: (rounds, values[f"path, {name}"]) for name in ("MAML", "first order")}
    return Section(
        "The outer step, again and again",
        [
            Say(f"With beta = {number(BETA)}, the first outer step of each:"),
            Equation(
                "theta := theta - beta dF/dtheta",
                f"{number(theta)} - {number(BETA)}*{factor(outer)}",
                float(values["path, MAML"][1]),
                "MAML",
            ),
            Equation(
                "theta := theta - beta (first order)",
                f"{number(theta)} - {number(BETA)}*{factor(first)}",
                float(values["path, first order"][1]),
                "first order",
            ),
            Curves("The start, outer step by outer step", "outer step", "theta", paths),
            Say(
                f"They settle at {number(values['end, MAML'][0])} and {number(values['end, first order'][0])}. "
                "First order saves the second derivative. Finn et al. found it nearly as good on images; it need "
                "not be, as here."
            ),
        ],
    )


def _remember() -> Section:
    return Section(
        "Remember",
        [
            Say(
                "Inner step: adapt to one task. Outer step: move the start so that adapting works. Equation 79 is the "
                "inner one."
            ),
            Say(
                "The factor `I - alpha H` is the derivative of a gradient step. For its sake MAML needs second "
                "derivatives."
            ),
            Say(
                "In PyTorch: `torch.autograd.grad(..., create_graph=True)` in the inner step; without it, it is "
                "first-order MAML. Judge the adapted parameters on other examples (query) than those they were "
                "adapted on (support); here both are the same, to keep the sums short."
            ),
        ],
    )
