"""The catalog: inside scikit-learn, the local folder in both packagings, and no network unless asked."""

from __future__ import annotations

import gzip
import socket
import tarfile
import urllib.request
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from learnloop.data import catalog, download
from learnloop.data.catalog import CATALOG, load
from learnloop.data.conform import conform
from learnloop.data.infer import infer_task
from learnloop.data.read import read
from learnloop.errors import DataError

INSIDE = ("digits", "wine", "breast-cancer", "diabetes", "iris")
SMALL = ("adult", "california-housing", "titanic", "bike-sharing")
TEXTS = ("imdb", "rt_polarity", "sms_spam", "multi30k", "fra_eng", "tinyshakespeare")
SOUNDS = ("spoken_digits", "spoken_digit_strings")


def test_every_entry_says_what_it_is() -> None:
    assert set(CATALOG) == {*INSIDE, *SMALL, *TEXTS, *SOUNDS, "mnist", "fashion-mnist", "cifar10"}
    for entry in CATALOG.values():
        assert entry.title and entry.source and entry.licence
        assert bool(entry.files) == (entry.name not in INSIDE)
        for file in entry.files:
            assert file.url.startswith("http") and len(file.sha256) in (0, 64)


@pytest.mark.parametrize("name", INSIDE)
def test_inside_scikit_learn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    data, entry = read(name), CATALOG[name]
    assert len(data) == entry.rows and infer_task(data)[0] == entry.task and data.origin["catalog"] == name
    assert tuple(field.name for field in data.schema.targets) == entry.target


def test_a_catalog_name_wins_over_a_run_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`learnloop fit digits --out digits` leaves a folder that is no data."""
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").write_text("seed: 0\n")
        (tmp_path / name / "environment.json").write_text("{}")
    assert len(read("digits")) == 1797
    with pytest.raises(DataError) as caught:
        read("mine")
    text = str(caught.value)
    assert text.startswith("mine: must be data\n  found:     the folder of a run (recipe.yaml and environment.json)")
    assert "learnloop predict mine NEW_DATA" in text and "learnloop fit --resume mine" in text


def test_what_is_always_so_of_a_data_set_is_said_at_fit_only() -> None:
    data = read("digits")
    assert CATALOG["digits"].note in data.notes
    assert CATALOG["digits"].note not in conform("digits", data.schema).notes


def test_digits_can_be_undone() -> None:
    data = read("digits")
    bunch = sklearn.datasets.load_digits()
    assert (data.arrays["image"][..., 0] / 15 == bunch.images).all() and any("times 15" in note for note in data.notes)
    assert (data.frame["label"].astype(int) == bunch.target).all()


@pytest.mark.parametrize("name", SMALL)
def test_tables_of_the_local_folder(name: str, shared_data: Path) -> None:
    data, entry = read(name), CATALOG[name]
    assert len(data) == entry.rows and infer_task(data)[0] == entry.task
    assert tuple(field.name for field in data.schema.targets) == entry.target and len(data.origin["sha256"]) == 64


def test_adult_and_bike_columns(shared_data: Path) -> None:
    adult = read("adult")
    assert adult.part is not None and (adult.part == "test").sum() == 16281
    assert adult.schema["workclass"].missing == 2799 and len(adult.schema.inputs) == 14
    bike = read("bike-sharing")
    assert {bike.schema[name].role for name in ("casual", "registered", "instant")} == {"ignore"}
    assert any("add up to the target" in note for note in bike.notes)
    assert bike.schema["hr"].kind == "number" and bike.schema["season"].kind == "category"


def test_mnist(shared_data: Path) -> None:
    data = read("mnist")
    assert data.arrays["image"].shape == (70000, 28, 28, 1) and data.part is not None
    assert (data.part == "test").sum() == 10000 and data.schema["label"].categories == tuple("0123456789")


def test_both_packagings_of_adult(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = "39, State-gov, 77516, Bachelors, 13, Single, ?, Not-in-family, White, Male, 2174, 0, 40, Cuba, "
    (tmp_path / "adult.data").write_text(f"{row}<=50K\n{row}>50K\n\n")
    (tmp_path / "adult.test").write_text(f"|1x3 Cross validator\n{row}<=50K.\n{row}>50K.\n")
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    raw = load("adult")
    assert raw.frame["income"].tolist() == ["<=50K", ">50K"] * 2 and raw.frame["age"].tolist() == [39] * 4
    assert raw.frame["split"].tolist() == ["train", "train", "test", "test"]


def test_the_canonical_cifar10_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    batches = {name: random.integers(0, 10, (2, 3073)).astype(np.uint8) for name in names}
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name, batch in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = batch.nbytes
            archive.addfile(member, BytesIO(batch.tobytes()))
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    raw = load("cifar10")
    image = raw.arrays["image"][10]
    assert raw.part is not None and raw.part.tolist() == ["train"] * 10 + ["test"] * 2
    assert (image.transpose(2, 0, 1).ravel() == batches["test_batch.bin"][0, 1:]).all()


def test_nothing_is_downloaded_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", None)
    for name in (*SMALL, "mnist", "fashion-mnist", "cifar10"):
        with pytest.raises(DataError) as caught:
            read(name)
        text = str(caught.value)
        assert f"{name}: needs its files" in text and str(tmp_path) in text
        assert f"do:        learnloop data {name} --download" in text and "export LEARNLOOP_DATA=FOLDER" in text


class Answer(BytesIO):
    pass


def test_downloads_are_checked_and_cached(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    table = b"Survived,Age\n" + b"".join(b"%d,%d\n" % (place % 2, place % 50) for place in range(60))
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: Answer(table))
    with pytest.raises(DataError) as caught:
        read("titanic", download=True)
    assert "must have the sha256 14769fb1850e2d26" in str(caught.value)
    assert not list((own_home / "cache" / "data").iterdir())
    entry = CATALOG["titanic"]
    good = catalog.File("titanic.csv", entry.url, download.hashlib.sha256(table).hexdigest())
    monkeypatch.setitem(CATALOG, "titanic", catalog.replace(entry, files=(good,)))
    assert len(read("titanic", download=True)) == 60
    monkeypatch.setattr(urllib.request, "urlopen", None)
    assert len(read("titanic")) == 60


def test_a_network_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(DataError) as caught:
        read("titanic", download=True)
    assert "must be reachable\n  found:     no route to host" in str(caught.value)


def test_a_path_of_the_same_name_wins_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mnist"
    folder.mkdir()
    pixels = np.zeros((30, 8, 8), np.uint8)
    head = lambda array: bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()  # noqa: E731
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head(pixels) + pixels.tobytes()))
        labels = (np.arange(30) % 2).astype(np.uint8)
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head(labels) + labels.tobytes()))
    data = read("mnist")
    assert len(data) == 60 and any("Read from the path mnist" in note for note in data.notes)


def test_unknown_names() -> None:
    with pytest.raises(DataError) as caught:
        load("minst")
    assert "Did you mean 'mnist'?" in str(caught.value)
