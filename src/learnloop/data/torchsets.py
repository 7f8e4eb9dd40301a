"""Map-style torch data sets, read into memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, TensorDataset

from learnloop.data.arrays import from_pair, to_numpy
from learnloop.data.raw import Raw
from learnloop.errors import DataError

MOST_BYTES = 4 << 30


def from_torch(data: TorchDataset[Any], name: str) -> Raw:
    """A map-style torch data set of (x, y) items, read into memory. Raises DataError for a stream or
    above 4 GB.
    """
    if isinstance(data, TensorDataset):
        tensors = data.tensors
        if len(tensors) > 2:
            raise DataError(name, "must hold x, or x and y", found=f"{len(tensors)} tensors")
        return from_pair(tensors[0], tensors[1] if len(tensors) == 2 else None, name)
    if isinstance(data, IterableDataset) or not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        raise DataError(
            name,
            "must be a map-style data set, with __len__ and __getitem__",
            found=type(data).__name__,
            cause="a stream has no rows to split into training and test",
            do="x, y = ...; ll.fit((x, y))",
        )
    count = len(data)
    if not count:
        raise DataError(name, "must have at least one row", found="an empty data set")
    first = _item(data, 0, name)
    size = first[0].nbytes * count
    if size > MOST_BYTES:
        raise DataError(name, "must fit in memory (4 GB)", found=f"about {size / 2**30:.1f} GB in {count} rows")
    x = np.empty((count, *first[0].shape), first[0].dtype)
    ys = []
    for row in range(count):
        item, y = _item(data, row, name) if row else first
        if item.shape != first[0].shape:
            raise DataError(
                f"{name}, row {row}", f"must have the shape of row 0: {first[0].shape}", found=str(item.shape)
            )
        x[row] = item
        ys.append(y)
    labels = None if ys[0] is None else np.asarray(ys)
    names = getattr(data, "classes", ())
    named = names if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" else ()
    return from_pair(x, labels, name, [str(value) for value in named])


def _item(data: Any, row: int, name: str) -> tuple[np.ndarray, Any]:
    try:
        item = data[row]
    except Exception as error:
        raise DataError(f"{name}, row {row}", "must be readable", found=f"{type(error).__name__}: {error}") from error
    pair = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
    if isinstance(item, tuple | list) and len(item) != 2:
        raise DataError(f"{name}, row {row}", "must be (x, y)", found=f"{len(item)} parts")
    if isinstance(item, dict):
        raise DataError(f"{name}, row {row}", "must be (x, y)", found=f"a dict with {', '.join(map(str, item))}")
    x = to_numpy(pair[0], f"{name}, row {row}")
    y = None if pair[1] is None else to_numpy(pair[1], f"{name}, row {row}, y")
    return x, (y.item() if y is not None and y.ndim == 0 else y)
