"""Seasons, breaks, cycles and outliers: found where they were put, and not where there is only noise."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.data import frequency as freq
from learnloop.data.breaks import cycle, explained_by_a_line, level_breaks, outliers, partial_autocorrelation
from learnloop.data.seasons import autocorrelation, found_seasons, repeats, search_seasons, shared_seasons
from learnloop.errors import DataError


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def wave(count: int, season: int) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(count) / season)


def test_a_season_is_found_under_trend_and_noise_and_only_where_it_is() -> None:
    y = 0.3 * np.arange(400) + 2 * wave(400, 12) + noise(400)
    assert found_seasons(y, (7, 12, 365)) == (12,)
    assert search_seasons(y) == (12,)
    hours = 3 * wave(24 * 7 * 10, 24) + 2 * wave(24 * 7 * 10, 168) + noise(24 * 7 * 10)
    assert found_seasons(hours, (24, 168)) == (24, 168)
    assert found_seasons(3 * wave(1680, 24) + noise(1680), (24, 168)) == (24,)  # 168 is only seven days of 24


@pytest.mark.parametrize("kind", ["white", "walk", "trend"])
def test_false_alarms_stay_below_the_five_percent_of_the_bound(kind: str) -> None:
    alarms = 0
    for seed in range(300):
        e = noise(48, seed)
        y = {"white": e, "walk": e.cumsum(), "trend": e + 5.0 * np.arange(48)}[kind]
        strength, bound = repeats(y, 12)
        alarms += strength > bound
    assert alarms <= 0.05 * 300 + 3 * np.sqrt(300 * 0.05 * 0.95)


def test_series_share_the_season_that_most_of_them_have() -> None:
    many = [wave(200, 24) * 3 + noise(200, seed) for seed in range(6)] + [noise(200, 9)]
    assert shared_seasons(many, ()) == (24,)
    assert shared_seasons([noise(200, seed) for seed in range(6)], (24,)) == ()


def test_the_calendar_gives_the_seasons_of_a_frequency() -> None:
    seasons = {"MS": (12,), "QS": (4,), "YS": (), "D": (7, 365), "B": (5,), "h": (24, 168, 8760), "W-SUN": (52,)}
    assert {alias: freq.usual_seasons(alias) for alias in seasons} == seasons
    assert freq.usual_seasons("15min") == (96, 672, 35_040)


@pytest.mark.parametrize("alias", ["s", "15min", "h", "2h", "D", "B", "W-SUN", "MS", "ME", "QS", "YS"])
def test_the_frequency_of_a_pandas_range_is_inferred_and_its_grid_is_the_same(alias: str) -> None:
    import pandas as pd

    times = pd.date_range("2023-01-01", periods=40, freq=alias).to_numpy().astype("datetime64[s]")
    assert freq.infer(times) == (alias, 1.0)
    assert (freq.stamps(times[0], alias, np.arange(40)) == times).all()
    place, exact = freq.positions(times, times[0], alias)
    assert place.tolist() == list(range(40)) and exact.all()


def test_old_and_unknown_frequencies() -> None:
    assert [freq.standard(name) for name in ("H", "M", "T", "15T", "MS")] == ["h", "ME", "min", "15min", "MS"]
    with pytest.raises(DataError, match="must be a frequency"):
        freq.parse("3weeks")


def test_autocorrelations_agree_with_statsmodels() -> None:
    tools = pytest.importorskip("statsmodels.tsa.stattools")
    y = noise(200).cumsum()
    assert autocorrelation(y, 30) == pytest.approx(tools.acf(y, nlags=30))
    assert partial_autocorrelation(autocorrelation(y, 30)) == pytest.approx(tools.pacf(y, 30, method="ldb"))


def test_breaks_are_found_where_the_level_jumps() -> None:
    y = noise(300)
    y[100:] += 4
    y[200:] -= 7
    found = level_breaks(y)
    assert len(found) == 2 and np.abs(np.array(found) - [100, 200]).max() <= 2
    long = noise(3000) + np.repeat(np.array([0, 4, -3]), 1000)
    assert np.abs(np.array(level_breaks(long)) - [1000, 2000]).max() <= 3  # averaged in blocks of three first


def test_breaks_are_the_best_of_all_segmentations() -> None:
    """Against the plain dynamic programme without pruning."""
    y = noise(60, 5)
    y[20:] += 3
    y[41:] -= 5
    from learnloop.data.breaks import long_run_variance

    price, least = 3 * long_run_variance(y) * np.log(len(y)), 5
    best, cuts = {0: -price}, {0: []}
    for end in range(least, len(y) + 1):
        options = {
            s: best[s] + float(((y[s:end] - y[s:end].mean()) ** 2).sum()) + price for s in best if end - s >= least
        }
        place = min(options, key=lambda start: options[start])
        best[end], cuts[end] = options[place], [*cuts[place], *([place] if place else [])]
    assert level_breaks(y, least) == cuts[len(y)] != []


def test_noise_has_few_breaks_even_where_it_lasts() -> None:
    def lasting(seed: int) -> np.ndarray:
        e, y = noise(300, seed), np.zeros(300)
        for t in range(1, 300):
            y[t] = 0.7 * y[t - 1] + e[t]
        return y

    assert sum(bool(level_breaks(noise(300, seed))) for seed in range(30)) <= 1
    assert sum(bool(level_breaks(lasting(seed))) for seed in range(30)) <= 4


def test_a_cycle_is_found_and_noise_has_none() -> None:
    y = 3 * wave(600, 67) + noise(600)
    found = cycle(y, 2)
    assert found is not None and abs(found[0] - 67) <= 4 and found[1] > 0.5
    assert sum(cycle(noise(400, seed), 2) is not None for seed in range(30)) <= 1
    assert sum(cycle(noise(400, seed).cumsum(), 2) is not None for seed in range(30)) <= 2


def test_outliers_are_told_with_sign_and_farthest_first() -> None:
    y = noise(200)
    y[30], y[70] = 12.0, -9.0
    assert [step for step, _ in outliers(y)] == [30, 70]
    assert outliers(y)[1][1] < -4
    assert outliers(np.zeros(20)) == []


def test_a_slope_is_told_as_a_line_and_a_jump_as_a_jump() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=300)
    slope = 0.05 * np.arange(300) + noise
    jump = np.where(np.arange(300) < 150, 0.0, 8.0) + noise
    assert len(level_breaks(slope)) > 1  # what a slope looks like without a line
    assert explained_by_a_line(slope) and not explained_by_a_line(jump)
    assert not explained_by_a_line(noise)
    around = slope - np.polynomial.Polynomial.fit(np.arange(300), slope, 1)(np.arange(300))
    assert level_breaks(around) == []
