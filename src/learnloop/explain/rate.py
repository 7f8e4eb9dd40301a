"""The learning rate of the one step that an explanation takes."""

from __future__ import annotations

import math

from learnloop.errors import UserError

LEARNING_RATE = 0.1
"""Unless another is asked for: large enough to be seen in four digits, seldom too large for one step."""


def checked_rate(lr: float | None) -> float:
    """lr, or the default. Raises UserError unless it is a finite number above 0."""
    if lr is None:
        return LEARNING_RATE
    if not (math.isfinite(lr) and lr > 0):
        raise UserError("--lr", "must be a finite number above 0", found=f"{lr:g}", do=f"--lr {LEARNING_RATE}")
    return lr
