"""`Projection`: how real a picture looks, and how well it goes with its label."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.nn.spectral import SpectralEmbedding, SpectralLinear


class Projection(nn.Module):
    """s = w phi + b + <e_y, phi>: the last layer of a discriminator.

    features phi [n, features], label y int64 [n] or None -> scores s [n]
    classes   0: without the term of the label

    Miyato and Koyama 2018, arXiv:1802.05637, equation 3. e begins at 0, so that labels count from what is learnt
    alone.
    """

    def __init__(self, features: int, classes: int = 0, spectral: bool = False) -> None:
        super().__init__()
        self.score = SpectralLinear(features, 1) if spectral else nn.Linear(features, 1)
        self.classes: nn.Embedding | None = None
        if classes:
            self.classes = SpectralEmbedding(classes, features) if spectral else nn.Embedding(classes, features)
            if not spectral:  # a matrix of zeros has no spectral norm to be divided by
                nn.init.zeros_(self.classes.weight)

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        score = self.score(features).squeeze(1)  # [n]
        if self.classes is None or label is None:
            return score
        return score + (self.classes(label) * features).sum(1)  # [n]


class WithLabel(nn.Module):
    """[z, one_hot(y)]: what a generator that is told classes makes a picture from.

    z [n, width], y int64 [n] or None -> [n, width + classes]
    """

    hot: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("hot", torch.eye(classes), persistent=False)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None or not len(self.hot):
            return z
        return torch.cat([z, self.hot[label].to(z.dtype)], 1)  # [n, width + classes]
