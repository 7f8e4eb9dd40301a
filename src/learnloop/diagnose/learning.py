"""Findings about the course of training: did it learn, did it learn long enough, was it smooth?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from learnloop.diagnose.finding import Evidence, Finding, remedy, smooth

USUAL_MOST = 1.0
"""Learning rates above this are almost surely a mistake."""
BEYOND_SCATTER = 5.0
MOST_SCATTER = 5.0
"""A jump is this many times as far from the usual loss, in logarithms, as half of all rows are; e^5 is enough."""


def not_learning(evidence: Evidence) -> Finding | None:
    """The training loss ends where it started: it fell by less than 2 %."""
    losses = smooth(evidence.curve("train"))
    if len(losses) < 5 or not all(math.isfinite(loss) for loss in losses):
        return None
    first, last, best = losses[0], losses[-1], min(losses)
    if first - best > 0.02 * abs(first):
        return None
    rate = evidence.setting("optimiser.lr")
    higher = last > first * 1.02
    changes = {}
    if isinstance(rate, (int, float)):
        changes = {"optimiser.lr": rate / 10 if higher else rate * 10}
    direction = "too high" if higher else "too low"
    return Finding(
        "not_learning",
        "The network does not learn",
        f"The training loss was {first:.4g} at the start and {last:.4g} at the end. Either the learning rate "
        f"({_number(rate)}) is {direction}, or the inputs say nothing about the target.",
        "problem",
        {"first": first, "last": last, "best": best, "learning_rate": rate},
        remedy(f"Try a learning rate ten times {'lower' if higher else 'higher'}.", changes),
    )


def too_short(evidence: Evidence) -> Finding | None:
    """The best validation value is the last one and the last fifth of training still brought more than 2
    %."""
    losses = evidence.curve("validation") or smooth(evidence.curve("train"))
    if len(losses) < 5 or not all(math.isfinite(loss) for loss in losses) or losses[0] <= min(losses):
        return None
    tail = max(1, len(losses) // 5)
    before, last = min(losses[:-tail]), losses[-1]
    # Against the whole way down: a schedule that ends at zero always brings a little at the end.
    share = (before - last) / (losses[0] - min(losses))
    if last > min(losses) or share < 0.05 or before - last < 0.02 * abs(before):
        return None
    changes = evidence.longer()
    return Finding(
        "too_short",
        "Training stopped while it was still getting better",
        f"The loss fell from {before:.4g} to {last:.4g} in the last fifth of the run. More training should "
        "give a better "
        "network.",
        "warning",
        {"before_last_fifth": before, "last": last, "share_of_whole_fall": share},
        remedy("Train twice as long.", changes),
    )


def learning_rate_high(evidence: Evidence) -> Finding | None:
    """The training loss jumps: at least two rows far above the median of the rows before them, and further than the
    losses of small batches scatter anyway."""
    losses = evidence.curve("train")
    if len(losses) < 10:
        return None
    usual = [statistics.median(losses[max(0, position - 5) : position]) for position in range(2, len(losses))]
    ratios = [loss / level if level > 0 else 1.0 for loss, level in zip(losses[2:], usual)]
    times = max(2.0, math.exp(min(BEYOND_SCATTER * _scatter(losses), MOST_SCATTER)))
    jumps = [
        position
        for position, (ratio, level) in enumerate(zip(ratios, usual), start=2)
        if ratio > times and losses[position] - level > 0.1 * abs(losses[0])
    ]
    if len(jumps) < 2:
        return None
    rate = evidence.setting("optimiser.lr")
    changes = {"optimiser.lr": rate / 3} if isinstance(rate, (int, float)) else {}
    return Finding(
        "learning_rate_high",
        "The loss jumps: the learning rate is high",
        f"In {len(jumps)} of {len(losses)} recorded steps the training loss was more than "
        f"{'twice' if times == 2 else f'{times:.1f} times'} what it had just been. "
        f"The learning rate ({_number(rate)}) is at the edge of what this network bears.",
        "warning",
        {
            "jumps": len(jumps),
            "rows": len(losses),
            "largest": max(losses[j] for j in jumps),
            "learning_rate": rate,
        },
        remedy("Lower the learning rate to a third, or warm up longer.", changes),
    )


def _scatter(losses: Sequence[float]) -> float:
    """Median of |ln(loss / median of the four around it)|: how far rows are from their neighbours, fall or no fall."""
    places = range(2, len(losses) - 2)
    around = (statistics.median([*losses[place - 2 : place], *losses[place + 1 : place + 3]]) for place in places)
    pairs = zip(losses[2:-2], around)
    return statistics.median([abs(math.log(loss / level)) for loss, level in pairs if loss > 0 and level > 0] or [0.0])


def learning_rate_extreme(evidence: Evidence) -> Finding | None:
    """The run came to its end, but with a learning rate that no usual network bears."""
    rate, name = evidence.setting("optimiser.lr"), evidence.setting("optimiser.name")
    most = USUAL_MOST * (10 if name == "adadelta" else 1)  # Adadelta's own scale is 1
    losses = evidence.curve("train")
    perceptron = evidence.setting("model.name") == "perceptron"  # its answers do not depend on the rate
    if not isinstance(rate, (int, float)) or rate <= most or not losses or perceptron:
        return None
    return Finding(
        "learning_rate_extreme",
        "The learning rate is far too high",
        f"The learning rate was {rate:g}; 0.0001 to 0.1 is usual. The training loss was {losses[0]:.4g} at first, "
        f"{max(losses):.4g} at its highest and {losses[-1]:.4g} at the end. The run did not diverge, but weights that "
        "were thrown about like this say little about what this network could learn.",
        "problem",
        {"learning_rate": rate, "first": losses[0], "largest": max(losses), "last": losses[-1]},
        remedy("Train with a usual learning rate.", {"optimiser.lr": 0.001}),
    )


def stopped_early(evidence: Evidence) -> Finding | None:
    """Training was ended by early stopping: say so, and which weights are kept."""
    stopped = str(evidence.training.get("stopped", ""))
    if not any(sign in stopped.lower() for sign in ("has not improved", "early stopping", "patience")):
        return None
    steps, best = evidence.training.get("steps"), evidence.training.get("best_step")
    return Finding(
        "stopped_early",
        "Early stopping ended the run",
        f"Validation got no better after step {best}; training ended at step {steps} and the weights of "
        f"step {best} are "
        "the ones that are kept and measured.",
        "note",
        {"steps": steps, "best_step": best, "stopped": stopped},
        remedy("Nothing to mend; a longer patience (train further) rarely helps once validation has turned."),
    )


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
