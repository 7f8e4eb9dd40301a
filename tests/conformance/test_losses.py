"""Every loss passes its suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from learnloop.scores.losses import LOSSES
from learnloop.testing.losses import CHECKS, Kind, check_loss

CASES: list[tuple[str, Kind, dict[str, Any], int]] = [
    ("mse", "numbers", {}, 1),
    ("mae", "numbers", {}, 1),
    ("huber", "numbers", {}, 1),
    ("huber", "numbers", {"delta": 0.2}, 1),
    ("cross_entropy", "class", {}, 1),
    ("cross_entropy", "class", {"label_smoothing": 0.2}, 1),
    ("cross_entropy", "class", {"class_weights": (1.0, 2.0, 0.5, 1.0)}, 1),
    ("cross_entropy", "class", {"label_smoothing": 0.1, "class_weights": (1.0, 2.0, 0.5, 1.0)}, 1),
    ("cross_entropy", "distribution", {}, 1),
    ("cross_entropy", "distribution", {"label_smoothing": 0.1}, 1),
    ("binary_cross_entropy", "binary", {}, 1),
    ("binary_cross_entropy", "labels", {}, 1),
    ("binary_cross_entropy", "labels", {"label_smoothing": 0.1, "pos_weights": (1.0, 3.0, 0.5)}, 1),
    ("hinge", "class", {}, 1),
    ("hinge", "binary", {"margin": 0.5}, 1),
    ("kl", "class", {}, 1),
    ("kl", "distribution", {}, 1),
    ("quantile", "numbers", {}, 1),
    ("quantile", "numbers", {"taus": (0.1, 0.5, 0.9)}, 3),
]


def test_every_loss_has_a_case() -> None:
    assert {name for name, *_ in CASES} == LOSSES.keys() - {"ctc"}  # tests/scores/test_ctc.py: it takes sequences


@pytest.mark.parametrize(("name", "kind", "fields", "width"), CASES)
def test_every_loss_passes(name: str, kind: Kind, fields: dict[str, Any], width: int) -> None:
    check_loss(LOSSES[name](**fields), kind, width=width)


def toy(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Squared error; keeps the contract."""
    o = outputs.float() if outputs.dtype == torch.bfloat16 else outputs
    each = (o - y.reshape(o.shape)).square().mean(1)
    return each.mean() if weight is None else (weight * each).sum() / weight.sum()


Maker = Callable[[Tensor, Tensor, "Tensor | None"], Any]


def rows(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return (outputs - y).square().mean(1)


def number(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight).item()


def detached(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight).detach()


def infinite(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight) + torch.inf


class Crooked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, outputs: Tensor) -> Tensor:
        return outputs.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class Poison(Crooked):
    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * torch.nan


