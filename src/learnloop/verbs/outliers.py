"""At the end of a fit: what features of training pictures look like, so that others can be told from them."""

from __future__ import annotations

import numpy as np

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.outliers import LEAST_ROWS, MOST_ROWS, Outliers
from learnloop.verbs.prepare import Prepared

_PARTS = ("train", "validation")


def outlier_rows(prepared: Prepared) -> int:
    """Pictures that `outliers_of` lets the network look at."""
    counts = [len(getattr(prepared.split, part)) for part in _PARTS]
    return sum(min(count, MOST_ROWS) for count in counts) if _asks(prepared) else 0


def outliers_of(bundle: Bundle, prepared: Prepared) -> Outliers | None:
    """Fitted on pictures of the training part, its limit on those of the validation part; never on the test part.

    None for tables, for fewer than 100 validation pictures, and for networks without a last linear layer.
    """
    if not _asks(prepared):
        return None
    train, held_out = (bundle.features(prepared.dataset.take(_some(getattr(prepared.split, part)))) for part in _PARTS)
    return None if train is None or held_out is None else Outliers.fit(train, held_out)


def _asks(prepared: Prepared) -> bool:
    return prepared.spec.kind == "image" and len(prepared.split.validation) >= LEAST_ROWS


def _some(rows: np.ndarray) -> np.ndarray:
    """At most `MOST_ROWS` of the rows, evenly spread over their order."""
    spread: np.ndarray = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)]
    return spread
