"""Connectionist temporal classification: from scores of every frame to the codes that were said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import PADDING

BLANK = PADDING
"""The code of "nothing new here". It is that of padding: no text holds either."""
NEVER = float("-inf")
_PRIME = 6364136223846793005
"""An odd multiplier that spreads the codes over all 64 bits (Knuth's MMIX generator)."""


def frames_needed(codes: np.ndarray) -> np.ndarray:
    """int64 [rows]: frames without which a row of codes cannot be said, its length and one for each pair alike.

    codes  integers [rows, longest], PADDING behind the end. Two equal codes in turn need a blank between them
    (Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.1).
    """
    there = codes != PADDING
    twice = (codes[:, 1:] == codes[:, :-1]) & there[:, 1:]
    return np.asarray(there.sum(axis=1) + twice.sum(axis=1), dtype=np.int64)


def greedy(scores: Tensor) -> Tensor:
    """B(argmax over codes of each frame): repeats become one, then blanks go. int64 [rows, longest], padded.

    scores  float [rows, frames, codes], logits or log-probabilities. The best path is not always the best text
            (Graves et al. 2006, section 3.2); `beam` adds up the paths of a text.
    """
    best = scores.argmax(2)  # [rows, frames]
    fresh = torch.ones_like(best, dtype=torch.bool)
    fresh[:, 1:] = best[:, 1:] != best[:, :-1]
    return _packed(best, fresh & (best != BLANK))  # [rows, longest]


def beam(scores: Tensor, width: int) -> Tensor:
    """The text with the largest p(text) = sum over its alignments of prod_t p(code_t), as far as a beam sees.

    scores  float [rows, frames, codes], logits or log-probabilities
    width   texts that are kept after each frame; returns int64 [rows, longest], padded
    Of each text two sums are kept, of its alignments that end in a blank and of those that do not: only the former can
    be followed by the last code once more. Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition
    using Bi-Directional Recurrent DNNs" (2014), algorithm 1, without a language model; all rows at once.
    """
    log_p = scores.double().log_softmax(2)  # [rows, frames, codes]
    kept = _Beam.begin(len(log_p), width, log_p.device)
    parents, codes = [], []
    for frame in log_p.unbind(1):
        parent, code = kept.read(frame)
        parents.append(parent)
        codes.append(code)
    best = kept.total.argmax(1)  # [rows]
    said: list[Tensor] = []
    for parent, code in zip(reversed(parents), reversed(codes)):
        said.append(code.gather(1, best[:, None]).squeeze(1))
        best = parent.gather(1, best[:, None]).squeeze(1)
    path = torch.stack(said[::-1], 1) if said else log_p.new_zeros(len(log_p), 0).long()
    return _packed(path, path != BLANK)


@dataclass
class _Beam:
    """Texts of each row after some frames, [rows, width] each; what is not a text has the total -inf.

    blank, said  log of the sums of the alignments that end in a blank, and in the last code
    last         last code, BLANK of the empty text
    name         a number that is the same for the same text
    """

    blank: Tensor
    said: Tensor
    last: Tensor
    name: Tensor

    @classmethod
    def begin(cls, rows: int, width: int, device: torch.device) -> _Beam:
        """The empty text alone."""
        never = torch.full((rows, width), NEVER, dtype=torch.float64, device=device)
        blank = never.clone()
        blank[:, 0] = 0.0
        zero = torch.zeros(rows, width, dtype=torch.int64, device=device)
        return cls(blank, never, zero, _unnamed(zero))

    @property
    def total(self) -> Tensor:
        return torch.logaddexp(self.blank, self.said)

    def read(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Go on by one frame of log-probabilities [rows, codes].

        Returns which text each one was before, and the code that it got (BLANK: none), int64 [rows, width].
        """
        width = self.last.shape[1]
        size = frame.shape[1]
        total = self.total
        longer = total[:, :, None] + frame[:, None, :]  # [rows, width, codes]: one more code
        again = self.blank + frame.gather(1, self.last)  # the last code once more: only after a blank
        longer.scatter_(2, self.last[:, :, None], again[:, :, None])
        longer[:, :, BLANK] = NEVER
        blank = total + frame[:, BLANK : BLANK + 1]
        said = torch.where(self.last == BLANK, NEVER, self.said + frame.gather(1, self.last))
        said, longer = self._joined(said, longer)
        kept = torch.logaddexp(blank, said)
        best = torch.cat([kept, longer.flatten(1)], 1).topk(width, 1).indices  # [rows, width]
        grown = best >= width
        parent = torch.where(grown, (best - width) // size, best)
        code = torch.where(grown, (best - width) % size, BLANK)
        fresh = longer.flatten(1).gather(1, (best - width).clamp_min(0))
        self.blank = torch.where(grown, NEVER, blank.gather(1, parent))
        self.said = torch.where(grown, fresh, said.gather(1, parent))
        self.last = torch.where(grown, code, self.last.gather(1, parent))
        old = self.name.gather(1, parent)
        self.name = torch.where(grown, _named(old, code), old)
        gone = self.total == NEVER
        self.name = torch.where(gone, _unnamed(self.name), self.name)
        return parent, code

    def _joined(self, said: Tensor, longer: Tensor) -> tuple[Tensor, Tensor]:
        """A text that grows into another one of the beam is that one: their sums are added."""
        codes = self.last[:, None, :].expand(-1, self.last.shape[1], -1)  # [rows, i, j]: the last code of j
        same = (_named(self.name[:, :, None], codes) == self.name[:, None, :]) & (codes != BLANK)
        into = longer.gather(2, codes)  # [rows, i, j]: i with the last code of j
        said = torch.logaddexp(said, torch.where(same, into, NEVER).logsumexp(1))
        taken = torch.zeros_like(longer).scatter_add_(2, codes, same.to(longer.dtype)) > 0
        return said, longer.masked_fill(taken, NEVER)


def _named(name: Tensor, code: Tensor) -> Tensor:
    """The number of a text with one more code; integers wrap round."""
    return name * _PRIME + code + 1


def _unnamed(like: Tensor) -> Tensor:
    """Numbers that no two places share: the first is that of the empty text."""
    return -torch.arange(like.shape[1], device=like.device).expand_as(like)


def _packed(codes: Tensor, kept: Tensor) -> Tensor:
    """The kept codes of each row side by side: [rows, places] -> int64 [rows, longest], padded."""
    place = kept.cumsum(1) - 1
    longest = max(int(kept.sum(1).max()) if codes.numel() else 0, 1)
    out = torch.full((len(codes), longest), PADDING, dtype=torch.int64, device=codes.device)
    rows, places = kept.nonzero(as_tuple=True)
    out[rows, place[rows, places]] = codes[rows, places]
    return out
