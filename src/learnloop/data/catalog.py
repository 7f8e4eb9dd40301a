"""The catalog: data sets known by name. Those inside scikit-learn need no file; the others are looked up first.

A file is looked for in LEARNLOOP_DATA and in the cache, under the canonical file names and under the packaging of the
project's own data folder; it is downloaded only when that was asked for.
"""

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
from learnloop.data.download import fetch, find, folders, sha256_of
from learnloop.data.encoding import read_bytes
from learnloop.data.npz import LABEL, idx_pairs, labelled, read_idx, read_npz
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.data.tables import read_delimited
from learnloop.errors import DataError, did_you_mean, nearest

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
CODE: tuple[Kind, str] = ("category", "A code, as its documentation says.")


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
    task: Literal["classify", "regress"]
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


def load(name: str, *, download: bool = False) -> Raw:
    """The data set `name` of CATALOG. Raises DataError for an unknown name, or when its files are not there."""
    if name not in CATALOG:
        raise DataError(
            name,
            "must be a name in the catalog",
            cause=did_you_mean(name, CATALOG),
            available=nearest(name, CATALOG),
        )
    entry = CATALOG[name]
    raw = entry.load(entry, download)
    return replace(
        raw,
        name=name,
        target=entry.target,
        kinds={**raw.kinds, **dict(entry.kinds)},
        aside=dict(entry.aside),
        plain=False,
        notes=(*((entry.note,) if entry.note else ()), *raw.notes),
        origin={**raw.origin, "catalog": name},
    )


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


# --- loaders: (entry, download) -> Raw ---------------------------------------------------------------------------


def _sklearn_table(entry: Entry, download: bool) -> Raw:
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


def _digits(entry: Entry, download: bool) -> Raw:
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    return labelled((bunch.images * 15).astype(np.uint8), bunch.target, entry.name)


def _mnist(entry: Entry, download: bool) -> Raw:
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


def _cifar10(entry: Entry, download: bool) -> Raw:
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
        return {
            part: b"".join((path / name).read_bytes() for name in names) for part, names in wanted.items()
        }
    with tarfile.open(path) as archive:
        found = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
        return {
            part: b"".join(file.read() for name in names if (file := found.get(name)) is not None)
            for part, names in wanted.items()
        }


def _csv(entry: Entry, download: bool) -> Raw:
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


def _adult(entry: Entry, download: bool) -> Raw:
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
    """The official files have no header; the test file begins with a remark and ends its labels with a full stop."""
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


# --- the table -------------------------------------------------------------------------------------------------

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_MNIST_SHA = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
_FASHION_SHA = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
_INSIDE = "inside scikit-learn"

_ENTRIES = (
    Entry(
        "digits",
        "Handwritten digits, 8 x 8 pixels",
        "classify",
        (LABEL,),
        1797,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        _digits,
        note="Pixels 0..16 are stored as 0..240 (times 15), so that dividing by 15 gives them back exactly.",
    ),
    Entry(
        "wine",
        "Wines of three growers",
        "classify",
        ("class",),
        178,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        _sklearn_table,
    ),
    Entry(
        "breast-cancer",
        "Breast cancer, Wisconsin",
        "classify",
        ("diagnosis",),
        569,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        _sklearn_table,
    ),
    Entry(
        "diabetes",
        "Diabetes progression after a year",
        "regress",
        ("progression",),
        442,
        _INSIDE,
        "none stated",
        _sklearn_table,
    ),
    Entry(
        "iris",
        "Three kinds of iris",
        "classify",
        ("species",),
        150,
        _INSIDE,
        "CC BY 4.0 (UCI)",
        _sklearn_table,
    ),
    Entry(
        "mnist",
        "Handwritten digits, 28 x 28 pixels",
        "classify",
        (LABEL,),
        70_000,
        "LeCun, Cortes and Burges",
        "none stated",
        _mnist,
        files=tuple(File(name, _MNIST_URL + name, sha) for name, sha in zip(_IDX, _MNIST_SHA, strict=True)),
        local=("mnist", "MNIST/raw", "MNIST"),
    ),
    Entry(
        "fashion-mnist",
        "Articles of clothing, 28 x 28 pixels",
        "classify",
        (LABEL,),
        70_000,
        "Zalando Research",
        "MIT",
        _mnist,
        files=tuple(
            File(name, _FASHION_URL + name, sha) for name, sha in zip(_IDX, _FASHION_SHA, strict=True)
        ),
        local=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    ),
    Entry(
        "cifar10",
        "Small colour photographs of ten kinds of things",
        "classify",
        (LABEL,),
        60_000,
        "Krizhevsky 2009",
        "none stated",
        _cifar10,
        files=(
            File(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        local=("cifar-10-batches-bin", "cifar10.npz"),
    ),
    Entry(
        "adult",
        "Does a person earn more than 50,000 dollars a year (US census 1994)",
        "classify",
        ("income",),
        48_842,
        "UCI, Kohavi and Becker 1996",
        "CC BY 4.0",
        _adult,
        files=(
            File(
                "adult.data",
                _UCI + "adult/adult.data",
                "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            ),
            File(
                "adult.test",
                _UCI + "adult/adult.test",
                "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            ),
        ),
        local=("tabular/adult.csv.gz", "adult.csv.gz", "adult.csv"),
        kinds=(("education_num", ("number", "Years of schooling in order.")),),
    ),
    Entry(
        "california-housing",
        "Median house value (dollars) of Californian districts, census 1990",
        "regress",
        ("median_house_value",),
        20_640,
        "Pace and Barry 1997, as in ageron/data",
        "none stated",
        _csv,
        files=(
            File(
                "housing.csv",
                "https://raw.githubusercontent.com/ageron/data/main/housing/housing.csv",
                "2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc",
            ),
        ),
        local=("tabular/california_housing.csv.gz", "california_housing.csv.gz", "california_housing.csv"),
    ),
    Entry(
        "titanic",
        "Who survived the sinking of the Titanic",
        "classify",
        ("Survived",),
        891,
        "Kaggle, as in ageron/data",
        "none stated",
        _csv,
        files=(
            File(
                "titanic.csv",
                "https://raw.githubusercontent.com/ageron/data/main/titanic/train.csv",
                "14769fb1850e2d26d8e6db0ee49c213878040432827e39b13caaa15603c6598f",
            ),
        ),
        local=("tabular/titanic.csv.gz", "titanic.csv.gz", "titanic/train.csv"),
    ),
    Entry(
        "bike-sharing",
        "Bicycles hired in an hour, Washington 2011 and 2012",
        "regress",
        ("cnt",),
        17_379,
        "UCI, Fanaee-T 2013",
        "CC BY 4.0",
        _csv,
        files=(
            File(
                "bike-sharing-dataset.zip",
                "https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip",
                "",
            ),
        ),
        local=("tabular/bike_sharing_hourly.csv.gz", "bike_sharing_hourly.csv.gz", "hour.csv"),
        kinds=(("season", CODE), ("weathersit", CODE)),
        aside=(
            ("casual", "A part of the target (cnt = casual + registered), so it would leak it; set aside."),
            (
                "registered",
                "A part of the target (cnt = casual + registered), so it would leak it; set aside.",
            ),
            ("instant", "The number of the row; set aside."),
        ),
        note="The columns casual and registered add up to the target and were set aside.",
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
