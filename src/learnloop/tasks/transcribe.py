"""`Transcribe`: sound (or any series) in, text out. The network scores every frame, CTC finds which says what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from learnloop.contracts import LENGTH, PADDING, Batch, Scalars, Y
from learnloop.errors import DataError
from learnloop.nn.ctc import beam, frames_needed, greedy
from learnloop.nn.decoding import DecodeConfig
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.scores.ctc import ctc_nats
from learnloop.scores.distance import edit_distances
from learnloop.tasks.loss_task import Loss, LossTask, full_precision
from learnloop.tasks.own_code import raise_explained
from learnloop.tasks.translate import TEXTS


class Transcribe(LossTask):
    """loss = mean over rows of -log p(y | x) / len(y), p summed over all alignments of y with the frames of x.

    x float [batch, time, features], length int64 [batch], y int64 [batch, longest] codes, PADDING behind the end.
    net: (x, length) -> logits [batch, frames, codes]; behind the end of a row they are sure of the blank.
    The evaluation loss is nats a code; cer is the share of codes that are wrong, by greedy decoding.

    width  texts that the beam keeps when predicting; 1 takes the best code of each frame
    """

    def __init__(
        self,
        net: nn.Module,
        keys: tuple[str, ...],
        loss: Loss,
        *,
        plan: Plan,
        updater: Updater | None = None,
        width: int = 1,
    ) -> None:
        super().__init__(net, keys, loss, plan=plan, updater=updater)
        self.width = width

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        try:
            return self._loss(full_precision(outputs), batch[Y], None)
        except Exception as error:
            raise_explained(error)

    def predict(self, batch: Batch) -> Batch:
        scores = full_precision(self.forward(batch))  # [batch, frames, codes]
        return {TEXTS: greedy(scores) if self.width == 1 else beam(scores, self.width)}

    def eval_step(self, batch: Batch) -> Scalars:
        """Means a row: nats, codes, edits."""
        scores = full_precision(self.forward(batch))  # [batch, frames, codes]
        y = batch[Y]
        edits = edit_distances(_codes(y), _codes(greedy(scores)))
        return {
            "loss": ctc_nats(scores, y).mean(),
            "codes": (y != PADDING).sum() / len(y),
            "edits": torch.tensor(float(edits.mean()), device=y.device),
        }

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        """Nats and errors a code, over all codes of the part."""
        codes = max(means["codes"], 1e-9)
        return {"loss": means["loss"] / codes, "cer": means["edits"] / codes}


def beam_of(decode: Mapping[str, Any]) -> int:
    """The width of the beam, from the recipe's section `decode`."""
    return DecodeConfig.model_validate(decode).beam


def _codes(rows: Tensor) -> list[np.ndarray]:
    """The codes of each row without padding, which stands behind them only."""
    arrays = rows.cpu().numpy()
    return [row[row != PADDING] for row in arrays]


def need_frames(model: object, batch: Batch, part: str) -> None:
    """Refuse rows whose text is longer than the frames that the model leaves of their series. Raises DataError.

    CTC gives such a text the probability 0, and the loss would be infinite. model: a config with `frames(length)`.
    """
    frames_of = getattr(model, "frames", None)
    if frames_of is None:
        return
    needed = frames_needed(batch[Y].numpy())
    left = np.array([frames_of(int(length)) for length in batch[LENGTH]])
    short = np.flatnonzero(needed > left)
    if not len(short):
        return
    row = int(short[0])
    codes, steps = int((batch[Y][row] != PADDING).sum()), int(batch[LENGTH][row])
    raise DataError(
        f"row {row} of the {part} part (counted from 0)",
        "must have at least one frame for each character of its text, and one more between two that are alike",
        found=f"{codes} characters, which need {needed[row]} frames, and {left[row]} frames, left of {steps} steps; "
        f"{len(short)} such row{'s'[: len(short) > 1]} in all",
        cause="a text that belongs to another recording, or one that was cut off",
        do=(
            "leave these rows out",
            "--set audio.hop_ms=5 model.stride=1   # more frames a second",
            "--set target.tokens=words   # fewer codes a text",
        ),
    )
