"""Checks of models: the outputs' shape, the gradients, the first loss, and a toy problem that is learnt."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from learnloop.testing.gradients import require_gradients
from learnloop.testing.model_case import ROWS, Case, evaluate


def check_shape(case: Case) -> None:
    """forward gives float [batch, outputs] or [batch, members, outputs], in training and in evaluation."""
    net = case.net()
    for mode in (True, False):
        out = net.train(mode)(*case.batch)
        found = f"{out.dtype} {list(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        fits = isinstance(out, Tensor) and out.is_floating_point() and out.ndim in (2, 3)
        fits = fits and out.shape[0] == ROWS and out.shape[-1] == case.outputs
        wanted = f"[{ROWS}, {case.outputs}] or [{ROWS}, members, {case.outputs}]"
        assert fits, f"expected float {wanted}, found {found}"


def check_gradients(case: Case) -> None:
    """Every parameter that requires a gradient gets one, finite, and not zero throughout the first steps."""
    net = case.net().train()
    require_gradients(net, lambda: case.loss(net(*case.batch)))


def check_first_loss(case: Case) -> None:
    """At initialisation nothing is known: cross-entropy is ln(classes) within 0.5, whatever the labels."""
    if case.outputs == 1:
        return
    out, expected = evaluate(case.net(), case.batch), math.log(case.outputs)
    found = float((out.logsumexp(-1) - out.mean(-1)).mean())
    assert abs(found - expected) <= 0.5, f"first loss {found:.3f}, not ln({case.outputs}) = {expected:.3f}"


def check_learns(case: Case) -> None:
    """The toy problem is learnt: accuracy 0.95 (R2 0.8) on its own rows within 300 steps of Adam, or by its
    rule.
    """
    net = case.net()
    needed = 0.8 if case.outputs == 1 else 0.95
    step = _perceptron_step(case, net) if case.config.rule == "perceptron" else _adam_step(case, net)
    found = -math.inf
    for number in range(1, 301):
        net.train()
        step()
        if number % 10 == 0:
            found = case.quality(net)
            if found >= needed:
                return
    name = "R2" if case.outputs == 1 else "accuracy"
    raise AssertionError(f"the toy problem is not learnt in 300 steps: {name} {found:.2f}, needed {needed}")


def _adam_step(case: Case, net: nn.Module) -> Callable[[], None]:
    trainable = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trainable, lr=5e-3)

    def step() -> None:
        optimiser.zero_grad()
        case.loss(net(*case.batch)).backward()
        optimiser.step()

    return step


def _perceptron_step(case: Case, net: Any) -> Callable[[], None]:
    """w += lr (y - y_hat) x, row by row: one pass over the toy problem."""
    target = (case.y > 0).float() if case.outputs == 1 else nn.functional.one_hot(case.y, case.outputs).float()

    def step() -> None:
        with torch.no_grad():
            features = net.features(*case.batch)  # [rows, features]
            for x, y in zip(features, target):
                fired = (net.weight @ x + net.bias > 0).float()  # [outputs]
                net.weight += 0.1 * torch.outer(y - fired, x)
                net.bias += 0.1 * (y - fired)

    return step
