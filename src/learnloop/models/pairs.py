"""What the networks that turn texts into texts share."""

from __future__ import annotations

from typing import Any

from torch import nn

from learnloop.contracts import PADDING, SPECIAL, InputSpec
from learnloop.errors import ModelError

PAIRS = "pairs"
"""The kind of input of a network that is shown a text and, in training, the text that it is to become."""
CHARACTERS = 400
"""A vocabulary up to this size is one of characters: there texts are spelt, and no likeness between words is missed."""


def need_pairs(name: str, spec: InputSpec, outputs: int) -> None:
    """Refuse inputs that are no texts, and a vocabulary with nothing to say."""
    if spec.kind != "text":
        raise ModelError(
            f"model {name!r}",
            "turns texts into texts",
            found=f"the inputs are a {spec.kind}",
            do="learnloop fit pairs.tsv --task translate --target COLUMN",
        )
    if outputs <= SPECIAL:
        raise ModelError(f"model {name!r}", "needs a vocabulary to answer with", found=f"outputs = {outputs}")


def embedding(vocabulary: int, width: int) -> nn.Embedding:
    """Vectors from N(0, 1 / width), of length about 1; padding is 0 and stays 0."""
    table = nn.Embedding(vocabulary, width, padding_idx=PADDING)
    nn.init.normal_(table.weight, std=width**-0.5)
    table.weight.data[PADDING] = 0
    return table


def spelt(spec: InputSpec, outputs: int) -> bool:
    """Whether both texts are written letter by letter: then tokens are few, and so is what they can mean."""
    return max(spec.vocabulary, outputs) <= CHARACTERS


def advice(rows: int, letters: bool, minutes: float | None, *, lr: float) -> dict[str, Any]:
    """Recipe values for `rows` training pairs. letters: whether they are `spelt`."""
    batch = min(max(1 << max((rows // 200).bit_length() - 1, 0), 16), 64 if letters else 128)
    values: dict[str, Any] = {
        "optimiser.name": "adamw",
        "optimiser.lr": lr,
        "optimiser.weight_decay": 0.01,
        "schedule.name": "cosine",
        "schedule.warmup": 0.1,
        "train.batch_size": batch,
        "train.clip": 1.0,
        "task.label_smoothing": 0.0 if letters else 0.1,
    }
    if minutes is None:
        steps = 2500 if letters else 6000
        values["train.epochs"] = min(max(round(steps * batch / max(rows, 1)), 5 if letters else 15), 200)
    return values
