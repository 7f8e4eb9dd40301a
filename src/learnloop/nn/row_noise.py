"""Noise that is a function of the row it belongs to: what is made of a row depends on nothing else."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


class RowNoise:
    """Standard normal noise for each row, one draw after another, each row from a generator of its own.

    first  float32 [n, ...]: what the rows begin with. The seed of a row is the sha256 of its numbers, so that a row
           gets the same noise in every batch and in every order.
    """

    def __init__(self, first: Tensor) -> None:
        self._first = first
        self._rows = [_generator(row) for row in first.detach().cpu().float()]

    def draw(self) -> Tensor:
        """The next noise, of the shape of `first`."""
        shape = self._first.shape[1:]
        drawn = [torch.randn(shape, generator=row) for row in self._rows]
        return torch.stack(drawn).to(self._first) if drawn else torch.empty_like(self._first)


def _generator(row: Tensor) -> torch.Generator:
    digest = hashlib.sha256(row.contiguous().numpy().tobytes()).digest()
    generator = torch.Generator()
    generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return generator
