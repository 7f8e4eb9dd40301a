"""`PanelFeatures`: what is known of every step of a series, past and future, as numbers of about one size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from learnloop.contracts import State
from learnloop.data.calendar import calendar_features
from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.transforms.standardise import Standardise

_TURNS = {"year": 365 * 86_400, "week": 7 * 86_400, "day": 86_400}
"""Seconds of a turn of the calendar. One that the training part has not seen twice says no more than the date, and
what is learnt of it holds for no other date."""
_LEAST_TURNS = 2
MOST_CATEGORIES = 20
"""Of a text that is constant for a series: the most frequent ones have a feature each, the others none."""


class PanelFeatures:
    """Features of each step: calendar, covariates that are known ahead, what is constant for a series.

    calendar  sin and cos of the place in the year, the week and the day, as far as the stamps tell them and the
              training part has at least two turns; `holiday` where a country is named
    known     z = (x - mean) / std over the training part, all series together; 0 where it is not known
    static    numbers like `known`; texts as one feature a category, 1 or 0, all 0 for one that training has not seen

    Nothing is learnt from the series' own values, so that a feature cannot leak them.
    """

    def __init__(self, calendar: bool = True, country: str = "") -> None:
        self.calendar = calendar
        self.country = country
        self._calendar: list[str] = []
        self._scales: dict[str, Standardise] = {}
        self._known: list[str] = []
        self._static: list[str] = []
        self._categories: dict[str, list[str]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features, in their order."""
        texts = [f"{name}={text}" for name, texts in self._categories.items() for text in texts]
        return (*self._calendar, *self._known, *self._static, *texts)

    def fit(self, panel: Panel) -> None:
        """panel: the training part. Raises DataError or MissingExtraError for a country that is not known."""
        self._calendar = self._turning(panel) if self.calendar else []
        self._known = list(panel.known)
        self._scales = {name: _scale(_joined(panel, name)) for name in self._known}
        texts = [name for name, column in panel.static.items() if column.dtype.kind not in "iufb"]
        self._static = [name for name in panel.static if name not in texts]
        self._scales |= {name: _scale(panel.static[name].astype(np.float64)) for name in self._static}
        self._categories = {name: _most_frequent(panel.static[name]) for name in texts}

    def apply(self, panel: Panel, horizon: int, *, ahead: int = 0) -> list[np.ndarray]:
        """float32 [n_i + horizon, features] of each series.

        ahead: steps behind the end that are to be forecast: every covariate must be known there.
        Raises DataError where one is not, or where the panel lacks a covariate or a constant of the training part.
        """
        self._need(panel, ahead)
        lengths = panel.lengths + horizon
        rows = int(lengths.sum())
        ends = np.cumsum(lengths)
        columns = self._of_calendar(panel, horizon, rows)
        for name in self._known:
            flat = np.full(rows, np.nan)
            for values, end, length in zip(panel.known[name], ends, lengths, strict=True):
                some = values[:length]
                flat[end - length : end - length + len(some)] = some
            columns.append(np.nan_to_num(self._scales[name].apply(flat)))
        for name in self._static:
            values = np.nan_to_num(self._scales[name].apply(panel.static[name].astype(np.float64)))
            columns.append(np.repeat(values, lengths))
        for name, texts in self._categories.items():
            found = panel.static[name].astype(str)
            columns += [np.repeat(found == text, lengths) for text in texts]
        flat = np.column_stack(columns).astype(np.float32) if columns else np.empty((rows, 0), np.float32)
        return [flat[end - length : end] for end, length in zip(ends, lengths, strict=True)]

    def state_dict(self) -> State:
        return {
            "calendar": self.calendar,
            "country": self.country,
            "turns": list(self._calendar),
            "known": list(self._known),
            "static": list(self._static),
            "categories": {name: list(texts) for name, texts in self._categories.items()},
            "scales": {name: [float(one.mean[0]), float(one.scale[0])] for name, one in self._scales.items()},
        }

    def load_state_dict(self, state: State) -> None:
        self.calendar, self.country = bool(state["calendar"]), str(state["country"])
        self._calendar, self._known, self._static = list(state["turns"]), list(state["known"]), list(state["static"])
        self._categories = {name: list(texts) for name, texts in state["categories"].items()}
        self._scales = {}
        for name, (mean, scale) in state["scales"].items():
            self._scales[name] = Standardise()
            self._scales[name].load_state_dict({"mean": [mean], "scale": [scale]})

    def _turning(self, panel: Panel) -> list[str]:
        """Names of the calendar's features that the training part has seen come round."""
        longest = int(np.argmax(panel.lengths))
        names, _ = calendar_features(panel.times[longest], panel.zone, self.country)
        if not names:
            return []
        ends = [(times[0], times[-1]) for times in panel.times if len(times)]
        span = max(int((end - begin).astype("timedelta64[s]").astype(np.int64)) for begin, end in ends)
        turns = [turn for turn, seconds in _TURNS.items() if span >= _LEAST_TURNS * seconds]
        kept = {f"{turn}_{wave}" for turn in turns for wave in ("sin", "cos")} | {"holiday"}
        return [name for name in names if name in kept]

    def _of_calendar(self, panel: Panel, horizon: int, rows: int) -> list[np.ndarray]:
        """Each stamp is looked up once: many series share theirs."""
        if not self._calendar:
            return []
        stamps = [
            np.concatenate([times, panel.future(place, horizon)]) if horizon else times
            for place, times in enumerate(panel.times)
        ]
        if stamps[0].dtype.kind != "M":
            return [np.zeros(rows) for _ in self._calendar]
        unique, place = np.unique(np.concatenate(stamps), return_inverse=True)
        names, values = calendar_features(unique, panel.zone, self.country)
        known = dict(zip(names, values.T, strict=True))
        return [known[name][place] if name in known else np.zeros(rows) for name in self._calendar]

    def _need(self, panel: Panel, ahead: int) -> None:
        for kind, names, given in (
            ("known", self._known, panel.known),
            ("static", [*self._static, *self._categories], panel.static),
        ):
            for name in names:
                if name not in given:
                    raise DataError(
                        panel.name, f"must have the {kind} column {name!r}: the network was trained with it",
                        found="no such column", available=tuple(given),
                    )  # fmt: skip
        for name in self._known if ahead else ():
            for place, values in enumerate(panel.known[name]):
                end = len(panel.values[place])
                there = int(np.isfinite(values[end : end + ahead]).sum())
                if there < ahead:
                    series = f" of series {panel.ids[place]}" if panel.ids[place] else ""
                    raise DataError(
                        f"known column {name!r}", f"must be known for all {ahead} steps that are forecast",
                        found=f"{there} of them{series}", cause="a plan that ends before the forecast does",
                        do=["rows behind the last target that hold it", *([f"--horizon {there}"] if there else [])],
                    )  # fmt: skip


def _joined(panel: Panel, name: str) -> np.ndarray:
    """A covariate over the steps that the panel has."""
    return np.concatenate(
        [values[: len(own)] for values, own in zip(panel.known[name], panel.values, strict=True)]
    ).astype(np.float64)


def _scale(values: np.ndarray) -> Standardise:
    found = Standardise()
    found.fit(values)
    return found


def _most_frequent(texts: Sequence[object] | np.ndarray) -> list[str]:
    """At most MOST_CATEGORIES, in the order of their names; none where all are the same or each is another."""
    counts = Counter(str(text) for text in texts)
    if len(counts) < 2 or len(counts) == len(texts):
        return []
    return sorted(text for text, _ in counts.most_common(MOST_CATEGORIES))
