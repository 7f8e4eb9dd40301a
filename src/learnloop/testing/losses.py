"""`check_loss`: what every loss must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.losses import check_loss
    check_loss(MyConfig(), "numbers")

A loss is `loss(outputs, y, weight) -> Tensor`, a mean over the rows. Each check raises AssertionError with what
was expected and what was found; `check_loss` runs all and reports all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.scores.losses import Loss
from learnloop.seeds import torch_stream
from learnloop.testing.suite import run_checks

Kind = Literal["class", "binary", "labels", "distribution", "numbers"]
ROWS = 12
SIZES: dict[Kind, int] = {"class": 4, "binary": 1, "labels": 3, "distribution": 4, "numbers": 2}
"""Columns of `outputs` for each kind of y."""
NEAR = 1e-9
"""Two float64 sums of the same terms in another order differ by less."""


@dataclass(frozen=True)
class LossCase:
    """One loss on one kind of y.

    kind   class         y int64 [n] in 0..3,       outputs [n, 4]
           binary        y int64 [n] of 0 and 1,    outputs [n, 1]
           labels        y float [n, 3] of 0 and 1, outputs [n, 3]
           distribution  y float [n, 4], rows that add up to 1, outputs [n, 4]
           numbers       y float [n, 2],            outputs [n, 2 width]
    """

    loss: Loss
    kind: Kind
    width: int

    @cached_property
    def outputs(self) -> Tensor:
        """float64 [rows, size]: far from any kink, with the chance of one in a million."""
        return 1.5 * torch.randn(ROWS, SIZES[self.kind] * self.width, generator=self._stream, dtype=torch.float64)

    @cached_property
    def y(self) -> Tensor:
        size, stream = SIZES[self.kind], torch_stream(0, "check_loss", "y")
        if self.kind in ("class", "binary"):
            return torch.arange(ROWS) % max(size, 2)  # every class occurs
        if self.kind == "labels":
            return torch.randint(2, (ROWS, size), generator=stream).double()
        drawn = torch.randn(ROWS, size, generator=stream, dtype=torch.float64)
        return drawn.softmax(1) if self.kind == "distribution" else drawn

    @cached_property
    def weight(self) -> Tensor:
        """float64 [rows], between 0.5 and 1.5."""
        return 0.5 + torch.rand(ROWS, generator=torch_stream(0, "check_loss", "weight"), dtype=torch.float64)

    @property
    def _stream(self) -> torch.Generator:
        return torch_stream(0, "check_loss", self.kind)

    def perfect(self, scale: float = 1.0) -> Tensor:
        """Outputs [rows, size] that predict y: the numbers themselves, or logits `scale` times as sure."""
        if self.kind == "numbers":
            return self.y.repeat_interleave(self.width, 1)
        if self.kind == "distribution":
            return scale * self.y.log()
        if self.kind == "class":
            return scale * F.one_hot(self.y, SIZES["class"]).double()
        return scale * (2.0 * self.y.double().reshape(ROWS, -1) - 1)

    def wrong(self) -> Tensor:
        """Outputs [rows, size] that predict something else with the same confidence as `perfect`."""
        if self.kind in ("class", "distribution"):
            return 4 * self.perfect().roll(1, 1)
        return self.perfect() + 3.0 if self.kind == "numbers" else -self.perfect(4.0)


def check_loss(config: Any, kind: Kind, *, width: int = 1, only: Collection[str] = ()) -> None:
    """Run the checks on a loss, or on a config whose `build()` gives one; AssertionError names every one that
    failed and why.

    kind   what y is, see `LossCase`
    width  outputs a target, for losses of numbers that want several (quantiles)
    only   names of CHECKS to run; empty = all
    """
    loss = config.build() if hasattr(config, "build") else config
    name = type(config).__name__ if hasattr(config, "build") else getattr(loss, "__name__", repr(loss))
    run_checks(f"{name} of {kind}", CHECKS, LossCase(cast(Loss, loss), kind, width), only)


def check_scalar(case: LossCase) -> None:
    """It gives a finite float tensor of no dimensions that has a gradient, with weights and without."""
    for weight in (None, case.weight):
        outputs = case.outputs.clone().requires_grad_()
        found = case.loss(outputs, case.y, weight)
        assert isinstance(found, Tensor), f"it gives a {type(found).__name__}, not a tensor"
        assert found.shape == (), f"it gives shape {list(found.shape)}, not a scalar"
        assert bool(found.isfinite()), f"it gives {found.item()}"
        assert found.requires_grad, "it has no gradient"


def check_gradient(case: LossCase) -> None:
    """The gradient is finite and equals central differences in float64, with weights and without."""
    for weight in (None, case.weight):
        outputs = case.outputs.clone().requires_grad_()
        (found,) = torch.autograd.grad(case.loss(outputs, case.y, weight), outputs)
        assert bool(found.isfinite().all()), "the gradient is not finite"
        expected = _differences(case, weight)
        far = float((found - expected).abs().max())
        assert far < 1e-6, f"the gradient differs from finite differences by {far:.2g}"
        assert float(expected.abs().max()) > 1e-4, "the loss does not depend on the outputs"


def _differences(case: LossCase, weight: Tensor | None, step: float = 1e-5) -> Tensor:
    """(loss(o + h) - loss(o - h)) / 2 h for each output; [rows, size]."""
    gradient = torch.zeros_like(case.outputs)
    for place in range(case.outputs.numel()):
        shifted = [case.outputs.clone(), case.outputs.clone()]
        for outputs, sign in zip(shifted, (1, -1)):
            outputs.view(-1)[place] += sign * step
        up, down = (case.loss(outputs, case.y, weight) for outputs in shifted)
        gradient.view(-1)[place] = (up - down) / (2 * step)
    return gradient


def check_mean(case: LossCase) -> None:
    """It is a mean: a batch that holds every row twice has the same loss."""
    once = case.loss(case.outputs, case.y, None)
    twice = case.loss(case.outputs.repeat(2, 1), torch.cat([case.y, case.y]), None)
    _equal(twice, once, "with every row twice the loss is {0}, not {1}: it is not a mean over rows")


def check_weights(case: LossCase) -> None:
    """Weights of 1 are no weights; only ratios matter; weight 2 = the row twice; weight 0 = the row left out."""
    o, y, w = case.outputs, case.y, case.weight
    plain = case.loss(o, y, None)
    _equal(case.loss(o, y, torch.ones_like(w)), plain, "with weights of 1 it is {0}, without weights {1}")
    weighted = case.loss(o, y, w)
    _equal(case.loss(o, y, 7 * w), weighted, "with all weights times 7 it is {0}, not {1}")
    double = torch.ones_like(w)
    double[0] = 2
    twice = case.loss(torch.cat([o, o[:1]]), torch.cat([y, y[:1]]), None)
    _equal(case.loss(o, y, double), twice, "with weight 2 for a row it is {0}, with that row twice {1}")
    nothing = torch.ones_like(w)
    nothing[0] = 0
    fewer = case.loss(o[1:], y[1:], None)
    _equal(case.loss(o, y, nothing), fewer, "with weight 0 for a row it is {0}, without that row {1}")
    assert abs(float(weighted - plain)) > 1e-6, "row weights change nothing"


def check_order(case: LossCase) -> None:
    """The order of rows changes nothing."""
    order = torch.randperm(ROWS, generator=torch_stream(0, "check_loss", "order"))
    for weight in (None, case.weight):
        shuffled = case.loss(case.outputs[order], case.y[order], None if weight is None else weight[order])
        _equal(shuffled, case.loss(case.outputs, case.y, weight), "with rows in another order it is {0}, not {1}")


def check_single_row(case: LossCase) -> None:
    """A batch of one works, and the mean of the rows' own losses, weighted, lies between the extremes."""
    each = []
    for row in range(ROWS):
        alone = case.loss(case.outputs[row : row + 1], case.y[row : row + 1], None)
        assert alone.shape == () and bool(alone.isfinite()), f"a batch of one gives {alone.tolist()}"
        each.append(float(alone))
        weighted = case.loss(case.outputs[row : row + 1], case.y[row : row + 1], torch.full((1,), 3.0).double())
        _equal(weighted, alone, "one row of weight 3 gives {0}, of no weight {1}")
    whole = float(case.loss(case.outputs, case.y, None))
    inside = min(each) - NEAR <= whole <= max(each) + NEAR
    assert inside, f"the loss {whole:.6g} lies outside the losses of its rows, {min(each):.6g} to {max(each):.6g}"


