"""`conform`: new rows read against the schema of a trained model. What is wrong is said for all
columns at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.catalog import CATALOG
from learnloop.data.columns import is_textual, tidy, to_category, to_dates, to_number
from learnloop.data.dataset import Dataset
from learnloop.data.folders import FILE, read_images
from learnloop.data.images import resize_array
from learnloop.data.opening import open_source
from learnloop.data.pictures import only_pictures, pictures_of
from learnloop.data.raw import Raw
from learnloop.data.roles import SPLIT_VALUES, refuse_infinities
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, ManyErrors, SchemaError, UserError, did_you_mean, nearest, raise_all

PAIRS, JSON_ROWS = "the values given", "the JSON rows"
"""Names of data that was typed in a terminal: there no DataFrame can be mended."""
CARRIED = ("group", "time", "weight", "id")


def conform(source: Any, schema: Schema, *, need_target: bool = False) -> Dataset:
    """Read `source` with the columns and kinds of `schema`; nothing is guessed again.

    Columns are found by name; unnamed arrays by position. Numbers are parsed, categories become text (also
    values never seen in training: the model's encoder gives those the code 0), dates are parsed in the form
    of the training data, images are resized to the trained size with a note. Other columns are left out
    with a note. Columns with the role group, time, weight, id or split come along where they are there.
    `source` may also be one dict (one row), one image, a list of image paths, or a one-dimensional array
    (one row).

    Raises SchemaError, all mistakes at once: missing columns (nearest names), wrong width, values of
    another kind, labels that the model does not know (need_target). Raises DataError for unreadable sources.
    """
    try:
        raw = _open(source, schema, need_target)
    except DataError as error:
        raise _without_sets(error) from None
    raw = _renamed(raw, schema, need_target)
    wanted = [field for field in schema.fields if _wanted(field, raw, need_target)]
    errors: list[UserError] = list(_missing(raw, wanted))
    frame, notes = _tidied(raw, wanted, errors)
    columns: dict[str, pd.Series] = {}
    arrays: dict[str, np.ndarray] = {}
    for field in wanted:
        if field.name not in raw.names:
            continue
        try:
            if field.kind == "image":
                arrays[field.name], more = _images(raw, field)
                notes += more
            elif field.name in frame:
                columns[field.name] = _converted(frame[field.name], field, raw.name)
        except UserError as error:
            errors.append(_as_schema_error(error))
    raise_all(errors)
    rows = len(raw)
    data = Dataset(
        name=raw.name,
        schema=Schema(tuple(replace(field, missing=_missing_in(columns, field)) for field in wanted)),
        frame=pd.DataFrame(columns, index=range(rows)),
        arrays=arrays,
        part=_part(raw, schema),
        notes=(*_news(raw), *notes, *_extra(raw, schema)),
        origin=raw.origin,
    )
    try:
        refuse_infinities(data)
    except ManyErrors as found:
        raise_all([_as_schema_error(error) for error in found.errors])
    except DataError as found:
        raise _as_schema_error(found) from None
    return data


def _open(source: Any, schema: Schema, need_target: bool) -> Raw:
    images = [field for field in schema.inputs if field.kind == "image"]
    if isinstance(source, Mapping) and source and all(np.ndim(value) == 0 for value in source.values()):
        source = [dict(source)]
    if isinstance(source, tuple) and len(source) == 2 and source[1] is None:
        source = source[0]
    if images:
        height, width, channels = images[0].shape
        if hasattr(source, "ndim") and not isinstance(source, pd.DataFrame | pd.Series):
            source = _image_batch(source, images[0])
        elif isinstance(source, str | Path) or _is_paths(source):
            if not need_target and (files := _pictures(source)) is not None:
                name = str(source) if isinstance(source, str | Path) else "the images"
                return read_images(files, name, size=(height, width), channels=channels)
            return open_source(source, image_size=(height, width), channels=channels)
    elif isinstance(source, pd.Series) and set(source.index) & {field.name for field in schema.inputs}:
        source = source.to_frame().T.infer_objects()  # df.iloc[0] is one row
    elif isinstance(source, list) and source and isinstance(source[0], int | float):
        source = np.asarray(source)
    if not images and hasattr(source, "ndim") and source.ndim == 1 and not isinstance(source, pd.Series):
        plain = schema.inputs
        source = source.reshape(1, -1) if len(plain) > 1 or len(source) == 1 else source
    return open_source(source)


def _news(raw: Raw) -> list[str]:
    """The reader's notes without what is always so of this data set of the catalog: that was said at fit."""
    entry = CATALOG.get(raw.origin.get("catalog", ""))
    return [note for note in raw.notes if entry is None or note != entry.note]


def _is_paths(source: Any) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(item, str | Path) for item in source)


