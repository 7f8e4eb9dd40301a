"""What BLEU, chrF and error rates are made of: numbers of each row whose sums over any rows give the metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from learnloop.scores.distance import edit_distances

BLEU_ORDERS, CHRF_ORDERS, CHRF_BETA = 4, 6, 2
EDITS = ("exact", "character_edits", "characters", "word_edits", "words")
BLEU = tuple(f"bleu_{i}" for i in range(2 * BLEU_ORDERS + 2))
CHRF = tuple(f"chrf_{i}" for i in range(3 * CHRF_ORDERS))


def edit_terms(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """float64 [n, 5], the columns of EDITS: whether the texts are the same, edits and length of the truth in
    characters, and in words (what stands between spaces).
    """
    same = np.array([a == b for a, b in zip(truths, predictions)], np.float64)
    letters = [[_points(text) for text in side] for side in (truths, predictions)]
    numbers: dict[str, int] = {}
    words = [
        [np.array([numbers.setdefault(w, len(numbers)) for w in text.split()], np.int32) for text in side]
        for side in (truths, predictions)
    ]
    columns = [same]
    for true, said in (letters, words):
        columns += [edit_distances(said, true), np.array([len(part) for part in true])]
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def bleu_terms(truths: Sequence[str], predictions: Sequence[str], tokenise: Callable[[str], str]) -> np.ndarray:
    """float64 [n, 10]: n-grams that are right (n = 1 ... 4), n-grams said, tokens said, tokens of the truth.

    tokenise: a text with its tokens set apart by spaces, as sacreBLEU's tokenisers give it
    """
    numbers: dict[str, int] = {}
    true, said = (
        [np.array([numbers.setdefault(w, len(numbers)) for w in tokenise(text).split()], np.int32) for text in side]
        for side in (truths, predictions)
    )
    counted = [shared_grams(said, true, order) for order in range(1, BLEU_ORDERS + 1)]
    lengths = [counted[0][:, 0], counted[0][:, 1]]
    return np.stack([*(each[:, 2] for each in counted), *(each[:, 0] for each in counted), *lengths], 1)


def chrf_terms(truths: Sequence[str], predictions: Sequence[str]) -> np.ndarray:
    """float64 [n, 18]: for each n = 1 ... 6 the character n-grams said, of the truth, and in both. No spaces count.

    Where the truth is too short for an order, what was said of it does not count either (as in sacreBLEU).
    """
    true, said = ([_points("".join(text.split())) for text in side] for side in (truths, predictions))
    counted = [shared_grams(said, true, order) for order in range(1, CHRF_ORDERS + 1)]
    for each in counted:
        each[each[:, 1] == 0, 0] = 0
    return np.concatenate(counted, 1)


def shared_grams(first: Sequence[np.ndarray], second: Sequence[np.ndarray], order: int) -> np.ndarray:
    """float64 [n, 3]: n-grams of first[i], of second[i], and in both, each as often as in the one that has it less.

    An n-gram is known by a 64-bit number made of its codes and its row; that two of them share one is less likely
    than 1 in 10^6 for a million n-grams.
    """
    (keys_a, rows_a), (keys_b, rows_b) = _keys(first, order), _keys(second, order)
    unique_a, where, times_a = np.unique(keys_a, return_index=True, return_counts=True)
    unique_b, times_b = np.unique(keys_b, return_counts=True)
    _, at_a, at_b = np.intersect1d(unique_a, unique_b, assume_unique=True, return_indices=True)
    both = np.minimum(times_a[at_a], times_b[at_b])
    n = len(first)
    columns = [np.bincount(rows_a, minlength=n), np.bincount(rows_b, minlength=n)]
    columns.append(np.bincount(rows_a[where[at_a]], weights=both, minlength=n))
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def bleu_of(sums: np.ndarray) -> np.ndarray:
    """BLEU [b], 0 to 100, from sums [b, 10] of `bleu_terms`.

    100 bp exp(mean over n of log p_n), p_n = right_n / said_n, bp = min(1, exp(1 - truth / said)). Where no n-gram of
    an order is right, p_n = 1 / (2^k said_n) for the k-th such order (sacreBLEU's "exp" smoothing); 0 where no text
    is that long. Papineni, Roukos, Ward and Zhu 2002, section 2.3.
    """
    right, said = sums[:, :BLEU_ORDERS], sums[:, BLEU_ORDERS : 2 * BLEU_ORDERS]
    length, truth = sums[:, -2], sums[:, -1]
    none = right == 0
    smoothed = np.where(none, 0.5 ** np.cumsum(none, axis=1), right)
    logs = np.log(np.maximum(smoothed, 1e-12)) - np.log(np.maximum(said, 1e-12))
    shortness = np.minimum(0, 1 - truth / np.maximum(length, 1e-12))
    possible = (said > 0).all(axis=1) & (right.sum(axis=1) > 0)
    return np.where(possible, 100 * np.exp(logs.mean(axis=1) + shortness), 0.0)


def chrf_of(sums: np.ndarray) -> np.ndarray:
    """chrF [b], 0 to 100, from sums [b, 18] of `chrf_terms`.

    100 (1 + 4) P R / (4 P + R), P and R the means over n of right / said and right / truth, over the orders that both
    sides are long enough for. Popovic 2015, equation 1, beta = 2.
    """
    parts = sums.reshape(-1, CHRF_ORDERS, 3)
    said, truth, both = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
    usable = (said > 0) & (truth > 0)
    orders = np.maximum(usable.sum(axis=1), 1)
    precision = np.where(usable, both / np.maximum(said, 1e-12), 0).sum(axis=1) / orders
    recall = np.where(usable, both / np.maximum(truth, 1e-12), 0).sum(axis=1) / orders
    weight = CHRF_BETA**2
    below = weight * precision + recall
    return np.where(below > 0, 100 * (1 + weight) * precision * recall / np.maximum(below, 1e-12), 0.0)


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<i4")


def _keys(parts: Sequence[np.ndarray], order: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of each n-gram, uint64, and the row that it stands in."""
    sizes = np.array([len(part) for part in parts], np.int64)
    flat = np.concatenate([np.zeros(0, np.int32), *parts]).astype(np.uint64)
    rows = np.repeat(np.arange(len(parts)), sizes)
    if len(flat) < order:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    stop = len(flat) - order + 1
    inside = rows[:stop] == rows[order - 1 :]  # an n-gram ends in the row that it begins in
    keys = _mixed(rows[:stop].astype(np.uint64))
    for step in range(order):
        keys = _mixed(keys * np.uint64(0x9E3779B97F4A7C15) + flat[step : step + stop] + np.uint64(1))
    return keys[inside], rows[:stop][inside]


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Every bit of the result depends on every bit (the finaliser of Steele, Lea and Flood 2014, SplitMix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
