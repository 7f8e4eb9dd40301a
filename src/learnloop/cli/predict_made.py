"""`learnloop predict` for a run that makes data: codes and scores of rows, or pictures made from pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from learnloop.cli import show
from learnloop.errors import DataError, ModelError, RunError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from learnloop.bundle.generative import GenerativeBundle
    from learnloop.verbs.run import Run

MOST_ROWS, MOST_CODES = 50, 6


def refuse_of_answers(views: str, explain: bool) -> None:
    """Options that runs which answer rows have a use for."""
    for name, given in (("--views", views != "none"), ("--explain", explain)):
        if given:
            raise DataError(name, "is of no use here", found="a run that makes data", do="leave it out")


def predict_made(run: Run, source: Any, rows: int | None, out: str | None, *, back: bool, json: bool) -> None:
    """source: what INPUT stands for."""
    bundle = run.maker
    if "mapper" in bundle.kinds:
        _translate(bundle, source, rows, out, back=back, json=json)
        return
    if back:
        raise DataError("--back", "is for runs that make pictures from pictures", found=repr(bundle), do="leave it out")
    if "coder" not in bundle.kinds:
        raise ModelError(
            bundle.about.model["name"],
            "must be a network that encodes rows, or makes pictures from pictures",
            found=f"a {' and '.join(bundle.kinds)} of the task {run.task}: it makes samples from noise",
            do=f"learnloop generate {run.path} --count 64",
        )
    _codes(bundle, source, rows, out, json=json)


def _codes(bundle: GenerativeBundle, source: Any, rows: int | None, out: str | None, *, json: bool) -> None:
    import numpy as np

    from learnloop.data.conform import conform

    data = conform(source, bundle.about.schema)
    if rows is not None:
        data = data.take(np.arange(min(rows, len(data))))
    for note in data.notes:
        show.prose(f"note: {note}")
    coded = bundle.encode(data)
    frame = bundle.frame(coded)
    if files := data.origin.get("files"):
        frame.insert(0, "file", list(files[: len(frame)]))
    if "anomaly" in frame.columns:
        count = int(frame["anomaly"].sum())
        show.prose(f"{count} of {len(frame)} rows have a score above {bundle.about.threshold:.4g}: anomalies")
    if out is not None:
        _write_coded(bundle, coded.decoded, frame, Path(out))
    if json:
        show.as_json([_record(row) for row in frame.to_dict("records")])
    elif out is not None:
        print(f"{len(frame)} rows: {out}")
    else:
        _print(frame)


def _record(row: dict[Any, Any]) -> dict[str, Any]:
    """One object a row: `codes`, `score`, `anomaly`, `file`."""
    codes = [round(float(value), 6) for name, value in row.items() if str(name).startswith("code_")]
    others = {str(name): value for name, value in row.items() if not str(name).startswith("code_")}
    return {**others, "codes": codes, "score": float(row["score"])}


def _write_coded(bundle: GenerativeBundle, decoded: np.ndarray, frame: pd.DataFrame, path: Path) -> None:
    """A table of codes; into a folder the reconstructions too, where they are pictures."""
    from learnloop.runs.atomic import write_text

    if path.suffix.lower() == ".csv":
        write_text(path, frame.to_csv(index=False))
        return
    if path.suffix:
        raise RunError(
            f"--out {path}", "must be a table or a folder", found=path.suffix, do=f"--out {path.with_suffix('.csv')}"
        )
    write_text(path / "codes.csv", frame.to_csv(index=False))
    made = bundle.made(decoded)
    if bundle.about.spec.kind == "image":
        _write_pictures(made, path)  # type: ignore[arg-type]
    elif bundle.about.spec.kind == "table":
        write_text(path / "reconstructed.csv", made.to_csv(index=False))  # type: ignore[union-attr]


def _translate(
    bundle: GenerativeBundle, source: Any, rows: int | None, out: str | None, *, back: bool, json: bool
) -> None:
    from learnloop.report.pictures import data_url

    x = bundle.sources(source, back)[:rows]
    made = bundle.translated(x, back)
    files = _write_pictures(made, Path(out)) if out is not None else []
    if json:
        shown = [{"picture": path} for path in files] or [
            {"picture": data_url(picture.transpose(1, 2, 0), lossless=True)} for picture in made
        ]
        show.as_json([{"row": place, "shape": list(made.shape[1:]), **each} for place, each in enumerate(shown)])
        return
    count, _, height, width = made.shape
    if out is None:
        print(f"{count} pictures of {width} x {height} pixels")
        show.prose("--out FOLDER writes them")
        return
    print(f"{count} pictures: {out}")


def _write_pictures(made: np.ndarray, folder: Path) -> list[str]:
    from learnloop.report.sheets import write_pictures, write_sheet

    write_sheet(folder / "sheet.png", made)
    return [str(path) for path in write_pictures(folder, list(made))]


def _print(frame: pd.DataFrame) -> None:
    """The first rows, with the first numbers of the code."""
    names = [str(name) for name in frame.columns]
    codes = [name for name in names if name.startswith("code_")]
    kept = [name for name in names if name not in codes[MOST_CODES:]]
    lines = [[row, *cells] for row, cells in enumerate(frame[kept].head(MOST_ROWS).astype(object).values.tolist())]
    show.table(["row", *kept], lines, right=range(1, len(kept) + 1))
    if len(codes) > MOST_CODES or len(frame) > MOST_ROWS:
        show.prose(f"all {len(frame)} rows and {len(codes)} numbers of the code: --out FILE.csv, or --json")
