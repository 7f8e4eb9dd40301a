"""Parts of a series hidden at random while training, so that no single band and no single moment is relied on."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SeriesMasking(nn.Module):
    """x[n, t, b] = 0 for b in [b0, b0 + f) and for t in [t0, t0 + w), `times` such stretches of each; training only.

    x        float [batch, time, features], standardised: 0 is the mean
    f        drawn from 0 .. bands, b0 from 0 .. features - f; w from 0 .. steps, t0 from 0 .. length - w
    Park et al., "SpecAugment" (Interspeech 2019), section 2, without time warping.
    """

    def __init__(self, bands: int, steps: int, times: int = 2) -> None:
        super().__init__()
        self.bands = bands
        self.steps = steps
        self.times = times

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        if not self.training or not (self.bands or self.steps):
            return x
        features = torch.full_like(length, x.shape[2])
        hidden = self._stretches(features, self.bands, x.shape[2]).unsqueeze(1)  # [batch, 1, features]
        hidden = hidden | self._stretches(length, self.steps, x.shape[1]).unsqueeze(2)  # [batch, time, features]
        return x.masked_fill(hidden, 0.0)

    def _stretches(self, ends: Tensor, widest: int, places: int) -> Tensor:
        """bool [batch, places]: the union of `times` stretches of up to `widest` places, all before `ends` [batch]."""
        drawn = torch.rand(2, len(ends), self.times, device=ends.device)
        last = ends.unsqueeze(1)  # [batch, 1]
        width = torch.minimum((drawn[0] * (widest + 1)).long(), last)  # [batch, times]
        start = (drawn[1] * (last - width + 1)).long()  # [batch, times]
        place = torch.arange(places, device=ends.device)
        inside = (place >= start.unsqueeze(2)) & (place < (start + width).unsqueeze(2))  # [batch, times, places]
        return inside.any(1)

    def extra_repr(self) -> str:
        return f"{self.times} stretches of up to {self.bands} bands and {self.steps} steps"
