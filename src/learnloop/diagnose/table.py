"""`CHECKS`: every check that is made of a run, by name."""

from __future__ import annotations

from collections.abc import Callable

from learnloop.diagnose import copying, fitting, learning, measuring
from learnloop.diagnose.finding import SEVERITIES, Evidence, Finding

CHECKS: dict[str, Callable[[Evidence], Finding | None]] = {
    "not_learning": learning.not_learning,
    "not_linearly_separable": fitting.not_linearly_separable,
    "worse_than_baseline": fitting.worse_than_baseline,
    "overfitting": fitting.overfitting,
    "underfitting": fitting.underfitting,
    "too_short": learning.too_short,
    "learning_rate_high": learning.learning_rate_high,
    "learning_rate_extreme": learning.learning_rate_extreme,
    "class_imbalance": measuring.class_imbalance,
    "poorly_calibrated": measuring.poorly_calibrated,
    "small_test": measuring.small_test,
    "stopped_early": learning.stopped_early,
    "copies_text": copying.copies_text,
}


def diagnose(evidence: Evidence) -> list[Finding]:
    """Every finding, problems first, then warnings, then notes."""
    found = [finding for check in CHECKS.values() if (finding := check(evidence)) is not None]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