def _pictures(source: Any) -> list[Path] | None:
    """The files of pictures and folders of pictures; None for what else may be meant (arrays, a catalog name)."""
    one = isinstance(source, str | Path)
    paths = [Path(item).expanduser() for item in ([source] if one else source)]
    if one and (str(source) in CATALOG or not only_pictures(paths[0])):
        return None
    if not all(path.exists() or path.is_symlink() for path in paths):
        return None
    return pictures_of(paths)


def _image_batch(source: Any, field: Field) -> Any:
    """[h, w] and [h, w, c] are one image; [n, h, w], [n, h, w, c], [n, c, h, w], [n, h * w * c] many."""
    height, width, channels = field.shape
    if source.ndim == 2 and source.shape[1] == height * width * channels and source.shape != (height, width):
        return source.reshape(-1, height, width, channels)  # flattened rows
    if source.ndim == 2 or (source.ndim == 3 and source.shape[-1] == channels and channels > 1):
        return source[None]
    if source.ndim == 3 and channels == 1 and source.shape[-1] == 1 and min(source.shape[:2]) >= 4:
        return source[None]
    return source


def _renamed(raw: Raw, schema: Schema, need_target: bool) -> Raw:
    """Arrays have made-up names (x0, image, y): they take the schema's names by position."""
    goals = [field.name for field in schema.targets]
    if need_target and len(raw.target) == len(goals) and not set(goals) & set(raw.names):
        names = dict(zip(raw.target, goals, strict=True))
        raw = replace(raw, frame=raw.frame.rename(columns=names), target=tuple(goals))
    if not raw.plain:
        return raw
    inputs = [field for field in schema.inputs if field.kind != "image"]
    images = [field for field in schema.inputs if field.kind == "image"]
    given = [name for name in raw.frame.columns if name not in raw.target]
    if images and not raw.arrays:
        raise SchemaError(
            raw.name,
            f"must hold images of {' x '.join(map(str, images[0].shape))} (height, width, channels)",
            found=f"rows of {len(given)} numbers",
        )
    if raw.arrays and not images:
        shape = next(iter(raw.arrays.values())).shape
        raise SchemaError(raw.name, f"must have {len(inputs)} columns", found=f"images of shape {shape[1:]}")
    if not images and len(given) != len(inputs) and not _array_fields(schema, given):
        wide = "numbers" if all(field.kind == "number" for field in inputs) else "values"
        raise SchemaError(
            raw.name,
            f"expected {len(inputs)} {wide} in each row",
            found=f"found {len(given)}",
            cause="a column was dropped, or the target was left among the inputs",
            available=[field.name for field in inputs],
        )
    names = dict(zip(given, (field.name for field in inputs), strict=False))
    if _array_fields(schema, given):
        names = {}
    targets = [field.name for field in schema.targets]
    if len(targets) == len(raw.target):
        names |= dict(zip(raw.target, targets, strict=True))
    arrays = {
        images[place].name if place < len(images) else name: values
        for place, (name, values) in enumerate(raw.arrays.items())
    }
    frame = raw.frame.rename(columns=names)
    return replace(raw, frame=frame, arrays=arrays, target=tuple(names.get(name, name) for name in raw.target))


