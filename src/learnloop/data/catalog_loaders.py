"""Loaders of the catalog: from scikit-learn, from canonical files, from this project's own packaging."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from learnloop.data.arrays import from_pair
from learnloop.data.columns import parse_numbers
from learnloop.data.delimited import read_delimited
from learnloop.data.download import fetch, find, folders, sha256_of
from learnloop.data.encoding import read_bytes
from learnloop.data.npz import idx_pairs, labelled, read_idx, read_npz
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.errors import DataError

FASHION = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ADULT = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]


@dataclass(frozen=True)
class File:
    """One canonical file. `sha256` is that of the file at `url`, "" where it is not known to us."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One data set. `rows` counts all parts; `files` is empty for sets inside scikit-learn."""

    name: str
    title: str
    task: Literal["classify", "regress", "transcribe", "translate", "language"]
    target: tuple[str, ...]
    rows: int
    source: str
    licence: str
    load: Callable[[Entry, bool], Raw]
    files: tuple[File, ...] = ()
    local: tuple[str, ...] = ()
    kinds: tuple[tuple[str, tuple[Kind, str]], ...] = ()
    aside: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def url(self) -> str:
        return self.files[0].url if self.files else ""

    @property
    def sha256(self) -> str:
        return self.files[0].sha256 if self.files else ""


def missing(entry: Entry) -> DataError:
    """What to do when no file is there."""
    looked = " and ".join(str(folder) for folder in folders())
    return DataError(
        entry.name,
        "needs its files",
        found=f"none of {', '.join((*entry.local, *(file.name for file in entry.files)))} in {looked}",
        do=(
            f"learnloop data {entry.name} --download",
            "export LEARNLOOP_DATA=FOLDER   # a folder that holds them",
        ),
    )


# --- loaders: (entry, download) -> Raw
# ---------------------------------------------------------------------------


def sklearn_table(entry: Entry, download: bool) -> Raw:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{entry.name.replace('-', '_')}")()
    names = [str(name).replace(" ", "_").replace("(", "").replace(")", "") for name in bunch.feature_names]
    frame = pd.DataFrame(bunch.data, columns=names)
    labels = [str(name) for name in getattr(bunch, "target_names", [])] if entry.task == "classify" else []
    raw = from_pair(frame, pd.Series(bunch.target, name=entry.target[0]), entry.name)
    if labels:
        codes = pd.Categorical.from_codes(bunch.target, categories=pd.Index(labels, dtype="str"))
        raw = replace(raw, frame=raw.frame.assign(**{entry.target[0]: codes}))
    known: tuple[Kind, str] = ("number", "A measurement, as its documentation says.")
    return replace(raw, kinds=dict.fromkeys(names, known))


def digits(entry: Entry, download: bool) -> Raw:
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    return labelled((bunch.images * 15).astype(np.uint8), bunch.target, entry.name)


def mnist(entry: Entry, download: bool) -> Raw:
    names = FASHION if entry.name == "fashion-mnist" else None
    for folder in folders():
        for name in entry.local:
            if (folder / name).is_dir() and len(pairs := idx_pairs(folder / name)) == 2:
                return _from(read_idx(pairs, entry.name, names), folder / name)
    if not download:
        raise missing(entry)
    for file in entry.files:
        path = fetch(file.url, f"{entry.local[0]}/{file.name}", file.sha256)
    return _from(read_idx(idx_pairs(path.parent), entry.name, names), path.parent)


def cifar10(entry: Entry, download: bool) -> Raw:
    path = find((*entry.local, entry.files[0].name))
    if path is None:
        if not download:
            raise missing(entry)
        path = fetch(entry.files[0].url, entry.files[0].name, entry.files[0].sha256)
    if path.suffix == ".npz":
        return _from(read_npz(path), path)
    parts = _cifar_batches(path)
    records = {part: np.frombuffer(data, np.uint8).reshape(-1, 3073) for part, data in parts.items()}
    both = np.concatenate([records["train"], records["test"]])
    images = np.ascontiguousarray(both[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    part = np.repeat(["train", "test"], [len(records["train"]), len(records["test"])])
    return _from(labelled(images, both[:, 0], entry.name, CIFAR, part), path)


def _cifar_batches(path: Path) -> dict[str, bytes]:
    """The binary version (no pickles): a label byte and 3072 pixel bytes, red plane first, for each image."""
    wanted = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
    if path.is_dir():
        return {part: b"".join((path / name).read_bytes() for name in names) for part, names in wanted.items()}
    with tarfile.open(path) as archive:
        found = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
        return {
            part: b"".join(file.read() for name in names if (file := found.get(name)) is not None)
            for part, names in wanted.items()
        }


def csv(entry: Entry, download: bool) -> Raw:
    path = find((*entry.local, *(file.name for file in entry.files)))
    if path is None:
        if not download:
            raise missing(entry)
        path = fetch(entry.files[0].url, entry.files[0].name, entry.files[0].sha256)
    if path.suffix == ".zip":
        path = _unpacked(path, "hour.csv")
    return _from(read_delimited(path), path)


def _unpacked(archive: Path, member: str) -> Path:
    target = archive.parent / member
    with zipfile.ZipFile(archive) as file:
        target.write_bytes(file.read(member))
    return target


def adult(entry: Entry, download: bool) -> Raw:
    path = find(entry.local)
    if path is not None:
        return _from(read_delimited(path), path)
    paths = [find((f"adult/{file.name}", file.name)) for file in entry.files]
    if None in paths:
        if not download:
            raise missing(entry)
        paths = [fetch(file.url, f"adult/{file.name}", file.sha256) for file in entry.files]
    frames = []
    for part, path in zip(("train", "test"), paths, strict=True):
        assert path is not None
        frames.append(_adult_part(path, part))
    frame = pd.concat(frames, ignore_index=True)
    return Raw(name=entry.name, frame=frame, origin={"path": str(paths[0])})


def _adult_part(path: Path, part: str) -> pd.DataFrame:
    """The official files have no header; the test file begins with a remark and ends its labels with
    a full stop.
    """
    lines = [line.strip() for line in read_bytes(path).decode("utf-8").splitlines()]
    rows = [[cell.strip() for cell in line.rstrip(".").split(",")] for line in lines if line.count(",") == 14]
    frame = pd.DataFrame(rows, columns=ADULT)
    for name in ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"):
        frame[name] = parse_numbers(frame[name].tolist()).astype(np.int64)
    frame.insert(0, "split", part)
    return frame


def _from(raw: Raw, path: Path) -> Raw:
    origin = {"path": str(path)} | ({"sha256": sha256_of(path)} if path.is_file() else {})
    return replace(raw, origin=origin)
