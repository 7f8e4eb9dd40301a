"""What a walk forward shows: how much each way of answering saves, how sure that is, and what cannot be predicted.

    skill_a = 1 - sum (y - a)^2 / sum (y - bar)^2

is 0 for the bar (of a return: no change, the random walk) and 1 for answers that are always right. It is the
out-of-sample R^2 of Campbell and Thompson, Predicting Excess Stock Returns Out of Sample, Review of Financial Studies
21 (2008), section 1, with the bar in the place of the mean. A way of answering is clearly better than another where the
interval of the difference of their squared errors leaves out zero; the interval is the wider, the more are compared
(Bonferroni), since the best of many is often the luckiest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.scores.blocks import block_length, block_sums, by_moment
from learnloop.scores.bootstrap import LEVEL, interval
from learnloop.seeds import numpy_stream
from learnloop.verbs.walk_forward import Walk

Pair = tuple[float, float]


@dataclass(frozen=True)
class Answerer:
    """One row of the table. skill: with its 95 % interval. better: the skill's interval widened for the number of ways
    that are compared leaves out zero from above: clearly better than the bar; worse: from below.
    right: share of the changes whose direction it called, of those that went up or down and that it called at all, with
    its 95 % interval; None where it never says up or down."""

    title: str
    learned: bool
    rmse: float
    mae: float
    skill: float
    interval: Pair
    wide: Pair
    right: float | None
    right_interval: Pair | None
    edge: Pair | None

    @property
    def better(self) -> bool:
        return self.wide[0] > 0

    @property
    def worse(self) -> bool:
        return self.wide[1] < 0


@dataclass(frozen=True)
class Verdict:
    """table: the bar first, then best first. beats: learners that are clearly better than every rule. rises: the share
    of changes that went up. block: moments drawn together. sentence: what that says."""

    title: str
    kind: str
    rows: int
    table: tuple[Answerer, ...]
    beats: tuple[str, ...]
    rises: float
    block: int
    sentence: str

    @property
    def bar(self) -> Answerer:
        return self.table[0]

    @property
    def best(self) -> Answerer:
        """Of all but the bar."""
        return self.table[1]

    @property
    def predictable(self) -> bool:
        """Whether something is clearly better than the bar."""
        return any(one.better for one in self.table)

    def __getitem__(self, title: str) -> Answerer:
        return next(one for one in self.table if one.title == title)

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "rows": self.rows,
            "block": self.block,
            "rises": self.rises,
            "beats_every_rule": list(self.beats),
            "sentence": self.sentence,
            "table": [
                {
                    "title": one.title,
                    "learned": one.learned,
                    "rmse": one.rmse,
                    "mae": one.mae,
                    "skill": one.skill,
                    "skill_interval": list(one.interval),
                    "direction": one.right,
                    "direction_interval": None if one.right_interval is None else list(one.right_interval),
                }
                for one in self.table
            ],
        }


def judge(walk: Walk, seed: int = 0) -> Verdict:
    """The table of a walk and its sentence. Raises DataError where too little time was tested for an interval."""
    rows, titles = walk.rows, list(walk.answers)
    rules = [title for title in titles if title not in walk.learned]
    squares = {title: (rows.y - answer) ** 2 for title, answer in walk.answers.items()}
    up = np.sign(rows.y - rows.level)
    calls = {title: np.sign(answer - rows.level) for title, answer in walk.answers.items()}
    columns = [squares[title] for title in titles]
    for title in titles:
        called = (calls[title] != 0) & (up != 0)
        columns += [called & (calls[title] == up), called, called & (up > 0)]
    sums = by_moment(rows.time, np.column_stack(columns).astype(np.float64))  # [moments, columns]
    length = block_length(len(sums), rows.horizon, rows.season)
    drawn = block_sums(sums, length, numpy_stream(seed, "scores", "walk"))  # [resamples, columns]
    total = sums.sum(axis=0)
    wide = 1 - (1 - LEVEL) / max(1, len(titles) - 1)
    found = []
    for place, title in enumerate(titles):
        skills = 1 - drawn[:, place] / drawn[:, 0]
        at = len(titles) + 3 * place
        found.append(
            Answerer(
                title,
                title in walk.learned,
                float(np.sqrt(squares[title].mean())),
                float(np.abs(rows.y - walk.answers[title]).mean()),
                float(1 - total[place] / total[0]),
                _pair(skills, LEVEL),
                _pair(skills, wide),
                *_direction(total[at : at + 3], drawn[:, at : at + 3], wide),
            )
        )
    table = (found[0], *sorted(found[1:], key=lambda one: one.rmse))
    beats = tuple(
        one.title
        for one in table
        if one.learned
        and all(_pair(drawn[:, titles.index(rule)] - drawn[:, titles.index(one.title)], wide)[0] > 0 for rule in rules)
    )
    moved = up != 0
    rises = float((up[moved] > 0).mean()) if moved.any() else float("nan")
    sentence = _sentence(walk, table, beats, rises)
    return Verdict(rows.title, rows.kind, len(rows), table, beats, rises, length, sentence)


def summary(verdicts: Sequence[Verdict]) -> str:
    """What can be predicted here and what cannot, in words; of the figures alone."""
    cannot = [one.title for one in verdicts if not one.predictable and one.kind == "return"]
    no_better = [f"{one.title} ({one.bar.title})" for one in verdicts if not one.predictable and one.kind != "return"]
    barely = [one.title for one in verdicts if one.predictable and not one.beats]
    can = [one.title for one in verdicts if one.predictable and one.beats]
    parts = []
    if cannot:
        parts.append(
            f"Cannot be predicted here: {_listed(cannot)}. Nothing tried is clearly better than the bar; what looks "
            "better in the table is within what luck gives."
        )
    if no_better:
        parts.append(f"Not predicted here any better than by the bar: {_listed(no_better)}.")
    if barely:
        parts.append(f"Can be predicted, but by a simple rule as well as by what was learnt: {_listed(barely)}.")
    if can:
        parts.append(f"Can be predicted, and learning helps: {_listed(can)}.")
    if any(one.kind == "return" for one in verdicts if not one.predictable):
        parts.append("A trading rule made from these forecasts of returns would trade on noise, before costs.")
    return " ".join(parts)


def _pair(values: np.ndarray, level: float) -> Pair:
    pair = interval(values, level)
    return pair if pair is not None else (-np.inf, np.inf)


def _direction(total: np.ndarray, drawn: np.ndarray, wide: float) -> tuple[float | None, Pair | None, Pair | None]:
    """(share right, its interval, the wide interval of how much more is right than by always saying the same).

    total [3], drawn [resamples, 3]: right, called, and of those called the ones that went up."""
    if total[1] == 0:
        return None, None, None
    right = drawn[:, 0] / drawn[:, 1]
    rise = drawn[:, 2] / drawn[:, 1]
    usual = rise if total[2] >= total[1] / 2 else 1 - rise  # which of the two is more usual is not drawn again
    return float(total[0] / total[1]), _pair(right, LEVEL), _pair(right - usual, wide)


def _sentence(walk: Walk, table: Sequence[Answerer], beats: Sequence[str], rises: float) -> str:
    bar, title = table[0], walk.rows.title if walk.rows.kind == "value" else _capital(walk.rows.title)
    clear = [one for one in table[1:] if one.better]
    best = clear[0] if clear else next((one for one in table if one.learned), table[1])
    if not clear:
        text = (
            f"{title}: nothing is clearly better than {bar.title}. {_capital(best.title)} "
            f"{_saved(best)}{'' if best.worse else f': within what luck gives the best of {len(table) - 1}'}."
        )
    else:
        text = f"{title}: {best.title} is clearly better than {bar.title}, it {_saved(best)}."
        rules = [one for one in table if not one.learned]
        rule = min(rules, key=lambda one: one.rmse)
        if beats:
            text += f" Every simple rule is beaten clearly by {_listed(list(beats))}."
        elif rule.title != bar.title:
            text += f" Nothing learnt is clearly better than the simple rule {rule.title}."
    return text + (_of_direction(table, rises) if walk.rows.kind != "volatility" else "")


def _saved(one: Answerer) -> str:
    """What it saves of the bar's squared error, or adds to it, with the interval."""
    low, high = one.interval
    if one.skill >= 0:
        return f"saves {100 * one.skill:.1f} % of its squared error ({100 * low:.1f} to {100 * high:.1f} %)"
    return f"adds {-100 * one.skill:.1f} % to its squared error ({-100 * high:.1f} to {-100 * low:.1f} %)"


def _of_direction(table: Sequence[Answerer], rises: float) -> str:
    learned = [one for one in table if one.learned and one.right is not None]
    if not learned:
        return ""
    best = max(learned, key=lambda one: one.right or 0.0)
    assert best.right is not None and best.right_interval is not None and best.edge is not None
    word, share = ("up", rises) if rises >= 0.5 else ("down", 1 - rises)
    low, high = best.right_interval
    clearly = "that is clearly more" if best.edge[0] > 0 else "that is not clearly more"
    return (
        f" {_capital(best.title)} calls {100 * best.right:.1f} % of the directions right "
        f"({100 * low:.1f} to {100 * high:.1f} %); "
        f'always saying "{word}" calls {100 * share:.1f} %: {clearly}.'
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
