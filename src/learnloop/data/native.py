"""NumPy has more types than pandas and torch: the same values in one that both know, or a refusal."""

from __future__ import annotations

import numpy as np

from learnloop.errors import DataError


def native(array: np.ndarray, where: str) -> np.ndarray:
    """Numbers in the machine's byte order and in at most 64 bits, bytes as text; everything else as it is.

    Raises DataError for complex numbers and for records, of which nobody can say which number is meant.
    """
    kind = array.dtype.kind
    if kind == "c":
        found, do = "complex numbers", "x = np.c_[x.real, x.imag]"
        raise DataError(where, "must hold real numbers", found=found, do=do)
    if kind == "V":
        names = array.dtype.names
        raise DataError(
            where,
            "must hold numbers or text",
            found=f"records with the fields {', '.join(names)}" if names else "raw bytes without a type",
            do="pd.DataFrame(array)   # one column a field" if names else (),
        )
    if kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
