"""`learnloop data`: the data sets that are known by name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from learnloop.cli import show
from learnloop.errors import DataError, did_you_mean, nearest


def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="one data set in detail")] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """List the data sets that are known by name.

    Nothing is downloaded unless asked for.
    """
    from learnloop.data.catalog import CATALOG
    from learnloop.data.panel_catalog import SERIES

    known = [*CATALOG, *(key for key in SERIES if key not in CATALOG)]
    if name is not None and name not in known:
        close = did_you_mean(name, known)
        raise DataError(
            name,
            "must be a name in the catalog",
            cause=f"a spelling mistake. {close}" if close else "",
            available=nearest(name, known),
        )
    found = [_entry(entry) for key, entry in CATALOG.items() if name in (None, key)]
    found += [_series(entry) for key, entry in SERIES.items() if key not in CATALOG and name in (None, key)]
    if json:
        show.as_json(found if name is None else found[0])
        return
    if name is not None:
        show.table(["", name], [[key, _text(value)] for key, value in found[0].items() if value])
        return
    lines = [
        [row["name"], row["task"], f"{row['rows']:,}" if row["rows"] else "?", row["title"], row["needs"]]
        for row in found
    ]
    show.table(["name", "task", "rows", "what", "needs"], lines, right=[2])


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "task": entry.task,
        "target": list(entry.target),
        "rows": entry.rows,
        "source": entry.source,
        "licence": entry.licence,
        "files": [{"url": file.url, "sha256": file.sha256} for file in entry.files],
        "needs": "a file (LEARNLOOP_DATA or --download)" if entry.files else "nothing",
        "note": entry.note,
    }


def _series(entry: Any) -> dict[str, Any]:
    """Series in time; how many steps they have is known when they are read."""
    return {
        "name": entry.name,
        "title": entry.title,
        "task": "forecast",
        "target": [],
        "rows": None,
        "source": entry.source,
        "licence": "",
        "files": [],
        "needs": "a file (LEARNLOOP_DATA)",
        "note": f"The published protocol forecasts {entry.horizon} steps." if entry.horizon else "",
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item.get("url")) if isinstance(item, dict) else str(item) for item in value)
    return str(value)
