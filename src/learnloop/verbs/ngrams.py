"""Kneser-Ney n-grams: what a text costs a model that counts. The baseline of networks that continue texts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from learnloop.scores.evaluation import Evaluation
from learnloop.scores.language import evaluate_text
from learnloop.verbs.baselines import Baseline

ORDERS = 6
"""Longest context, the token itself included."""
MOST_TOKENS = 4_000_000
"""Tokens of the training part that are counted: the last ones, nearest to what is held out."""
LEAST_TOKENS = 20_000
_SECONDS_A_TOKEN = 6e-6
"""Of counting all orders, on a slow core."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class _Level:
    """Counts of one order: c(h w) by key of h w, and c(h), the number of different w, behind each h, by key of h."""

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    different: np.ndarray
    discount: float

    @classmethod
    def of(cls, keys: np.ndarray, counts: np.ndarray, contexts: np.ndarray) -> _Level:
        """keys, contexts [types]: of h w and of h; counts [types]."""
        order = np.argsort(keys)
        known, where = np.unique(contexts, return_inverse=True)
        totals = np.bincount(where, counts, len(known))
        different = np.bincount(where, minlength=len(known)).astype(np.float64)
        once, twice = float((counts == 1).sum()), float((counts == 2).sum())
        discount = once / (once + 2 * twice) if once + twice else 0.5
        return cls(
            keys[order], counts[order].astype(np.float64), known, totals, different, min(max(discount, 0.1), 0.9)
        )

    def mixed(self, keys: np.ndarray, contexts: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """p(w | h) = max(c(h w) - D, 0) / c(h) + D N(h) / c(h) * lower; lower where h was never met."""
        count = _look_up(self.keys, self.counts, keys)
        total = _look_up(self.contexts, self.totals, contexts)
        kinds = _look_up(self.contexts, self.different, contexts)
        met = np.maximum(total, 1.0)
        found = np.maximum(count - self.discount, 0.0) / met + self.discount * kinds / met * lower
        return np.where(total > 0, found, lower)


class NGrams:
    """Interpolated Kneser-Ney of order n: at the top the counts c(h w), below it the numbers of different tokens that
    come before w, N(. h w), each less one discount D = n1 / (n1 + 2 n2) an order, the rest given to the next shorter
    context, the last of them to all tokens alike. Chen and Goodman 1999, section 2.7 and equation 26; discount: Ney,
    Essen and Kneser 1994. Contexts are 64-bit hashes of their tokens.

    codes  integers [n], n >= 2: the training text;  size  of the vocabulary
    """

    def __init__(self, codes: np.ndarray, size: int) -> None:
        self._size = size
        codes = codes.astype(np.uint64)
        self._top: list[_Level] = []
        self._below: list[_Level] = []
        shorter, grams = _grams(codes, 0), _grams(codes, 1)
        keys, first, counts = np.unique(grams, return_index=True, return_counts=True)
        for order in range(1, min(ORDERS, len(codes) - 1) + 1):
            self._top.append(_Level.of(keys, counts, shorter[first]))  # h begins where h w begins
            longer = _grams(codes, order + 1)
            keys, first, counts = np.unique(longer, return_index=True, return_counts=True)
            lasts, at, before = np.unique(grams[first + 1], return_index=True, return_counts=True)
            self._below.append(_Level.of(lasts, before, shorter[first + 1][at]))
            shorter, grams = grams, longer

    @property
    def orders(self) -> int:
        return len(self._top)

    def nats(self, codes: np.ndarray) -> list[np.ndarray]:
        """order - 1 -> -ln p of every token but the first of a text, [n - 1]; the text's beginning has less context."""
        codes = codes.astype(np.uint64)
        lower = np.full(len(codes), 1.0 / self._size)
        found = []
        for order in range(1, self.orders + 1):
            keys, contexts = _behind(codes, order), _behind(codes[:-1], order - 1, shift=1)
            whole = np.arange(len(codes)) >= order - 1  # the others have no context of that length
            found.append(-np.log(np.where(whole, self._top[order - 1].mixed(keys, contexts, lower), lower))[1:])
            lower = np.where(whole, self._below[order - 1].mixed(keys, contexts, lower), lower)
        return found


def ngram_baselines(
    train: np.ndarray,
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
    size: int,
    *,
    seed: int,
    seconds: float = math.inf,
    now: Callable[[], float] = time.monotonic,
) -> list[Baseline]:
    """One baseline an order.

    parts    name -> (codes [n], characters of each token but the first [n - 1])
    seconds  that counting may take, about; a shorter piece of the training part, its end, is then counted
    """
    begin = now()
    most = int(min(MOST_TOKENS, max(seconds / _SECONDS_A_TOKEN, LEAST_TOKENS)))
    model = NGrams(train[-most:], size)
    fitted = now() - begin
    evaluations: list[dict[str, Evaluation]] = [{} for _ in range(model.orders)]
    predictions: list[dict[str, np.ndarray]] = [{} for _ in range(model.orders)]
    for name, (codes, characters) in parts.items():
        for order, nats in enumerate(model.nats(codes)):
            evaluations[order][name] = evaluate_text(nats, characters, seed)
            predictions[order][name] = nats
    scored = (now() - begin - fitted) / model.orders
    cut = len(train) > most
    note = f"counted on the last {most:,} of {len(train):,} tokens of the training part" if cut else ""
    return [
        Baseline(f"{n}-gram", f"{n}-gram, Kneser-Ney", found, predictions[n - 1], fitted + scored, note, cut_short=cut)
        for n, found in enumerate(evaluations, 1)
    ]


def _grams(codes: np.ndarray, order: int) -> np.ndarray:
    """Hash of the `order` codes that begin at each place, [n - order + 1] (of no codes at all: [n])."""
    count = max(0, len(codes) - max(order, 1) + 1)
    key = np.zeros(count, np.uint64)
    for step in range(order):
        key = (key + codes[step : step + count] + np.uint64(1)) * _SPREAD
        key ^= key >> np.uint64(29)
    return key


def _behind(codes: np.ndarray, order: int, shift: int = 0) -> np.ndarray:
    """Hash of the `order` codes that end at each place (of those before it, with shift 1), 0 where there are fewer."""
    found = np.zeros(len(codes) + shift, np.uint64)
    if 0 < order <= len(codes):
        found[order - 1 + shift :] = _grams(codes, order)
    return found


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """values of `wanted` among sorted `keys`, 0 for those that are not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)
