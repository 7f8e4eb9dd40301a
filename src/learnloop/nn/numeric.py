"""Embeddings of numbers: a scalar becomes a vector in which a network finds steps and narrow bumps."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_REACH = 8.0  # encoded numbers beyond this are held there: cos(2 pi f x) of a huge x is noise


class PeriodicNumbers(nn.Module):
    """y = [x_1 .. x_n, e_1 .. e_n] with e_j = A_j cos(2 pi f_j x_j + p_j) + a_j, each column by itself.

    x    float [batch, numbers], encoded (about -5..5); values beyond +-8 count as +-8
    y    float [batch, numbers (1 + width)]
    f_j  [frequencies], starts log-spaced from `slowest` to `fastest` periods per unit of x, learnt
    p_j  [frequencies], starts uniform on -pi..pi, learnt
    A_j  [frequencies, width], a_j [width], learnt

    Slow waves let smooth trends bend; fast ones tell single values apart, which counts for columns that are
    zero nearly always and a few round numbers otherwise (the capital gain of Adult). One spread of
    frequencies serves both, so that none has to be tuned for a data set. Computed in float32 whatever
    autocast says: in bfloat16 the phase of a fast wave is lost.

    Source: PLR of Gorishniy, Rubachev and Babenko, "On embeddings for numerical features", arXiv:2203.05556,
    section 3.3, in the form "PBLD" of Holzmüller, Grinsztajn and Steinwart (RealMLP), arXiv:2407.04491,
    appendix A (with a phase, without ReLU, the number itself kept). Theirs draw f from N(0, sigma^2) with a
    sigma tuned for each data set; the log-spaced start is ours.
    """

    muon_exclude = True
    no_weight_decay = ("frequency", "phase", "shift")

    def __init__(
        self,
        numbers: int,
        width: int = 12,
        frequencies: int = 48,
        slowest: float = 0.1,
        fastest: float = 100.0,
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.width = numbers * (1 + width)
        first = torch.logspace(math.log10(slowest), math.log10(fastest), frequencies)
        self.frequency = nn.Parameter(first.repeat(numbers, 1))  # [numbers, frequencies]
        self.phase = nn.Parameter(math.pi * (2 * torch.rand(numbers, frequencies) - 1))
        self.weight = nn.Parameter((2 * torch.rand(numbers, frequencies, width) - 1) / math.sqrt(frequencies))
        self.shift = nn.Parameter(torch.zeros(numbers, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            held = x.to(self.phase.dtype).clamp(-_REACH, _REACH)  # [batch, numbers]
            turns = held.T.unsqueeze(2) * (2 * math.pi * self.frequency).unsqueeze(1)
            waves = torch.cos(turns + self.phase.unsqueeze(1))  # [numbers, batch, frequencies]
            embedded = torch.baddbmm(self.shift, waves, self.weight)  # [numbers, batch, width]
            embedded = embedded.transpose(0, 1).flatten(1)  # [batch, numbers width]
            return torch.cat([held, embedded], 1)  # [batch, numbers (1 + width)]

    def extra_repr(self) -> str:
        return f"numbers={self.numbers}, frequencies={self.frequency.shape[1]}, width={self.width}"
