"""Array files of every bad kind, for `fit` and for `inspect`: each ends in a sentence, none in a foreign traceback."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.bad_input.conftest import FAST, Call


def jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return np.frombuffer(file.getvalue(), np.uint8)


ROWS = 60
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(ROWS, 3)), np.arange(ROWS) % 2
PICTURES = RANDOM.integers(0, 255, (ROWS, 8, 8), np.uint8)
TILES = jpeg(np.zeros((32, 64, 3), np.uint8))
Both = Callable[..., tuple[str, str]]


@pytest.fixture
def both(call: Call, tmp_path: Path) -> Both:
    """What `fit` says of a file, and `inspect` after it; the same exit code is expected unless `inspected` is given."""

    def commands(path: Path, code: int = 2, inspected: int | None = None) -> tuple[str, str]:
        fit = ("fit", path, "-m", "linear", "--steps", "2", "--out", tmp_path / "run", "--overwrite", *FAST)
        _, said = call(*fit, code=code)
        out, err = call("inspect", path, code=code if inspected is None else inspected)
        return said, out + err

    return commands


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    def write(**arrays: Any) -> Path:
        np.savez(tmp_path / "a.npz", **arrays)
        return tmp_path / "a.npz"

    return write


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("objects", {"x": np.array([[1, "a"], [2, None]] * 30, object), "y": Y}, "found:     pickled Python objects"),
    ("lengths", {"x": X, "y": Y[:50]}, "x and y must have the same number of rows\n  found:     x has 60 and y has 50"),
    ("part lengths", {"x_train": X, "y_train": Y[:9], "x_test": X, "y_test": Y}, "found:     60 and 9"),
    ("no y", {"x_train": X}, "x_train must come with y_train"),
    ("infinity", {"x": np.where(X > 1, np.inf, X), "y": Y}, "column x0: must hold finite numbers\n  found:     inf in"),
    ("infinite y", {"x": X, "y": np.where(Y, np.inf, X[:, 0])}, "target y: must hold finite numbers"),
    ("NaN pixels", {"x": np.where(PICTURES > 250, np.nan, PICTURES), "y": Y}, "found:     NaN or infinity in image"),
    ("no rows", {"x": X[:0], "y": Y[:0]}, "must have at least one row\n  found:     an array of shape (0, 3)"),
    ("no pictures", {"x": PICTURES[:0], "y": Y[:0]}, "found:     an array of shape (0, 8, 8)"),
    (
        "no training rows",
        {"x_train": X[:0], "y_train": Y[:0], "x_test": X, "y_test": Y},
        "a.npz, x_train: must have at least one row\n  found:     an array of shape (0, 3)",
    ),
    (
        "other widths",
        {"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y},
        "x must have the same shape in all parts\n  found:     rows of (2,), (3,)",
    ),
    (
        "other targets",
        {"x_train": X, "y_train": Y, "x_test": X, "y_test": np.c_[Y, Y]},
        "y must have the same shape in all parts\n  found:     rows of (), (2,)",
    ),
    ("a single value", {"x": np.array(3.0), "y": Y}, "a.npz, x: must have one value for each row"),
    ("a single target", {"x": X, "y": np.array(1)}, "a.npz, y: must be [rows] or [rows, targets]"),
    ("complex", {"x": X + 1j, "y": Y}, "must hold real numbers\n  found:     complex numbers"),
    ("complex target", {"x": X, "y": X[:, 0] + 1j}, "a.npz, y: must hold real numbers"),
    ("records", {"x": np.zeros(ROWS, [("a", "f8"), ("b", "i8")]), "y": Y}, "found:     records with the fields a, b"),
    ("raw bytes", {"x": np.zeros((ROWS, 2), "V8"), "y": Y}, "found:     raw bytes without a type"),
    ("few names", {"x": X, "y": Y, "class_names": np.array(["a"])}, "found:     1 names for class numbers 0 to 1"),
    ("one name", {"x": X, "y": Y, "class_names": np.array("a")}, "found:     an array of shape ()"),
    ("a name twice", {"x": X, "y": Y, "class_names": np.array(["a", "a"])}, "found:     'a' more than once"),
    ("five sides", {"x": np.zeros((ROWS, 2, 2, 2, 2)), "y": Y}, "found:     shape (60, 2, 2, 2, 2)"),
    ("nothing", {}, "at least one\n  found:     no arrays"),
    (
        "torn tiles",
        {
            **{f"{part}_{what}": np.zeros(5, np.uint8) for part in ("train", "test") for what in ("jpeg", "grid")},
            "y_train": Y,
            "y_test": Y,
            "class_names": np.array(["a", "b"]),
        },
        "train_jpeg: must be a JPEG of a grid of 32 x 32 pictures",
    ),
    (
        "tiles that are no grid",
        {
            **{f"{part}_jpeg": TILES for part in ("train", "test")},
            **{f"{part}_grid": np.array([1, 3]) for part in ("train", "test")},
            "y_train": Y,
            "y_test": Y,
            "class_names": np.array(["a", "b"]),
        },
        "pictures\n  found:     pixels [32, 64, 3] for a grid of [1, 3] pictures",
    ),
]


@pytest.mark.parametrize(("arrays", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_arrays_that_are_refused(both: Both, npz: Callable[..., Path], arrays: dict[str, Any], text: str) -> None:
    fitted, inspected = both(npz(**arrays))
    assert text in fitted and text in inspected


def test_without_a_target_only_fit_refuses(both: Both, npz: Callable[..., Path]) -> None:
    fitted, inspected = both(npz(features=X, answers=Y), inspected=0)
    assert fitted.startswith("--target: must say which column of") and "features0" in inspected
    fitted, _ = both(npz(x=X[:, :0], y=Y), inspected=0)
    assert "must have at least one column to learn from" in fitted


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.where(X > 1, np.nan, X), "y": Y},
        {"x": X, "y": np.where(np.arange(ROWS) % 5 == 0, np.nan, Y)},
        {"x_train": X, "y_train": Y, "x_test": X[:0], "y_test": Y[:0]},
        {"x": X.astype(">f8"), "y": Y.astype(">i4")},
        {"x": X.astype(np.longdouble), "y": Y},
        {"x": X.astype(np.float16), "y": np.array([b"\xff", b"ab"] * 30)},
        {"x": np.array([[b"a", b"\xff"], [b"c", b"d"]] * 30), "y": Y},
        {"x": X, "y": np.full(ROWS, 2**63, np.uint64) - Y.astype(np.uint64)},
        {"x": np.arange(ROWS).astype("datetime64[D]")[:, None], "y": Y},
        {"x/../..": X, "": X[:, 0], "y": Y},
    ],
    ids=["NaN", "NaN y", "empty test", "big-endian", "long", "half", "bytes", "large labels", "dates", "odd names"],
)
def test_unusual_arrays_that_are_read(both: Both, npz: Callable[..., Path], arrays: dict[str, Any]) -> None:
    fitted, inspected = both(npz(**arrays), code=0)
    assert ("x_test held no rows: such a part is as if it were not there." in fitted) == ("x_test" in arrays)
    assert " rows" in inspected


def member(shape: str, descr: str = "<f8", body: bytes = b"\0" * 64) -> bytes:
    """The bytes of a .npy that claims this shape and type."""
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body


@pytest.mark.parametrize(
    ("shape", "descr"),
    [
        ("(1000000000000, 4)", "<f8"),
        ("(100000000000000000000, 4)", "<f8"),
        ("(4611686018427387904, 4)", "<f8"),
        ("(-5, 4)", "<f8"),
        ("(60, 3)", "<f8"),
        ("7", "<f8"),
        ("(True,)", "<f8"),
        ("(2,)", "zz"),
        ("(2,)", "|V2000000000"),
    ],
)
def test_members_that_claim_what_they_do_not_hold(both: Both, tmp_path: Path, shape: str, descr: str) -> None:
    labels = io.BytesIO()
    np.save(labels, Y)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", member(shape, descr))
        archive.writestr("y.npy", labels.getvalue())
    fitted, inspected = both(tmp_path / "a.npz")
    assert "a.npz: must be a whole .npz file\n" in fitted and "fetch or write the file again" in inspected


def encrypted(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[data.find(b"PK\x01\x02") + 8] |= 1
    changed[data.find(b"PK\x03\x04") + 6] |= 1
    return bytes(changed)


def packed_otherwise(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[data.find(b"PK\x01\x02") + 10] = 99
    return bytes(changed)


BROKEN: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: b"", "must be a whole .npz file\n  found:     No data left in file"),
    (lambda data: b"hello", "must be a .npz file\n  found:     a file that begins with b'hello'"),
    (lambda data: data[:200], "must be a whole .npz file\n  found:     File is not a zip file"),
    (lambda data: member("(60, 3)", body=X.tobytes()), "must be an archive of arrays\n  found:     one array"),
    (lambda data: b"\x80\x04]\x94.", "must hold plain arrays\n  found:     pickled Python objects"),
    (encrypted, "found:     File 'x.npy' is encrypted"),
    (packed_otherwise, "found:     That compression method is not supported"),
]


@pytest.mark.parametrize(
    ("change", "text"), BROKEN, ids=["empty", "text", "cut", "npy", "pickle", "encrypted", "packed otherwise"]
)
def test_files_that_are_no_archive(
    both: Both, npz: Callable[..., Path], change: Callable[[bytes], bytes], text: str
) -> None:
    path = npz(x=X, y=Y)
    path.write_bytes(change(path.read_bytes()))
    fitted, inspected = both(path)
    assert text in fitted and text in inspected


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_bytes_never_end_in_a_traceback(call: Call, tmp_path: Path, save: Callable[..., None]) -> None:
    """A little fuzzing; what is damaged without being noticed is fitted, everything else is refused."""
    path = tmp_path / "a.npz"
    save(path, x=X, y=Y)
    data, random = path.read_bytes(), np.random.default_rng(2)
    for _ in range(25):
        broken = bytearray(data)
        for place in random.integers(0, len(broken), random.integers(1, 8)):
            broken[place] = random.integers(0, 256)
        path.write_bytes(bytes(broken[: random.integers(20, len(broken) + 1)]))
        for command in (("fit", path, "-m", "linear", "--steps", "1", "--check"), ("inspect", path)):
            call(*command, code=2)
