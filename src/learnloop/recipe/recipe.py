"""The sections of a recipe: all that a run can be asked for, each value with its range and its meaning.

`model`, `optimiser`, `schedule` and the loss are components: their fields are those of the Config that their
`name` picks in its table (`MODELS`, `OPTIMISERS`, `SCHEDULES`, `LOSSES`); the sections below are fixed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from learnloop.config import Config
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.schema import Kind
from learnloop.models.classical.forecast import LEVELS
from learnloop.models.transfer import TransferConfig
from learnloop.nn.decoding import DecodeConfig
from learnloop.nn.views import Views
from learnloop.optim.plan import PlanConfig
from learnloop.transforms.audio import AudioConfig
from learnloop.transforms.texts import TextConfig
from learnloop.transforms.textual import TargetConfig

Name = Annotated[str, StringConstraints(min_length=1)]
ClassWeight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _listed(value: object) -> object:
    """One name, or one number that is a name, is a list of one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | list | tuple):
        return value
    listed = value if isinstance(value, list | tuple) else [value]
    return [one if isinstance(one, bool) or not isinstance(one, int | float) else str(one) for one in listed]


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]
"""Classes as they are written: 3, or [3, 5]."""


class DataSection(Config):
    """What is read, and how it is taken."""

    path: Name | None = Field(
        None, description="file, folder or catalog name; null: an object in memory was handed over"
    )
    target: tuple[Name, ...] | None = Field(
        None, description="column or columns to learn; null: found in the data where it is plain"
    )
    columns: dict[str, Kind] = Field(
        default_factory=dict, description="kind of a column where the guess is wrong: {zip: category}"
    )
    ignore: tuple[Name, ...] = Field((), description="columns to set aside")
    group: Name | None = Field(None, description="column whose rows stay together in one part of the split")
    time: Name | None = Field(None, description="column to split by: the newest rows are the test part")
    weight: Name | None = Field(None, description="column with the weight of each row")
    validation: Share = Field(0.15, description="share of the rows that chooses the best weights and stops early")
    test: float = Field(0.2, ge=0, lt=1, description="share of the rows that is held out for the final figures")
    numbers: Literal["auto", "standard", "quantile", "robust", "none"] = Field(
        "auto", description="how number columns are scaled; auto: as the model likes it"
    )
    image_size: int | None = Field(
        None, ge=1, le=4096, description="side in pixels to which images are resized; null: as they are"
    )
    corrupt: Literal["refuse", "skip"] = Field(
        "refuse", description="what to do with a file or row that cannot be read"
    )
    download: bool = Field(False, description="allow a catalog entry, or weights, to be downloaded")
    series: Literal["auto", "wide", "long"] = Field(
        "auto", description="wide: numbered columns are steps of a series; long: a row is a step (--group and --time)"
    )
    series_target: Literal["auto", "last", "every"] = Field(
        "auto", description="long series whose target changes: learn its last value, or every one; auto: numbers every"
    )


class TaskSection(Config):
    """What is learnt."""

    name: Literal[
        "auto",
        "classify",
        "regress",
        "translate",
        "transcribe",
        "language",
        "forecast",
        "autoencode",
        "gan",
        "diffusion",
    ] = Field(
        "auto",
        description="classes, numbers, texts from texts, the next tokens of a text, what comes next in a series, codes "
        "of rows, rows like them; auto: from the data",
    )
    loss: str = Field("auto", description="what training makes small; auto: the usual one of the task")
    class_weights: Literal["none", "balanced"] | dict[str, ClassWeight] = Field(
        "none", description="weight of each class in the loss; balanced: n / (classes * n of the class)"
    )


class TrainSection(Config):
    """How long, in which portions, and what ends it. At most one of epochs, steps and minutes."""

    epochs: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="passes over the training part; null: another limit, or suggested",
    )
    steps: int | None = Field(None, gt=0, description="updates of the weights")
    minutes: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="wall-clock limit; the schedule reaches its end with it"
    )
    batch_size: int = Field(64, gt=0, description="rows in one step")
    patience: int | None = Field(
        None, gt=0, description="evaluations without improvement that end the run; null: never"
    )
    monitor: str = Field("auto", description="validation figure that chooses the best weights; auto: by the task")
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of the moving average of the weights (EMA) that is kept; 0: off"
    )
    clip: float | None = Field(
        None, gt=0, description="largest norm of the gradient; null: not clipped", allow_inf_nan=False
    )
    accumulate: int = Field(1, gt=0, description="batches whose gradients are added up to one step")
    l1: float = Field(0.0, ge=0, allow_inf_nan=False, description="weight of the sum of |w| in the loss")
    evaluate_every: int | None = Field(
        None, gt=0, description="steps between evaluations; null: about 20 to 50 evaluations a run"
    )
    checkpoint_seconds: float = Field(30.0, gt=0, description="seconds between checkpoints")
    log_every: int | None = Field(
        None,
        gt=0,
        description="steps between logged training figures; null: chosen from the length of the run",
    )
    keep: int = Field(2, ge=1, description="checkpoints that are kept")