def check_shapes(case: LossCase) -> None:
    """y of one column may come as [n] or [n, 1]: never is it spread to [n, n]."""
    if case.kind == "binary":
        outputs, flat = case.outputs, case.y
    elif case.kind == "numbers":
        outputs, flat = case.outputs[:, : case.width], case.y[:, 0]
    else:
        return
    expected = case.loss(outputs, flat.unsqueeze(1), None)
    _equal(case.loss(outputs, flat, None), expected, "with y [n] it is {0}, with y [n, 1] {1}")
    alone = torch.stack([case.loss(outputs[row : row + 1], flat[row : row + 1], None) for row in range(ROWS)])
    if case.kind == "numbers":
        _equal(expected, alone.mean(), "it is {0}, the mean of its rows' losses is {1}: was y spread to [n, n]?")


def check_minimum(case: LossCase) -> None:
    """A perfect prediction (logits of the best confidence) is beaten neither by random outputs nor by steps
    down the gradient; a wrong one is worse.
    """
    sure = [0.25 * 2**power for power in range(9)] + [1.0 + 0.25 * step for step in range(25)]
    perfect = min((case.perfect(scale) for scale in sure), key=lambda outputs: float(case.loss(outputs, case.y, None)))
    best = float(case.loss(perfect, case.y, None))
    wrong = float(case.loss(case.wrong(), case.y, None))
    assert wrong > best + 1e-3, f"a wrong prediction has a loss of {wrong:.4g}, a perfect one of {best:.4g}"
    spare = 0.02 * (wrong - best)  # the confidences tried for the perfect prediction are a grid
    stream = torch_stream(0, "check_loss", "minimum")
    for spread in (0.1, 0.3, 1.0, 3.0, 10.0):
        for centre in (torch.zeros_like(case.outputs), perfect):
            noise = spread * torch.randn(case.outputs.shape, generator=stream, dtype=torch.float64)
            other = float(case.loss(centre + noise, case.y, None))
            found = f"random outputs have a loss of {other:.4g}, a perfect prediction one of {best:.4g}"
            assert other >= best - spare, found
    outputs = perfect.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(case.loss(outputs, case.y, None), outputs)
    for length in (0.1, 0.3, 1.0, 3.0):
        other = float(case.loss(perfect - length * ROWS * gradient, case.y, None))
        found = f"a step down the gradient leads from a perfect prediction's loss of {best:.4g} to {other:.4g}"
        assert other >= best - spare, found


