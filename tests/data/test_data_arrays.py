"""NumPy and torch objects, .npz, idx."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from learnloop.data.read import read
from learnloop.errors import DataError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3))
Y = np.arange(40) % 2
PIXELS = RANDOM.integers(0, 256, (40, 8, 6), dtype=np.uint8)


def message(source: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(source, **options)
    return str(caught.value)


def test_pairs_of_every_type() -> None:
    for x, y in (
        (X, Y),
        (X.astype(np.float64), Y.astype(np.int32)),
        (torch.tensor(X), torch.tensor(Y)),
        (X.tolist(), Y.tolist()),
        (X, Y[:, None]),
        (X, np.eye(2)[Y]),
    ):
        data = read((x, y))
        assert [field.name for field in data.schema.inputs] == ["x0", "x1", "x2"]
        assert data.schema["y"].categories == ("0", "1") and len(data) == 40
    assert read((X, np.array(["no", "yes"])[Y])).schema["y"].categories == ("no", "yes")
    assert "one-hot" in " ".join(read((X, np.eye(2)[Y])).notes)
    assert [field.name for field in read((X, X[:, :2])).schema.targets] == ["y0", "y1"]


def test_labels_five_and_six() -> None:
    assert read((X, Y + 5)).schema["y"].categories == ("5", "6")


def test_whole_numbers_in_arrays_stay_numbers() -> None:
    data = read((RANDOM.integers(0, 16, (400, 5)).astype(float), np.arange(400) % 2))
    assert {field.kind for field in data.schema.inputs} == {"number"}


def test_the_rows_of_x_and_y() -> None:
    assert "x has 40 and y has 39" in message((X, Y[:-1]))
    assert "rows of one length" in message(([[1, 2], [3]], [0, 1]))
    assert "must be [rows, columns] or images" in message((np.zeros((5, 5, 5, 7)), Y[:5]))
    assert "at least one row" in message((np.zeros((0, 3)), np.zeros(0)))


def test_images_are_stored_exactly_or_refused() -> None:
    whole = read((PIXELS, Y))
    assert whole.schema["image"].shape == (8, 6, 1) and (whole.arrays["image"][..., 0] == PIXELS).all()
    for values in (PIXELS / 255, (PIXELS / 255).astype(np.float32), PIXELS.astype(np.int64), PIXELS * 1.0):
        assert (read((values, Y)).arrays["image"][..., 0] == PIXELS).all()
    first = np.stack([PIXELS] * 3, axis=1)
    assert read((first, Y)).schema["image"].shape == (8, 6, 3)
    assert "multiples of 1/255" in message((PIXELS / 300, Y))
    assert "values from 0 to 65535" in message((PIXELS.astype(np.uint16) * 257, Y))
    assert "pixels must lie in 0..1 or 0..255" in message((RANDOM.normal(size=(40, 8, 6)), Y))
    holed = PIXELS / 255
    holed[3, 0, 0] = np.nan
    assert "NaN or infinity in image 3" in message((holed, Y))


class Items(Dataset[Any]):
    classes = ["cat", "dog"]

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    def __len__(self) -> int:
        return 40

    def __getitem__(self, row: int) -> Any:
        if self.broken and row == 7:
            raise OSError("disk")
        return torch.tensor(X[row]), int(Y[row])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield 1


def test_torch_data_sets() -> None:
    assert read(TensorDataset(torch.tensor(X), torch.tensor(Y))).schema["y"].categories == ("0", "1")
    assert read(Items()).schema["y"].categories == ("cat", "dog")
    assert "row 7: must be readable\n  found:     OSError: disk" in message(Items(broken=True))
    assert "must be a map-style data set" in message(Stream())


def test_dicts_of_arrays() -> None:
    data = read({"a": X[:, 0], "b": [1, 2, 3, 4] * 10, "label": Y})
    assert data.schema.names == ["a", "b", "label"]
    assert "a: 40, b: 3" in message({"a": X[:, 0], "b": [1, 2, 3]})


def test_npz_parts_names_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(
        path,
        x_train=PIXELS[:30],
        y_train=Y[:30],
        x_val=PIXELS[30:],
        y_val=Y[30:],
        class_names=["u", "v"],
        extra=1,
    )
    data = read(path)
    assert data.schema["y"].categories == ("u", "v") and data.part is not None
    assert (data.part == ["train"] * 30 + ["validation"] * 10).all()
    assert "Arrays that were not used: extra." in data.notes and len(data.origin["sha256"]) == 64
    np.savez(path, x=X, y=Y)
    assert read(path).part is None
    np.savez(path, x=np.array([[1], [1, 2]], dtype=object), y=Y)
    assert "found:     pickled Python objects" in message(path)
    path.write_bytes(path.read_bytes()[:100])
    assert "must be a whole .npz file" in message(path)
    np.savez(path, x_train=X, y_train=Y[:-1])
    assert "x_train and y_train must have the same number of rows" in message(path)
    np.savez(path, x_train=X, y_train=Y + 5, class_names=["u", "v"])
    assert "2 names for class numbers 5 to 6" in message(path)


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def test_idx_folder_and_file(tmp_path: Path) -> None:
    for name, rows in (("train", slice(0, 30)), ("t10k", slice(30, 40))):
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS[rows])))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(Y[rows]))
    data = read(tmp_path)
    assert len(data) == 40 and data.part is not None and (data.part == "test").sum() == 10
    assert [field.name for field in data.schema.targets] == ["label"]
    one = read(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert len(one) == 10 and (one.arrays["image"][..., 0] == PIXELS[30:]).all()
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(Y[30:])[:-2])
    assert "must hold 18 bytes for shape (10,)\n  found:     16 bytes" in message(tmp_path)


def test_real_files(shared_data: Path) -> None:
    data = read(shared_data / "flowers64.npz")
    assert data.schema["image"].shape == (64, 64, 3) and data.schema["y"].categories[0] == "daisy"
    assert "num_nodes: must have one value for each row" in message(shared_data / "graph_cora.npz")
