"""`read`: from anything a user may point at to a `Dataset` that can be learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from learnloop.data.dataset import Dataset
from learnloop.data.freetext import no_empty_texts, text_if_alone
from learnloop.data.imagecache import Corrupt
from learnloop.data.infer import infer, infer_task, set_task
from learnloop.data.opening import open_source
from learnloop.data.pairs import paired
from learnloop.data.roles import (
    apply_roles,
    check_names,
    choose_target,
    drop_missing_targets,
    only_sequences,
    refuse_infinities,
)
from learnloop.data.schema import Kind
from learnloop.data.series_tables import Answer, Layout, laid_out
from learnloop.errors import DataError, RecipeError


def read(
    source: Any,
    *,
    target: str | Sequence[str] | None = None,
    columns: Mapping[str, Kind] = {},
    ignore: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    task: Literal["classify", "regress"] | None = None,
    corrupt: Corrupt = "refuse",
    image_size: int | tuple[int, int] | None = None,
    download: bool = False,
    need_target: bool = True,
    series: Layout = "auto",
    series_target: Answer = "auto",
) -> Dataset:
    """Read `source` and say what each column is.

    source       a path (CSV, TSV, JSON, JSONL, also .gz; Parquet; .npz; idx; a folder of class folders), a
                 catalog
                 name, a DataFrame, a list of dicts, a dict of arrays, (x, y), a torch Dataset
    target       the column(s) to predict; default: what the source says, else target, label, class or y
    columns      name -> kind (number, category, boolean, date, text, id), where the guess is wrong
    ignore       columns to set aside.   group, time, weight: columns with these parts
    task         classify or regress; default: from the target's values
    corrupt      images that cannot be read and texts that are empty: "refuse" (one error for all) or "skip" (noted)
    image_size   pixels, or (height, width); default: the images' own size, or the median of mixed ones
    download     fetch a catalog set that is on no disk
    need_target  False lets data without a target through (`inspect`)
    series       wide: numbered columns are the steps of one series a row; long: a row is a step, `group` says of which
                 series and `time` when; auto: arrays that can be nothing else are series
    series_target  in the long form, of a target that changes: its last value, every one, or auto

    Raises DataError or RecipeError, all wrong names at once; MissingExtraError for Parquet without pyarrow.
    """
    if corrupt not in ("refuse", "skip"):
        raise RecipeError("data.corrupt", "must be refuse or skip", found=repr(corrupt), do="--set data.corrupt=skip")
    raw = open_source(source, corrupt=corrupt, image_size=_size(image_size), download=download, series=series == "wide")
    ignore = [ignore] if isinstance(ignore, str) else list(ignore)
    targets = choose_target(raw, target, need_target)
    raw, targets, group, time = laid_out(
        raw, series, target=targets, group=group, time=time, aside=_others(ignore, weight), answer=series_target
    )
    flags = {
        "--target": targets,
        "--group": [group] if group is not None else [],
        "--time": [time] if time is not None else [],
        "--weight": [weight] if weight is not None else [],
    }
    check_names(raw, flags, columns, ignore)
    parts = [name for given in flags.values() for name in given if name not in targets]
    raw, columns = paired(raw, task, targets, columns, [*ignore, *parts])
    data = infer(raw, columns, targets)
    data = apply_roles(data, ignore=ignore, group=group, time=time, weight=weight)
    data = text_if_alone(data, {*ignore, *raw.aside})
    data = drop_missing_targets(only_sequences(data))
    if need_target:
        data = no_empty_texts(data, corrupt)
    refuse_infinities(data)
    if targets:
        data = set_task(data, task or infer_task(data)[0])
    if need_target:
        _need_inputs(data)
    return data


def _others(ignore: Sequence[str], weight: str | None) -> list[str]:
    """Columns that are no steps of a series."""
    return [*ignore, *([weight] if weight is not None else [])]


def _need_inputs(data: Dataset) -> None:
    if data.schema.inputs:
        return
    aside = [field for field in data.schema.fields if field.role not in ("target", "split", "group", "time", "weight")]
    mendable = [field.name for field in aside if field.kind in ("id", "text") and "Free text" not in field.why]
    raise DataError(
        data.name,
        "must have at least one column to learn from",
        found="; ".join(f"{field.name}: {field.why}" for field in aside) or "nothing but the target",
        cause="an empty export, or the wrong file" if aside and not mendable else "",
        do=tuple(f"--set data.columns.{name}=category" for name in mendable[:3])
        or f"learnloop inspect {data.name}   # shows every column",
    )


def _size(image_size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(sides) != 2 or not all(isinstance(side, int) and 4 <= side <= 2048 for side in sides):
        raise RecipeError(
            "data.image_size",
            "must be pixels from 4 to 2048, or height and width",
            found=repr(image_size),
            do="--set data.image_size=64",
        )
    return sides[0], sides[1]
