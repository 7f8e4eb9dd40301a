"""`learnloop predict`: answers for new rows or images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from learnloop.cli import show
from learnloop.cli.rows import PAIR, rows_of
from learnloop.errors import DataError, ModelError, RunError

if TYPE_CHECKING:
    import pandas as pd

    from learnloop.bundle.bundle import Bundle
    from learnloop.data.dataset import Dataset

MOST_ROWS = 50
MOST_CLASSES = 5


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT", help="file, images, catalog name, JSON, name=value, or -; series: newer rows, if any"
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="series: steps ahead; default: as many as the run was fitted for"),
    ] = None,
    level: Annotated[
        float | None, typer.Option(metavar="SHARE", help="series: of the intervals; default: 0.9 where there is one")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", "-n", metavar="N", min=1, help="only the first N rows")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="write the answers to this file (.csv; series: also .png, .svg; made pictures: a folder)",
        ),
    ] = None,
    views: Annotated[
        str, typer.Option(metavar="VIEWS", help="pictures: mean over mirror, shifts or mirror+shifts")
    ] = "none",
    explain: Annotated[
        bool, typer.Option("--explain", help="texts: show which words moved the answer (integrated gradients)")
    ] = False,
    back: Annotated[
        bool, typer.Option("--back", help="pictures from pictures: the other way, where a network has one")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Predict for new rows or images with a run; the next steps of series with one that forecasts.

    INPUT is a file of rows (CSV, Parquet, ...); pictures and folders of pictures; a catalog name; JSON rows;
    or the values of one row as name=value pairs. `-` reads JSON from standard input.

    A picture unlike those of the training is flagged as an outlier: its score is above 1, beyond that of 99 % of
    pictures that were held out.

    learnloop predict RUN new.csv --out answers.csv

    learnloop predict RUN photo.jpg folder/ --views mirror

    learnloop predict RUN age=30 sex=female --json

    A run on series in time goes on from the end of its data, or of the newer rows in INPUT, by --horizon steps:

    learnloop predict RUN --horizon 14 --out forecast.csv

    learnloop predict RUN newer_rows.csv --out forecast.png

    An autoencoder answers with the codes of each row, the error of its reconstruction, and whether that is an anomaly;
    a network that makes pictures from pictures writes them into a folder:

    learnloop predict RUN rows.csv --out codes.csv

    learnloop predict RUN edges/ --out made/
    """
    source = rows_of(inputs) if inputs else None  # mistakes here are told before anything slow is imported

    from learnloop.verbs.run import Run, no_rows, not_ahead

    opened = Run.open(run)
    if opened.forecasts:
        from learnloop.cli.predict_forecast import forecast, refuse_of_rows

        refuse_of_rows(rows, views, explain)
        forecast(opened, source, horizon, level, out, json=json)
        return
    if horizon is not None or level is not None:
        raise not_ahead(f"a run of the task {opened.task}", "--horizon" if horizon is not None else "--level")
    if not inputs:
        raise no_rows(run)
    if opened.makes:
        from learnloop.cli.predict_made import predict_made, refuse_of_answers

        refuse_of_answers(views, explain)
        predict_made(opened, _typed_rows(source, inputs), rows, out, back=back, json=json)
        return
    if back:
        raise DataError("--back", "is for runs that make pictures from pictures", found=f"the task {opened.task}")

    import numpy as np

    from learnloop.data.conform import conform

    bundle = opened.bundle
    dataset = conform(_typed_rows(source, inputs), bundle.about.schema)
    if rows is not None:
        dataset = dataset.take(np.arange(min(rows, len(dataset))))
    for note in dataset.notes:
        show.prose(f"note: {note}")
    answers = bundle.answers(dataset, views)  # type: ignore[arg-type]
    frame = bundle.frame(answers)
    if files := dataset.origin.get("files"):
        frame.insert(0, "file", list(files[: len(frame)]))
    if "outlier" in frame.columns and frame["outlier"].any():
        show.prose(_unlike(frame))
    words = _words(bundle, dataset, answers, asked=explain)
    if json:
        records = _records(frame)
        for record, pieces in zip(records, words):
            record["words"] = [[text, round(weight, 6)] for text, weight in pieces if text.strip()]
        show.as_json(records)
        return
    if out is not None:
        _write(frame, Path(out))
        print(f"{len(frame)} rows: {out}")
        return
    _print(frame)
    for row, pieces in enumerate(words[:MOST_ROWS]):
        show.words(f"row {row}: ", pieces)
    if words:
        show.prose(show.WORDS_LEGEND)


