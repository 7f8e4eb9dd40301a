"""`learnloop explain losses`: what a wrong answer costs, and the slope that it sends back."""

from __future__ import annotations

import math

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
from learnloop.scratch.activations import sigmoid, sigmoid_prime, softmax_backward
from learnloop.scratch.losses import (
    binary_cross_entropy,
    binary_cross_entropy_from_logits,
    binary_cross_entropy_from_logits_backward,
    categorical_cross_entropy_backward,
    example,
    huber,
    mse_backward,
)

GUARD = 1e-8
"""What guide 004's code adds inside the logarithm."""
PYTORCH_MOST = 100.0
"""Where torch.nn.functional.binary_cross_entropy stops."""


def walk() -> Walk:
    """Two answers for each kind of loss, one good and one bad."""
    values = example() | _surely_wrong() | _chain(example())
    sections = [
        Section("A quantity: squares or distances", _quantity(values)),
        Section("Yes or no: cross-entropy", _binary(values)),
        Section("A certain wrong answer", _certain(values)),
        Section("One class of many", _categorical(values)),
        Section("The way back: yhat - y", _backwards(values)),
        Section("Two more: hinge and divergence", _others(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Losses: how wrong is the answer, in one number",
        sections,
        values=values,
        source="course guide 004, section 2.3.2; guide 003, Loss Functions. Code: learnloop.scratch.losses",
        next=("learnloop explain activations", "learnloop explain mlp"),
    )


def _surely_wrong() -> dict[str, Array]:
    logit, one = np.array([-40.0]), np.array([1.0])
    return {
        "logit": logit,
        "loss of the logit": np.array(binary_cross_entropy_from_logits(logit, one)),
        "loss with the guard": -np.log(sigmoid(logit) + GUARD)[0],
        "slope through a probability": mse_backward(sigmoid(logit), one) * sigmoid_prime(logit),
        "slope from the logit": binary_cross_entropy_from_logits_backward(logit, one),
    }


def _chain(values: dict[str, Array]) -> dict[str, Array]:
    """The second sample of the categorical example, link by link; its loss alone, not the mean."""
    yhat, y = values["Yhat"][1], values["Y"][1]
    dyhat = categorical_cross_entropy_backward(yhat[None], y[None])[0]
    return {"dyhat": dyhat, "dz": softmax_backward(dyhat, yhat)}


def _quantity(values: dict[str, Array]) -> list[Block]:
    e = values["guess"] - values["target"]
    line = np.linspace(-3, 3, 61)
    small, large = (float(v) for v in np.abs(e))
    return [
        Curves(
            "Loss of one answer, by its error e = yhat - y",
            "e",
            "loss",
            {
                "squared": (line, line**2),
                "absolute": (line, np.abs(line)),
                "huber (delta = 1)": (line, np.array([huber(np.array([v]), np.zeros(1)) for v in line])),
            },
        ),
        Say(f"Targets {listed(values['target'])}, answers {listed(values['guess'])}: one is near, one is far off."),
        Equation("MSE = mean of (yhat - y)^2", f"({factor(e[0])}**2 + {factor(e[1])}**2) / 2", float(values["mse"])),
        Equation("MAE = mean of |yhat - y|", f"({number(small)} + {number(large)}) / 2", float(values["mae"])),
        Equation(
            "Huber = mean of e^2 / 2 up to |e| of 1, then |e| - 1/2",
            f"({number(small)}**2 / 2 + ({number(large)} - 1/2)) / 2",
            float(values["huber"]),
        ),
        Table(
            ("slope dL/dyhat", *(f"yhat = {number(v)}" for v in values["guess"])),
            [[name, *values[f"{name}_backward"]] for name in ("mse", "mae", "huber")],
            note="The far answer pulls hard under MSE. Under MAE and Huber the pull has a limit.",
        ),
    ]


def _binary(values: dict[str, Array]) -> list[Block]:
    y, yhat = values["y"], values["yhat"]
    line = np.linspace(0.01, 0.99, 99)
    losses = [binary_cross_entropy(yhat[[i]], y[[i]]) for i in (0, 1)]
    return [
        Curves(
            "Loss of one answer yhat, a probability",
            "yhat",
            "loss",
            {
                "y = 1: -log yhat": (line, np.array([binary_cross_entropy(np.array([v]), np.ones(1)) for v in line])),
                "y = 0: -log(1 - yhat)": (
                    line,
                    np.array([binary_cross_entropy(np.array([v]), np.zeros(1)) for v in line]),
                ),
            },
        ),
        Say("Cross-entropy asks one question: how much probability did you give to what happened?"),
        Equation("-log yhat", f"-log {number(yhat[0])}", losses[0], f"y = {number(y[0])}: a good answer"),
        Equation("-log(1 - yhat)", f"-log(1 - {number(yhat[1])})", losses[1], f"y = {number(y[1])}: a bad one"),
        Equation(
            "mean of -[y log yhat + (1 - y) log(1 - yhat)]",
            f"({number(losses[0])} + {number(losses[1])}) / 2",
            float(values["binary"]),
        ),
    ]


def _certain(values: dict[str, Array]) -> list[Block]:
    z = float(values["logit"][0])
    loss = float(values["loss of the logit"])
    return [
        Say("Say `yhat = 0` and what had probability 0 happens: `-log 0` is infinite. Three ways out are in use:"),
        Table(
            ("where", "what it computes", "largest loss"),
            [
                ["guide 004, code", f"log(yhat + {number(GUARD)})", float(values["loss with the guard"])],
                ["PyTorch, binary_cross_entropy", "log yhat, but not below the limit", PYTORCH_MOST],
                ["from the score z (logit)", "max(z, 0) - y z + log(1 + exp(-|z|))", "no limit, no trick"],
            ],
        ),
        Say(f"The last works with the score before the sigmoid. For `y = 1` and a surely wrong `z = {number(z)}`:"),
        Equation(
            "max(z, 0) - y z + log(1 + e^-|z|)",
            f"0 - 1*{factor(z)} + {number(math.log1p(math.exp(-abs(z))))}",
            loss,
        ),
        Equation(
            f"-log(sigmoid(z) + {number(GUARD)})",
            f"-log({number(sigmoid(values['logit'])[0])} + {number(GUARD)})",
            float(values["loss with the guard"]),
            "the guard hides how wrong it is",
        ),
        Say("That is why models return scores and `cross_entropy` in PyTorch takes scores, never probabilities."),
    ]


def _categorical(values: dict[str, Array]) -> list[Block]:
    Yhat, Y = values["Yhat"], values["Y"]
    right = [(i, int(np.argmax(row))) for i, row in enumerate(Y)]
    losses = [-math.log(Yhat[place]) for place in right]
    return [
        Say(f"Two samples with the same scores {listed(values['Z'][0])}; softmax makes shares of them."),
        Grid(
            "yhat",
            Yhat,
            rows=tuple(f"sample {i + 1}" for i, _ in right),
            columns=("class 1", "class 2", "class 3"),
            marked=frozenset(right),
            note="Framed: the share of the true class. Only that one is paid for.",
        ),
        *[
            Equation("-log yhat (true class)", f"-log {number(Yhat[i, k])}", loss, f"sample {i + 1}: class {k + 1}")
            for (i, k), loss in zip(right, losses)
        ],
        Equation(
            "sum over samples (guide 003)",
            " + ".join(number(loss) for loss in losses),
            float(values["categorical sum"]),
        ),
        Equation(
            "mean over samples (guide 004, PyTorch)",
            f"({' + '.join(number(loss) for loss in losses)}) / 2",
            float(values["categorical"]),
        ),
        Say(
            "The sum grows with the batch, and its gradient too: with it, a learning rate fits one batch size only. "
            f"Guessing evenly among 3 classes costs log 3 = {number(math.log(Y.shape[1]))}: more is worse than a guess."
        ),
    ]


def _backwards(values: dict[str, Array]) -> list[Block]:
    yhat, y, dyhat, dz = values["Yhat"][1], values["Y"][1], values["dyhat"], values["dz"]
    inner = float(dyhat @ yhat)
    line = np.linspace(-6, 6, 61)
    one = np.ones(1)
    square = [float(mse_backward(sigmoid(np.array([v])), one)[0] * sigmoid_prime(np.array([v]))[0]) for v in line]
    entropy = [float(binary_cross_entropy_from_logits_backward(np.array([v]), one)[0]) for v in line]
    return [
        Say(
            f"Sample 2 alone: `yhat = {listed(yhat)}`, `y = {listed(y)}`. First the loss, then the softmax, backwards:"
        ),
        Equation("dL/dyhat3 = -y3 / yhat3", f"-{number(y[2])} / {number(yhat[2])}", float(dyhat[2]), "others are 0"),
        Equation("c = dL/dyhat . yhat", weighted_sum(dyhat, yhat), inner),
        *[
            Equation(
                f"dL/dz{k + 1} = yhat{k + 1} (dL/dyhat{k + 1} - c)",
                f"{number(yhat[k])}*({number(dyhat[k] + 0.0)} - {factor(inner)})",
                float(dz[k]),
            )
            for k in range(3)
        ],
        Say("The two links together are much simpler than each: the division cancels."),
        Equation("dL/dz = yhat - y", f"{listed(yhat)} - {listed(y)}", yhat - y, "the same three numbers"),
        Curves(
            "Slope dL/dz for y = 1: wrong on the left, right on the right",
            "z",
            "dL/dz",
            {"cross-entropy": (line, np.array(entropy)), "MSE of sigmoid(z)": (line, np.array(square))},
            note="Squared error goes flat where the answer is surely wrong: the sigmoid's slope stays in. "
            "Cross-entropy cancels it and pulls with its full strength.",
        ),
    ]


def _others(values: dict[str, Array]) -> list[Block]:
    z, sign, p, q = values["z"], values["sign"], values["p"][0], values["q"][0]
    margins = 1 - sign * z
    return [
        Say("Hinge wants the right side by a margin of 1, with `y` = -1 or +1. Beyond it there is nothing to gain."),
        *[
            Equation(
                "1 - y z",
                f"1 - {factor(sign[i])}*{factor(z[i])}",
                float(margins[i]),
                "below 0: costs nothing" if margins[i] < 0 else "that is the loss",
            )
            for i in (0, 1)
        ],
        Equation(
            "hinge = mean of max(0, 1 - y z)",
            f"({' + '.join(number(max(0.0, m)) for m in margins)}) / 2",
            float(values["hinge"]),
        ),
        Say(f"KL compares two distributions, `p = {listed(p)}` and `q = {listed(q)}`, and is not the same both ways."),
        Equation(
            "kl(p, q) = sum of p log(p / q)",
            weighted_sum(p, np.log(p / q)),
            float(values["kl(p, q)"]),
            "if p is the truth",
        ),
        Equation(
            "kl(q, p) = sum of q log(q / p)", weighted_sum(q, np.log(q / p)), float(values["kl(q, p)"]), "if q is"
        ),
    ]


_REMEMBER = (
    "A quantity: MSE; with outliers Huber or MAE. Yes or no: binary cross-entropy. One of many: categorical.",
    "Work from scores (logits), not from probabilities: exact, and it cannot overflow.",
    "Sigmoid or softmax with its cross-entropy sends back `yhat - y`: strong where the answer is wrong.",
    "Say whether a loss is a mean or a sum before comparing two of them.",
)
