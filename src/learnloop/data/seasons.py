"""The lengths of seasons in a series: those of the calendar tested against the values, or found from them alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from learnloop.data.frequency import usual_seasons

CYCLES = 3
"""A season shorter than a third of the series can be told from chance."""
LEAST = 0.2
"""A correlation from season to season below this is of no use to a forecast, however surely it is there."""
RANDOM_WALK = 0.09
"""c in the bound below: the sum of the squared autocorrelations of a detrended random walk, per step of its window."""


def detrended(values: np.ndarray, window: int) -> np.ndarray:
    """x_t = y_t - m_t, m the centred moving average over `window` steps (the outer two at half weight for even ones).

    [n] -> [n - window] for even windows, [n - window + 1] for odd ones. Averages are taken of values minus the first,
    so that a large level costs no digits.
    """
    y = values - values[0]
    weights = np.ones(window) / window
    if window % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(window - 1), [0.5]]) / window
    total = np.concatenate([[0.0], np.cumsum(y)])
    whole = total[window:] - total[:-window]  # [n - window + 1]
    mean = whole / window if window % 2 else (whole[:-1] + whole[1:]) / (2 * window)
    edge = len(weights) // 2
    return np.asarray(y[edge : len(y) - edge] - mean)


def repeats(values: np.ndarray, season: int) -> tuple[float, float]:
    """(r_m, bound): the autocorrelation at lag m = `season` of the series less its moving average over m steps.

    r_m = mean_t(x_t x_(t+m)) / mean_t(x_t^2);  bound = max(0.2, 1.645 sqrt((1 + 2 c m) / (n - m)))

    A moving average over exactly m steps leaves of a random walk, and of any trend in a straight line, a series whose
    values m steps apart have nothing to do with each other: r_m is what repeats and not what lasts. The bound is
    Bartlett's for one-sided 5 %, with the autocorrelations of that random walk (c, measured) in place of the series'
    own, in which the season itself would stand. Source of the idea of a one-sided bound at lag m: the seasonality test
    of the M4 competition (Makridakis, Spiliotis and Assimakopoulos 2020, appendix A). (0, inf) where the series has
    fewer than three seasons.
    """
    if season < 2 or len(values) < CYCLES * season:
        return 0.0, np.inf
    x = detrended(values, season)
    power = float(np.mean(x**2))
    if power <= 1e-18 * float(np.mean((values - values[0]) ** 2)):
        return 0.0, np.inf
    strength = float(np.mean(x[season:] * x[:-season])) / power
    return strength, max(LEAST, 1.645 * float(np.sqrt((1 + 2 * RANDOM_WALK * season) / (len(values) - season))))


def without_pattern(values: np.ndarray, season: int) -> np.ndarray:
    """The series less the mean of each of the `season` places in the cycle, taken from the detrended series."""
    x = detrended(values, season)
    start = (len(values) - len(x)) // 2
    place = (np.arange(len(x)) + start) % season
    pattern = np.bincount(place, weights=x, minlength=season) / np.maximum(np.bincount(place, minlength=season), 1)
    return np.asarray(values - np.resize(pattern, len(values)))


def found_seasons(values: np.ndarray, candidates: Sequence[int]) -> tuple[int, ...]:
    """Those of `candidates` that the values repeat with, shortest first; each is taken out before the next is tried."""
    rest, found = values, []
    for season in sorted(set(candidates)):
        strength, bound = repeats(rest, season)
        if strength > bound:
            found.append(season)
            rest = without_pattern(rest, season)
    return tuple(found)


def autocorrelation(values: np.ndarray, lags: int) -> np.ndarray:
    """r_k = sum_t (y_t - mean)(y_(t+k) - mean) / sum_t (y_t - mean)^2 for k = 0 .. lags, [lags + 1]; by FFT.

    1, 0, 0, ... for a constant series. Source: Box, Jenkins, Reinsel and Ljung 2015, section 2.1.5.
    """
    x = values - values.mean()
    size = 1 << int(2 * len(x) - 1).bit_length()
    power = np.abs(np.fft.rfft(x, size)) ** 2
    sums = np.fft.irfft(power, size)[: lags + 1]
    if sums[0] <= 0:
        return np.concatenate([[1.0], np.zeros(lags)])
    return np.asarray(sums / sums[0])


def peaks(values: np.ndarray, most: int = 12, longest: int = 1000) -> list[int]:
    """Lags at which a series is most like itself: local maxima of r_k, at most a third of n, highest first.

    Of its differences, in which no trend hides them; where these are all noise, of its distance from a straight line.
    Of several maxima within a tenth of each other the highest stands for all.
    """
    lags = min(len(values) // CYCLES, longest)
    if lags < 3:
        return []
    line = np.polynomial.Polynomial.fit(np.arange(len(values)), values, 1)(np.arange(len(values)))
    k = np.arange(2, lags + 1)
    for x in (np.diff(values), values - line):
        r = autocorrelation(x, lags + 1)
        high = k[(r[k] > r[k - 1]) & (r[k] >= r[k + 1]) & (r[k] > LEAST)]
        kept: list[int] = []
        for lag in high[np.argsort(-r[high])]:
            if all(abs(lag - other) > 0.1 * other for other in kept):
                kept.append(int(lag))
        if kept:
            return kept[:most]
    return []


def search_seasons(values: np.ndarray) -> tuple[int, ...]:
    """Seasons of a series without a calendar: its peaks that repeat, without the multiples of a shorter one.

    Of peaks within a third of each other the one that repeats most stands for all: noise makes peaks beside a season.
    """
    strength = {lag: repeats(values, lag)[0] for lag in peaks(values)}
    best = [
        lag
        for lag in strength
        if all(strength[lag] >= strength[other] for other in strength if abs(other - lag) < lag / 3)
    ]
    kept: list[int] = []
    for season in found_seasons(values, best):
        if not any(abs(season / shorter - round(season / shorter)) < 0.1 for shorter in kept):
            kept.append(season)
    return tuple(kept)


def shared_seasons(series: Sequence[np.ndarray], candidates: Sequence[int], share: float = 0.5) -> tuple[int, ...]:
    """Seasons that more than `share` of the series have (of those long enough to tell), shortest first.

    At most 200 series, evenly spread, are looked at. Without candidates each series is searched by itself, and seasons
    within a twentieth of each other (or one step) are one: that with which they repeat most.
    """
    step = max(1, len(series) // 200)
    sample = [values for values in series[::step] if len(values) >= 2 * CYCLES]
    found = [found_seasons(values, candidates) if candidates else search_seasons(values) for values in sample]
    counts = Counter(season for seasons in found for season in seasons)
    shared = []
    while counts:
        season = counts.most_common(1)[0][0]
        room = 0 if candidates else max(1, season // 20)
        near = [other for other in counts if abs(other - season) <= room]
        season = max(near, key=lambda one: sum(repeats(values, one)[0] for values in sample))
        votes = sum(any(other in near for other in seasons) for seasons in found)
        able = sum(len(values) >= CYCLES * season for values in sample)
        if votes > share * max(able, len(sample) / 4):
            shared.append(season)
        for other in near:
            del counts[other]
    return tuple(sorted(shared))


def seasons_of(sample: Sequence[np.ndarray], alias: str) -> tuple[tuple[int, ...], str]:
    """(the seasons that series of the frequency `alias` have in common, shortest first; a sentence that says so).

    sample  values without NaN of some of the series
    """
    candidates = usual_seasons(alias)
    found = shared_seasons(sample, candidates) if candidates or not alias else ()
    tried = f" (tried: {', '.join(str(one) for one in candidates)})" if candidates else ""
    if not found:
        return (), f"No season was found{tried}."
    words = " and ".join(str(one) for one in found)
    return found, f"Season of {words} steps: the values repeat at that distance beyond chance{tried}."
