"""What an autoencoder reads, and how near what it gives back comes: one class for each kind of rows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import LENGTH, X_CAT, Batch, InputSpec, X
from learnloop.nn.inputs import TableInput
from learnloop.nn.lengths import inside

Read = tuple[Tensor, ...]
"""A batch as numbers: pictures (in 0..1,), tables (x,) or (x, x_cat), series (x up to the most steps, length)."""
LossName = Literal["squared", "cross_entropy"]

_LEAST_DEVIATION = math.log(0.01)
"""A column that never changes would make the density of a Gaussian infinite."""
_FAINT = 1e-3
"""Nearer to black and white no pixel begins: it would hardly learn."""
FLAT = 1e-3
"""Variance of a picture's pixels, in 0..1, below which there is hardly anything to be seen."""
_TAU = math.log(2 * math.pi)


class Rows(nn.Module, ABC):
    """Rows of one kind, between a batch and an encoder, and between a decoder and what it is held against.

    outputs     numbers that the decoder gives for a row, `raw` [n, outputs] (pictures: any shape of as many)
    deviations  numbers of a row that share a deviation where the likelihood is Gaussian
    """

    outputs: int
    deviations: int

    @abstractmethod
    def read(self, *inputs: Tensor) -> Read:
        """The batch as numbers."""

    @abstractmethod
    def seen(self, rows: Read) -> Tensor:
        """What the encoder sees: float [n, ...]."""

    @abstractmethod
    def values(self, raw: Tensor) -> Tensor:
        """What `raw` stands for, in the units of `read`."""

    @abstractmethod
    def middle(self, batch: Batch | None) -> Tensor:
        """`raw` of the mean row, float32 [outputs]: of all rows of a part, or of what is known without any (None)."""

    @abstractmethod
    def error(self, raw: Tensor, rows: Read, loss: LossName = "squared") -> Tensor:
        """How far off it is: float32 [n], a mean over the numbers of a row."""

    def scores(self, raw: Tensor, rows: Read) -> dict[str, Tensor]:
        """By row, float32 [n]: "score", large where a row does not fit in; where that is not the error, "mse" is."""
        return {"score": self.error(raw, rows)}

    @abstractmethod
    def nats(self, raw: Tensor, rows: Read, deviation: Tensor | None) -> Tensor:
        """-log p(row | raw) in nats: float32 [n], a sum over the numbers of a row.

        deviation  log of the Gaussian's deviations [deviations]; None: Bernoulli (pictures)
        """


def gaussian_nats(mean: Tensor, x: Tensor, log_deviation: Tensor) -> Tensor:
    """-log N(x; mean, s^2) = ((x - mean) / s)^2 / 2 + log s + log(2 pi) / 2, number by number."""
    log_deviation = log_deviation.clamp_min(_LEAST_DEVIATION)
    return 0.5 * (((x - mean) * (-log_deviation).exp()).square() + _TAU) + log_deviation


class PictureRows(Rows):
    """t = x / 255; the encoder sees t - mean by channel; the decoder gives logits, sigmoid(raw) in 0..1.

    x uint8 or float in 0..255 [n, channels, height, width]. mean of `InputSpec`, in 0..1. It is not divided by the
    deviation: black and white pixels would drive the first layer to where tanh is flat (-ELBO of MNIST after
    2,000 steps: 119 nats so, 115 as it is).
    """

    mean: Tensor

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.shape = spec.shape
        self.outputs = math.prod(spec.shape)
        self.deviations = 1
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))  # [1, channels, 1, 1]

    def read(self, *inputs: Tensor) -> Read:
        return (inputs[0].float() / 255,)  # [n, channels, height, width]

    def seen(self, rows: Read) -> Tensor:
        return rows[0] - self.mean

    def middle(self, batch: Batch | None) -> Tensor:
        """The log-odds of each pixel's mean."""
        if batch is None:
            mean = self.mean[0].expand(self.shape)
        else:
            mean = batch[X].sum(0, dtype=torch.float64) / (255 * len(batch[X]))  # [channels, height, width]
        return mean.double().clamp(_FAINT, 1 - _FAINT).logit().float().flatten()

    def values(self, raw: Tensor) -> Tensor:
        return raw.float().sigmoid().view(len(raw), *self.shape)  # [n, channels, height, width]

    def error(self, raw: Tensor, rows: Read, loss: LossName = "squared") -> Tensor:
        t, raw = rows[0].flatten(1), raw.float().flatten(1)  # [n, pixels]
        if loss == "cross_entropy":
            return F.binary_cross_entropy_with_logits(raw, t, reduction="none").mean(1)  # [n]
        return (raw.sigmoid() - t).square().mean(1)  # [n]

    def scores(self, raw: Tensor, rows: Read) -> dict[str, Tensor]:
        """score = sum (x' - t)^2 / sum (t - mean of t)^2: the share of what is to be seen in a picture that is lost.

        The error itself is large wherever much is drawn, however well: a 1 would fit in among the 8s better than an 8.
        (MNIST, one digit against the others, 8: area under the ROC curve 0.89 by the error, 0.946 by the share.)
        """
        mse = self.error(raw, rows)
        spread = rows[0].flatten(1).var(1, correction=0)  # [n]
        return {"score": mse / (spread + FLAT), "mse": mse}

    def nats(self, raw: Tensor, rows: Read, deviation: Tensor | None) -> Tensor:
        t, raw = rows[0].flatten(1), raw.float().flatten(1)  # [n, pixels]
        if deviation is None:
            return F.binary_cross_entropy_with_logits(raw, t, reduction="none").sum(1)  # [n]
        return gaussian_nats(raw.sigmoid(), t, deviation).sum(1)  # [n]


