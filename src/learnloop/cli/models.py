"""`learnloop models`: the models, and the layer table of one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learnloop.cli import show
from learnloop.errors import RecipeError

if TYPE_CHECKING:
    from learnloop.contracts import InputSpec

SHAPE = re.compile(r"^\d+(x\d+){0,2}$")
_STEPS = {"text": "100x10000", "series": "50x1"}
"""Tokens x vocabulary, steps x numbers a step: what is shown where nobody says."""


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="a model, or an import path pkg.mod:Name")
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="SHAPE", help="1x28x28 (image), 10 (numbers), 100x10000 (tokens x vocabulary)"),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help="take the shapes from this data")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", metavar="COL", help="target column, with --data")
    ] = None,
    outputs: Annotated[int | None, typer.Option("--outputs", metavar="N", min=1, help="classes or numbers")] = None,
    batch: Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="for the memory of a step")] = 1,
    sets: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="model.hidden=[64,64]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """List the models; with NAME show its layers.

    Output shapes, parameters, multiply-adds and the memory of a training step.

    learnloop models lenet5 --input 1x28x28 --outputs 10

    The published networks are shown for the size and the 1000 classes that they were published for.
    """
    if name is None:
        _list(json)
        return
    from learnloop.models.summary import summary
    from learnloop.models.table import MODELS
    from learnloop.recipe.build import build
    from learnloop.recipe.choose import checked
    from learnloop.recipe.components import component
    from learnloop.seeds import seed_torch

    draft = build(flags={"model.name": name}, sets=sets or ())
    if name not in MODELS and (own := next((row for row in _of_own_tasks() if row["name"] == name), None)):
        _show_fields(own, json)
        return
    if name in MODELS and _has_no_size(MODELS[name], draft.section("model")):
        _show_fields(_row(name, MODELS[name]), json)
        return
    given = {field: value for field, value in draft.section("model").items() if field != "name"}
    config: Any = checked(component("model", name, "NAME"), "model", name, given)
    spec, wanted = _from_data(data, target, name) if data is not None else (_spec(input_, config), outputs)
    seed_torch(0, "summary")
    usual: int = getattr(config, "classes", 10 if spec.kind == "image" else 1)
    size = outputs or wanted or usual
    found = summary(_built(config, spec, size), spec, batch)
    if json:
        show.as_json({"model": name, "config": config.model_dump(mode="json"), "outputs": size, **found.to_json()})
        return
    show.heading(f"{name}: {config.title}")
    answers = f"{size} output{'' if size == 1 else 's'}"
    show.prose(f"input {_words(spec)}, {answers}, batch {batch}; change with --input, --data, --outputs")
    if hasattr(config, "remark") and config.remark(spec):
        show.prose(config.remark(spec))
    print(found.text())


def _built(config: Any, spec: InputSpec, outputs: int) -> Any:
    """The network; one of the large published ones without values, so that the table comes at once."""
    import torch

    with torch.device("meta" if hasattr(config, "native") else "cpu"):
        return config.build(spec, outputs)


def _list(json: bool) -> None:
    from learnloop.models.table import MODELS

    found = [_row(name, config) for name, config in MODELS.items()]
    others = _of_own_tasks()
    if json:
        show.as_json([*found, *others])
        return
    show.table(["model", "for", "what"], [[row["name"], ", ".join(row["inputs"]), row["title"]] for row in found])
    for task in dict.fromkeys(row["task"] for row in others):
        show.heading(f"--task {task}")
        rows = [[row["name"], _told(row), row["title"]] for row in others if row["task"] == task]
        show.table(["model", "for", "what"], rows)


def _told(row: Mapping[str, Any]) -> str:
    """What it is for, in words."""
    pairing = {"paired": "pairs of images", "unpaired": "two heaps of images"}.get(row.get("pairing", ""))
    words = {"language": "one text", "forecast": "series in time"}
    return pairing or words.get(row["task"]) or ", ".join(row["inputs"])


def _of_own_tasks() -> list[dict[str, Any]]:
    """What has a table of its own, because its names mean something else there: `lstm` that writes or forecasts."""
    from learnloop.models.classical.table import METHODS
    from learnloop.models.forecasting.table import FORECAST_MODELS
    from learnloop.models.generative.table import GENERATIVE_MODELS
    from learnloop.models.language import LANGUAGE_MODELS

    making = [
        {**_row(name, config), "source": config.source, "pairing": config.pairing, "task": config.task}
        for name, config in GENERATIVE_MODELS.items()
    ]
    writing = [_row(name, config, ["text"]) for name, config in LANGUAGE_MODELS.items()]
    networks = [{**_row(name, config, ["time"]), "source": config.source} for name, config in FORECAST_MODELS.items()]
    methods = [
        {
            "name": name,
            "title": f"{method.title}, estimated from each series",
            "inputs": ["time"],
            "fields": {},
            "source": method.source,
        }
        for name, method in METHODS.items()
    ]
    return [
        *({**row, "task": "language"} for row in writing),
        *({**row, "task": "forecast"} for row in (*networks, *methods)),
        *making,
    ]


def _has_no_size(config: Any, given: Mapping[str, Any]) -> bool:
    """Whether the shape of the inputs leaves its layers open: it answers with texts, or is read from a folder."""
    answers_rows = config.inputs & {"table", "image", "text", "series"}
    return not answers_rows or ("path" in config.model_fields and "path" not in given)


def _show_fields(row: dict[str, Any], json: bool) -> None:
    """Of a network whose layers depend on the data."""
    if json:
        show.as_json(row)
        return
    show.heading(f"{row['name']}: {row['title']}")
    if "source" in row:
        show.prose(row["source"])
    fields = [[f"model.{name}", field["default"], field["meaning"]] for name, field in row["fields"].items()]
    if fields:
        show.table(["field", "default", "meaning"], fields)


def _row(name: str, config: Any, inputs: list[str] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "title": config.title,
        "inputs": inputs or sorted(config.inputs),
        "fields": {
            field: {"default": info.get_default(call_default_factory=True), "meaning": info.description}
            for field, info in config.model_fields.items()
        },
    }


def _spec(text: str | None, config: Any) -> InputSpec:
    from learnloop.contracts import InputSpec

    steps = next((kind for kind in ("text", "series") if kind in config.inputs), None)
    image = "image" in config.inputs and "table" not in config.inputs
    if text is None and steps is not None:
        text = _STEPS[steps]
    if text is None:
        native = getattr(config, "native", (1, 28, 28))
        text = "x".join(str(size) for size in native) if image else "10"
    if not SHAPE.match(text) or "0" in text.split("x"):
        raise RecipeError(
            "--input",
            "must be channels x height x width of an image, height x width, or a number of columns",
            found=repr(text),
            do=["--input 1x28x28", "--input 10"],
        )
    sizes = [int(part) for part in text.split("x")]
    if steps is not None and len(sizes) == 2:
        length, width = sizes
        if steps == "text":
            return InputSpec("text", length=length, vocabulary=width)
        return InputSpec("series", length=length, numbers=width)
    if len(sizes) == 1:
        return InputSpec("table", numbers=sizes[0])
    channels, height, width = sizes if len(sizes) == 3 else [1, *sizes]
    return InputSpec("image", shape=(channels, height, width), mean=(0.5,) * channels, std=(0.25,) * channels)


def _from_data(data: str, target: list[str] | None, name: str) -> tuple[InputSpec, int]:
    from learnloop.recipe.build import build
    from learnloop.verbs.prepare import prepare

    flags = {"data.path": data, "data.target": tuple(target) if target else None, "model.name": name}
    prepared = prepare(build(flags=flags))
    return prepared.spec, prepared.outputs


def _words(spec: InputSpec) -> str:
    if spec.kind == "image":
        return "x".join(str(size) for size in spec.shape)
    if spec.kind == "text":
        return f"texts of {spec.length} tokens, vocabulary {spec.vocabulary:,}"
    if spec.kind == "series":
        return f"series of {spec.length} steps of {spec.numbers} number{'' if spec.numbers == 1 else 's'}"
    numbers = f"{spec.numbers} number{'' if spec.numbers == 1 else 's'}"
    categories = len(spec.cardinalities)
    return numbers + (f" and {categories} categor{'y' if categories == 1 else 'ies'}" if categories else "")
