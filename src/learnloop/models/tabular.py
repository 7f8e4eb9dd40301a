"""The default network for tables: periodic embeddings and an ensemble that shares its matrices."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.nn.activations import ACTIVATIONS, ActivationName
from learnloop.nn.inputs import TableInput
from learnloop.nn.members import MemberBias, MemberDropout, MemberHead, MemberScale
from learnloop.nn.numeric import PeriodicNumbers

_HANDFUL = 64  # rows: up to here everything is learnt by heart
_SMALL = 2000  # rows: below, strong regularisation and no embedding of numbers
_FINE = 5000  # rows: from here on single values occur often enough to be told apart
_DEFAULT_MINUTES = 2.0
_SPEED = 100e9  # arithmetic a second on two cores (bfloat16), elementwise work included; measured 57-64e9 on one
_REGRESS_PASSES, _TWO_CLASS_PASSES, _CLASSES_PASSES = 20, 8, 24


class Tabular(nn.Module):
    """y[b, k, :] = head_k(block_L(... block_1(z_b))), z = [x, periodic(x), one-hot or embedded x_cat].

    x      float [batch, numbers], x_cat int64 [batch, categories] (absent where there are none)
    y      float [batch, members, outputs]
    block  shared linear layer, a bias for each member, activation, dropout; in the first one a sign vector
           r_k makes the members differ, before the linear layer or after it
    """

    def __init__(self, periodic: nn.Module | None, inputs: TableInput, body: nn.Sequential) -> None:
        super().__init__()
        self.periodic = periodic
        self.inputs = inputs
        self.body = body

    def forward(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        if self.periodic is not None:
            x = self.periodic(x)  # [batch, numbers (1 + embedding)]
        return self.body(self.inputs(x, x_cat))  # [batch, members, outputs]


class TabularConfig(Config):
    """Numbers as waves of many frequencies, categories one-hot or embedded, members that share matrices.

    z_b = [x_b, periodic(x_b), codes(x_cat_b)]; h_{b,k} = dropout(f(W_1 (r_k * z_b) + c_{1,k})), or
    f(r_k * W_1 z_b + c_{1,k}) with adapter "hidden"; then L - 1 times h <- dropout(f(W_l h + c_{l,k}));
    y_{b,k} = V_k h_{b,k} + v_k. x [batch, numbers], y [batch, members, outputs]. The training loss is the mean
    of the members' losses; the prediction is the mean of their probabilities (classes) or values (numbers).

    Ensemble: TabM-mini, Gorishniy, Kotelnikov and Babenko 2025, arXiv:2410.24210, section 3.3. Embeddings of
    numbers: Gorishniy et al. 2022, arXiv:2203.05556, in the form of RealMLP, Holzmüller et al. 2024,
    arXiv:2407.04491. Trained with Muon (Jordan et al. 2024) on the shared matrices.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"table"})
    title: ClassVar[str] = "deep tabular ensemble with periodic number embeddings; the default for tables"
    numbers: ClassVar[str] = "quantile"
    rule: ClassVar[str] = "gradient"

    width: int = Field(256, ge=1, description="units of each hidden layer")
    blocks: int = Field(2, ge=1, description="hidden layers")
    members: int = Field(8, ge=1, description="members of the ensemble; they share all matrices but the last")
    adapter: Literal["input", "hidden"] = Field(
        "hidden", description="where members part: before the first matrix, or after it (cheaper)"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="share of hidden units switched off in each step")
    activation: ActivationName = Field("relu", description="function after each hidden layer")
    embedding: int = Field(12, ge=0, description="width of each number's embedding; 0: the number alone")
    frequencies: int = Field(48, ge=2, description="waves in each number's embedding, from slow to fast")
    slowest: float = Field(0.1, gt=0, description="periods per unit of the slowest wave at the start")
    fastest: float = Field(
        100.0,
        gt=0,
        description="periods per unit of the fastest wave at the start; high: single values are told apart",
    )

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("tabular", self.inputs, spec, outputs)
        periodic = None
        if self.embedding and spec.numbers:
            periodic = PeriodicNumbers(spec.numbers, self.embedding, self.frequencies, self.slowest, self.fastest)
        inputs = TableInput(periodic.width if periodic else spec.numbers, spec.cardinalities)
        return Tabular(periodic, inputs, self._body(inputs.width, outputs))

    def _body(self, features: int, outputs: int) -> nn.Sequential:
        parts = OrderedDict[str, nn.Module]()
        for number in range(1, self.blocks + 1):
            if number == 1 and self.adapter == "input":
                parts["members"] = MemberScale(self.members, features)  # [batch, members, features]
            parts[f"linear{number}"] = nn.Linear(features, self.width, bias=False)
            if number == 1 and self.adapter == "hidden":
                parts["members"] = MemberScale(self.members, self.width)  # [batch, members, width]
            parts[f"bias{number}"] = MemberBias(self.members, self.width, features)
            parts[f"{self.activation}{number}"] = ACTIVATIONS[self.activation]()
            parts[f"dropout{number}"] = MemberDropout(self.dropout)
            features = self.width
        parts["output"] = MemberHead(self.members, features, outputs)
        return nn.Sequential(parts)

    def cost(self, spec: InputSpec) -> float:
        """Arithmetic of one row in one training step: 6 x multiply-adds (2 forward, 4 backward)."""
        codes = sum(min(size, 16) for size in spec.cardinalities)
        wide = spec.numbers * (1 + self.embedding) + codes
        waves = spec.numbers * self.frequencies * (self.embedding + 8 if self.embedding else 0)
        first = wide * self.width * (self.members if self.adapter == "input" else 1)
        rest = (self.blocks - 1) * self.members * self.width**2
        return 6.0 * (waves + first + rest)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Sizes by rows, passes and members by time: two minutes on two cores unless told."""
        if rows <= _HANDFUL:
            return _handful(rows, minutes)
        if rows < _SMALL:
            return _small(rows, minutes)
        return _large(rows, spec, outputs, minutes)


def _handful(rows: int, minutes: float | None) -> dict[str, Any]:
    """AND, OR, XOR and the like: a step sees all rows, nothing regularises."""
    values: dict[str, Any] = _recipe("adamw", lr=5e-3, decay=0.0, batch=max(rows, 1))
    values |= {"model.width": 64, "model.embedding": 0, "model.dropout": 0.0}
    return values if minutes is not None else values | {"train.epochs": 500}


def _small(rows: int, minutes: float | None) -> dict[str, Any]:
    """Numbers as they are: waves would learn single rows by heart. Strong dropout, few steps."""
    values = _recipe("adamw", lr=2e-3, decay=0.1, batch=32, average=0.98)
    values |= {"model.width": 128, "model.embedding": 0, "model.dropout": 0.4}
    if minutes is None:
        steps = 200 + rows // 2
        values |= {"train.epochs": min(50, max(15, round(steps * 32 / rows))), "train.patience": 15}
    return values


def _large(rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
    """Muon on the shared matrices; the time that there is goes into members first, then into passes.

    Regression (one output) is as a rule less noisy than two classes: it gets smaller batches, three layers,
    more passes, and members that part at the input, which regularises more. Found on the validation parts of
    California housing and Adult.
    """
    regress = outputs == 1
    values = _recipe("muon", lr=0.02, decay=0.2, batch=_batch(rows, regress), average=0.995)
    values |= {
        "optimiser.other_lr": 2e-3,
        "model.width": 256,
        "model.blocks": 3 if regress else 2,
        "model.adapter": "input" if regress else "hidden",
        "model.dropout": 0.2 if regress else 0.3,
        "model.fastest": 100.0 if rows >= _FINE and not regress else 10.0,
    }
    wanted = _REGRESS_PASSES if regress else _TWO_CLASS_PASSES if outputs == 2 else _CLASSES_PASSES
    config = {key.removeprefix("model."): value for key, value in values.items() if key.startswith("model.")}
    budget = (_DEFAULT_MINUTES if minutes is None else minutes) * 60 * _SPEED / rows
    members = 8 if regress else 16  # more were no better on the validation parts
    while members > 4 and wanted * TabularConfig(members=members, **config).cost(spec) > budget:
        members //= 2
    values["model.members"] = members
    if minutes is None:
        passes = budget / TabularConfig(members=members, **config).cost(spec)
        values |= {"train.epochs": max(2, min(wanted, int(passes))), "train.patience": 12}
    return values


def _recipe(optimiser: str, *, lr: float, decay: float, batch: int, average: float = 0.0) -> dict[str, Any]:
    return {
        "optimiser.name": optimiser,
        "optimiser.lr": lr,
        "optimiser.weight_decay": decay,
        "schedule.name": "cosine",
        "schedule.warmup": 0.05,
        "train.batch_size": batch,
        "train.average": average,
        "train.clip": 1.0,
    }


def _batch(rows: int, regress: bool) -> int:
    if rows >= 200_000:
        return 2048
    if rows >= 50_000:
        return 1024
    return 256 if regress or rows < 15_000 else 512
