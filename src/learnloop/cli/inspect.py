"""`learnloop inspect`: what is in the data, before training."""

from __future__ import annotations

from typing import Annotated

import typer

from learnloop.cli import show


def inspect(
    data: Annotated[str, typer.Argument(metavar="DATA", help="a file, a folder or a catalog name")],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "-t", metavar="COL", help="column to learn; may be repeated"),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="data.columns.zip=category")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE.html", help="draw it: one page with pictures")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="allow a catalog entry to be downloaded")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Show what is in DATA: fields, classes, missing values, duplicates, leakage, outliers. Trains nothing."""
    show.prose("")
