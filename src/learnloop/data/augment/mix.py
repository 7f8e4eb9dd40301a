"""Two images in one: mixup and CutMix, with labels mixed in the same share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.data.augment.erase import box
from learnloop.seeds import numpy_stream


class Mixing:
    """What is drawn for one batch: which partner each image gets, and the shares.

    partner  images are mixed with the batch rolled by `roll`: rows of a batch are in random order already
    share    lambda ~ Beta(alpha, alpha) of the image itself, [batch]
    cut      CutMix; else mixup. With both alphas a coin decides for the batch
    """

    def __init__(self, seed: int, number: int, size: int, *, mixup: float, cutmix: float) -> None:
        generator = numpy_stream(seed, "mix", number)
        self.cut = bool(cutmix and (not mixup or generator.random() < 0.5))
        alpha = cutmix if self.cut else mixup
        self.roll = int(generator.integers(1, size)) if size > 1 else 0
        self._share = torch.from_numpy(generator.beta(alpha, alpha, size).astype(np.float32))
        self._u = torch.from_numpy(generator.random((2, size), dtype=np.float32))  # [2, batch]

    def images(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mixed images, and the share of its own label that each keeps, [batch].

        mixup: x' = lambda x + (1 - lambda) partner, float32 (Zhang, Cisse, Dauphin and Lopez-Paz 2018, eq. 1).
        CutMix: a rectangle of the partner, sqrt(1 - lambda) of height and width, about a random pixel, cut off at the
        border; the share is what is left of the image (Yun et al. 2019, section 3.1); keeps the dtype.
        """
        share, partner = self._share.to(x.device), x.roll(self.roll, 0)
        if not self.cut:
            weight = share[:, None, None, None]
            return torch.lerp(partner.float(), x.float(), weight), share
        height, width = x.shape[2:]
        side = (1 - share).sqrt()
        u_x, u_y = self._u.to(x.device)
        tall, wide = (side * height).round().long(), (side * width).round().long()
        top, left = (u_y * height).long() - tall // 2, (u_x * width).long() - wide // 2
        where = box(height, width, top=top, bottom=top + tall, left=left, right=left + wide)
        return torch.where(where, partner, x), 1 - where.float().mean((1, 2, 3))

    def labels(self, y: Tensor, share: Tensor, outputs: int | None) -> Tensor:
        """y' = share y + (1 - share) partner's y, float.

        y        int64 [batch] classes, float [batch, k] labels or numbers, or float [batch] weights of the rows
        outputs  of the network where y is classes: [batch, outputs] probabilities, [batch, 1] of the second class
                 where there is one output; None: y is mixed as it is
        """
        if outputs is not None:
            y = y.float().reshape(-1, 1) if outputs == 1 else F.one_hot(y.long().reshape(-1), outputs).float()
        share = share if y.dim() == 1 else share[:, None]
        return share * y + (1 - share) * y.roll(self.roll, 0)
