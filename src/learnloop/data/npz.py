"""Array files: .npz, .npy, MNIST idx. Nothing here can run code: pickles are refused."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.arrays import IMAGE, from_x, named_classes
from learnloop.data.encoding import read_bytes
from learnloop.data.mappings import from_mapping
from learnloop.data.pixels import to_images
from learnloop.data.raw import Raw
from learnloop.errors import DataError

LABEL = "label"
TILES = {f"{part}_{what}" for part in ("train", "test") for what in ("jpeg", "grid")} | {
    "y_train",
    "y_test",
    "class_names",
}
"""The arrays of CIFAR-10 packed as two large pictures."""
_NPY, _ZIP, _PICKLE = b"\x93NUMPY", b"PK", b"\x80"
_SURELY_LARGE = 1 << 30
"""A smaller file that asks for more memory than there is claims what it does not hold."""
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_NAME = re.compile(r"^(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$")
IDX_PARTS = {"train": "train", "t10k": "test", "test": "test"}


def read_npz(path: Path, *, series: bool = False) -> Raw:
    """x_train/y_train/..., x/y, or one array a column; also CIFAR-10 packed as JPEG tiles (see the
    data README). series: x holds series, whatever it looks like.
    """
    arrays = read_arrays(path)
    if arrays.keys() >= TILES:
        return _from_tiles(arrays, str(path))
    return from_mapping(arrays, str(path), series=series)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name. Raises DataError for anything else."""
    arrays = _load(path)
    if isinstance(arrays, np.ndarray):
        raise DataError(
            str(path),
            "must be an archive of arrays",
            found="one array: a .npy file that is called .npz",
            do=f"mv {path} {path.with_suffix('.npy')}",
        )
    return arrays


def read_npy(path: Path, *, series: bool = False) -> Raw:
    """One array of inputs."""
    array = _load(path)
    if isinstance(array, dict):
        raise DataError(
            str(path),
            "must hold one array",
            found="an archive of arrays: a .npz file that is called .npy",
            do=f"mv {path} {path.with_suffix('.npz')}",
        )
    return from_x(array, str(path), series=series)


