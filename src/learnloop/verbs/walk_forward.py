"""Walk forward: learn from what was known, answer the questions of the next stretch of time, learn again, go on.

Source: Pardo, The Evaluation and Optimization of Trading Strategies, 2008, chapter 11; the gap between training rows
and the first question: Lopez de Prado, Advances in Financial Machine Learning, 2018, section 7.4.1 (purging).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from learnloop.data.origins import Origins
from learnloop.data.panel import Panel
from learnloop.errors import DataError, ModelError, RecipeError
from learnloop.seeds import derive, numpy_stream
from learnloop.verbs.learners import Learner

REFITS = 8
FIRST = 0.5
"""Share of the time that is learnt from before the first answer."""
LEAST = 50
"""Rows that learners need before the first question."""
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Walk:
    """rows: the questions that were answered, in the order of time; answers {title: float64 [rows]}: rules first, then
    learners; learned: titles of the learners; begins: stamp at which each stretch begins; trained: rows that were
    learnt from before it; seconds {title: learning and answering}."""

    rows: Origins
    answers: dict[str, np.ndarray]
    learned: tuple[str, ...]
    begins: tuple[str, ...]
    trained: tuple[int, ...]
    seconds: dict[str, float]


def walk_forward(
    questions: Origins, learners: Sequence[Learner], *, refits: int = REFITS, first: float = FIRST, seed: int = 0
) -> Walk:
    """Answers of every learner to the later questions, each learnt from rows whose answers were known by then.

    The moments behind the first share `first` are cut into `refits` stretches. Before each, a learner is fitted to all
    rows with `known <= begin`: a question asked before the stretch but answered in it is not among them.
    Raises RecipeError for a share, number of refits or titles that are none; DataError where too few rows come before
    the first stretch.
    """
    _check(questions, learners, refits, first)
    rows = questions.take(np.isfinite(questions.y))
    moments = np.unique(rows.time)
    places = np.linspace(int(first * len(moments)), len(moments), refits + 1).astype(np.int64)
    begins = [moments[place] for place in places[:-1]]
    ends = [*begins[1:], None]
    answers: dict[str, list[np.ndarray]] = {learner.title: [] for learner in learners}
    seconds = dict.fromkeys(answers, 0.0)
    trained: list[int] = []
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        past = rows.take(rows.known <= begin)
        asked = rows.time >= begin if end is None else (rows.time >= begin) & (rows.time < end)
        stretch = rows.take(asked)
        if len(past) < LEAST:
            raise DataError(
                "questions", f"must be {LEAST} before the first stretch, with answers known by then",
                found=f"{len(past)} of {len(rows)}", do=f"a larger share than first={first:g}, or more data",
            )  # fmt: skip
        for learner in learners:
            began = time.perf_counter()
            learner.fit(past, derive(seed, "walk", number))
            answers[learner.title].append(learner.predict(stretch))
            seconds[learner.title] += time.perf_counter() - began
        trained.append(len(past))
    tested = rows.take(rows.time >= begins[0])
    given = dict(tested.rules) | {title: np.concatenate(found) for title, found in answers.items()}
    return Walk(tested, given, tuple(answers), tuple(str(begin) for begin in begins), tuple(trained), seconds)


@dataclass(frozen=True)
class Lookahead:
    """what: "features", "rules" or the title of a learner; rows: questions whose values changed with the future."""

    what: str
    rows: int
    of: int
    names: tuple[str, ...] = ()


def find_lookahead(
    ask: Callable[[Panel], Origins],
    panel: Panel,
    make: Callable[[Panel], Sequence[Learner]] | None = None,
    *,
    refits: int = 2,
    first: float = FIRST,
    seed: int = 0,
) -> Lookahead | None:
    """Does anything that is known at an origin change when the values after it do? The first thing that does, or None.

    ask(panel) makes the questions. It is called with the panel, and with one whose values behind a moment in the tested
    time are poisoned (multiplied by random factors, so that prices stay above zero). Of all questions up to that moment
    features and rules must be the same, and so must the answers of every learner of make(panel) after a whole walk: a
    scaler or a choice that was fitted on everything shows there.
    """
    clean = ask(panel)
    moments = np.unique(clean.time)
    cut = moments[int((first + 0.6 * (1 - first)) * len(moments))]
    changed_panel = _poisoned(panel, cut, seed)
    poisoned = ask(changed_panel)
    for what, names, a, b in _known(clean, poisoned, cut):
        changed = _differs(a, b)
        if changed.any():
            bad = np.flatnonzero(changed.any(axis=0))
            columns = tuple(names[place] for place in bad) if names else ()
            return Lookahead(what, int(changed.any(axis=1).sum()), len(a), columns)
    if make is None:
        return None
    one, other = (
        walk_forward(rows, make(given), refits=refits, first=first, seed=seed)
        for rows, given in ((clean, panel), (poisoned, changed_panel))
    )
    for title in one.learned:
        a, b = (walk.answers[title][walk.rows.time <= cut] for walk in (one, other))
        if len(a) != len(b):
            return Lookahead(title, abs(len(a) - len(b)), len(a))
        changed = _differs(a[:, None], b[:, None])
        if changed.any():
            return Lookahead(title, int(changed.sum()), len(a))
    return None


def refuse_lookahead(
    ask: Callable[[Panel], Origins],
    panel: Panel,
    make: Callable[[Panel], Sequence[Learner]] | None = None,
    *,
    seed: int = 0,
) -> None:
    """Raises ModelError where `find_lookahead` finds something."""
    found = find_lookahead(ask, panel, make, seed=seed)
    if found is not None:
        which = f" ({', '.join(found.names[:5])})" if found.names else ""
        raise ModelError(
            f"{found.what}{which}", "must be made from the values up to the origin alone",
            found=f"{found.rows} of {found.of} change when the values after them do",
            cause="a feature reads tomorrow's value, or something was fitted on the whole series",
            do="make features from `lagged` and `rolling_*`, and fit in `Learner.fit` alone",
        )  # fmt: skip


def _known(clean: Origins, poisoned: Origins, cut: object) -> list[tuple[str, tuple[str, ...], np.ndarray, np.ndarray]]:
    """(what, names, values of the clean questions up to `cut` [rows, columns], those of the poisoned)."""
    before, after = (rows.time <= cut for rows in (clean, poisoned))
    if before.sum() != after.sum():
        return [("questions", (), np.zeros((int(before.sum()), 1)), np.ones((int(before.sum()), 1)))]
    a, b = clean.take(before), poisoned.take(after)
    answered = a.known <= cut
    rules = tuple(a.rules)
    return [
        ("features", a.names, a.x, b.x),
        ("rules", rules, _table(a, rules), _table(b, rules)),
        ("answers that were known", ("y",), a.y[answered][:, None], b.y[answered][:, None]),
    ]


def _table(rows: Origins, rules: Sequence[str]) -> np.ndarray:
    return np.column_stack([rows.rules[name] for name in rules])


def _differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two tables of numbers differ by more than rounding, bool [rows, columns]."""
    size = np.maximum(np.nanmean(np.abs(a), axis=0, keepdims=True), 1e-12) if len(a) else 1.0
    same = (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= _ROUNDING * size)
    return ~same


def _poisoned(panel: Panel, cut: object, seed: int) -> Panel:
    rng = numpy_stream(seed, "lookahead")
    values = []
    for times, rows in zip(panel.times, panel.values, strict=True):
        bad = rows.copy()
        late = times > cut
        factor = np.exp(rng.normal(0, 1, bad[late].shape))
        bad[late] = bad[late] * factor + rows.std(axis=0) * factor
        values.append(bad)
    return replace(panel, values=tuple(values))


def _check(questions: Origins, learners: Sequence[Learner], refits: int, first: float) -> None:
    if refits < 1:
        raise RecipeError("refits", "must be at least 1", found=str(refits))
    if not 0 < first < 1:
        raise RecipeError("first", "must be a share between 0 and 1", found=f"{first:g}")
    titles = [*questions.rules, *(learner.title for learner in learners)]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise RecipeError("learners", "must have different titles, which are none of a rule", found=repr(twice[0]))
