"""AR(p) by the Yule-Walker equations, its order by AIC. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learnloop.models.classical.forecast import Classical, Forecast
from learnloop.models.classical.naive import Naive, normal_intervals
from learnloop.models.classical.naive2 import autocorrelation


def yule_walker(y: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """phi [p] and the variance of the noise, p of 0 ... most by `AIC = n ln(variance_p) + 2 p`.

    Durbin-Levinson solves every order on the way to the largest:
    `k_p = (r_p - sum_j phi_j r_(p-j)) / v_(p-1)`, `phi_j := phi_j - k_p phi_(p-j)`, `v_p = v_(p-1) (1 - k_p^2)`.
    With the biased autocorrelations the process found is always stationary.
    Source: Brockwell and Davis, Time Series: Theory and Methods, 2nd edition 1991, sections 5.2 and 8.2.
    """
    n, r = len(y), autocorrelation(y, most)
    variance = float(y.var())
    phi, share = np.zeros(0), 1.0
    best, chosen, noise = np.inf, phi, variance
    for order in range(most + 1):
        if order:
            last = (r[order - 1] - phi @ r[: order - 1][::-1]) / share
            phi = np.append(phi - last * phi[::-1], last)  # [order]
            share *= 1 - last**2
        criterion = n * np.log(max(share, 1e-300)) + 2 * order
        if criterion < best:
            best, chosen, noise = criterion, phi, variance * share * n / max(1, n - order - 1)
    return chosen, noise


@dataclass(frozen=True)
class AR(Classical):
    """`y_t - mean = phi_1 (y_(t-1) - mean) + ... + phi_p (y_(t-p) - mean) + e_t`.

    p up to `10 log10 n`, or one season and one step if that is more, and below a third of the series. The variance of
    step h is `s^2 (psi_0^2 + ... + psi_(h-1)^2)`, psi the answer to one shock. Parameters are taken as known.
    """

    title = "AR"
    assumes = "A stationary series: it swings about a fixed mean, and its next value is linear in its last ones."
    source = "Brockwell and Davis 1991, sections 5.2, 8.2 and 9.3"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return Naive()

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        n = len(y)
        most = min(max(int(10 * np.log10(n)), season + 1 if season > 1 else 0), n // 3)
        phi, noise = yule_walker(y, most)
        centre, order = float(y.mean()), len(phi)
        path = np.concatenate([y[n - order :] - centre, np.zeros(horizon)])  # [order + horizon]
        answer = np.concatenate([np.zeros(order), np.ones(1), np.zeros(horizon - 1)])  # psi after `order` zeros
        for step in range(order, order + horizon):
            path[step] = path[step - order : step] @ phi[::-1]
            if step > order:
                answer[step] = answer[step - order : step] @ phi[::-1]
        deviation = np.sqrt(noise * np.cumsum(answer[order:] ** 2))
        return normal_intervals(centre + path[order:], deviation, levels)
