"""`inspect`: what is in the data, before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, Literal

from learnloop.data.dataset import Dataset
from learnloop.data.profile import profile
from learnloop.data.profile_text import profile_text
from learnloop.data.read import read
from learnloop.data.schema import Kind
from learnloop.data.series_tables import Answer, Layout
from learnloop.errors import RunError
from learnloop.report.augmented import AugmentedSheet
from learnloop.report.inspect_page import inspect_page
from learnloop.verbs.augmented import augmented_sheets
from learnloop.verbs.inspect_series import SeriesInspection, inspect_series, is_series


@dataclass(frozen=True)
class Inspection:
    """What was found. In a notebook it shows itself.

    profile  the facts as JSON values (data/profile.py)
    dataset  the data as it was read
    path     the page that was written, or None
    sheets   of images as training will change them
    """

    profile: dict[str, Any]
    dataset: Dataset
    path: Path | None = None
    sheets: Sequence[AugmentedSheet] = field(default=(), repr=False)

    def text(self, width: int = 100) -> str:
        """Plain text for the terminal."""
        return profile_text(self.profile, width)

    def html(self) -> str:
        """One self-contained page."""
        return inspect_page(self.profile, self.dataset, self.sheets)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        # In a frame: the page's style must not reach the notebook's, nor the other way round.
        return (
            f'<iframe srcdoc="{escape(self.html(), quote=True)}" style="width:100%;height:640px;border:0" '
            f'title="inspection of {escape(self.profile["name"], quote=True)}"></iframe>'
        )


def inspect(
    data: Any,
    *,
    target: str | Sequence[str] | None = None,
    columns: Mapping[str, Kind] | None = None,
    ignore: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    task: Literal["classify", "regress"] | None = None,
    corrupt: Literal["refuse", "skip"] = "refuse",
    image_size: int | None = None,
    download: bool = False,
    augment: Mapping[str, Any] | str | Sequence[str] | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    series: Layout = "auto",
    series_target: Answer = "auto",
    forecast: bool = False,
) -> Inspection | SeriesInspection:
    """Read `data` as `fit` would (see `learnloop.data.read.read`) and report what is there; nothing is
    trained.

    target  optional here: without one, leaks and class balance are left out
    augment the augmentation to show: a word, a list of operations, or values by field; None: what fit would do
    seed    of the samples that are looked at where the data is large
    out     write the page to this file, or as inspect.html into this folder

    Series of the catalog are looked at as series (`verbs.inspect_series`), which other data is only by
    `forecast`: then `group` names the series, and one target is looked at.

    Raises what `read` raises, and RunError where `out` cannot be written.
    """
    if forecast or is_series(data):
        targets = [target] if isinstance(target, str) else list(target or ())
        one = inspect_series(data, target=targets[0] if targets else None, group=group, time=time)
        return one if out is None else replace(one, path=_write(one.html(), Path(out)))
    dataset = read(
        data,
        target=target,
        columns=columns or {},
        ignore=ignore,
        group=group,
        time=time,
        weight=weight,
        task=task,
        corrupt=corrupt,
        image_size=image_size,
        download=download,
        need_target=False,
        series=series,
        series_target=series_target,
    )
    facts = profile(dataset, seed=seed)
    found = Inspection(facts, dataset, sheets=augmented_sheets(dataset, facts, augment, seed))
    if out is None:
        return found
    return replace(found, path=_write(found.html(), Path(out)))


def _write(page: str, out: Path) -> Path:
    if out.suffix and out.suffix.lower() not in (".html", ".htm") and not out.is_dir():
        raise RunError(f"--out {out}", "must end in .html, or be a folder", found=out.suffix, do="--out page.html")
    path = out if out.suffix.lower() in (".html", ".htm") else out / "inspect.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"--out {out}", "must be a file or folder that can be written", found=error.strerror or str(error)
        ) from error
    return path