class TableRows(Rows):
    """Numbers by their squared error, each category by the cross-entropy of a softmax of its own.

    x float [n, numbers] scaled; x_cat int64 [n, categories], code 0 (unseen or missing) is a code as any other. raw and
    values: numbers first, then one column a code of each category: logits, and their shares, which add up to 1.
    The error is the mean over columns of the table: a category counts as much as a number.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.numbers, self.cardinalities = spec.numbers, spec.cardinalities
        self.outputs = spec.numbers + sum(spec.cardinalities)
        self.deviations = spec.numbers
        self.columns = spec.numbers + len(spec.cardinalities)
        self.front = TableInput(spec.numbers, spec.cardinalities) if spec.cardinalities else None
        self.width = self.front.width if self.front is not None else spec.numbers

    def read(self, *inputs: Tensor) -> Read:
        return inputs

    def seen(self, rows: Read) -> Tensor:
        return rows[0] if self.front is None else self.front(*rows)  # [n, width]

    def middle(self, batch: Batch | None) -> Tensor:
        """Mean numbers, and the logarithms of the shares of codes (half a row more for each)."""
        if batch is None:
            return torch.zeros(self.outputs)
        parts = [batch[X].double().mean(0)]
        for j, size in enumerate(self.cardinalities):
            counts = torch.bincount(batch[X_CAT][:, j].cpu(), minlength=size).double() + 0.5
            parts.append((counts / counts.sum()).log().to(parts[0].device))
        return torch.cat(parts).float()

    def values(self, raw: Tensor) -> Tensor:
        parts = self._parts(raw)
        return torch.cat([parts[0], *(logits.softmax(1) for logits in parts[1:])], 1)  # [n, outputs]

    def error(self, raw: Tensor, rows: Read, loss: LossName = "squared") -> Tensor:
        numbers, *logits = self._parts(raw)
        total = (numbers - rows[0]).square().sum(1) + self._surprise(logits, rows)  # [n]
        return total / self.columns

    def nats(self, raw: Tensor, rows: Read, deviation: Tensor | None) -> Tensor:
        numbers, *logits = self._parts(raw)
        total = self._surprise(logits, rows)
        if self.numbers:
            assert deviation is not None  # a Bernoulli likelihood of a table is refused when the network is built
            total = total + gaussian_nats(numbers, rows[0], deviation).sum(1)
        return total  # [n]

    def _parts(self, raw: Tensor) -> tuple[Tensor, ...]:
        return raw.float().split([self.numbers, *self.cardinalities], 1)

    def _surprise(self, logits: list[Tensor], rows: Read) -> Tensor:
        """Sum over the categories of -log of the share of the true code, [n]."""
        each = [F.cross_entropy(part, rows[1][:, j], reduction="none") for j, part in enumerate(logits)]
        return torch.stack(each).sum(0) if each else rows[0].new_zeros(())


class SeriesRows(Rows):
    """Numbers at each of the first `length` steps by their squared error; what stands behind the end counts nowhere.

    x float [n, time, features] scaled, of any number of steps; length int64 [n]. Read are at most the steps that the
    longest training row had; values [n, most steps, features].
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.time, self.features = max(spec.length, 1), spec.numbers
        self.outputs = self.time * self.features
        self.deviations = self.features
        self.width = self.outputs

    def read(self, *inputs: Tensor) -> Read:
        x, length = inputs[0][:, : self.time], inputs[1].clamp_max(self.time)
        x = F.pad(x, (0, 0, 0, self.time - x.shape[1]))  # [n, most steps, features]
        return x.masked_fill(~self._there(length), 0.0), length

    def seen(self, rows: Read) -> Tensor:
        return rows[0].flatten(1)  # [n, most steps x features]

    def middle(self, batch: Batch | None) -> Tensor:
        """The mean of each step, over the rows that have it."""
        if batch is None:
            return torch.zeros(self.outputs)
        x, length = self.read(batch[X], batch[LENGTH])
        there = self._there(length).sum(0).clamp_min(1)  # [most steps, 1]
        return (x.double().sum(0) / there).float().flatten()

    def values(self, raw: Tensor) -> Tensor:
        return raw.float().view(len(raw), self.time, self.features)

    def error(self, raw: Tensor, rows: Read, loss: LossName = "squared") -> Tensor:
        total = self._sum((self.values(raw) - rows[0]).square(), rows[1])
        return total / (rows[1].clamp_min(1) * self.features)

    def nats(self, raw: Tensor, rows: Read, deviation: Tensor | None) -> Tensor:
        assert deviation is not None  # a Bernoulli likelihood of series is refused when the network is built
        return self._sum(gaussian_nats(self.values(raw), rows[0], deviation), rows[1])

    def _there(self, length: Tensor) -> Tensor:
        return inside(length, self.time).unsqueeze(2)  # [n, most steps, 1]

    def _sum(self, each: Tensor, length: Tensor) -> Tensor:
        return each.masked_fill(~self._there(length), 0.0).sum((1, 2))  # [n]


_ROWS: dict[str, type[PictureRows] | type[TableRows] | type[SeriesRows]] = {
    "image": PictureRows,
    "table": TableRows,
    "series": SeriesRows,
}


def rows_of(spec: InputSpec) -> PictureRows | TableRows | SeriesRows:
    """The rows of a spec; KeyError for a kind that no autoencoder takes."""
    return _ROWS[spec.kind](spec)
