"""`LOSSES`: what training makes small. Each is `loss(outputs, y, weight) -> Tensor`, a mean over the batch.

outputs  [n, k] values or logits (never probabilities)
y        [n] or [n, k]; see each loss
weight   [n] or None: with weights w the result is sum(w l) / sum(w), so that only their ratios matter
returns  a tensor of no dimensions; computed in float32 also under bfloat16 autocast
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.errors import DataError, RecipeError

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
_TINY = torch.finfo(torch.float32).tiny
"""A batch whose rows all have weight 0 has the loss 0 and moves nothing, instead of 0 / 0."""


class MSEConfig(Config):
    """l = mean over outputs of (o - y)^2; y float [n, k], or [n] when k = 1."""

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = _pair(outputs, y)
            if weight is None:
                return F.mse_loss(o, y)
            return _mean((o - y).square().mean(1), weight)  # [n, k] -> [n]

        return loss


class MAEConfig(Config):
    """l = mean over outputs of |o - y|; y float [n, k], or [n] when k = 1."""

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = _pair(outputs, y)
            if weight is None:
                return F.l1_loss(o, y)
            return _mean((o - y).abs().mean(1), weight)  # [n, k] -> [n]

        return loss


class HuberConfig(Config):
    """l = (o - y)^2 / 2 where |o - y| <= delta, else delta (|o - y| - delta / 2). Huber, Ann. Math. Stat. 35
    (1964).
    """

    delta: float = Field(1.0, gt=0, description="where the square turns into a line, in units of the (scaled) target")

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = _pair(outputs, y)
            if weight is None:
                return F.huber_loss(o, y, delta=self.delta)
            return _mean(F.huber_loss(o, y, reduction="none", delta=self.delta).mean(1), weight)  # [n, k] -> [n]

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
        return _usable(values, "class_weights")

    def build(self) -> Loss:
        smoothing, classes = self.label_smoothing, _Row("class_weights", self.class_weights)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = _float(outputs)
            c = classes.like(o)
            sparse = not y.is_floating_point()
            target = (y if y.dim() == 1 else y.reshape(-1)) if sparse else _target(o, y)
            if weight is None:
                return F.cross_entropy(o, target, weight=c, label_smoothing=smoothing)
            each = F.cross_entropy(o, target, weight=c, label_smoothing=smoothing, reduction="none")  # [n]
            if c is None or not sparse:
                return _mean(each, weight)
            w = _row_weights(each, weight)
            return (w * each).sum() / (w * c[target]).sum().clamp_min(_TINY)

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
        return _usable(values, "pos_weights")

    def build(self) -> Loss:
        smoothing, positive = self.label_smoothing, _Row("pos_weights", self.pos_weights)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o, y = _pair(outputs, y)
            if smoothing:
                y = y * (1 - smoothing) + smoothing / 2
            p = positive.like(o)
            if weight is None:
                return F.binary_cross_entropy_with_logits(o, y, pos_weight=p)
            each = F.binary_cross_entropy_with_logits(o, y, pos_weight=p, reduction="none")  # [n, k]
            return _mean(each.mean(1), weight)  # [n, k] -> [n]

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
            o = _float(outputs)
            if o.shape[1] == 1:
                sign = torch.where(y.reshape(-1) > 0, 1.0, -1.0).to(o.dtype)
                each = (margin - sign * o[:, 0]).clamp(min=0)  # [n, 1] -> [n]
            else:
                classes = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)  # [n]
                right = classes.long()[:, None]  # [n, 1]
                rival = o.scatter(1, right, float("-inf")).amax(1)  # [n, k] -> [n]
                each = (margin - o.gather(1, right)[:, 0] + rival).clamp(min=0)  # [n]
            return _mean(each, weight)

        return loss


class KLConfig(Config):
    """l = sum_j y_j (log y_j - log softmax(o)_j), with 0 log 0 = 0.

    y float [n, k]: a distribution in every row. Outputs are logits or log-probabilities (whose softmax is
    themselves). Kullback & Leibler 1951. Differs from cross-entropy by the entropy of y, which training
    cannot change.
    """

    def build(self) -> Loss:
        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = _float(outputs)
            logs = F.log_softmax(o, 1)
            y = _target(o, y) if y.is_floating_point() else F.one_hot(y.reshape(-1), o.shape[1]).to(o.dtype)
            return _mean(F.kl_div(logs, y, reduction="none").sum(1), weight)  # [n, k] -> [n]

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
        row = _Row("taus", self.taus)

        def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            o = _float(outputs)
            o = o.unflatten(1, (-1, len(self.taus))) if o.shape[1] % len(self.taus) == 0 else o[:, :, None]
            taus = row.like(o)  # [quantiles]
            assert taus is not None
            error = _target(o[:, :, 0], y)[:, :, None] - o  # [n, targets, quantiles]
            each = torch.maximum(taus * error, (taus - 1) * error).mean((1, 2))  # [n, targets, quantiles] -> [n]
            return _mean(each, weight)

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
}


def check_labels(y: Tensor, outputs: int, *, where: str = "labels") -> None:
    """Raise DataError unless class numbers y (int [n]) are all in 0 .. outputs - 1. Check once, before
    training.

    where  the name that the user typed (the target column), for the message
    """
    if y.is_floating_point() and bool((y != y.floor()).any()):
        raise DataError(
            where,
            "must be whole class numbers for this loss",
            found=f"values such as {float(y[y != y.floor()][0]):g}",
            cause="the target is a quantity, not a class",
            do="learnloop fit ... --task regress",
        )
    strange = torch.unique(y[(y < 0) | (y >= outputs)]).tolist()
    if strange:
        raise DataError(
            where,
            f"must be class numbers from 0 to {outputs - 1}, one output of the network for each class",
            found=f"{_listed([int(value) for value in strange])} with {_count(outputs)}",
            cause="labels were not turned into codes 0, 1, 2, ..., or the network has too few outputs",
            do=[
                "hand the labels to ll.fit as they are: it makes the codes and the outputs itself",
                *([f"give the network {int(most) + 1} outputs"] if (most := max(strange)) >= outputs else []),
            ],
        )


def _listed(values: Sequence[int]) -> str:
    """`label 5`, `labels 5 and 6`, `labels 5, 6, 7 and 12 more`."""
    if len(values) == 1:
        return f"label {values[0]}"
    if len(values) > 4:
        return f"labels {', '.join(str(value) for value in values[:3])} and {len(values) - 3} more"
    return f"labels {', '.join(str(value) for value in values[:-1])} and {values[-1]}"


def _count(outputs: int) -> str:
    words = ("no outputs", "one output", "two outputs", "three outputs", "four outputs", "five outputs")
    return words[outputs] if outputs < len(words) else f"{outputs} outputs"


class _Row:
    """Constants of a loss, one an output, made once for each device and dtype."""

    def __init__(self, name: str, values: tuple[float, ...] | None) -> None:
        self._name = name
        self._values = values
        self._made: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, outputs: Tensor) -> Tensor | None:
        """[k] on the device of `outputs` [..., k]. Raises RecipeError when there are not k of them."""
        if self._values is None:
            return None
        if len(self._values) != outputs.shape[-1]:
            raise RecipeError(
                f"loss.{self._name}",
                f"must have one value for each of the {outputs.shape[-1]} outputs",
                found=f"{len(self._values)} values",
            )
        key = (outputs.device, outputs.dtype)
        if key not in self._made:
            self._made[key] = torch.tensor(self._values, device=key[0], dtype=key[1])
        return self._made[key]


def _usable(values: tuple[float, ...] | None, name: str) -> tuple[float, ...] | None:
    if values is not None and (any(not 0 <= value < float("inf") for value in values) or not any(values)):
        raise ValueError(f"{name} must be finite, at least 0, and not all 0; found {values}")
    return values


def _float(outputs: Tensor) -> Tensor:
    """Half precisions become float32: sums and exponentials of a loss need it."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs


def _target(outputs: Tensor, y: Tensor) -> Tensor:
    """`y` in the shape and dtype of `outputs`; refuses what would otherwise broadcast to [n, n] unseen."""
    if y.shape != outputs.shape:
        if y.numel() != outputs.numel() or y.shape[0] != outputs.shape[0]:
            raise DataError(
                "targets",
                f"must have the shape of the outputs, {list(outputs.shape)}",
                found=f"{list(y.shape)}",
                cause="the network has another number of outputs than there are targets",
            )
        y = y.reshape(outputs.shape)
    return y.to(outputs.dtype)


def _pair(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    o = _float(outputs)
    return o, _target(o, y)


def _row_weights(each: Tensor, weight: Tensor) -> Tensor:
    return weight.reshape(each.shape).to(each.dtype)


def _mean(each: Tensor, weight: Tensor | None) -> Tensor:
    """mean of `each` [n], or sum(w each) / sum(w)."""
    if weight is None:
        return each.mean()
    w = _row_weights(each, weight)
    return (w * each).sum() / w.sum().clamp_min(_TINY)
