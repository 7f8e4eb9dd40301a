"""`check_optimiser`: what every optimiser must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.optimisers import check_optimiser
    check_optimiser(MyConfig(lr=0.01))
    check_optimiser(lambda net: TorchStepper(torch.optim.Adamax(p for p in net.parameters() if p.requires_grad)))

Each check raises AssertionError with what was expected and what was found; `check_optimiser` runs all and
reports all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from learnloop.testing.optimiser_case import OptimiserCase
from learnloop.testing.optimiser_moves import (
    check_frozen,
    check_gradients,
    check_learns,
    check_minimises,
    check_moves_all,
    check_no_gradient,
    check_params,
    check_scale,
)
from learnloop.testing.optimiser_repeats import (
    check_foreign_state,
    check_fresh_process,
    check_fused,
    check_layout,
    check_resumes,
    check_seed,
)
from learnloop.testing.suite import run_checks

CHECKS: dict[str, Callable[[OptimiserCase], None]] = {
    "minimises": check_minimises,
    "learns": check_learns,
    "moves_all": check_moves_all,
    "params": check_params,
    "frozen": check_frozen,
    "no_gradient": check_no_gradient,
    "gradients": check_gradients,
    "scale": check_scale,
    "seed": check_seed,
    "resumes": check_resumes,
    "foreign_state": check_foreign_state,
    "fused": check_fused,
    "layout": check_layout,
    "fresh_process": check_fresh_process,
}
"""Every check by name, in the order in which they run."""


def check_optimiser(optimiser: Any, *, only: Collection[str] = (), fresh_process: bool = False) -> None:
    """Run the checks on an optimiser; AssertionError names every one that failed and why.

    optimiser      a config with `build(net, *, fused) -> Stepper`, or a function `net -> Stepper`
    only           names of CHECKS to run; empty = all (`fresh_process` only when that is True)
    fresh_process  also build and step in another process (about 2 s; for a Config): the same weights, and
                   torch._dynamo is not imported, which costs a small run more than its training
    """
    checks = {name: check for name, check in CHECKS.items() if name != "fresh_process" or fresh_process or only}
    run_checks(_title(optimiser), checks, OptimiserCase(optimiser), only)


def _title(optimiser: Any) -> str:
    return type(optimiser).__name__ if hasattr(optimiser, "build") else getattr(optimiser, "__name__", repr(optimiser))
