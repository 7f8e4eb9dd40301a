"""The recipe of the task forecast: which network and which methods take part, what serves, every value's origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from learnloop.config import Config
from learnloop.contracts import WindowSpec
from learnloop.errors import RecipeError, UserError, did_you_mean, nearest, raise_all
from learnloop.models.classical.config import MethodConfig
from learnloop.models.classical.table import METHODS
from learnloop.models.config import ModelConfig
from learnloop.recipe.choose import Choice, checked, origin
from learnloop.recipe.components import TABLES, component
from learnloop.recipe.draft import Draft
from learnloop.recipe.fill import Filler
from learnloop.recipe.own_jobs import Uses, assemble, foreign_loss, useless
from learnloop.recipe.resolve import Resolved

TASK, TARGET = "forecast", "windows"
AUTO, NETWORK = "auto", "network"
BESIDE = ("seasonal_naive", "ets")
"""Methods that stand beside any other, where nobody says which take part."""
_USES = Uses(
    {"data": ("path", "target", "group", "time"), "report": ("baselines", "html"), "task": ("name", "loss")},
    none=("transfer", "augment", "text", "audio", "target", "decode", "generate"),
    must="is for data with rows; the task forecast reads series in time",
    ways={"data.test": "--set forecast.tests=1   # windows", "data.validation": "--set forecast.windows=4"},
    decided=None,
)
_OF_NETWORKS = ("optimiser", "schedule")
_LOSSES = ("quantile", "mae", "mse", "huber", "smape")


@dataclass(frozen=True)
class ForecastChoice:
    """What is decided from the draft alone.

    network  name in FORECAST_MODELS, "" where no network is asked for; config: its Config
    asked    `--model`: "auto", the name of a network or of a method
    serve    "auto", "network" or the name of a method
    methods  that take part as far as they were named; None: chosen from the data
    """

    network: str
    config: Config
    asked: str
    serve: str
    methods: tuple[str, ...] | None
    loss: str
    origins: Mapping[str, str]


def choose_forecast(draft: Draft) -> ForecastChoice:
    """Raises RecipeError or ManyErrors for what series to be forecast have no use for, and for unknown names."""
    errors = [*useless(draft, _USES), *foreign_loss(draft, "must be a loss of forecasts", _LOSSES)]
    origins = {"task.name": _why(draft)}
    asked = str(draft.get("model.name", AUTO))
    if "model" in draft.objects:
        errors.append(_foreign(draft))
    network, config = _network(draft, asked, errors)
    origins["model.name"] = origin(draft, "model.name") if asked != AUTO else "inferred: all take part, the best serves"
    if not network:
        errors += _idle(draft, asked)
    methods = draft.get("forecast.methods")
    errors += [_unknown_method(draft, "forecast.methods", name) for name in methods or () if name not in METHODS]
    serve = _serve(draft, asked, network, errors, origins)
    raise_all(errors)
    if methods is not None:
        more = [name for name in ("seasonal_naive", serve) if name in METHODS and name not in methods]
        methods = (*more, *methods)
    loss = str(draft.get("forecast.loss", draft.get("task.loss", AUTO)))
    return ForecastChoice(network, config, asked, serve, methods, _LOSSES[0] if loss == AUTO else loss, origins)


def _why(draft: Draft) -> str:
    if draft.get("task.name", "auto") != "auto":
        return origin(draft, "task.name")
    return "inferred: series in time"


def _network(draft: Draft, asked: str, errors: list[UserError]) -> tuple[str, Config]:
    """The network that takes part, "" for none; a plain MethodConfig stands for no network."""
    networks = [name for name in TABLES["forecast model"] if name not in METHODS]
    if "model" in draft.objects or asked in METHODS or (asked == AUTO and not networks):
        return "", MethodConfig()
    name = networks[0] if asked == AUTO else asked
    given = {field: value for field, value in draft.section("model").items() if field != "name"}
    try:
        cls = component("forecast model", name, draft.typed("model.name"))
        return name, checked(cls, "forecast model", name, given, "model")
    except UserError as error:
        errors.append(error)
        return "", MethodConfig()


def _foreign(draft: Draft) -> RecipeError:
    return RecipeError(
        "model",
        "must be the name of a network or method that forecasts",
        found="a module that was handed over",
        available=list(TABLES["forecast model"]),
    )


def _unknown_method(draft: Draft, key: str, name: str, more: Sequence[str] = ()) -> RecipeError:
    known = [*more, *METHODS]
    return RecipeError(
        draft.typed(key),
        "must be a forecasting method",
        found=repr(name),
        cause=did_you_mean(name, known),
        available=nearest(name, known, most=len(known)),
    )


def _serve(draft: Draft, asked: str, network: str, errors: list[UserError], origins: dict[str, str]) -> str:
    """What answers: asked for, else what --model names, else the best."""
    usual = asked if asked in METHODS else NETWORK if asked != AUTO else AUTO
    serve = str(draft.get("forecast.serve", usual))
    if "forecast.serve" not in draft.values:
        origins["forecast.serve"] = "default" if asked == AUTO else "as --model says"
    if serve not in (AUTO, NETWORK, *METHODS):
        errors.append(_unknown_method(draft, "forecast.serve", serve, (AUTO, NETWORK)))
    elif serve == NETWORK and not network and not errors:
        errors.append(
            RecipeError(
                draft.typed("forecast.serve"),
                "needs a network to serve",
                found=f"--model {asked}, which trains none",
                do="--model auto",
            )
        )
    return serve


def _idle(draft: Draft, asked: str) -> Iterable[UserError]:
    """What only a network would listen to, where none is trained."""
    keys = ("train.epochs", "train.steps", "train.batch_size")
    for key, given in draft.values.items():
        section = key.partition(".")[0]
        if (section in _OF_NETWORKS or key in keys) and not given.origin.endswith((".yaml", ".yml")):
            yield RecipeError(
                given.typed,
                "is for networks",
                found=f"--model {asked}, which trains none",
                do="leave it out",
            )


# --- the second stage


@dataclass(frozen=True)
class Decided:
    """What the data decided. origins: why, by dotted key."""

    forecast: Mapping[str, Any]
    series: Mapping[str, Any]
    origins: Mapping[str, str]


def resolve_forecast(
    draft: Draft, chosen: ForecastChoice, decided: Decided, spec: WindowSpec | None, windows: int
) -> Resolved:
    """The complete recipe. spec: of the network, None where none is trained; windows: that it can be trained on.

    Raises RecipeError or ManyErrors.
    """
    name = chosen.network if spec is not None else chosen.asked
    config = cast(ModelConfig, chosen.config if spec is not None else MethodConfig())
    origins = {**chosen.origins, **decided.origins}
    if spec is not None and chosen.asked == AUTO:
        origins["model.name"] = "inferred: the default network for series"
    choice = Choice(TASK, TARGET, "panel", name, config, chosen.loss, "none", origins)
    advice: dict[str, Any] = {} if spec is None else chosen.config.suggest(windows, spec, draft.minutes)  # type: ignore[attr-defined]
    fill = Filler(draft, choice, advice, f"suggested by {name}")
    inputs = {
        "series": fill.section("series", decided.series),
        "forecast": fill.section("forecast", {**decided.forecast, "loss": chosen.loss}),
    }
    found = assemble(draft, fill, choice, data={}, loss=AUTO, inputs=inputs, origins=origins)
    return replace(found, choice=replace(choice, config=found.model))