def _typed_rows(source: Any, inputs: list[str]) -> Any:
    """Rows that were typed as a table; files and names as they are."""
    from learnloop.data.conform import JSON_ROWS, PAIRS
    from learnloop.data.tables import from_rows

    if isinstance(source, list) and isinstance(source[0], dict):
        return from_rows(source, PAIRS if PAIR.match(inputs[0]) else JSON_ROWS)
    return source


def _words(bundle: Bundle, dataset: Dataset, answers: dict[str, Any], *, asked: bool) -> list[list[tuple[str, float]]]:
    """Each text in pieces with their weights where the run was fitted with model.explain=true, or it is asked for."""
    from learnloop.verbs.words import can_tell, pieces_of, wanted

    if asked and not can_tell(bundle):
        raise ModelError("--explain", "is for models that read one text", found=repr(bundle), do="leave it out")
    if not (asked or wanted(bundle)):
        return []
    said = answers["probabilities"].argmax(1) if bundle.about.target == "class" else None
    return pieces_of(bundle, dataset, said) or []


def _unlike(frame: pd.DataFrame) -> str:
    """How many pictures are flagged, and what that means."""
    count = int(frame["outlier"].sum())
    one = count == 1
    return (
        f"note: {count} of {len(frame)} picture{'s' if len(frame) > 1 else ''} {'is' if one else 'are'} "
        f"unlike the training pictures: {'its' if one else 'their'} outlier_score is beyond that of 99 % of them; "
        f"do not trust the answer{'' if one else 's'}"
    )


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
        for name in {"probability", "outlier_score"} & set(record):
            record[name] = round(float(record[name]), 6)
        found.append({**record, **({"probabilities": each} if names else {})})
    return found


def _print(frame: pd.DataFrame) -> None:
    """The first rows; the probability of each class where they are few, else of the most probable ones."""
    import pandas as pd

    each = [name for name in frame.columns if str(name).startswith("probability_")]
    shown = frame.head(MOST_ROWS)
    columns = {str(name): shown[name] for name in shown.columns if name not in each or len(each) <= MOST_CLASSES}
    if len(each) > MOST_CLASSES and "probability" in columns:
        columns["next likeliest"] = pd.Series(_others(shown[each]))
    lines: list[list[Any]] = [
        [index, *(_cell(value) for value in row)] for index, row in enumerate(zip(*columns.values(), strict=True))
    ]
    show.table(["row", *columns], lines, right=range(len(columns) + 1))
    if len(frame) > MOST_ROWS:
        show.prose(f"{len(frame) - MOST_ROWS} more rows: --out FILE.csv writes all of them")
    if len(each) > MOST_CLASSES:
        show.prose(f"probabilities of all {len(each)} classes: --json or --out FILE.csv")


def _others(each: pd.DataFrame) -> list[str]:
    """The second and third class of every row with their probabilities."""
    names = [str(name).removeprefix("probability_") for name in each.columns]
    values = each.to_numpy()
    order = (-values).argsort(1, kind="stable")[:, 1:3]
    return [", ".join(f"{names[place]} {values[row, place]:.3g}" for place in best) for row, best in enumerate(order)]


def _cell(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _write(frame: pd.DataFrame, path: Path) -> None:
    try:
        frame.to_csv(path, index=False)
    except OSError as error:
        raise RunError(f"--out {path}", "must be a file that can be written", found=str(error)) from None
