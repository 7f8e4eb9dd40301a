"""Examples of a network that writes texts: source, truth, answer, and where it looked while it wrote."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import TOKENS
from learnloop.data.dataset import Dataset
from learnloop.seeds import numpy_stream
from learnloop.tasks.translate import TEXTS, Translate

EXAMPLES = 10
DRAWN = 3
"""Examples whose attention is drawn."""
MOST_TOKENS = 40
"""Of texts with more tokens no attention is kept: nobody can read the picture."""


def aligned(
    bundle: Bundle, data: Dataset, truths: np.ndarray, predictions: np.ndarray, seed: int
) -> list[dict[str, Any]]:
    """Some rows drawn by chance, each {"row", "source", "target", "prediction", "attention" or None}.

    attention {"source": [tokens], "target": [tokens], "weights": [[a_ts]]}: how much each token of the prediction
    looked at each token of the source; None for networks without attention, for long texts and for empty ones. The
    rows are a function of the seed, and the network stays as it was.
    """
    if not isinstance(bundle.task, Translate) or not len(data):
        return []
    chosen = numpy_stream(seed, "examples").choice(len(data), min(EXAMPLES, len(data)), replace=False)
    rows = data.take(chosen)
    sole = bundle.encoder.sole
    assert sole is not None
    sources = [str(text) for text in rows.column(sole.name)]
    batch = {key: torch.from_numpy(values) for key, values in bundle.encoder.apply(rows).items()}
    codes = bundle.task.predict(batch)[TEXTS]  # [rows, longest]
    examples = []
    for place, row in enumerate(chosen):
        attention = _attention(bundle, sources[place], batch[TOKENS][place : place + 1], codes[place : place + 1])
        examples.append(
            {
                "row": int(row),
                "source": sources[place],
                "target": str(truths[row]),
                "prediction": str(predictions[row]),
                "attention": attention if place < DRAWN else None,
            }
        )
    return examples


def _attention(bundle: Bundle, text: str, tokens: torch.Tensor, codes: torch.Tensor) -> dict[str, Any] | None:
    look = getattr(bundle.net, "attention", None)
    weights = None if look is None else look(tokens, codes)  # [1, target steps, source steps]
    if weights is None or max(weights.shape[1:]) > MOST_TOKENS:
        return None
    tokeniser = bundle.encoder.sole.tokens  # type: ignore[union-attr]
    read = [text[start:stop] for start, stop in tokeniser.pieces(text)][: weights.shape[2]]
    said = bundle.target.pieces(codes[0].numpy())
    if not said or not read:
        return None  # an answer without a word
    kept = weights[0, : len(said), : len(read)].float().numpy()
    return {"source": read, "target": said, "weights": [[round(float(w), 4) for w in line] for line in kept]}
