"""Where the level of a series jumps, and which values fit nothing around them; and its partial autocorrelations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

MOST_STEPS = 1000
"""A longer series is averaged in blocks first: a break is then found to within a block."""
FAR = 4.0
"""Robust standard deviations from which a remainder is called an outlier: 1 of 16,000 normal values."""


def level_breaks(x: np.ndarray, least: int = 10, penalty: float = 3.0) -> list[int]:
    """The first step of every new level, ascending; the segments minimise, exactly,

        sum over segments of sum_t (x_t - mean of the segment)^2 + penalty * v * ln(n) for each break

    v is the long-run variance g (1 + phi) / (1 - phi) of an AR(1) process, with g and phi from the variance and the
    first autocovariance of the differences, which a few jumps hardly change: in a series that wanders slowly by itself,
    a break must be larger. A segment has at least `least` steps. Source: PELT, Killick, Fearnhead and Eckley, Journal
    of the American Statistical Association 107, 2012, section 3; the penalty is the Schwarz criterion's 2 ln(n) and
    half as much again, against values that are not normal.
    """
    block = -(-len(x) // MOST_STEPS)
    if block > 1:
        whole = len(x) // block * block
        return [
            place * block for place in level_breaks(x[:whole].reshape(-1, block).mean(axis=1), max(3, least // block))
        ]
    count, variance = len(x), long_run_variance(x)
    if count < 2 * least or variance <= 0:
        return []
    y = x - x.mean()
    sums, squares = np.concatenate([[0.0], np.cumsum(y)]), np.concatenate([[0.0], np.cumsum(y**2)])
    price = penalty * variance * np.log(count)
    best, before = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.int64)
    best[0] = -price
    starts = np.array([0])
    for end in range(least, count + 1):
        # What begins at `start` and ends here has the cost: sum of squares less n times the squared mean.
        length = end - starts
        cost = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / length
        total = best[starts] + cost + price
        place = int(np.argmin(total))
        best[end], before[end] = total[place], starts[place]
        starts = np.append(starts[best[starts] + cost <= best[end]], end - least + 1)
    breaks, end = [], count
    while before[end] > 0:
        end = int(before[end])
        breaks.append(end)
    return breaks[::-1]


def explained_by_a_line(x: np.ndarray, least: int = 10, penalty: float = 3.0) -> bool:
    """Whether a line with the jumps around it costs less than jumps alone, by the sum that `level_breaks` minimises.

    One jump looks like a slope, and a slope like many jumps: the cheaper story is told. The line costs as much as a
    jump. Costs are those of x itself, also where a long series is averaged in blocks to find its jumps.
    """
    steps = np.arange(len(x))
    around = x - np.polynomial.Polynomial.fit(steps, x, 1)(steps)
    price = penalty * long_run_variance(x) * np.log(max(len(x), 2))

    def cost(z: np.ndarray) -> float:
        edges = [0, *level_breaks(z, least, penalty), len(z)]
        inside = sum(float(((part := z[first:end]) - part.mean()) @ (part - part.mean()))
                     for first, end in pairwise(edges))  # fmt: skip
        return inside + price * (len(edges) - 2)

    return cost(around) + price < cost(x)


def long_run_variance(x: np.ndarray) -> float:
    """g (1 + phi) / (1 - phi) of the AR(1) process with the differences d of x; phi in 0 .. 0.95.

    Var(d) = 2 g (1 - phi), Cov(d_t, d_(t-1)) = -g (1 - phi)^2, so phi = 1 + 2 r_1(d). A jump is one of n differences.
    """
    if len(x) < 4 or float(np.ptp(np.diff(x))) <= 0:
        return 0.0
    phi = min(persistence(x), 0.95)
    level = float(np.diff(x).var()) / (2 * (1 - phi))
    return level * (1 + phi) / (1 - phi)


def persistence(x: np.ndarray) -> float:
    """phi = 1 + 2 r_1 of the differences, at least 0: 0 for noise, also around jumping levels; 1 for a random walk."""
    d = np.diff(x)
    d = d - d.mean()
    return float(max(0.0, 1 + 2 * (d[1:] @ d[:-1]) / (d @ d)))


def _robust(x: np.ndarray) -> float:
    """1.4826 times the median absolute deviation; where that is 0, the standard deviation."""
    spread = 1.4826 * float(np.median(np.abs(x - np.median(x))))
    return spread if spread > 0 else float(x.std())


def outliers(remainder: np.ndarray, far: float = FAR) -> list[tuple[int, float]]:
    """(step, distance in robust standard deviations with its sign) of values beyond `far`, farthest first."""
    spread = _robust(remainder)
    if spread <= 0:
        return []
    score = (remainder - np.median(remainder)) / spread
    steps = np.flatnonzero(np.abs(score) > far)
    return [(int(step), float(score[step])) for step in steps[np.argsort(-np.abs(score[steps]), kind="stable")]]


def partial_autocorrelation(r: np.ndarray) -> np.ndarray:
    """p_k of the autocorrelations r [lags + 1], [lags + 1] with p_0 = 1: by Durbin and Levinson.

    p_k = (r_k - sum_j phi_j r_(k-j)) / (1 - sum_j phi_j r_j),  phi_j := phi_j - p_k phi_(k-j). Source: Box, Jenkins,
    Reinsel and Ljung 2015, section 3.2.5.
    """
    partial = np.zeros(len(r))
    partial[0] = 1.0
    phi = np.zeros(0)
    for k in range(1, len(r)):
        rest = 1.0 - float(phi @ r[1:k])
        if rest <= 1e-12:  # the lags before predict exactly
            break
        partial[k] = (r[k] - float(phi @ r[k - 1 : 0 : -1])) / rest
        phi = np.append(phi - partial[k] * phi[::-1], partial[k])
    return partial


def cycle(x: np.ndarray, shortest: int) -> tuple[int, float] | None:
    """(length in steps, share of the variance) of the strongest wave longer than `shortest` and at most a third of x.

    From the periodogram of x less its line, smoothed over three neighbouring frequencies. None where the strongest wave
    holds less than a tenth of the variance, or less than ln(m) + 3 times what an AR(1) process with the same first
    autocorrelation would have there; of m independent frequencies of such noise, the largest is below that 19 times in
    20. Source: Box, Jenkins, Reinsel and Ljung 2015, section 2.2; the comparison with AR(1) ("red noise"): Gilman,
    Fuglister and Mitchell 1963.
    """
    count = len(x)
    if count < 24:
        return None
    steps = np.arange(count)
    z = x - np.polynomial.Polynomial.fit(steps, x, 1)(steps)
    if float(z @ z) <= 0:
        return None
    power = np.abs(np.fft.rfft(z * np.hanning(count))) ** 2
    power = np.convolve(power, np.ones(3) / 3, mode="same")
    frequency = np.arange(len(power)) / count
    r1 = float(np.clip((z[1:] @ z[:-1]) / (z @ z), 0.0, 0.99))
    red = (1 - r1**2) / (1 - 2 * r1 * np.cos(2 * np.pi * frequency) + r1**2)
    red *= power[1:].sum() / red[1:].sum()
    able = (frequency >= 3 / count) & (frequency < 1 / max(2, shortest))
    if not able.any():
        return None
    place = int(np.flatnonzero(able)[np.argmax(power[able])])
    share = float(min(1.0, 3 * power[place] / power[1:].sum()))
    if share < 0.1 or power[place] < (np.log(able.sum()) + 3) * red[place]:
        return None
    return round(1 / frequency[place]), share
