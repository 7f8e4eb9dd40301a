"""Counting what a network does while it runs: multiply-adds, shapes, tensors kept for backward, by layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


def _mm(a: tuple[Any, ...], out: Any) -> int:
    """[m, k] @ [k, n]: m k n."""
    return math.prod(a[0].shape) * a[1].shape[-1]


def _addmm(a: tuple[Any, ...], out: Any) -> int:
    """c + [m, k] @ [k, n], also with a leading batch axis."""
    return math.prod(a[1].shape) * a[2].shape[-1]


def _linear(a: tuple[Any, ...], out: Any) -> int:
    """[..., k] @ [n, k]^T."""
    return math.prod(a[0].shape) * a[1].shape[0]


def _convolution(a: tuple[Any, ...], out: Any) -> int:
    """Each output value (input value, if transposed) meets the channels of its group x the filter."""
    weight, transposed = a[1], a[6]
    return int(math.prod((a[0] if transposed else out).shape)) * math.prod(weight.shape[1:])


def _norm(a: tuple[Any, ...], out: Any) -> int:
    """Scale and shift: one multiply-add a value."""
    return math.prod(a[0].shape)


def _attention(a: tuple[Any, ...], out: Any) -> int:
    """Q K^T and its product with V: q [b, h, s, e], k [b, h, t, e], v [b, h, t, f]."""
    q, k, v = a[0], a[1], a[2]
    return math.prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1])


COUNTERS: dict[str, Callable[[tuple[Any, ...], Any], int]] = {
    "mm": _mm,
    "mv": lambda a, out: math.prod(a[0].shape),
    "dot": lambda a, out: math.prod(a[0].shape),
    "bmm": _mm,
    "addmm": _addmm,
    "baddbmm": _addmm,
    "addmv": lambda a, out: math.prod(a[1].shape),
    "linear": _linear,
    "_addmm_activation": _addmm,
    "mkldnn_linear": _linear,
    "convolution": _convolution,
    "native_batch_norm": _norm,
    "cudnn_batch_norm": _norm,
    "_native_batch_norm_legit": _norm,
    "_batch_norm_with_update": _norm,
    "native_layer_norm": _norm,
    "native_group_norm": _norm,
    "_fused_rms_norm": _norm,
}
"""Multiply-adds of torch's operations, by their name in `aten`."""

WORK = ("rnn", "lstm", "gru", "fft", "conv", "mm", "linalg", "cdist", "attention")
"""Names with one of these in them are work; what of it COUNTERS lacks is reported as not counted."""


class Tally(TorchDispatchMode):
    """While it is open, every operation of `net` is booked on the innermost module that runs.

    shapes         module name -> shape of its (first) output tensor, in the order in which modules end
    multiply_adds  module name -> multiply-adds, bytes kept for backward in `saved` likewise
    unknown        names of operations that are work and could not be counted
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.multiply_adds: dict[str, int] = {}
        self.saved: dict[str, int] = {}
        self.unknown: set[str] = set()
        self._running: list[str] = [""]
        self._fixed = {_place(t) for t in (*net.parameters(), *net.buffers())}
        self._kept: dict[tuple[int, int], Tensor] = {}
        self._handles: list[Any] = []
        self._packing = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: nothing compiles here, and asking for it would import torch._dynamo, 2.5 s of work."""
        return False

    def __enter__(self) -> Tally:
        for name, module in self.net.named_modules():
            self._handles.append(module.register_forward_pre_hook(self._before(name)))
            self._handles.append(module.register_forward_hook(self._after(name)))
        self._packing.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._packing.__exit__(*error)
        for handle in self._handles:
            handle.remove()
        self._kept.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        counter = _attention if name.startswith("_scaled_dot_product") else COUNTERS.get(name)
        if counter is not None:
            where = self._running[-1]
            self.multiply_adds[where] = self.multiply_adds.get(where, 0) + counter(args, out)
        elif any(word in name for word in WORK):
            self.unknown.add(name)
        return out

    def _before(self, name: str) -> Callable[..., None]:
        return lambda module, inputs: self._running.append(name)

    def _after(self, name: str) -> Callable[..., None]:
        def after(module: nn.Module, inputs: Any, output: Any) -> None:
            self._running.pop()
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            if isinstance(first, Tensor):
                self.shapes[name] = tuple(first.shape)

        return after

    def _pack(self, tensor: Tensor) -> Tensor:
        """Called by autograd for each tensor it keeps. Held here too, so that no address is used twice."""
        place = _place(tensor)
        if place not in self._fixed and place not in self._kept:
            self._kept[place] = tensor
            where = self._running[-1]
            self.saved[where] = self.saved.get(where, 0) + tensor.untyped_storage().nbytes()
        return tensor


def _place(tensor: Tensor) -> tuple[int, int]:
    """Equal for tensors that share memory. On the meta device nothing has an address, but storages are objects."""
    storage = tensor.untyped_storage()
    return storage._cdata if tensor.is_meta else storage.data_ptr(), storage.nbytes()