def wrong_gradient(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(Crooked.apply(outputs), y, weight)


def nan_gradient(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(Poison.apply(outputs), y, weight)


def flat(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(0 * outputs, y, weight)


def total(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight) * len(y)


def unweighted(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, None)


def unnormalised(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    each = (outputs - y).square().mean(1)
    return each.mean() if weight is None else (weight * each).mean()


def squared_weights(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, None if weight is None else weight**2)


def shifted_weights(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, None if weight is None else weight + weight.max())


def first_counts_more(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight) + 0.1 * (outputs[0] - y[0]).square().mean()


def needs_two(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight) / (len(y) - 1)


def heavy(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, None) if weight is None else toy(outputs, y, weight) * weight.mean()


def outside(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight) + (0 if len(y) == 1 else 50)


def spread(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return (outputs - y).square().mean()


def upside_down(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return -toy(outputs, y, weight)


def beside(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, 0.5 * y, weight)


def hollow(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    """Right at its best place, and lower still far away from it."""
    each = (outputs - y).square()
    return torch.where(each < 25, each, -each).mean()


def exponential(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight).exp() - 1


def edge(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    """Finite for large outputs, its gradient not: sqrt of what has underflown."""
    return toy(outputs, y, weight).clamp(max=1e3) + (-outputs.square()).exp().sqrt().sum() * 0


def rounds(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs.float(), y.float(), None if weight is None else weight.float())


def half(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return (outputs - y.to(outputs.dtype)).square().mean()


def half_inside(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    if outputs.dtype == torch.bfloat16:
        return (outputs - y.to(outputs.dtype)).square().mean().float()
    return toy(outputs, y, weight)


def coarse(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    found = toy(outputs, y, weight)
    return found if found.dtype == torch.float64 else found + 0.01


def widens(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    return toy(outputs, y, weight).double()


def overwrites(name: str) -> Maker:
    def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
        found = toy(outputs, y, weight)
        {"outputs": outputs, "y": y, "weight": weight}[name][0] = 0  # type: ignore[index]
        return found

    return loss


def noisy(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    noise = torch.randn(1, generator=torch.Generator().manual_seed(torch.seed() % 2**31)).item()
    return toy(outputs, y, weight) + noise


def draws(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Any:
    torch.rand(1)
    return toy(outputs, y, weight)


FAULTS: list[tuple[Maker, str, str]] = [
    (rows, "scalar", r"it gives shape \[12\], not a scalar"),
    (number, "scalar", "it gives a float, not a tensor"),
    (detached, "scalar", "it has no gradient"),
    (infinite, "scalar", "it gives inf"),
    (wrong_gradient, "gradient", r"the gradient differs from finite differences by 0\.\d"),
    (nan_gradient, "gradient", "the gradient is not finite"),
    (flat, "gradient", "the loss does not depend on the outputs"),
    (total, "mean", "it is not a mean over rows"),
    (unweighted, "weights", "with weight 2 for a row it is .*, with that row twice"),
    (unnormalised, "weights", "with all weights times 7 it is"),
    (squared_weights, "weights", "with weight 2 for a row it is .*, with that row twice"),
    (shifted_weights, "weights", "with weight 2 for a row it is"),
    (first_counts_more, "order", "with rows in another order it is"),
    (needs_two, "single_row", r"a batch of one gives inf"),
    (heavy, "single_row", "one row of weight 3 gives .*, of no weight"),
    (outside, "single_row", r"the loss 5\d\.\d+ lies outside the losses of its rows"),
    (spread, "shapes", r"with y \[n\] it is .*, with y \[n, 1\]"),
    (upside_down, "minimum", "a wrong prediction has a loss of -.*, a perfect one of -?0"),
    (beside, "minimum", "a step down the gradient leads from a perfect prediction's loss of"),
    (hollow, "minimum", "random outputs have a loss of .*, a perfect prediction one of 0"),
    (exponential, "large", r"right outputs of 100 give a loss of inf"),
    (edge, "large", r"right outputs of 100 give a gradient that is not finite"),
    (rounds, "precision", r"float64 outputs give a torch\.float32 loss"),
    (half, "precision", r"bfloat16 outputs give a torch\.bfloat16 loss|float32 differs from float64"),
    (half_inside, "precision", "bfloat16 outputs are summed up in bfloat16"),
    (coarse, "precision", r"float32 differs from float64 by 0\.01"),
    (widens, "precision", r"float32 outputs give a torch\.float64 loss"),
    (overwrites("outputs"), "pure", "it changes outputs"),
    (overwrites("y"), "pure", "it changes y"),
    (overwrites("weight"), "pure", "it changes weight"),
    (noisy, "pure", "asked twice it gives two answers"),
    (draws, "pure", "it draws from torch's global generator"),
]


def test_the_toy_passes() -> None:
    check_loss(toy, "numbers")


@pytest.mark.parametrize(("loss", "check", "text"), FAULTS)
def test_the_suite_notices(loss: Maker, check: str, text: str) -> None:
    with pytest.raises(AssertionError, match=rf"\w+ of numbers: 1 of 1 checks failed\n  {check}: .*(?:{text})"):
        check_loss(loss, "numbers", only=[check])


def zero_left_in(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Leaves a row of weight 0 in the count."""
    each = (outputs - y).square().mean(1)
    whole = torch.ones(len(y)).double() if weight is None else weight
    return (whole * each).sum() / whole.clamp(min=0.5).sum()


def test_weights_of_zero_and_of_one_are_noticed() -> None:
    with pytest.raises(AssertionError, match="with weight 0 for a row it is .*, without that row"):
        check_loss(zero_left_in, "numbers", only=["weights"])
    with pytest.raises(AssertionError, match="with weights of 1 it is .*, without weights"):
        check_loss(lambda o, y, w: toy(o, y, w) * (1 if w is None else 2), "numbers", only=["weights"])


def swapped(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Cross-entropy of the class beside the right one."""
    return torch.nn.functional.cross_entropy(outputs, (y + 1) % outputs.shape[1])


def test_the_wrong_class_is_noticed() -> None:
    with pytest.raises(AssertionError, match="minimum: a wrong prediction has a loss of .*, a perfect one of"):
        check_loss(swapped, "class", only=["minimum"])


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in FAULTS} == CHECKS.keys()


def test_all_faults_are_reported_at_once_and_names_are_checked() -> None:
    with pytest.raises(
        AssertionError, match=r"of numbers: \d of 11 checks failed\n(?s:.*)  mean: (?s:.*)  single_row: "
    ):
        check_loss(total, "numbers")
    with pytest.raises(ValueError, match="no check named 'weight'; there are scalar"):
        check_loss(toy, "numbers", only=["weight"])
