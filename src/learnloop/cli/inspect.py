"""`learnloop inspect`: what is in the data, before training."""

from __future__ import annotations

from typing import Annotated

import typer

from learnloop.cli import show
from learnloop.errors import RecipeError


def inspect(
    data: Annotated[str, typer.Argument(metavar="DATA", help="a file, a folder or a catalog name")],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="COL", help="column to learn; may be repeated"),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COL", help="its rows stay together in one part of the split")
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help="the newest rows are the test part")] = None,
    weight: Annotated[str | None, typer.Option(metavar="COL", help="how much each row counts")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="data.columns.zip=category")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE.html", help="draw it: one page with pictures")
    ] = None,
    forecast: Annotated[bool, typer.Option("--forecast", help="look at it as series to be forecast")] = False,
    download: Annotated[bool, typer.Option("--download", help="allow a catalog entry to be downloaded")] = False,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Show what is in the data, before training.

    Fields, classes, missing values, duplicates, leakage, outliers. Trains nothing.
    """
    from learnloop.data.prose import is_prose
    from learnloop.recipe.build import build
    from learnloop.verbs.inspect import inspect as verb

    strange = [text for text in sets or () if not text.startswith(("data.", "task.name=", "augment"))]
    if strange:
        raise RecipeError(
            f"--set {strange[0]}",
            "must be a value of the data or augment section here",
            found=strange[0].split("=")[0],
            do="--set data.columns.zip=category",
        )
    flags = {
        "data.path": data,
        "data.target": tuple(target) if target else None,
        "data.group": group,
        "data.time": time,
        "data.weight": weight,
        "data.download": download or None,
    }
    draft = build(flags=flags, sets=sets or ())
    task = draft.get("task.name", "auto")
    if task == "language" or (task == "auto" and not target and is_prose(data)):
        _show_prose(data, download, json)
        return
    found = verb(
        data,
        target=draft.get("data.target"),
        columns=draft.get("data.columns", {}),
        ignore=draft.get("data.ignore", ()),
        group=draft.get("data.group"),
        time=draft.get("data.time"),
        weight=draft.get("data.weight"),
        task=None if task == "auto" else task,
        corrupt=draft.get("data.corrupt", "refuse"),
        image_size=draft.get("data.image_size"),
        download=bool(draft.get("data.download", False)),
        series=draft.get("data.series", "auto"),
        series_target=draft.get("data.series_target", "auto"),
        forecast=forecast,
        augment={field: given.value for field, given in draft.section("augment").items()} or None,
        out=out,
    )
    if json:
        show.as_json({**found.profile, "page": None if found.path is None else str(found.path)})
        return
    print(found.text(show.width()))
    if found.path is not None:
        print(found.path)


def _show_prose(data: str, download: bool, json: bool) -> None:
    """One long text: what a network would learn to continue."""
    from learnloop.data.prose import read_prose
    from learnloop.verbs.inspect_prose import inspect_prose

    found = inspect_prose(read_prose(data, download=download))
    if json:
        show.as_json(found.profile)
    else:
        print(found.text(show.width()))
