"""What a text costs a model: nats and bits a character, perplexity a token, with intervals by blocks of text."""

from __future__ import annotations

import math

import numpy as np

from learnloop.errors import DataError
from learnloop.scores.bootstrap import RESAMPLES
from learnloop.scores.evaluation import Evaluation
from learnloop.seeds import numpy_stream

BLOCKS = 100
"""Neighbouring characters share their subject: whole blocks are drawn, not single ones."""
_LEAST_BLOCKS = 5


def evaluate_text(nats: np.ndarray, characters: np.ndarray, seed: int = 0) -> Evaluation:
    """Figures of a text that a model read from its beginning to its end.

    nats        [n]: -ln p of each token, given those before it
    characters  [n]: characters that each token stands for; their sum is the length of the text that was scored

    nats_per_char = sum nats / sum characters, bits_per_char = that / ln 2, nats_per_token = mean nats and
    perplexity = exp(nats_per_token). Intervals: 95 % percentile bootstrap over blocks of neighbouring tokens (Kuensch
    1989). Raises DataError where nothing was scored.
    """
    nats, characters = np.asarray(nats, np.float64), np.asarray(characters, np.float64)
    if len(nats) == 0 or characters.sum() <= 0:
        raise DataError("the text", "must have at least two tokens to be scored", found=f"{len(nats) + 1} token")
    metrics = _metrics(nats.sum(), characters.sum(), float(len(nats)))
    blocks = min(BLOCKS, len(nats))
    intervals = {}
    notes = []
    if blocks >= _LEAST_BLOCKS:
        sums = block_sums(nats, characters, np.ones_like(nats))  # [3, blocks]
        drawn = numpy_stream(seed, "scores", "blocks").integers(0, blocks, (RESAMPLES, blocks))
        resampled = _metrics(*sums[:, drawn].sum(-1))
        intervals = {name: _between(values) for name, values in resampled.items()}
    else:
        notes = [f"No intervals: {len(nats)} tokens are too few to draw blocks from."]
    return Evaluation("language", round(characters.sum()), metrics, intervals, notes=notes)


def block_sums(*values: np.ndarray) -> np.ndarray:
    """Sums of each of the `values` [n] over up to `BLOCKS` blocks of neighbouring tokens: [values, blocks]."""
    count = len(values[0])
    edges = np.linspace(0, count, min(BLOCKS, count) + 1).astype(np.int64)[:-1]
    return np.stack([np.add.reduceat(column, edges) for column in values])


def _metrics(nats, characters, tokens):  # type: ignore[no-untyped-def]
    """Of sums, or of arrays of sums."""
    per_char, per_token = nats / characters, nats / tokens
    found = {
        "nats_per_char": per_char,
        "bits_per_char": per_char / math.log(2),
        "nats_per_token": per_token,
        "perplexity": np.exp(per_token),
    }
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in found.items()}


def _between(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
