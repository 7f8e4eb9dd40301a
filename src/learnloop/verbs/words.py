"""Which words moved the answers of a text model: rows with each piece of their text and its weight."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import TOKENS, UNKNOWN
from learnloop.data.dataset import Dataset
from learnloop.diagnose.words import integrated_gradients
from learnloop.seeds import numpy_stream
from learnloop.transforms.texts import TextEncoder

Piece = tuple[str, float]
"""A piece of the text, and what it adds to the score of the prediction; 0.0 for what is between two tokens."""

RIGHT_SHOWN, WRONG_SHOWN = 6, 8
WORDS_SHOWN, LEAST_ROWS = 12, 3
"""A word in fewer of the texts looked at is not listed: it may be chance."""
_LOOKED_AT = 300
_A_BATCH = 16


def can_tell(bundle: Bundle) -> bool:
    """Whether the inputs are texts and the answers classes or one number."""
    one = bundle.about.target == "class" or (bundle.about.target == "numbers" and len(bundle.target_names) == 1)
    return isinstance(bundle.encoder.sole, TextEncoder) and one


def wanted(bundle: Bundle) -> bool:
    """Whether the recipe asked for it (`model.explain`)."""
    return bool(bundle.about.model["config"].get("explain")) and can_tell(bundle)


def pieces_of(
    bundle: Bundle, data: Dataset, classes: np.ndarray | None, *, seconds: float = math.inf
) -> list[list[Piece]] | None:
    """Each row's text in pieces with their weights. classes: int [rows] whose score is looked at; None: the number's.

    seconds  no further rows are begun after them: the list may then be shorter than the data

    A text that is cut is shown as far as it was read. None where the network does not read its tokens one by one.
    """
    encoder = bundle.encoder.sole
    assert isinstance(encoder, TextEncoder)
    texts = [text if isinstance(text, str) else "" for text in data.column(encoder.name)]
    tokens = torch.from_numpy(encoder.apply(data.column(encoder.name))[TOKENS])
    found: list[list[Piece]] = []
    end = time.monotonic() + seconds
    for start in range(0, len(texts), _A_BATCH):
        if time.monotonic() > end:
            break
        some = slice(start, start + _A_BATCH)
        chosen = None if classes is None else torch.from_numpy(np.asarray(classes[some], np.int64))
        moved = integrated_gradients(bundle.net, tokens[some], chosen)
        if moved is None:
            return None
        for text, weights in zip(texts[some], moved.weights.tolist(), strict=True):
            found.append(_cut_up(text, encoder.tokens.pieces(text), weights))
    return found


def _cut_up(text: str, places: Sequence[tuple[int, int]], weights: Sequence[float]) -> list[Piece]:
    pieces, end = [], 0
    for (start, stop), weight in zip(places, weights):
        if start > end:
            pieces.append((text[end:start], 0.0))
        pieces.append((text[max(start, end) : stop], float(weight)))
        end = max(end, stop)
    return pieces


def moved_by_words(
    bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray, *, seconds: float, seed: int = 0
) -> dict[str, Any]:
    """For words.json: some right and wrong rows in pieces, and the words that spoke most for each class.

    The rows are drawn by chance among those that came out right, and the surest among those that did not; of numbers
    they are drawn by chance. Words are ranked by their mean weight for a class over up to 300 rows, as many
    as `seconds` allow.
    """
    named = bundle.about.target == "class"
    said = outputs.argmax(1) if named else None
    right = np.flatnonzero(said == y) if said is not None else np.arange(len(y))
    draw = numpy_stream(seed, "words shown")
    shown = np.sort(draw.choice(right, min(RIGHT_SHOWN, len(right)), replace=False))
    if said is not None:
        wrong = np.flatnonzero(said != y)
        shown = np.r_[shown, wrong[np.argsort(-outputs[wrong].max(1), kind="stable")][:WRONG_SHOWN]]
    pieces = pieces_of(bundle, data.take(shown), None if said is None else said[shown])
    if pieces is None:
        return {"format": 1, "rows": [], "words": {}}
    names = [str(name) for name in bundle.classes]
    rows = []
    for place, row in enumerate(shown):
        facts: dict[str, Any] = {"row": int(row), "pieces": [[text, round(w, 5)] for text, w in pieces[place]]}
        if said is not None:
            facts |= {"target": names[int(y[row])], "prediction": names[int(said[row])]}
            facts["probability"] = float(outputs[row].max())
        else:
            facts |= {"target": float(np.ravel(y[row])[0]), "prediction": float(np.ravel(outputs[row])[0])}
        rows.append(facts)
    return {"format": 1, "rows": rows, "words": _strongest(bundle, data, said, names, draw, seconds)}


def _strongest(
    bundle: Bundle,
    data: Dataset,
    said: np.ndarray | None,
    names: Sequence[str],
    draw: np.random.Generator,
    seconds: float,
) -> dict[str, list[list[Any]]]:
    """Class -> [word, mean weight, rows], strongest first. Of numbers: what raised and what lowered them."""
    some = draw.choice(len(data), min(_LOOKED_AT, len(data)), replace=False)
    rows = data.take(some)
    encoder = bundle.encoder.sole
    assert isinstance(encoder, TextEncoder)
    codes = encoder.apply(rows.column(encoder.name))[TOKENS]
    found = pieces_of(bundle, rows, None if said is None else said[some], seconds=seconds)
    weights: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place, pieces in enumerate(found or []):
        known = iter(codes[place] != UNKNOWN)
        each: dict[str, float] = defaultdict(float)
        for text, weight in pieces:
            if text.strip() and next(known, False):
                each[text.lower() if encoder.config.lower else text] += weight
        for word, weight in each.items():
            label = names[int(said[some[place]])] if said is not None else ("higher" if weight > 0 else "lower")
            weights[label][word].append(weight)
    return {label: _ranked(words) for label, words in weights.items()}


def _ranked(words: dict[str, list[float]]) -> list[list[Any]]:
    means = [(word, round(float(np.mean(w)), 5), len(w)) for word, w in words.items() if len(w) >= LEAST_ROWS]
    return [list(entry) for entry in sorted(means, key=lambda entry: -abs(entry[1]))[:WORDS_SHOWN]]