def check_large(case: LossCase) -> None:
    """Outputs of 10,000 (right or wrong) keep the loss and its gradient finite in float32."""
    for name, start in (("right", case.perfect()), ("wrong", case.wrong()), ("random", case.outputs)):
        for size in (1e2, 1e4):
            outputs = (size * start).float().requires_grad_()
            found = case.loss(outputs, _as(case.y, torch.float32), None)
            assert bool(found.isfinite()), f"{name} outputs of {size:g} give a loss of {found.item()}"
            (gradient,) = torch.autograd.grad(found, outputs)
            assert bool(gradient.isfinite().all()), f"{name} outputs of {size:g} give a gradient that is not finite"


def check_precision(case: LossCase) -> None:
    """float64 stays float64; float32 agrees with it; bfloat16 outputs are summed up in float32."""
    exact = case.loss(case.outputs, case.y, case.weight)
    assert exact.dtype == torch.float64, f"float64 outputs give a {exact.dtype} loss"
    single = case.loss(case.outputs.float(), _as(case.y, torch.float32), case.weight.float())
    assert single.dtype == torch.float32, f"float32 outputs give a {single.dtype} loss"
    off = abs(float(single) - float(exact))
    assert off < 1e-5 * max(1.0, abs(float(exact))), f"float32 differs from float64 by {off:.2g}"
    half = case.outputs.bfloat16()
    found = case.loss(half, _as(case.y, torch.float32), case.weight.float())
    assert found.dtype == torch.float32, f"bfloat16 outputs give a {found.dtype} loss; float32 is asked for"
    expected = case.loss(half.float(), _as(case.y, torch.float32), case.weight.float())
    off = abs(float(found) - float(expected))
    assert off < 1e-5 * max(1.0, abs(float(expected))), f"bfloat16 outputs are summed up in bfloat16: off by {off:.2g}"


def check_pure(case: LossCase) -> None:
    """It leaves its arguments alone, is the same each time, and draws no random numbers."""
    given = (case.outputs.clone(), case.y.clone(), case.weight.clone())
    drawn = torch.get_rng_state()
    first = case.loss(*given)
    for name, mine, theirs in zip(("outputs", "y", "weight"), given, (case.outputs, case.y, case.weight)):
        assert torch.equal(mine, theirs), f"it changes {name}"
    assert torch.equal(first, case.loss(*given)), "asked twice it gives two answers"
    assert torch.equal(drawn, torch.get_rng_state()), "it draws from torch's global generator"


def _as(y: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating y in `dtype`; class numbers as they are."""
    return y.to(dtype) if y.is_floating_point() else y


def _equal(found: Tensor, expected: Tensor, text: str) -> None:
    far = abs(float(found) - float(expected))
    near = far <= NEAR * max(1.0, abs(float(expected)))
    assert near, text.format(f"{float(found):.6g}", f"{float(expected):.6g}")


CHECKS: dict[str, Callable[[LossCase], None]] = {
    "scalar": check_scalar,
    "gradient": check_gradient,
    "mean": check_mean,
    "weights": check_weights,
    "order": check_order,
    "single_row": check_single_row,
    "shapes": check_shapes,
    "minimum": check_minimum,
    "large": check_large,
    "precision": check_precision,
    "pure": check_pure,
}
"""Every check by name, in the order in which they run."""
