"""`learnloop explain regularise`: what L2 and L1 penalties cost and how they pull, their scalings, and when to stop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, factor, number
from learnloop.scratch.optimisers import path, sgd
from learnloop.scratch.regularise import Waiting, early_stopping, example, l1, l1_backward, l2, l2_backward

LAMBDA, M, PATIENCE = 0.1, 10, 3
"""Of the example."""
WANTED = np.array([1.0, 0.08])
"""What the loss of the third section wants of its two weights: much, and next to nothing."""
STRENGTH, ALPHA, STEPS, DRAWN = 0.2, 0.05, 400, 120


def walk() -> Walk:
    values = example() | _held()
    sections = [
        Section("A price for large weights", _price(values)),
        Section("The pull: a share, or an amount", _pull(values)),
        Section("What is left of two weights", _left(values)),
        Section("One penalty, two lambdas", _scalings(values)),
        Section("Early stopping", _stopping(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Regularisation: keep weights small, stop in time",
        sections,
        values,
        "course guide 004, section 4.1, equation 27; guide 003, L2&L1 Regularization and Early Stopping; Goodfellow, "
        "Bengio and Courville, Deep Learning, 2016, sections 7.1 and 7.8. Code: learnloop.scratch.regularise",
        ["learnloop explain dropout", "learnloop explain batch_norm", "learnloop explain adam"],
    )


_REMEMBER = (
    "L2 shrinks all weights by the same share. L1 takes the same amount from each, and the useless ones go to 0.",
    "Before you copy a lambda, ask: divided by m or not, by 2 or not?",
    "Under SGD the L2 penalty is weight decay. Under Adam it is not (`learnloop explain adam`).",
    "Stop by rows that were not trained on, and keep the weights of the best epoch, not of the last.",
)


def _held() -> dict[str, Array]:
    """Descent on |w - WANTED|^2 / 2 plus a penalty. [STEPS + 1, 2] each"""

    def run(backward: Callable[[list[Array], float], list[Array]]) -> Array:
        def slope(w: Array) -> Array:
            return np.asarray(w - WANTED + backward([w], STRENGTH)[0])

        return path(lambda w, g, state: sgd(w, g, state, ALPHA), slope, WANTED, STEPS)

    return {"held by L2": run(l2_backward), "held by L1": run(l1_backward)}


def _price(values: dict[str, Array]) -> list[Block]:
    weights = np.concatenate([values["W1"].ravel(), values["W2"].ravel()])
    squares = " + ".join(f"{factor(w)}**2" for w in weights)
    sizes = " + ".join(number(abs(w)) for w in weights)
    return [
        Grid("weights W1", values["W1"]),
        Grid("weights W2", values["W2"]),
        Say("A network that has learnt the noise by heart tends to need large weights. So large weights get a price."),
        Equation("L2 = lambda/2 (sum of w^2)", f"{number(LAMBDA)}/2*({squares})", float(values["l2"])),
        Equation("L1 = lambda/2 (sum of |w|)", f"{number(LAMBDA)}/2*({sizes})", float(values["l1"])),
        Say(f"The price is added to the loss; `lambda`, here {number(LAMBDA)}, says how dear weights are."),
    ]


def _pull(values: dict[str, Array]) -> list[Block]:
    W, l2_slope, l1_slope = values["W1"][0], values["l2_dW1"][0], values["l1_dW1"][0]
    signs = [factor(sign) for sign in np.sign(W)]
    return [
        Equation("dL2/dw = lambda w", f"{number(LAMBDA)}*{factor(W[0])}", l2_slope[0], f"w = {number(W[0])}"),
        Equation(
            "dL2/dw = lambda w", f"{number(LAMBDA)}*{factor(W[1])}", l2_slope[1], f"w = {number(W[1])}: twice as far"
        ),
        Equation("dL1/dw = lambda/2 sign(w)", f"{number(LAMBDA)}/2*{signs[0]}", l1_slope[0], f"w = {number(W[0])}"),
        Equation(
            "dL1/dw = lambda/2 sign(w)", f"{number(LAMBDA)}/2*{signs[1]}", l1_slope[1], f"w = {number(W[1])}: as far"
        ),
        Grid("dL2/dW1", values["l2_dW1"]),
        Grid("dL1/dW1", values["l1_dW1"]),
        Say("L2 pulls a weight the less the smaller it is. L1 pulls on, right down to 0."),
    ]


def _left(values: dict[str, Array]) -> list[Block]:
    t = np.arange(DRAWN + 1.0)
    kinds = ("L2", "L1")
    lines = {
        f"{kind}, {name}": (t, values[f"held by {kind}"][: DRAWN + 1, column])
        for kind in kinds
        for column, name in enumerate(("needed", "hardly needed"))
    }
    ends = {kind: values[f"held by {kind}"][-1] for kind in kinds}
    return [
        Say(
            f"A loss wants one weight at {number(WANTED[0])} and another at {number(WANTED[1])}: "
            f"`L = ((w1 - {number(WANTED[0])})^2 + (w2 - {number(WANTED[1])})^2) / 2`. Each penalty joins in with "
            f"`lambda = {number(STRENGTH)}`."
        ),
        Curves("Two weights under a penalty", "step", "w", lines),
        Equation("L2: w1 = wanted / (1 + lambda)", f"{number(WANTED[0])} / (1 + {number(STRENGTH)})", ends["L2"][0]),
        Equation("L2: w2 = wanted / (1 + lambda)", f"{number(WANTED[1])} / (1 + {number(STRENGTH)})", ends["L2"][1]),
        Equation("L1: w1 = wanted - lambda/2", f"{number(WANTED[0])} - {number(STRENGTH)}/2", ends["L1"][0]),
        Equation(
            "L1: w2", "", ends["L1"][1], "wanted is below lambda/2: nothing is left, up to one step's jump over 0"
        ),
    ]


def _scalings(values: dict[str, Array]) -> list[Block]:
    weights = [values["W1"], values["W2"]]
    rows: list[list[str | float]] = [
        ["guide 004, L2", "lambda/2 sum w^2", l2(weights, LAMBDA)],
        ["guide 003, L2", "lambda/2m sum w^2", l2(weights, LAMBDA, M)],
        ["the same with lambda m times as large", "lambda m/2m sum w^2", l2(weights, LAMBDA * M, M)],
        ["guide 003, L1", "lambda/2m sum |w|", l1(weights, LAMBDA, M)],
        ["most books, L1", "lambda sum |w|", l1(weights, 2 * LAMBDA)],
    ]
    return [
        Table((f"lambda = {number(LAMBDA)}, m = {M} samples", "formula", "price"), rows),
        Say(
            "With `m` below, the penalty fades as the data grows; without, it does not. The 2 is there because the "
            "slope "
            "of `w^2` is `2 w`. Under L1 there is no square, and the 2 that guide 003 prints cancels nothing."
        ),
    ]


def _stopping(values: dict[str, Array]) -> list[Block]:
    heard: list[Waiting] = []
    for loss in values["losses"]:
        heard.append(early_stopping(float(loss), heard[-1] if heard else None, PATIENCE))
        if heard[-1].stop:
            break
    rows: list[list[str | float]] = [
        [
            state.epoch,
            float(values["losses"][state.epoch - 1]),
            state.best,
            state.epoch - state.best_epoch,
            _verdict(state),
        ]
        for state in heard
    ]
    epochs = np.arange(1.0, len(values["losses"]) + 1)
    return [
        Curves("Loss on the validation rows", "epoch", "loss", {"validation": (epochs, values["losses"])}),
        Table(("epoch", "loss", "best so far", "epochs without a better one", f"patience = {PATIENCE}"), rows),
        Say(
            f"Training ends after epoch {heard[-1].epoch}, with the weights of epoch {heard[-1].best_epoch}. The "
            "last loss "
            f"of the curve, {number(values['losses'][-1])}, is never reached: patience is a bet."
        ),
    ]


def _verdict(state: Waiting) -> str:
    if state.stop:
        return "stop"
    return "keep these weights" if state.epoch == state.best_epoch else "wait"