def _load(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """The array of a .npy, the arrays of a .npz. Raises DataError for files that are damaged or hold objects."""
    try:
        # an open file of our own: np.load leaves it open when the archive is damaged
        with open(path, "rb") as file:
            head = file.read(8)
            if head.startswith(_PICKLE):
                raise _pickled(path)
            if head and not head.startswith((_NPY, _ZIP)):
                raise DataError(str(path), f"must be a {path.suffix} file", found=f"a file that begins with {head!r}")
            file.seek(0)
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            with found as archive:
                return {key: archive[key] for key in archive.files}
    except DataError:
        raise
    except MemoryError as error:
        if _unpacked(path) > _SURELY_LARGE:
            raise
        raise _damaged(path, f"an array of more bytes than the file can hold: {error}") from None
    except Exception as error:  # a dozen kinds, from zlib.error to OverflowError, by what the damage has hit
        if "ickle" in str(error) or "ickle" in str(error.__cause__):
            raise _pickled(path) from None
        raise _damaged(path, str(error) or type(error).__name__) from None


def _unpacked(path: Path) -> int:
    """Bytes that the file holds when it is unpacked, as its directory says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile):
        return path.stat().st_size


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        str(path),
        f"must be a whole {path.suffix} file",
        found=found,
        cause="the download or copy was cut short, or the file was changed",
        do="fetch or write the file again",
    )


def _pickled(path: Path) -> DataError:
    return DataError(
        str(path),
        "must hold plain arrays",
        found="pickled Python objects",
        cause="it was saved from lists of different lengths or from objects",
        do="np.savez(path, x=np.asarray(x, 'float32'), y=np.asarray(y))",
    )


def _from_tiles(arrays: dict[str, np.ndarray], name: str) -> Raw:
    images, labels, parts = [], [], []
    for part in ("train", "test"):
        images.append(_untile(arrays[f"{part}_jpeg"], arrays[f"{part}_grid"], f"{name}, {part}_jpeg"))
        labels.append(np.ravel(arrays[f"y_{part}"]))
        parts.append(np.full(len(labels[-1]), part))
    names = np.ravel(arrays["class_names"]).tolist()
    if not names:
        raise DataError(f"{name}, class_names", "must name every class number", found="no names")
    raw = labelled(np.concatenate(images), np.concatenate(labels), name, names)
    note = "This copy of CIFAR-10 is lossy (JPEG, PSNR 38 dB); figures may differ slightly from the original's."
    return Raw(**{**vars(raw), "part": np.concatenate(parts), "notes": (note,)})


def _untile(jpeg: np.ndarray, grid: np.ndarray, where: str) -> np.ndarray:
    """JPEG bytes of a grid of 32 x 32 tiles -> uint8 [rows * columns, 32, 32, 3]."""
    from PIL import Image

    must = "must be a JPEG of a grid of 32 x 32 pictures"
    try:
        with Image.open(io.BytesIO(jpeg.tobytes())) as picture:
            pixels = np.asarray(picture)
    except Exception as error:  # Pillow's decoders raise whatever the damage leads to
        raise DataError(where, must, found=str(error) or type(error).__name__) from None
    rows, columns = grid.tolist() if grid.shape == (2,) and grid.dtype.kind in "iu" else (0, 0)
    if pixels.shape != (32 * rows, 32 * columns, 3):
        raise DataError(where, must, found=f"pixels {list(pixels.shape)} for a grid of {grid.tolist()} pictures")
    return np.ascontiguousarray(pixels.reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3))


def labelled(
    images: np.ndarray,
    labels: np.ndarray,
    name: str,
    class_names: list[str] | None = None,
    part: np.ndarray | None = None,
) -> Raw:
    """Images with the target "label"."""
    if len(images) != len(labels):
        raise DataError(
            name, "must have one label for each image", found=f"{len(images)} images and {len(labels)} labels"
        )
    pixels, notes = to_images(images, name)
    values = named_classes(labels, class_names, name) if class_names else np.asarray(labels, dtype=np.int64)
    return Raw(
        name=name,
        frame=pd.DataFrame({LABEL: values}),
        arrays={IMAGE: pixels},
        part=part,
        target=(LABEL,),
        notes=tuple(notes),
    )


def read_idx_array(path: Path) -> np.ndarray:
    """One idx file (http://yann.lecun.com/exdb/mnist, "file formats"), plain or gzip."""
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\x00\x00" or data[2] not in IDX_TYPES:
        raise DataError(str(path), "must be an idx file", found=f"it begins with {data[:4]!r}")
    dimensions = data[3]
    shape = tuple(int(size) for size in np.frombuffer(data, ">i4", dimensions, 4))
    kind = np.dtype(IDX_TYPES[data[2]])
    need = int(np.prod(shape)) * kind.itemsize + 4 + 4 * dimensions
    if len(data) != need:
        raise DataError(
            str(path),
            f"must hold {need} bytes for shape {shape}",
            found=f"{len(data)} bytes",
            cause="the download was cut short",
        )
    return np.frombuffer(data, kind, offset=4 + 4 * dimensions).reshape(shape)


def idx_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """part -> (images file, labels file) of the idx files in a folder."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        if matched := IDX_NAME.match(path.name):
            found.setdefault((IDX_PARTS[matched[1]], matched[2]), path)
    return {
        part: (found[part, "images"], found[part, "labels"])
        for part in ("train", "test")
        if (part, "images") in found and (part, "labels") in found
    }


def read_idx(pairs: dict[str, tuple[Path, Path]], name: str, class_names: list[str] | None = None) -> Raw:
    """Images and labels of one or two parts."""
    images, labels, parts = [], [], []
    for part_name, (image_path, label_path) in pairs.items():
        images.append(read_idx_array(image_path))
        labels.append(read_idx_array(label_path))
        if len(images[-1]) != len(labels[-1]):
            raise DataError(
                str(image_path),
                f"must have as many images as {label_path.name} has labels",
                found=f"{len(images[-1])} images and {len(labels[-1])} labels",
            )
        parts.append(np.full(len(labels[-1]), part_name))
    part = np.concatenate(parts) if len(parts) > 1 else None
    return labelled(np.concatenate(images), np.concatenate(labels), name, class_names, part)


def read_idx_file(path: Path) -> Raw:
    """One file of a pair; its partner is looked for beside it."""
    matched = IDX_NAME.match(path.name)
    pairs = idx_pairs(path.parent) if matched else {}
    part = IDX_PARTS[matched[1]] if matched else ""
    if part in pairs:
        return read_idx({part: pairs[part]}, str(path))
    array = read_idx_array(path)
    if array.ndim == 1:
        raise DataError(
            str(path),
            "must have its images beside it",
            found="labels alone",
            do=f"put {path.name.replace('labels-idx1', 'images-idx3')} into the same folder",
        )
    return from_x(array, str(path))
