"""`learnloop predict`: answers for new rows or images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learnloop.cli import show
from learnloop.cli.rows import PAIR, rows_of
from learnloop.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 50
MOST_CLASSES = 5


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="file, images, catalog name, JSON, name=value, or -"),
    ],
    rows: Annotated[int | None, typer.Option("--rows", "-n", metavar="N", min=1, help="only the first N rows")] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE.csv", help="write the answers to this file")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Predict for new rows or images with a run.

    INPUT is a file of rows (CSV, Parquet, ...) or a folder of images; image files; a catalog name; JSON rows;
    or the values of one row as name=value pairs. `-` reads JSON from standard input.

    learnloop predict RUN new.csv --out answers.csv

    learnloop predict RUN age=30 sex=female --json
    """
    source = rows_of(inputs)

    import numpy as np

    from learnloop.data.conform import JSON_ROWS, PAIRS, conform
    from learnloop.data.tables import from_rows
    from learnloop.verbs.run import Run

    if isinstance(source, list) and isinstance(source[0], dict):
        source = from_rows(source, PAIRS if PAIR.match(inputs[0]) else JSON_ROWS)
    bundle = Run.open(run).bundle
    dataset = conform(source, bundle.about.schema)
    if rows is not None:
        dataset = dataset.take(np.arange(min(rows, len(dataset))))
    for note in dataset.notes:
        show.prose(f"note: {note}")
    frame = bundle.frame(bundle.outputs(dataset))
    if json:
        show.as_json(_records(frame))
        return
    if out is not None:
        _write(frame, Path(out))
        print(f"{len(frame)} rows: {out}")
        return
    _print(frame)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One object a row: `prediction`, and for classes `probability` and `probabilities` by class."""
    start = "probability_"
    names = [str(name).removeprefix(start) for name in frame.columns if str(name).startswith(start)]
    found = []
    for row in frame.to_dict("records"):
        each = {name: round(float(row[f"{start}{name}"]), 6) for name in names}
        record: dict[str, Any] = {
            str(key): _cell(value) for key, value in row.items() if not str(key).startswith(start)
        }
        if names and "prediction" not in record:  # several labels: those that hold
            record = {"prediction": [name for name in names if record[name]]}
        if "probability" in record:
            record["probability"] = round(float(record["probability"]), 6)
        found.append({**record, **({"probabilities": each} if names else {})})
    return found


def _print(frame: pd.DataFrame) -> None:
    """The first rows; the probability of each class where they are few."""
    each = [name for name in frame.columns if str(name).startswith("probability_")]
    columns = [name for name in frame.columns if name not in each or len(each) <= MOST_CLASSES]
    lines: list[list[Any]] = [
        [index, *(_cell(value) for value in row)]
        for index, row in enumerate(frame[columns].head(MOST_ROWS).itertuples(index=False, name=None))
    ]
    show.table(["row", *(str(name) for name in columns)], lines, right=range(len(columns) + 1))
    if len(frame) > MOST_ROWS:
        show.prose(f"{len(frame) - MOST_ROWS} more rows: --out FILE.csv writes all of them")
    if len(each) > MOST_CLASSES:
        show.prose(f"probabilities of all {len(each)} classes: --json or --out FILE.csv")


def _cell(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _write(frame: pd.DataFrame, path: Path) -> None:
    try:
        frame.to_csv(path, index=False)
    except OSError as error:
        raise RunError(f"--out {path}", "must be a file that can be written", found=str(error)) from None
