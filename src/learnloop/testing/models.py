"""`check_model`: what every model must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.models import check_model
    check_model(MyConfig(), InputSpec("table", numbers=4))

Each check raises AssertionError with what was expected and what was found; `check_model` runs all and reports
all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch

from learnloop.contracts import InputSpec
from learnloop.models.config import ModelConfig
from learnloop.testing.frozen import check_frozen
from learnloop.testing.model_building import (
    check_declares,
    check_fresh_process,
    check_refuses,
    check_seed,
    check_suggests,
)
from learnloop.testing.model_case import Case
from learnloop.testing.model_learning import check_first_loss, check_gradients, check_learns, check_shape
from learnloop.testing.model_predicting import (
    check_bytes,
    check_evaluation,
    check_extremes,
    check_padding,
    check_rows,
    check_single_row,
    check_stored,
)
from learnloop.testing.suite import run_checks

CHECKS: dict[str, Callable[[Case], None]] = {
    "declares": check_declares,
    "suggests": check_suggests,
    "refuses": check_refuses,
    "shape": check_shape,
    "gradients": check_gradients,
    "learns": check_learns,
    "seed": check_seed,
    "fresh_process": check_fresh_process,
    "first_loss": check_first_loss,
    "rows": check_rows,
    "single_row": check_single_row,
    "padding": check_padding,
    "evaluation": check_evaluation,
    "stored": check_stored,
    "bytes": check_bytes,
    "extremes": check_extremes,
    "frozen": check_frozen,
}
"""Every check by name, in the order in which they run."""


def check_model(
    config: ModelConfig,
    spec: InputSpec,
    outputs: int = 3,
    *,
    only: Collection[str] = (),
    fresh_process: bool = False,
) -> None:
    """Run the checks on `config.build(spec, outputs)`; AssertionError names every one that failed and why.

    only           names of CHECKS to run; empty = all
    fresh_process  also build in another process (about 2 s)

    torch's global generator is as it was before, afterwards.
    """
    case = Case(config, spec, outputs)
    with torch.random.fork_rng(devices=[]):
        try:
            case.net()
        except Exception as error:
            raise AssertionError(f"{_title(case)}: cannot be built: {type(error).__name__}: {error}") from error
    default = [name for name in CHECKS if name != "fresh_process" or fresh_process]
    run_checks(_title(case), CHECKS, case, only or default)


def _title(case: Case) -> str:
    spec = case.spec
    shapes: dict[str, object] = {"image": spec.shape, "text": spec.vocabulary, "series": spec.numbers}
    shape = shapes.get(spec.kind, (spec.numbers, spec.cardinalities))
    return f"{type(case.config).__name__} on {spec.kind} {shape}, {case.outputs} outputs"