def _array_fields(schema: Schema, given: list[str]) -> bool:
    """The schema itself came from an array of this width; some of its columns were set aside as constant."""
    plain = [field.name for field in schema.fields if field.role != "target" and field.kind != "image"]
    return plain == given


def _wanted(field: Field, raw: Raw, need_target: bool) -> bool:
    if field.role == "input":
        return True
    if field.role == "target":
        return need_target
    return field.role in CARRIED and field.name in raw.names


def _missing(raw: Raw, wanted: list[Field]) -> list[SchemaError]:
    gone = [field for field in wanted if field.name not in raw.names]
    if not gone:
        return []
    spare = [name for name in raw.names if name not in {field.name for field in wanted}]
    guesses = [(field.name, did_you_mean(field.name, spare)) for field in gone]
    misspelt = [f"{name}: {text}" for name, text in guesses if text]
    targets = [field.name for field in gone if field.role == "target"]
    what = "column" if len(gone) == 1 else "columns"
    renames = {nearest(name, spare, 1)[0]: name for name, text in guesses if text}
    return [
        SchemaError(
            raw.name,
            f"must have the {what} that the model was trained on",
            found=f"no {', '.join(field.name for field in gone)}",
            cause=" ".join(misspelt) or _why_missing(raw, gone, bool(targets), bool(len(wanted) > len(gone))),
            do=_mend_missing(raw, gone, renames),
            available=nearest(gone[0].name, spare or raw.names),
        )
    ]


def _why_missing(raw: Raw, gone: list[Field], target: bool, some_there: bool) -> str:
    if any(field.kind == "image" for field in gone):
        return "a table; the model was trained on images"
    if raw.arrays:
        return "images; the model was trained on a table"
    if target:
        return "the target is needed to evaluate; predict needs none"
    return "a column was dropped or renamed" if some_there else "another table"


def _mend_missing(raw: Raw, gone: list[Field], renames: Mapping[str, str]) -> str | Sequence[str]:
    if renames and raw.name in (PAIRS, JSON_ROWS):
        return [f"{new}=...   # instead of {old}" for old, new in renames.items()]
    if renames:
        return f"df = df.rename(columns={renames!r})"
    if any(field.kind == "image" for field in gone):
        return "learnloop predict RUN picture.png   # or a folder of pictures"
    inputs = [field.name for field in gone if field.role == "input"]
    if not inputs or raw.arrays:
        return ()
    if raw.name == PAIRS:
        return f"{inputs[0]}=...   # or {inputs[0]}= when its value is not known: it counts as missing"
    if raw.name == JSON_ROWS:
        return f'"{inputs[0]}": null   # when its value is not known: it counts as missing'
    return f"df[{inputs[0]!r}] = None   # when its values are not known: they count as missing"


def _tidied(raw: Raw, wanted: list[Field], errors: list[UserError]) -> tuple[pd.DataFrame, list[str]]:
    names = [field.name for field in wanted if field.name in raw.frame.columns]
    kinds: dict[str, str] = {
        field.name: "category" if field.kind in ("category", "boolean", "text", "id") else field.kind
        for field in wanted
    }
    notes: list[str] = []
    tidied = {}
    for name in names:
        try:
            column, more = tidy(raw.frame[[name]], kinds, raw.name)
        except UserError as error:
            errors.append(_as_schema_error(error))
            continue
        tidied[name] = column[name]
        notes += more
    return pd.DataFrame(tidied, index=range(len(raw)), copy=False), notes


def _as_schema_error(error: UserError) -> UserError:
    if isinstance(error, SchemaError) or not isinstance(error, DataError):
        return error
    plain = _without_sets(error)
    return SchemaError(
        plain.where, plain.must, found=plain.found, cause=plain.cause, do=plain.do, available=plain.available
    )


