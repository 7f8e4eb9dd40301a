"""Where training, validation and test end in each series, and the windows that are forecast in the last two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from learnloop.data.panel import Panel
from learnloop.data.panel_checks import require_history
from learnloop.errors import DataError
from learnloop.verbs.contest import plan

MOST_WINDOWS = 8
"""Windows of a part, where nobody asks for more: spread over it where it holds more."""
_FEW = 10
_TESTS, _TEST_SHARE = 3, 0.25
"""Test windows of a few series, and the share of the shortest that they may take together."""
_MANY = 100
"""Series from which on one window says enough to choose by: more of them would only keep new values from training."""
_NETWORK_SHARE = 0.5
"""Of what precedes the test part, that a network is left to learn from."""


@dataclass(frozen=True)
class Ends:
    """Each series' parts, all int64 [series], exclusive: a network learns from the values before `train`; the windows
    that methods are chosen by lie between `train` and `validation`, those of the final figures up to `test`.

    windows, step  of the validation part; tests, test_step  of the test part: windows and the steps between origins
    official       whether the parts are those of a published protocol
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    windows: int
    step: int
    tests: int
    test_step: int
    official: bool

    def shifted(self, lost: np.ndarray) -> Ends:
        """The same parts of series whose first `lost` values, int64 [series], were cut off."""
        train, validation, test = (np.maximum(end - lost, 0) for end in (self.train, self.validation, self.test))
        return replace(self, train=train, validation=validation, test=test)


def usual_horizon(panel: Panel) -> tuple[int, str]:
    """(steps, why): the official horizon, else one season (a fortnight of days), at most a fifth of the shortest."""
    if panel.horizon:
        return panel.horizon, "the official protocol of the data"
    season = 2 * panel.season if panel.frequency == "D" and panel.season == 7 else panel.season
    most = max(1, int(panel.lengths.min()) // 5)
    if season > most:
        return most, "inferred: a fifth of the shortest series"
    if season == 1:
        return min(10, most), "inferred: no season was found"
    return season, f"inferred: {season} steps are {'one season' if season == panel.season else 'two seasons'}"


def find_ends(panel: Panel, horizon: int, *, windows: int | None, tests: int | None, network: bool) -> Ends:
    """The parts. windows, tests: how many were asked for; network: whether one must be left something to learn from.

    Official parts are kept where the horizon fits into them. Else the last windows are the test part: one for many
    series, up to three for fewer than ten, and the windows before them the validation part.
    Raises DataError where the longest series is too short for one window of each.
    """
    official = "test" in panel.parts and bool((_official_test(panel) >= horizon).all())
    if official:
        test, before = panel.parts["test"], panel.parts.get("validation", panel.parts["train"])
        many, step = _spread(int((test - before).min()), horizon, tests)
    else:
        _check_length(panel, horizon, (tests or 1) + 1)
        test = panel.lengths
        many, step = tests or _tests(panel, horizon), horizon
        before = np.maximum(test - horizon - (many - 1) * step, 0)
    if official and "validation" in panel.parts:
        train = panel.parts["train"]
        count, apart = _spread(int((before - train).min()), horizon, windows)
    else:
        count, apart = _windows(panel, int(before.max()), horizon, windows, network=network)
        train = np.maximum(before - horizon - (count - 1) * apart, 0)
    return Ends(train, before, test, count, apart, many, step, official)


def _official_test(panel: Panel) -> np.ndarray:
    return np.asarray(panel.parts["test"] - panel.parts.get("validation", panel.parts["train"]))


def _check_length(panel: Panel, horizon: int, windows: int) -> None:
    """Of many series those that are too short are left out of the figures, which the backtest says; all: an error."""
    longest = int(panel.lengths.argmax())
    require_history(panel.subset(np.array([longest])), horizon, windows=windows, lookback=max(2, panel.season + 1))


def _tests(panel: Panel, horizon: int) -> int:
    if len(panel) >= _FEW:
        return 1
    return max(1, min(_TESTS, int(_TEST_SHARE * panel.lengths.min()) // horizon))


def _spread(length: int, horizon: int, windows: int | None) -> tuple[int, int]:
    """(windows, step) within a part of `length` steps."""
    room = length - horizon
    if room < 0:
        raise DataError("--horizon", f"must fit into the official part of {length} steps", found=f"{horizon}")
    count = windows or min(MOST_WINDOWS, room // horizon + 1)
    return count, max(1, room // (count - 1)) if count > 1 else horizon


def _windows(panel: Panel, before: int, horizon: int, windows: int | None, *, network: bool) -> tuple[int, int]:
    """(windows, step) before `before`, the longest history in front of the test part."""
    least = max(2, min(max(2 * panel.season + 1, 8), before - horizon))
    kept = max(least, int(_NETWORK_SHARE * before)) if network else least
    room = max(0, before - horizon - kept)
    if windows:
        return windows, max(1, min(horizon // 2, room // max(1, windows - 1))) if len(panel) < _FEW else horizon
    if len(panel) >= _MANY:
        return 1, horizon
    count, step = plan(len(panel), horizon, room)
    return min(count, room // step + 1), step


def describe_ends(ends: Ends, horizon: int) -> str:
    """In a sentence."""
    tests = "the last window" if ends.tests == 1 else f"{ends.tests} windows {ends.test_step} steps apart"
    before = "one window" if ends.windows == 1 else f"{ends.windows} windows {ends.step} steps apart"
    how = "the official parts: " if ends.official else "by time: "
    return f"{how}{tests} of {horizon} steps for the final figures, {before} before that to choose by"
