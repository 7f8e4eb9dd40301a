"""`LOSSES`: what training makes small. Each is `loss(outputs, y, weight) -> Tensor`, a mean over the batch.

outputs  [n, k] values or logits (never probabilities)
y        [n] or [n, k]; see each loss
weight   [n] or None: with weights w the result is sum(w l) / sum(w), so that only their ratios matter
returns  a tensor of no dimensions; computed in float32 also under bfloat16 autocast
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.scores.ctc import CTCConfig
from learnloop.scores.loss_parts import TINY, Row, in_float32, pair, row_weights, shaped_like, usable, weighted_mean

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class MSEConfig(Config):
    """l = mean over outputs of (o - y)^2; y float [n, k], or [n] when k = 1."""

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = pair(outputs, y)
            if weight is None:
                return F.mse_loss(o, y)
            return weighted_mean((o - y).square().mean(1), weight)  # [n, k] -> [n]

        return loss


class MAEConfig(Config):
    """l = mean over outputs of |o - y|; y float [n, k], or [n] when k = 1."""

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = pair(outputs, y)
            if weight is None:
                return F.l1_loss(o, y)
            return weighted_mean((o - y).abs().mean(1), weight)  # [n, k] -> [n]

        return loss


class HuberConfig(Config):
    """l = (o - y)^2 / 2 where |o - y| <= delta, else delta (|o - y| - delta / 2). Huber, Ann. Math. Stat. 35
    (1964).
    """

    delta: float = Field(1.0, gt=0, description="where the square turns into a line, in units of the (scaled) target")

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = pair(outputs, y)
            if weight is None:
                return F.huber_loss(o, y, delta=self.delta)
            return weighted_mean(
                F.huber_loss(o, y, reduction="none", delta=self.delta).mean(1), weight
            )  # [n, k] -> [n]

        return loss


class CrossEntropyConfig(Config):
    """l = - sum_j q_j log softmax(o)_j, categorical cross-entropy from logits.

    y int64 [n] (sparse: class numbers; q is one-hot) or float [n, k] (one-hot, or a distribution). With
    smoothing s: q_j = (1 - s) y_j + s / k. Class weights c: each term is multiplied by c_j; with class
    numbers the mean then divides by the sum of w c_y (as torch.nn.CrossEntropyLoss does), with distributions
    by the sum of w.
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread evenly over all classes")
    class_weights: tuple[float, ...] | None = Field(None, description="one weight a class, in the order of the classes")

    @field_validator("class_weights")
    @classmethod
    def _weights_are_usable(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return usable(values, "class_weights")

    def build(self) -> Loss:
        smoothing, classes = self.label_smoothing, Row("class_weights", self.class_weights)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = in_float32(outputs)
            c = classes.like(o)
            sparse = not y.is_floating_point()
            target = (y if y.dim() == 1 else y.reshape(-1)) if sparse else shaped_like(o, y)
            if weight is None:
                return F.cross_entropy(o, target, weight=c, label_smoothing=smoothing)
            each = F.cross_entropy(o, target, weight=c, label_smoothing=smoothing, reduction="none")  # [n]
            if c is None or not sparse:
                return weighted_mean(each, weight)
            w = row_weights(each, weight)
            return (w * each).sum() / (w * c[target]).sum().clamp_min(TINY)

        return loss


class BinaryCrossEntropyConfig(Config):
    """l = - mean over outputs of p y log sigmoid(o) + (1 - y) log(1 - sigmoid(o)), from logits.

    y [n, k] in 0..1 (several labels), or [n] when k = 1. With smoothing s: y <- (1 - s) y + s / 2. p: weight
    of the positive side of each output (more than 1 raises recall).
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target moved towards 1/2")
    pos_weights: tuple[float, ...] | None = Field(None, description="one weight an output, for its positive labels")

    @field_validator("pos_weights")
    @classmethod
    def _weights_are_usable(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return usable(values, "pos_weights")

    def build(self) -> Loss:
        smoothing, positive = self.label_smoothing, Row("pos_weights", self.pos_weights)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = pair(outputs, y)
            if smoothing:
                y = y * (1 - smoothing) + smoothing / 2
            p = positive.like(o)
            if weight is None:
                return F.binary_cross_entropy_with_logits(o, y, pos_weight=p)
            each = F.binary_cross_entropy_with_logits(o, y, pos_weight=p, reduction="none")  # [n, k]
            return weighted_mean(each.mean(1), weight)  # [n, k] -> [n]

        return loss


class HingeConfig(Config):
    """k = 1: l = max(0, margin - t o), t = +1 or -1; k > 1: l = max(0, margin - o_y + max over j != y of
    o_j).

    y: class numbers [n] (0/1 or -1/+1 when k = 1), or one-hot [n, k] when k > 1. Cortes & Vapnik 1995;
    Crammer & Singer, JMLR 2 (2001), eq. 3.
    """

    margin: float = Field(1.0, gt=0, description="how far the right side must win before the loss is zero")

    def build(self) -> Loss:
        margin = self.margin

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = in_float32(outputs)
            if o.shape[1] == 1:
                sign = torch.where(y.reshape(-1) > 0, 1.0, -1.0).to(o.dtype)
                each = (margin - sign * o[:, 0]).clamp(min=0)  # [n, 1] -> [n]
            else:
                classes = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)  # [n]
                right = classes.long()[:, None]  # [n, 1]
                rival = o.scatter(1, right, float("-inf")).amax(1)  # [n, k] -> [n]
                each = (margin - o.gather(1, right)[:, 0] + rival).clamp(min=0)  # [n]
            return weighted_mean(each, weight)

        return loss


class KLConfig(Config):
    """l = sum_j y_j (log y_j - log softmax(o)_j), with 0 log 0 = 0.

    y float [n, k]: a distribution in every row. Outputs are logits or log-probabilities (whose softmax is
    themselves). Kullback & Leibler 1951. Differs from cross-entropy by the entropy of y, which training
    cannot change.
    """

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = in_float32(outputs)
            logs = F.log_softmax(o, 1)
            y = shaped_like(o, y) if y.is_floating_point() else F.one_hot(y.reshape(-1), o.shape[1]).to(o.dtype)
            return weighted_mean(F.kl_div(logs, y, reduction="none").sum(1), weight)  # [n, k] -> [n]

        return loss


class QuantileConfig(Config):
    """Pinball: l = mean over outputs of max(tau (y - o), (tau - 1)(y - o)); its minimum is the tau-quantile
    of y.

    y float [n, targets]; outputs [n, targets * quantiles], the quantiles of the first target first. Koenker &
    Bassett, Econometrica 46 (1978).
    """

    taus: tuple[float, ...] = Field((0.5,), min_length=1, description="the quantiles to predict, each between 0 and 1")

    @field_validator("taus")
    @classmethod
    def _between(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < tau < 1 for tau in values) or list(values) != sorted(set(values)):
            raise ValueError(f"taus must rise and lie between 0 and 1, for example (0.1, 0.5, 0.9); found {values}")
        return values

    def build(self) -> Loss:
        row = Row("taus", self.taus)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = in_float32(outputs)
            o = o.unflatten(1, (-1, len(self.taus))) if o.shape[1] % len(self.taus) == 0 else o[:, :, None]
            taus = row.like(o)  # [quantiles]
            assert taus is not None
            error = shaped_like(o[:, :, 0], y)[:, :, None] - o  # [n, targets, quantiles]
            each = torch.maximum(taus * error, (taus - 1) * error).mean((1, 2))  # [n, targets, quantiles] -> [n]
            return weighted_mean(each, weight)

        return loss


LOSSES = {
    "mse": MSEConfig,
    "mae": MAEConfig,
    "huber": HuberConfig,
    "cross_entropy": CrossEntropyConfig,
    "binary_cross_entropy": BinaryCrossEntropyConfig,
    "hinge": HingeConfig,
    "kl": KLConfig,
    "quantile": QuantileConfig,
    "ctc": CTCConfig,
}
