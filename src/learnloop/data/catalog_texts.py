"""Loaders of the catalog's texts: from canonical files and from this project's own packaging."""

from __future__ import annotations

import csv
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from learnloop.data.catalog_loaders import Entry, missing
from learnloop.data.download import fetch, find, sha256_of
from learnloop.data.encoding import read_bytes
from learnloop.data.raw import Raw
from learnloop.data.textfile import decoded

_IMDB_PARTS = ("train", "test")
_IMDB_CLASSES = {"neg": 0, "pos": 1}


def table(entry: Entry, download: bool) -> Raw:
    """A .csv or .tsv of the project's packaging; no word of a text stands for a missing value there."""
    path = find(entry.local)
    if path is None:
        return _canonical(entry, download)
    tabs = path.name.removesuffix(".gz").endswith(".tsv")
    frame = pd.read_csv(
        path,
        sep="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        keep_default_na=False,
    )
    return _raw(entry, frame, path)


def prose(entry: Entry, download: bool) -> Raw:
    """One long text, in one row."""
    path = _found(entry, download)[0]
    text, _ = decoded(read_bytes(path), path)
    return _raw(entry, pd.DataFrame({"text": [text]}), path)


def _raw(entry: Entry, frame: pd.DataFrame, path: Path) -> Raw:
    return Raw(entry.name, frame, origin={"path": str(path), "sha256": sha256_of(path)})


def _found(entry: Entry, download: bool) -> list[Path]:
    """The packaging, or every canonical file; fetched where that was asked for."""
    packed = find(entry.local)
    if packed is not None:
        return [packed]
    paths = [find((f"{entry.name}/{file.name}", file.name)) for file in entry.files]
    if None in paths and not download:
        raise missing(entry)
    return [
        path or fetch(file.url, f"{entry.name}/{file.name}", file.sha256)
        for path, file in zip(paths, entry.files, strict=True)
    ]


def _canonical(entry: Entry, download: bool) -> Raw:
    paths = _found(entry, download)
    return _raw(entry, _READERS[entry.name](paths), paths[0])


def _imdb(paths: Sequence[Path]) -> pd.DataFrame:
    """aclImdb/PART/pos/ID_RATING.txt in an archive; the texts without a label are left out."""
    rows = []
    with tarfile.open(paths[0]) as archive:
        for member in archive:
            place = Path(member.name).parts[-3:]
            if len(place) < 3 or place[0] not in _IMDB_PARTS or place[1] not in _IMDB_CLASSES:
                continue
            file = archive.extractfile(member) if place[2].endswith(".txt") else None
            if file is not None:
                number, rating = place[2].removesuffix(".txt").split("_")
                text = file.read().decode("utf-8")
                rows.append((place[0], _IMDB_CLASSES[place[1]], int(rating), int(number), text))
    return pd.DataFrame(sorted(rows), columns=["split", "label", "rating", "id", "text"])


def _polarity(paths: Sequence[Path]) -> pd.DataFrame:
    """rt-polarity.neg and rt-polarity.pos, a sentence a line."""
    frames = []
    for label, path in enumerate(paths):
        lines = [line.strip() for line in decoded(read_bytes(path), path)[0].split("\n")]
        frames.append(pd.DataFrame({"label": label, "text": [line for line in lines if line]}))
    return pd.concat(frames, ignore_index=True)


def _sms(paths: Sequence[Path]) -> pd.DataFrame:
    """A label, a tab, a message; without a line of column names."""
    lines = decoded(read_bytes(paths[0]), paths[0])[0].split("\n")
    return pd.DataFrame([line.split("\t", 1) for line in lines if "\t" in line], columns=["label", "text"])


def _multi30k(paths: Sequence[Path]) -> pd.DataFrame:
    """PART.LANGUAGE.gz, a sentence a line."""
    texts = {path.name.removesuffix(".gz"): decoded(read_bytes(path), path)[0].split("\n") for path in paths}
    frames = []
    for part in dict.fromkeys(name.rpartition(".")[0] for name in texts):
        columns = {name.rpartition(".")[2]: lines for name, lines in texts.items() if name.rpartition(".")[0] == part}
        frames.append(pd.DataFrame({"split": part, **columns}))
    joined = pd.concat(frames, ignore_index=True)
    return joined[joined["en"].str.strip() != ""].reset_index(drop=True)


def _french(paths: Sequence[Path]) -> pd.DataFrame:
    """English, a tab, French, a tab, who wrote it."""
    with zipfile.ZipFile(paths[0]) as archive:
        text, _ = decoded(archive.read("fra.txt"), paths[0])
    rows = [line.split("\t")[:2] for line in text.split("\n") if "\t" in line]
    return pd.DataFrame(rows, columns=["en", "fr"])


_READERS = {"imdb": _imdb, "rt_polarity": _polarity, "sms_spam": _sms, "multi30k": _multi30k, "fra_eng": _french}


def multi30k(entry: Entry, download: bool) -> Raw:
    """The parts train, val and test 2016; the other test parts are left out."""
    raw = table(entry, download)
    parts = {"train": "train", "val": "validation", "test_2016_flickr": "test"}
    kept = raw.frame[raw.frame["split"].isin(list(parts))].reset_index(drop=True)
    kept["split"] = kept["split"].map(parts)
    return Raw(raw.name, kept, origin=raw.origin)
