"""From a network that continues texts to one that answers them: which of its tensors stand where in the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from learnloop.contracts import PADDING, SPECIAL

_CELL = re.compile(r"cells\.(weight|bias)_(ih|hh)_l(\d+)")
EMBEDDING = "front.embedding.weight"


def reader_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `models.recurrent` with which its layers have the shapes of `models.recurrent_language`.

    config  of the network that continues texts. It reads forwards alone, and so does the other.

    The last state stands for a text, and words are read as they are, without dropout before the layers: both as they
    were trained. Largest values over all states, or noise in the words, made the reader learn far more slowly (tried).
    """
    sizes = {name: config[name] for name in ("embedding", "hidden", "layers")}
    return {**sizes, "bidirectional": False, "pooling": "last", "input_dropout": 0.0, "word_dropout": 0.0}


def reader_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The embedding and the recurrent layers under the names of the reader, and the names of what is left over.

    embed.weight -> front.embedding.weight, with zeros for padding, and the mean vector for the other special codes: a
    text that is continued has next to none of them, so that what stands there is noise, which words that are read as
    unknown would bring in;
    cells.weight_ih_l1 -> body.layers.forwards.1.weight_ih_l0. Source: Dai and Le 2015, section 2.
    """
    found, left = {}, []
    for name, tensor in tensors.items():
        cell = _CELL.fullmatch(name)
        if cell is not None:
            kind, side, layer = cell.groups()
            found[f"body.layers.forwards.{layer}.{kind}_{side}_l0"] = tensor
        elif name == "embed.weight":
            found[EMBEDDING] = _without_noise(tensor)
        else:
            left.append(name)
    return found, tuple(left)


def _without_noise(vectors: Tensor) -> Tensor:
    """[codes, width] with rows of special codes that say nothing, or nothing much."""
    known = vectors[SPECIAL:]
    special = known.mean(0).expand(min(SPECIAL, len(vectors)), -1).clone()  # [special, width]
    special[PADDING] = 0.0
    return torch.cat([special, known])
