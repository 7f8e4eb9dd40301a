"""The protocols between the layers, and the names of batch keys. Nothing else lives here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor

Batch = dict[str, Tensor]
Scalars = dict[str, Tensor]
"""Zero-dimensional tensors that stay on the device until somebody reads them."""
State = dict[str, Any]
"""Nested dicts and lists of tensors and plain JSON values; never a pickle."""

# Batch keys. A task reads only these; a source writes only these.
X = "x"  # float [batch, numbers] for tables; uint8 or float [batch, channels, height, width] for images;
# float [batch, time, features] for series, 0 behind the end of a row
X_CAT = "x_cat"  # int64 [batch, categories]: codes, 0 = never seen in training or missing
TOKENS = "tokens"  # integers [batch, time]: PADDING behind the end of a row, UNKNOWN, BEGIN, END, then a vocabulary
LENGTH = "length"  # int64 [batch]: the steps of each row of X that are there (series)
Y = "y"  # int64 [batch] classes; float [batch, targets] numbers or several labels; int64 [batch, time] tokens
WEIGHT = "weight"  # float [batch]
INDEX = "index"  # int64 [batch]: the row in its part

# Of windows of series in time, which are forecast:
PAST = "past"  # float [batch, lookback, variables]: the targets first, in their own units; 0 where nothing is known
SEEN = "seen"  # float [batch, lookback]: 1 where PAST holds a value, 0 before a short series begins
TIME = "time"  # float [batch, lookback + horizon, features]: calendar and what else is known ahead
FUTURE = "future"  # float [batch, horizon, targets]: NaN where unknown
SCALE = "scale"  # float [batch, targets]: unit of the errors of a series, so that all series count alike

PADDING, UNKNOWN, BEGIN, END = 0, 1, 2, 3
"""The first codes of every vocabulary of tokens."""
SPECIAL = 4
"""How many they are."""


@runtime_checkable
class Stateful(Protocol):
    """Everything that changes during fit."""

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class Source(Stateful, Protocol):
    """An endless, resumable iterator of batches. Its state is a position, not the data."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __next__(self) -> Batch: ...

    @property
    def batch_size(self) -> int:
        """Samples in a batch."""
        ...

    @property
    def samples(self) -> int | None:
        """Samples in one pass over the data; None where a pass has no meaning (environments)."""
        ...


@runtime_checkable
class Task(Stateful, Protocol):
    """What is learnt: owns its modules and Updaters."""

    def train_step(self, batch: Batch) -> Scalars:
        """One step on one batch: moves weights, returns scalars (`loss` first)."""
        ...

    def eval_step(self, batch: Batch) -> Scalars:
        """Means over the batch, `loss` first; the engine averages them over a part. Changes nothing."""
        ...

    def predict(self, batch: Batch) -> Batch:
        """Outputs in the task's own terms (`probabilities`, `values`). Changes nothing."""
        ...

    def train(self, mode: bool = True) -> None:
        """Switch modules between training and evaluation behaviour."""
        ...

    def progress(self, fraction: float) -> None:
        """Tell schedules which share of the run is done (0 at the first step, 1 at the end)."""
        ...

    def observe(self, metric: float) -> None:
        """Tell schedules that listen the monitored validation metric; smaller is better."""
        ...

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        """Metrics from the means of `eval_step` over a whole part."""
        ...

    @property
    def learning_rate(self) -> float: ...

    def averaged(self) -> AbstractContextManager[Any]:
        """A context in which the modules hold their averaged weights (their own where nothing is averaged)."""
        ...

    def weights(self) -> State:
        """A copy of what is kept as "the best so far" and what a bundle saves."""
        ...

    def load_weights(self, weights: State) -> None: ...


@dataclass(frozen=True)
class InputSpec:
    """What a model must know about its input to be built; plain numbers, so that models import nothing of data.

    kind          "table" (x [batch, numbers], x_cat [batch, len(cardinalities)]), "image" (x [batch, c, h, w] uint8),
                  "text" (tokens [batch, time]) or "series" (x [batch, time, numbers], length [batch])
    numbers       width of `x` for tables, after imputation indicators and calendar features; features of a series
    cardinalities number of codes of each column of `x_cat`, code 0 (unseen or missing) included
    shape         (channels, height, width) of an image
    mean, std     per channel in 0..1 units, over the training part (images)
    vocabulary    number of token codes, the special ones included (texts)
    length        most steps of a row (texts and series)
    """

    kind: Literal["table", "image", "text", "series"]
    numbers: int = 0
    cardinalities: tuple[int, ...] = ()
    shape: tuple[int, int, int] = (0, 0, 0)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    vocabulary: int = 0
    length: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The batch keys that the network takes, in the order of `forward`'s arguments."""
        if self.kind == "text":
            return (TOKENS,)
        if self.kind == "series":
            return (X, LENGTH)
        return (X, X_CAT) if self.cardinalities else (X,)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "numbers": self.numbers,
            "cardinalities": list(self.cardinalities),
            "shape": list(self.shape),
            "mean": list(self.mean),
            "std": list(self.std),
            "vocabulary": self.vocabulary,
            "length": self.length,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InputSpec:
        channels, height, width = (int(size) for size in data["shape"])
        return cls(
            kind=data["kind"],
            numbers=int(data["numbers"]),
            cardinalities=tuple(int(size) for size in data["cardinalities"]),
            shape=(channels, height, width),
            mean=tuple(float(value) for value in data["mean"]),
            std=tuple(float(value) for value in data["std"]),
            vocabulary=int(data.get("vocabulary", 0)),  # bundles written before texts could be read lack both
            length=int(data.get("length", 0)),
        )


@dataclass(frozen=True)
class WindowSpec:
    """What a network that forecasts must know to be built.

    lookback   steps of the past that it sees
    horizon    steps that it forecasts at once
    variables  what is measured at each step of the past; the first `targets` of them are forecast
    features   numbers known of every step, past and future: calendar, plans, what is constant for a series
    season     steps of the main season, 1 where there is none
    quantiles  shares, ascending, that the forecasts have; (0.5,) for one value
    """

    lookback: int
    horizon: int
    variables: int = 1
    targets: int = 1
    features: int = 0
    season: int = 1
    quantiles: tuple[float, ...] = (0.5,)

    @property
    def keys(self) -> tuple[str, ...]:
        """The batch keys that the network takes, in the order of `forward`'s arguments. It returns
        [batch, horizon, targets, quantiles] in the units of PAST."""
        return (PAST, SEEN, TIME)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "quantiles": list(self.quantiles)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WindowSpec:
        return cls(**{**data, "quantiles": tuple(float(share) for share in data["quantiles"])})


@runtime_checkable
class Transform(Stateful, Protocol):
    """Fitted on the training part only; `invert(apply(v)) == v` where it is invertible."""

    def fit(self, values: Any) -> None: ...

    def apply(self, values: Any) -> Any: ...

    def invert(self, values: Any) -> Any: ...
