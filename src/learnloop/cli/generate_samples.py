"""`learnloop generate` for a run that makes data: pictures as a sheet and single files, rows as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learnloop.cli import show
from learnloop.errors import DataError, raise_all

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from learnloop.bundle.generative import GenerativeBundle, Made
    from learnloop.verbs.run import Run

OPTIONS = ("count", "class_", "interpolate", "arithmetic", "out")
MOST_ROWS = 20
SHEET = "sheet.png"


@dataclass(frozen=True)
class Wish:
    """What was asked for. interpolate: samples on the way from one to another. arithmetic: `3 - 1 + 7`."""

    count: int = 64
    seed: int = 0
    label: str | None = None
    interpolate: int | None = None
    arithmetic: str | None = None
    out: str | None = None


def generate_samples(run: Run, wish: Wish, *, counted: bool, json: bool) -> None:
    """counted: whether --count was given."""
    _check(wish, counted)
    bundle = run.maker
    made = _made(bundle, wish)
    folder = Path(wish.out) if wish.out is not None else run.path / "samples" / _name(wish)
    found: dict[str, Any] = {
        "run": str(run.path),
        "out": str(folder),
        "count": len(made),
        "seed": wish.seed,
        "class": wish.label,
    }
    found |= {"interpolate": wish.interpolate, "arithmetic": wish.arithmetic}
    if bundle.about.spec.kind == "image":
        found["files"] = _write_pictures(made, folder, wish)  # type: ignore[arg-type]
        found["sheet"] = str(folder / SHEET)
        _say(found, f"{len(made)} pictures: {folder / SHEET}", json=json)
        return
    frame = _frame(bundle, made)
    found["file"] = str(folder / "samples.csv")
    _write_table(frame, folder / "samples.csv")
    if bundle.about.spec.kind == "table":
        found["rows"] = frame.to_dict("records")
        if not json:
            show.table(list(map(str, frame.columns)), frame.head(MOST_ROWS).astype(object).values.tolist())
    _say(found, f"{len(made)} rows: {found['file']}", json=json)


def _say(found: dict[str, Any], text: str, *, json: bool) -> None:
    if json:
        show.as_json(found)
    else:
        print(text)


def _check(wish: Wish, counted: bool) -> None:
    """Raises DataError or ManyErrors: numbers out of range, wishes that exclude each other."""
    errors: list[DataError] = []
    if wish.count < 1:
        errors.append(DataError("--count", "must be at least 1 sample", found=str(wish.count)))
    if wish.interpolate is not None and wish.interpolate < 2:
        found = str(wish.interpolate)
        errors.append(DataError("--interpolate", "must be at least 2 samples: both ends", found=found))
    if wish.interpolate is not None and wish.arithmetic is not None:
        errors.append(DataError("--interpolate", "is one wish, --arithmetic another", found="both", do="one a command"))
    other = "--interpolate" if wish.interpolate is not None else "--arithmetic" if wish.arithmetic is not None else ""
    if counted and other:
        errors.append(DataError("--count", f"says how many samples; {other} says that itself", found="both",
                                do=f"leave --count or {other} out"))  # fmt: skip
    raise_all(errors)


def _made(bundle: GenerativeBundle, wish: Wish) -> Made:
    if wish.interpolate is not None:
        return bundle.interpolate(wish.interpolate, wish.seed, wish.label)
    if wish.arithmetic is not None:
        return bundle.arithmetic(wish.arithmetic, wish.label)
    return bundle.generate(wish.count, wish.seed, wish.label)


def _name(wish: Wish) -> str:
    """A folder for each wish, so that a smaller one leaves no files of a larger one behind."""
    if wish.interpolate is not None:
        what = f"interpolate-{wish.interpolate}"
    elif wish.arithmetic is not None:
        what = f"arithmetic-{wish.arithmetic.replace(' ', '')}"
    else:
        what = f"count-{wish.count}"
    label = "" if wish.label is None else f"-class-{wish.label}"
    return "".join(
        letter if letter.isalnum() or letter in "-+_." else "_" for letter in f"{what}-seed-{wish.seed}{label}"
    )


def _write_pictures(made: np.ndarray, folder: Path, wish: Wish) -> list[str]:
    from learnloop.report.sheets import write_pictures, write_sheet

    in_line = wish.interpolate is not None or wish.arithmetic is not None
    write_sheet(folder / SHEET, made, len(made) if in_line else None)
    return [str(path) for path in write_pictures(folder, list(made))]


def _frame(bundle: GenerativeBundle, made: Made) -> pd.DataFrame:
    """Rows of a table as they are; of series one row a step: series, step, a column a feature."""
    import numpy as np
    import pandas as pd

    if isinstance(made, pd.DataFrame):
        return made
    count, steps, features = made.shape
    columns = {f"value_{place + 1}" if features > 1 else "value": made[..., place].ravel() for place in range(features)}
    return pd.DataFrame(
        {"series": np.repeat(np.arange(count), steps), "step": np.tile(np.arange(steps), count)} | columns
    )


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    from learnloop.runs.atomic import write_text

    write_text(path, frame.to_csv(index=False))
