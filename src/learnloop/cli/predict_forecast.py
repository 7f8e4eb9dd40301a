"""`learnloop predict` for a run that forecasts series: the next steps as a table, CSV, picture or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from learnloop.cli import show
from learnloop.errors import DataError, RunError

if TYPE_CHECKING:
    from learnloop.bundle.forecast_answer import Answer
    from learnloop.verbs.run import Run

MOST_ROWS = 60
PICTURES = (".png", ".svg", ".pdf")


def refuse_of_rows(rows: int | None, views: str, explain: bool) -> None:
    """Options that only runs on rows have a use for."""
    given = [("--rows", rows is not None), ("--views", views != "none"), ("--explain", explain)]
    for name, there in given:
        if there:
            do = "--horizon N   # steps ahead" if name == "--rows" else "leave it out"
            raise DataError(name, "is for runs on rows", found="a run that forecasts series", do=do)


def forecast(run: Run, newer: Any, horizon: int | None, level: float | None, out: str | None, *, json: bool) -> None:
    """newer: what INPUT stands for, None for the end of the run's own data."""
    from learnloop.bundle.forecast_intervals import check_levels, main_level

    path = _checked(out)
    levels = run.forecaster.about.levels
    shown = main_level(levels) if level is None else check_levels((level,), levels)[0]
    answer = run.forecast(newer, horizon)
    for note in answer.notes:
        show.prose(f"note: {note}")
    records = answer.rows(shown)
    if path is not None:
        _write(answer, records, shown, path)
    if json:
        show.as_json(records)
    elif path is not None:
        print(f"{len(records):,} steps: {path}")
    else:
        _print(records, shown)


def _checked(out: str | None) -> Path | None:
    """Where the forecast goes. Raises RunError for a kind of file that nothing is written as."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix.lower() in (".csv", *PICTURES):
        return path
    raise RunError(
        f"--out {out}",
        "must be a table or a picture",
        found=path.suffix or "no suffix",
        do="--out forecast.csv",
        available=(".csv", *PICTURES),
    )


def _print(records: list[dict[str, Any]], level: float | None) -> None:
    """The first steps; the level of the interval stands above them."""
    names = [name for name in records[0] if level is not None or name not in ("lower", "upper")]
    heads = [
        {side: f"{side} {100 * level:g} %" for side in ("lower", "upper") if level is not None}.get(name, name)
        for name in names
    ]
    lines = [[record[name] for name in names] for record in records[:MOST_ROWS]]
    first = names.index("forecast")
    show.table(heads, lines, right=range(first, len(names)))
    if len(records) > MOST_ROWS:
        show.prose(f"{len(records) - MOST_ROWS:,} more steps: --out FILE.csv writes all of them")


def _write(answer: Answer, records: list[dict[str, Any]], level: float | None, path: Path) -> None:
    try:
        if path.suffix.lower() == ".csv":
            import pandas as pd

            pd.DataFrame(records).to_csv(path, index=False)
            return
        from learnloop.report.forecast_figure import forecast_figure

        forecast_figure(answer, level).savefig(path, dpi=150, facecolor="white")
    except OSError as error:
        raise RunError(f"--out {path}", "must be a file that can be written", found=str(error)) from None
