"""One call from prices, or from any series, to what can be predicted of it: questions, a walk forward, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from learnloop.data.ahead import value_origins
from learnloop.data.origins import Kind, Origins
from learnloop.data.panel import Panel, read_panel
from learnloop.data.returns import HAR, read_prices, return_origins, volatility_origins
from learnloop.verbs.learners import Learner, Network, Ridge
from learnloop.verbs.walk_forward import FIRST, REFITS, Walk, walk_forward
from learnloop.verbs.walk_verdict import Verdict, judge, summary


@dataclass(frozen=True)
class Study:
    """walks and verdicts, one a question; sentence: what cannot be predicted, and what can; notes: of the reading."""

    walks: tuple[Walk, ...]
    verdicts: tuple[Verdict, ...]
    sentence: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n\n".join([*(text(verdict) for verdict in self.verdicts), self.sentence])


def study_prices(
    source: Any,
    horizons: Sequence[int] = (1, 5),
    *,
    price: str | None = None,
    time: str | None = None,
    group: str | None = None,
    learners: Sequence[Learner] | None = None,
    refits: int = REFITS,
    first: float = FIRST,
    seed: int = 0,
) -> Study:
    """Returns and volatility of the next days, from a CSV (or frame, or catalog name) of dates and closing prices.

    price, time, group  columns, where they are not plain; several shares are learnt from together
    learners            None: ridge regression and a network, and HAR for volatility
    Raises what `read_prices` and `walk_forward` raise.
    """
    panel = read_prices(source, price, time, group)
    questions = [ask(panel, horizon) for ask in (return_origins, volatility_origins) for horizon in horizons]
    return _study(questions, panel, learners, refits, first, seed)


def study_series(
    source: Any,
    horizons: Sequence[int] = (1,),
    *,
    target: str | None = None,
    time: str | None = None,
    group: str | None = None,
    learners: Sequence[Learner] | None = None,
    refits: int = REFITS,
    first: float = FIRST,
    seed: int = 0,
) -> Study:
    """Values some steps ahead, by the same pipeline. target: None for the first column of numbers."""
    panel = read_panel(source, time=time, target=target, group=group, fill="forward")
    return _study([value_origins(panel, horizon) for horizon in horizons], panel, learners, refits, first, seed)


def learners_for(kind: Kind) -> list[Learner]:
    """What learns where nobody says, simplest first."""
    har: list[Learner] = [Ridge("HAR", HAR, (0.0,))] if kind == "volatility" else []
    return [*har, Ridge(), Network()]


def text(verdict: Verdict) -> str:
    """A table for the terminal, and the sentence."""
    lines = [f"{'':24s} {'RMSE':>9s} {'MAE':>9s}  saves of the squared error  direction right"]
    for one in verdict.table:
        low, high = one.interval
        skill = (
            f"{100 * one.skill:7.1f} % ({100 * low:.1f} to {100 * high:.1f})" if one is not verdict.bar else "the bar"
        )
        right = ""
        if one.right is not None and one.right_interval is not None and verdict.kind != "volatility":
            right = f"{100 * one.right:.1f} % ({100 * one.right_interval[0]:.1f} to {100 * one.right_interval[1]:.1f})"
        lines.append(f"{one.title:24s} {one.rmse:9.4g} {one.mae:9.4g}  {skill:26s}  {right}".rstrip())
    return "\n".join([*lines, verdict.sentence])


def _study(
    questions: Sequence[Origins],
    panel: Panel,
    learners: Sequence[Learner] | None,
    refits: int,
    first: float,
    seed: int,
) -> Study:
    walks = [
        walk_forward(one, learners or learners_for(one.kind), refits=refits, first=first, seed=seed)
        for one in questions
    ]
    verdicts = tuple(judge(walk, seed) for walk in walks)
    return Study(tuple(walks), verdicts, summary(verdicts), panel.notes)
