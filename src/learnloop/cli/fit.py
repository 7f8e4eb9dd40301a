"""`learnloop fit`: from data to a trained, measured model in a run folder."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learnloop.cli import show
from learnloop.cli.results import show_fit

if TYPE_CHECKING:
    from learnloop.recipe.draft import Draft
    from learnloop.recipe.resolve import Resolved

RECIPES = (".yaml", ".yml")


def fit(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="a file, a folder, a catalog name, or a recipe.yaml", show_default=False),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="COL", help="column to learn; may be repeated"),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COL", help="its rows stay together in one part of the split")
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help="the newest rows are the test part")] = None,
    weight: Annotated[str | None, typer.Option(metavar="COL", help="how much each row counts")] = None,
    horizon: Annotated[str | None, typer.Option(metavar="N", help="steps ahead (task forecast)")] = None,
    task: Annotated[str | None, typer.Option(metavar="T", help="classify, regress, ...: see `learnloop tasks`")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="M", help="see `learnloop models`")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="passes over the training part")] = None,
    steps: Annotated[str | None, typer.Option(metavar="N", help="updates of the weights")] = None,
    minutes: Annotated[str | None, typer.Option(metavar="M", help="the best model that M minutes can buy")] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="N", help="rows in one step")] = None,
    lr: Annotated[str | None, typer.Option(metavar="X", help="learning rate")] = None,
    seed: Annotated[str | None, typer.Option(metavar="S", help="of everything random")] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="run folder [default: a new one]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the run in --out")] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="any value of the recipe; `--set help` lists them"),
    ] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="go on with an interrupted run")] = None,
    check: Annotated[bool, typer.Option("--check", help="read and check everything, train nothing")] = False,
    download: Annotated[bool, typer.Option("--download", help="allow a catalog entry to be downloaded")] = False,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Train a model, measure it on held-out rows, report.

    Everything is written into a run folder.

    learnloop fit data.csv --target y

    learnloop fit digits --minutes 1 --json

    learnloop fit sales.csv --task forecast --horizon 14

    learnloop fit mnist --task gan --minutes 15

    learnloop fit recipe.yaml --set optimiser.name=sgd --lr 0.1
    """
    began = monotonic()  # --minutes counts from here
    if sets == ["help"]:
        from learnloop.recipe.reference import reference

        print(reference())
        return
    file, path = (Path(data), None) if data and data.lower().endswith(RECIPES) else (None, data)
    flags: dict[str, Any] = {
        "data.path": path,
        "data.target": tuple(target) if target else None,
        "data.group": group,
        "data.time": time,
        "data.weight": weight,
        "data.download": download or None,
        "forecast.horizon": horizon,
        "task.name": task,
        "model.name": model,
        "train.epochs": epochs,
        "train.steps": steps,
        "train.minutes": minutes,
        "train.batch_size": batch_size,
        "optimiser.lr": lr,
        "seed": seed,
        "out": out,
    }
    from learnloop.recipe.build import build
    from learnloop.recipe.resolve import need_data

    draft = build(file=file, flags=flags, sets=sets or ())
    if resume is None:
        need_data(draft)
    if check:
        _check(draft, json)
        return

    from learnloop.verbs.fit import fit_draft

    run = fit_draft(draft, resume=None if resume is None else Path(resume), overwrite=overwrite, began=began)
    if json:
        show.as_json(run.summary())
    else:
        show_fit(run.path, run.report)


def _check(draft: Draft, json: bool) -> None:
    """Everything but the training."""
    from learnloop.verbs.fit import job_of

    job = job_of(draft)
    if job != "rows":
        {"language": _check_text, "forecast": _check_series, "generative": _check_made}[job](draft, json)
        return
    from learnloop.verbs.prepare import describe, prepare

    prepared = prepare(draft)
    recipe = prepared.recipe
    for line in describe(prepared):
        show.prose(line)
    result = {
        "ok": True,
        "task": recipe.task.name,
        "model": recipe.names["model"],
        "loss": recipe.names["loss"],
        **_how(recipe),
        "rows": {part: len(getattr(prepared.split, part)) for part in ("train", "validation", "test")},
    }
    _say_ok(result, json)


def _check_text(draft: Draft, json: bool) -> None:
    """The same for one long text."""
    from learnloop.verbs.language_data import describe_text, prepare_text

    prepared = prepare_text(draft)
    for line in describe_text(prepared):
        show.prose(line)
    result = {
        "ok": True,
        "task": "language",
        "model": prepared.recipe.names["model"],
        **_how(prepared.recipe),
        "rows": {part: len(prepared.texts.get(part, "")) for part in ("train", "validation", "test")},
    }
    _say_ok(result, json)


def _check_series(draft: Draft, json: bool) -> None:
    """The same for series to be forecast."""
    from learnloop.verbs.forecast_data import describe_forecast, prepare_forecast

    prepared = prepare_forecast(draft)
    for line in describe_forecast(prepared):
        show.prose(line)
    result = {
        "ok": True,
        "task": "forecast",
        "model": prepared.network or prepared.serve,
        "methods": list(prepared.methods),
        "horizon": prepared.horizon,
        **(_how(prepared.recipe) if prepared.network else {}),
        "series": len(prepared.panel),
    }
    _say_ok(result, json)


def _check_made(draft: Draft, json: bool) -> None:
    """The same for a network that makes data."""
    from learnloop.verbs.generative_data import describe_generative, prepare_generative
    from learnloop.verbs.generative_training import build_generative_net

    prepared = prepare_generative(draft)
    build_generative_net(prepared)  # sizes that it cannot make
    for line in describe_generative(prepared):
        show.prose(line)
    result = {
        "ok": True,
        "task": prepared.task,
        "model": prepared.recipe.names["model"],
        **_how(prepared.recipe),
        "rows": {part: len(getattr(prepared.split, part)) for part in ("train", "validation", "test")},
    }
    _say_ok(result, json)


def _how(recipe: Resolved) -> dict[str, Any]:
    """What moves the weights, and for how long."""
    limits = {"epochs": recipe.train.epochs, "steps": recipe.train.steps, "minutes": recipe.train.minutes}
    return {
        "optimiser": recipe.names["optimiser"],
        "schedule": recipe.names["schedule"],
        "batch_size": recipe.train.batch_size,
        **{name: value for name, value in limits.items() if value is not None},
    }


def _say_ok(result: dict[str, Any], json: bool) -> None:
    if json:
        show.as_json(result)
    else:
        print("ok: " + ", ".join(f"{key} {value}" for key, value in result.items() if key not in ("ok", "rows")))
