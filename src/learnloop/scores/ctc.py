"""The loss of connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.contracts import PADDING
from learnloop.scores.loss_parts import weighted_mean

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class CTCConfig(Config):
    """l = -log sum over alignments a with B(a) = y of prod_t softmax(o_t)[a_t], a code of y; the mean over rows.

    outputs [n, frames, codes] logits; y int64 [n, longest] codes, PADDING behind the end and as the blank.
    B drops repeats, then blanks. Frames behind the end of a row must be sure of the blank: they then change nothing.
    Each row's loss is divided by its codes. Graves et al., "Connectionist Temporal Classification", ICML 2006,
    equations 3 and 5.
    """

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            each = ctc_nats(outputs, y) / (y != PADDING).sum(1).clamp_min(1)  # [n]
            return each.mean() if weight is None else weighted_mean(each, weight)

        return loss


def ctc_nats(outputs: Tensor, y: Tensor) -> Tensor:
    """-log p(y | outputs) of each row, float [n]: infinite where a row has too few frames for its codes."""
    log_p = outputs.float().log_softmax(2).transpose(0, 1)  # [frames, n, codes]
    frames, rows = log_p.shape[:2]
    frames_of = torch.full((rows,), frames, dtype=torch.int64)
    codes_of = (y != PADDING).sum(1).cpu()
    return F.ctc_loss(log_p, y, frames_of, codes_of, blank=PADDING, reduction="none")