class WatchSection(Config):
    """Who looks on."""

    csv: bool = Field(False, description="write metrics.csv beside metrics.jsonl")
    tensorboard: bool = Field(False, description="write TensorBoard event files (extra `tensorboard`)")
    progress: Literal["auto", "rich", "line", "off"] = Field(
        "auto", description="how progress is shown; auto: rich in a terminal, lines elsewhere"
    )


class ReportSection(Config):
    """What is measured and written at the end."""

    baselines: bool = Field(True, description="measure simple models on the same split")
    html: bool = Field(True, description="write report.html")
    views: Views = Field(
        "none", description="pictures also scored by the mean over several views, mirrored or moved by a pixel"
    )


class SeriesSection(Config):
    """How series in time are read (task forecast)."""

    frequency: Name | None = Field(
        None, description="a pandas offset alias (D, h, MS), or rows: every row is a step; null: from the stamps"
    )
    season: int | None = Field(None, ge=1, description="steps of the season, 1 for none; null: found in the values")
    fill: Literal["auto", "forward", "interpolate", "seasonal"] = Field(
        "auto", description="steps without a value; auto: a line over short gaps, neighbouring seasons over long ones"
    )
    known: tuple[Name, ...] = Field((), description="columns whose future is known: plans, prices set in advance")
    static: tuple[Name, ...] = Field((), description="columns with one value a series")
    holidays: Name | None = Field(None, description="country whose public holidays are a feature: DE, US")
    stationary: Name = Field(
        "auto",
        description="what is taken out before a network sees the values: none, log, boxcox, difference, "
        "seasonal_difference, detrend, stl, standardise, several joined by +; auto: by tests, where series are few",
    )


class ForecastSection(Config):
    """What is forecast, how it is measured, and what serves."""

    horizon: int | None = Field(None, gt=0, description="steps ahead; null: the official one, or about one season")
    lookback: int | None = Field(None, gt=0, description="steps of the past that the network sees; null: suggested")
    tests: int | None = Field(None, gt=0, description="windows at the end held out for the final figures")
    windows: int | None = Field(None, gt=0, description="windows before those, on which methods are compared")
    levels: tuple[Share, ...] = Field(LEVELS, min_length=1, description="shares that the intervals should cover")
    loss: Literal["quantile", "mae", "mse", "huber", "smape"] = Field(
        "quantile", description="what training makes small; quantile: the pinball loss of all quantiles"
    )
    metric: Literal["mase", "mae", "rmse", "mape", "smape", "owa"] = Field(
        "mase", description="by what methods are compared; less is better"
    )
    methods: tuple[Name, ...] | None = Field(
        None, description="classical methods that take part; null: chosen by the number and length of the series"
    )
    serve: Name = Field(
        "auto", description="auto: the best on past windows, or several together; network; or the name of a method"
    )


class GenerateSection(Config):
    """What networks that make data learn from, and how it is measured (tasks autoencode, gan, diffusion)."""

    samples: int = Field(2000, gt=0, description="pictures or rows that are made and measured at the end")
    judge: Name | None = Field(
        None,
        description="who judges pictures: the run of a classifier, inception:FILE of its weights; null: trained here",
    )
    normal: Names | None = Field(
        None, description="classes that are normal: learnt from alone; the others of the test part are to be found"
    )
    make: Literal["none", "edges", "invert", "colour", "halve", "quarter"] = Field(
        "none", description="source pictures computed from the data's own, for networks that map pictures to pictures"
    )
    clusters: int | None = Field(None, ge=2, description="groups of codes; null: as many as classes, or found")
    shots: int = Field(
        50, gt=0, description="draws a row for the bound on the log-likelihood at the end; 5000 is nearly exact"
    )


INPUTS: dict[str, type[Config]] = {
    "text": TextConfig,
    "audio": AudioConfig,
    "target": TargetConfig,
    "decode": DecodeConfig,
    "series": SeriesSection,
    "forecast": ForecastSection,
    "generate": GenerateSection,
}
"""Sections that say how one kind of input, or of answer, is treated; a run without it has none of them."""

SECTIONS: dict[str, type[Config]] = {
    "data": DataSection,
    **INPUTS,
    "task": TaskSection,
    "transfer": TransferConfig,
    "augment": AugmentConfig,
    "train": TrainSection,
    "plan": PlanConfig,
    "watch": WatchSection,
    "report": ReportSection,
}
"""The sections with fixed fields."""

ORDER = (
    *("data", *INPUTS, "task", "model", "transfer", "augment"),
    *("optimiser", "schedule", "train", "plan", "watch", "report"),
)
"""All sections, as they are written."""


class Root(Config):
    """The values that stand outside of any section."""

    seed: int = Field(0, ge=0, lt=2**63, description="of everything random: split, initialisation, order, dropout")
    out: Name | None = Field(None, description="run folder; null: a new one in LEARNLOOP_HOME/runs")


OBJECT = "object"
"""The name of a component that was handed over as a Python object."""

LIMITS = ("train.epochs", "train.steps", "train.minutes")
