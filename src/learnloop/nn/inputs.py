"""The first layer of a network: images are standardised, numbers and categories are joined."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ImageInput(nn.Module):
    """y = (x / 255 - mean) / std, per channel.

    x     uint8 or float [batch, channels, height, width], 0..255
    y     float [batch, channels, height, width]
    mean  per channel, 0..1, over the training part.   std likewise; 0 (a channel that never varied) counts as
          1

    It lives inside the network so that a batch travels as bytes and a served model takes plain pixels.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        spread = [value if value > 0 else 1.0 for value in std]
        scale = [1 / (255 * value) for value in spread]
        shift = [-middle / value for middle, value in zip(mean, spread)]
        self.register_buffer("scale", torch.tensor(scale).view(1, -1, 1, 1))  # [1, channels, 1, 1]
        self.register_buffer("shift", torch.tensor(shift).view(1, -1, 1, 1))  # [1, channels, 1, 1]

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x.to(self.scale.dtype), self.scale)

    def extra_repr(self) -> str:
        return f"channels={self.scale.shape[1]}"


def embedding_width(codes: int) -> int:
    """min(64, round(1.6 codes^0.56)): 8 for 17 codes, 21 for 100, 64 from 730 on.

    The exponent and the factor are fastai's rule of thumb (Howard and Gugger 2020, tabular `emb_sz_rule`,
    fitted to published models); the ceiling is ours: beyond it a table costs more memory than it earns.
    """
    return min(64, round(1.6 * codes**0.56))


class TableInput(nn.Module):
    """y = [x, one_hot(c_1), ..., E_1[c_i], ...]: numbers, then short categories, then long ones.

    x      float [batch, numbers]
    x_cat  int64 [batch, len(cardinalities)], 0 <= x_cat[:, j] < cardinalities[j]; code 0 = unseen or missing
    y      float [batch, width]

    Up to `embed_above` codes: one-hot over the codes 1, 2, ...; above: a learned vector of
    `embedding_width(codes)` numbers, drawn from N(0, 1 / width) so that its length is about 1, as that of a
    one-hot vector (Guo and Berkhahn 2016). `embed_above=None`: one-hot always.

    Code 0 is all zeros in both. It is then the level that the next layer's bias stands for, so nothing is
    lost when values are missing in training, and when none are, a value never seen adds nothing instead of
    the noise of weights that never got a gradient.
    """

    small: Tensor
    large: Tensor
    offsets: Tensor

    def __init__(self, numbers: int, cardinalities: Sequence[int], embed_above: int | None = 16) -> None:
        super().__init__()
        embedded = [j for j, codes in enumerate(cardinalities) if embed_above is not None and codes > embed_above]
        short = [j for j in range(len(cardinalities)) if j not in embedded]
        starts = [0]
        for j in short:
            starts.append(starts[-1] + max(cardinalities[j] - 1, 0))
        self.numbers = numbers
        self.hot = starts.pop()
        tables = [_embedding(cardinalities[j]) for j in embedded]
        self.embeddings = nn.ModuleList(tables)
        self.embedded = tuple(embedded)
        self.width = numbers + self.hot + sum(table.embedding_dim for table in tables)
        self.register_buffer("small", torch.tensor(short, dtype=torch.int64), persistent=False)
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.int64) - 1, persistent=False)

    def forward(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        if x_cat is None:
            return x
        parts = [x]
        if self.hot:
            parts.append(self._one_hot(x, x_cat))
        for j, table in zip(self.embedded, self.embeddings):
            parts.append(table(x_cat[:, j]))  # [batch, embedding_width]
        return torch.cat(parts, 1)  # [batch, width]

    def _one_hot(self, x: Tensor, x_cat: Tensor) -> Tensor:
        codes = x_cat.index_select(1, self.small)  # [batch, short]
        # Code 0 goes to one column more, which is then left out.
        places = torch.where(codes > 0, codes + self.offsets, self.hot)
        hot = x.new_zeros(x.shape[0], self.hot + 1)  # [batch, hot + 1]
        return hot.scatter_(1, places, 1.0)[:, : self.hot]  # [batch, hot]

    def extra_repr(self) -> str:
        return f"numbers={self.numbers}, one_hot={self.hot}, width={self.width}"


def _embedding(codes: int) -> nn.Embedding:
    width = embedding_width(codes)
    table = nn.Embedding(codes, width, padding_idx=0)
    with torch.no_grad():
        table.weight.mul_(1 / math.sqrt(width))  # row 0 is zero already and gets no gradient
    return table


class Joined(nn.Module):
    """body(inputs(x, x_cat)): a network for tables with categories."""

    def __init__(self, inputs: TableInput, body: nn.Module) -> None:
        super().__init__()
        self.inputs = inputs
        self.body = body

    def forward(self, x: Tensor, x_cat: Tensor) -> Tensor:
        return self.body(self.inputs(x, x_cat))  # [batch, outputs]
