"""Which rows are for training, validation and test. The data's own split is kept; else a part is held out.

test = share of all rows; validation = share of the rows that are not test. Classes keep their shares
(stratified); with a time column the latest rows are the test; with a group column no group is in two parts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.dataset import Dataset
from learnloop.errors import DataError, RunError
from learnloop.runs.atomic import disk_error
from learnloop.seeds import numpy_stream

FEW = 10
TRIES = 20


@dataclass(frozen=True)
class Split:
    """Row positions (int64, ascending) of the three parts, and one sentence saying how they were chosen."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all. Raises DiskError."""
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with open(partial, "wb") as file:
                np.savez(file, train=self.train, validation=self.validation, test=self.test, how=np.array(self.how))
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise disk_error(error, path) from error

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read it back. Raises RunError when the file is missing or damaged."""
        try:
            # an open file of our own: np.load leaves it open when the archive is damaged
            with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
                return cls(file["train"], file["validation"], file["test"], str(file["how"]))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise RunError(str(path), "must be a saved split", found=str(error)) from None
        except Exception as error:  # zipfile.BadZipFile and zlib.error of a damaged archive
            raise RunError(str(path), "must be a whole saved split", found=str(error)) from None


def split(dataset: Dataset, *, validation: float = 0.15, test: float = 0.2, seed: int = 0) -> Split:
    """Divide the rows of `dataset`; a function of the data and the seed alone.

    Raises DataError: shares out of range, too few rows or groups, a label that only the test part has.
    """
    for name, share in (("data.validation", validation), ("data.test", test)):
        if not 0 <= share < 1:
            raise DataError(name, "must be a share from 0 to below 1", found=f"{share:g}", do=f"--set {name}=0.2")
    rows = np.arange(len(dataset))
    if dataset.part is not None:
        return _own(dataset, validation, test, seed)
    if len(rows) < FEW:
        return Split(
            rows,
            rows,
            rows,
            f"There are only {len(rows)} rows, so each of them is in all parts: "
            "the figures say how well the rows were learnt, not how well new ones would be predicted.",
        )
    rest, held, how = _hold_out(dataset, rows, test, seed, "test")
    train, checked, _ = _hold_out(dataset, rest, validation, seed, "validation")
    return Split(
        train,
        checked,
        held,
        f"{len(held)} rows were held out as the test part and {len(checked)} for validation, {how}.",
    )


def _own(dataset: Dataset, validation: float, test: float, seed: int) -> Split:
    part = np.asarray(dataset.part)
    named = {name: np.flatnonzero(part == name) for name in ("train", "validation", "test")}
    if not len(named["train"]):
        raise DataError(dataset.name, "its split must have training rows", found=", ".join(sorted(set(part))))
    train, how = named["train"], ["The data's own split was kept"]
    for name, share in (("test", test), ("validation", validation)):
        if not len(named[name]):
            train, named[name], way = _hold_out(dataset, train, share, seed, name)
            how.append(f"it has no {name} part, so {len(named[name])} training rows were held out for it, {way}")
    _refuse_unseen(dataset, train, {"validation": named["validation"], "test": named["test"]})
    return Split(train, named["validation"], named["test"], "; ".join(how) + ".")


def _refuse_unseen(dataset: Dataset, train: np.ndarray, others: dict[str, np.ndarray]) -> None:
    for field in dataset.schema.targets:
        if field.kind not in ("category", "boolean"):
            continue
        codes = _codes(dataset, field.name)
        seen = set(np.unique(codes[train]))
        for name, rows in others.items():
            extra = sorted(set(np.unique(codes[rows])) - seen)
            if extra:
                labels = [field.categories[code] for code in extra]
                count = int(np.isin(codes[rows], extra).sum())
                raise DataError(
                    f"{dataset.name}, target {field.name}",
                    f"every label of the {name} part must also be in the training part",
                    found=f"{', '.join(repr(label) for label in labels[:10])} in {count} {name} rows only",
                    cause="a spelling that differs between the parts, or a class left out of training",
                    do=(
                        f"correct or drop these rows of the {name} part",
                        "drop the split column, so that a new split is drawn",
                    ),
                )


def _codes(dataset: Dataset, name: str) -> np.ndarray:
    field, column = dataset.schema[name], dataset.frame[name]
    return pd.Categorical(column.astype(object), categories=list(field.categories)).codes.astype(np.int64)


def _hold_out(
    dataset: Dataset, rows: np.ndarray, share: float, seed: int, stream: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """(rest, held out, how): `share` of `rows`, at least one row of each when the share is not 0."""
    count = round(share * len(rows))
    if share == 0:
        return rows, rows[:0], "nothing"
    count = min(max(count, 1), len(rows) - 1)
    if times := dataset.schema.of("time"):
        return _by_time(dataset, rows, count, times[0].name)
    if groups := dataset.schema.of("group"):
        return _by_group(dataset, rows, count, groups[0].name, seed, stream)
    targets = dataset.schema.targets
    if len(targets) == 1 and targets[0].kind in ("category", "boolean"):
        return _stratified(dataset, rows, count, targets[0].name, seed, stream)
    order = numpy_stream(seed, "split", stream).permutation(len(rows))
    return np.sort(rows[order[count:]]), np.sort(rows[order[:count]]), "drawn at random"


def _by_time(dataset: Dataset, rows: np.ndarray, count: int, name: str) -> tuple[np.ndarray, np.ndarray, str]:
    column = dataset.frame[name].iloc[rows]
    values = column.to_numpy().astype(np.int64) if column.dtype.kind == "M" else column.to_numpy(np.float64)
    order = np.argsort(values, kind="stable")
    first = values[order[len(rows) - count]]
    held = values >= first
    if held.all():
        held = values > first
    if not held.any():
        raise DataError(f"--time {name}", "must have at least two distinct times", found=str(column.iloc[0]))
    return rows[~held], rows[held], f"the latest by {name}"


def _by_group(
    dataset: Dataset, rows: np.ndarray, count: int, name: str, seed: int, stream: str
) -> tuple[np.ndarray, np.ndarray, str]:
    codes, _ = pd.factorize(dataset.frame[name].iloc[rows])
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        raise DataError(f"--group {name}", "must have at least three groups, one for each part", found=f"{len(sizes)}")
    random = numpy_stream(seed, "split", stream, "group")
    for _ in range(TRIES):
        order = random.permutation(len(sizes))
        filled = np.cumsum(sizes[order])
        best = int(np.argmin(np.abs(filled[:-1] - count))) + 1
        held = np.isin(codes, order[:best])
        rest, out = rows[~held], rows[held]
        try:
            _refuse_unseen(dataset, rest, {stream: out})
        except DataError as error:
            problem = error
            continue
        return rest, out, f"whole groups of {name} at random"
    raise problem


def _stratified(
    dataset: Dataset, rows: np.ndarray, count: int, name: str, seed: int, stream: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """Each class gives its share, rounded so that the total is right; a class always keeps a row for
    training.
    """
    codes = _codes(dataset, name)[rows]
    members = np.bincount(codes, minlength=len(dataset.schema[name].categories))
    quota = members * (count / len(rows))
    most = np.maximum(members - 1, 0)
    give = np.minimum(np.floor(quota).astype(np.int64), most)
    for place in np.argsort(-(quota - np.floor(quota)), kind="stable"):
        if give.sum() >= count:
            break
        give[place] += give[place] < most[place]
    random = numpy_stream(seed, "split", stream)
    held = np.zeros(len(rows), bool)
    for code in np.flatnonzero(give):
        held[random.permutation(np.flatnonzero(codes == code))[: give[code]]] = True
    single = [dataset.schema[name].categories[code] for code in np.flatnonzero(members == 1)]
    how = f"with the same shares of {name}"
    if single:
        how += f" (a single row each of {', '.join(single[:8])}: kept for training)"
    return rows[~held], rows[held], how