def _without_sets(error: UserError) -> UserError:
    """Without advice that only `fit` can follow."""
    if isinstance(error, SchemaError | ManyErrors) or not any("--set" in line for line in error.do):
        return error
    do = [line for line in error.do if "--set" not in line]
    return type(error)(error.where, error.must, found=error.found, cause=error.cause, do=do, available=error.available)


def _converted(series: pd.Series, field: Field, where: str) -> pd.Series:
    if field.kind == "number":
        return to_number(series, where)
    if field.kind == "date":
        return to_dates(series, field.format or "ISO8601", where)
    if field.kind in ("category", "boolean"):
        column = to_category(_spelt(series, field))
        if field.role == "target":
            _known_labels(column, field, where)
        return column
    return series


def _spelt(series: pd.Series, field: Field) -> pd.Series:
    """The same value in another type: 1 and 0 for True and False, "3.0" for 3."""
    categories = set(field.categories)
    if field.dtype == "bool" and categories <= {"True", "False"}:
        other = {
            "1": "True",
            "0": "False",
            "true": "True",
            "false": "False",
            "TRUE": "True",
            "FALSE": "False",
        }
    elif field.dtype in ("int", "float"):
        other = {f"{text}.0": text for text in categories} | {"True": "1", "False": "0"}
    else:
        return series
    if not is_textual(series):
        series = to_category(series)
    texts = series.astype(object)
    return texts.map(lambda text: text if text in categories else other.get(text, text), na_action="ignore")


def _known_labels(column: pd.Series, field: Field, where: str) -> None:
    unknown = [str(text) for text in column.cat.categories if text not in field.categories]
    if not unknown:
        return
    count = int(column.isin(unknown).sum())
    raise SchemaError(
        f"{where}, target {field.name}",
        "must hold labels that the model was trained on",
        found=f"{', '.join(repr(text) for text in unknown[:10])} in {count} rows",
        cause=did_you_mean(unknown[0], field.categories) or "classes that were not in the training data",
        do="drop these rows, or train again with data that has these labels",
        available=nearest(unknown[0], field.categories),
    )


def _images(raw: Raw, field: Field) -> tuple[np.ndarray, list[str]]:
    if field.name not in raw.arrays:
        raise SchemaError(f"{raw.name}, {field.name}", "must hold images", found="plain values")
    images = raw.arrays[field.name]
    height, width, channels = field.shape
    if images.shape[1:] == field.shape:
        return images, []
    if channels not in (1, 3) and images.shape[3] != channels:
        raise SchemaError(
            f"{raw.name}, {field.name}", f"must have {channels} channels", found=f"{images.shape[3]} channels"
        )
    found = " x ".join(map(str, images.shape[1:]))
    size = f"{height} x {width} x {channels}"
    note = f"Images of {found} were converted to {size}, the size of the training images."
    return resize_array(images, (height, width, channels)), [note]


def _missing_in(columns: dict[str, pd.Series], field: Field) -> int:
    return int(columns[field.name].isna().sum()) if field.name in columns else 0


def _part(raw: Raw, schema: Schema) -> np.ndarray | None:
    if raw.part is not None:
        return raw.part
    for field in schema.of("split"):
        if field.name in raw.frame:
            parts = raw.frame[field.name].astype(object).map(lambda text: SPLIT_VALUES.get(str(text).strip().lower()))
            return None if parts.isna().any() else parts.to_numpy(dtype=str)
    return None


def _extra(raw: Raw, schema: Schema) -> list[str]:
    own = {FILE} if "files" in raw.origin else set()  # the reader's own column, not one that the user gave
    extra = [name for name in raw.names if name not in schema and name not in own]
    if not extra:
        return []
    return [f"Columns that the model does not know were left out: {', '.join(extra[:10])}."]
