"""Nested state <-> one safetensors file. Tensors and arrays become tensors, the rest JSON in the file's metadata.

{"step": 7, "net": {"weight": Tensor}} is kept as the tensor "net/weight" and the JSON
{"step": 7, "net": {"weight": {"$tensor": "net/weight"}}}.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from learnloop.contracts import State

_TENSOR, _ARRAY, _TUPLE = "$tensor", "$array", "$tuple"


def pack(state: State) -> bytes:
    """The bytes of a safetensors file that holds `state`."""
    tensors: dict[str, Tensor] = {}
    skeleton = _strip(state, "", tensors)
    return save(tensors, metadata={"state": json.dumps(skeleton, allow_nan=True)})


def unpack(path: str, device: str = "cpu") -> State:
    """The state that `pack` wrote into the file `path`. Raises ValueError when it is not such a file."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            skeleton = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return _fill(skeleton, tensors)


def _strip(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        # A copy: safetensors refuses tensors that share memory, and channels_last ones are not contiguous.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {_TENSOR: name}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OUS":
            return {_ARRAY: None, "values": value.astype(str).tolist()}
        tensors[name] = torch.from_numpy(np.ascontiguousarray(value)).clone().reshape(value.shape)
        return {_ARRAY: name}
    if isinstance(value, dict):
        return {str(key): _strip(item, f"{name}/{key}" if name else str(key), tensors) for key, item in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_strip(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]}
    if isinstance(value, list):
        return [_strip(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"state {name!r} holds a {type(value).__name__}; only tensors, arrays and JSON values can be saved")


def _fill(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        if _ARRAY in value:
            return np.array(value["values"]) if value[_ARRAY] is None else tensors[value[_ARRAY]].numpy()
        if _TUPLE in value:
            return tuple(_fill(item, tensors) for item in value[_TUPLE])
        return {key: _fill(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, tensors) for item in value]
    return value
