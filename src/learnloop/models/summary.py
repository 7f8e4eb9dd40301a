"""What a network is made of: layers, shapes, parameters, multiply-adds, and the memory of a training step."""

from __future__ import annotations

import copy
import textwrap
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import zero_batch
from learnloop.models.count import Tally

NOTE = (
    "Counted: matrix products, convolutions, attention products, and one multiply-add a value in norms. "
    "Not counted: what is done value by value (activations, pooling, dropout, scaling), and look-ups."
)


@dataclass(frozen=True)
class Row:
    """One layer: every module without children, and any other that has weights or arithmetic of its own.

    parameters     weights that the layer itself owns (a shared tensor counts where it is met first)
    multiply_adds  in one forward pass of the whole batch; a backward pass costs about twice as much again
    bytes          of a training step: parameters x 4 x (2 + moments) + activations that it keeps for backward
    """

    name: str
    type: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    bytes: int


@dataclass(frozen=True)
class Summary:
    """The layer table and its sums.

    memory  bytes of weights, gradients, moments, activations, buffers, and their total
    """

    rows: tuple[Row, ...]
    batch: int
    parameters: int
    trainable: int
    multiply_adds: int
    memory: dict[str, int]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"rows": [asdict(row) | {"output": list(row.output)} for row in self.rows]}

    def text(self) -> str:
        """A table for the terminal."""
        head = ("layer", "type", "output", "parameters", "multiply-adds", "training memory")
        lines = [
            (
                row.name,
                row.type,
                _shape(row.output),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                size(row.bytes),
            )
            for row in self.rows
        ]
        total = (
            "total",
            "",
            "",
            f"{self.parameters:,}",
            f"{self.multiply_adds:,}",
            size(self.memory["total"]),
        )
        widths = [max(len(line[column]) for line in (head, *lines, total)) for column in range(len(head))]
        rule = "  ".join("-" * width for width in widths)
        shown = [
            _line(head, widths),
            rule,
            *(_line(line, widths) for line in lines),
            rule,
            _line(total, widths),
            "",
        ]
        frozen = self.parameters - self.trainable
        if frozen:
            shown.append(f"{frozen:,} of the parameters are frozen")
        parts = ", ".join(f"{name} {size(value)}" for name, value in self.memory.items() if name != "total")
        shown.append(f"memory of a training step at batch {self.batch}: {parts}")
        return "\n".join([*shown, *(textwrap.fill(note, 100) for note in self.notes)])


def summary(net: nn.Module, spec: InputSpec, batch: int = 1, *, moments: int = 2) -> Summary:
    """Run zeros through a copy of `net` and write down what happens; `net` itself stays as it was.

    batch    rows of the batch that shapes, multiply-adds and memory are given for
    moments  values that the optimiser keeps for each weight: 0 SGD, 1 with momentum, 2 Adam

    Memory of a training step in float32 = 4 bytes x trainable x (1 weights + 1 gradients + moments)
    + 4 x frozen + buffers + activations. Activations are measured, not estimated: the bytes of all distinct
    tensors (weights and buffers left out) that autograd keeps for the backward pass in training mode. The
    largest temporary of a single operation comes on top. bfloat16 about halves the activations.

    A network on the meta device has shapes and no values: the same table, without the arithmetic.
    """
    copied = copy.deepcopy(net)
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Training mode needs two rows: batch norm has no variance to offer for one.
        rows = max(batch, 2)
        with Tally(copied.train()) as kept:
            copied(*(tensor.to(device) for tensor in zero_batch(spec, rows)))
        # With gradients on, or attention would take a fused path that cannot be counted.
        with Tally(copied.eval()) as counted:
            copied(*(tensor.to(device) for tensor in zero_batch(spec, batch)))
    activations = {name: count * batch // rows for name, count in kept.saved.items()}
    table = _rows(copied, counted, activations, moments)
    parameters, trainable = _numbers(copied)
    weights = sum(_bytes(parameter) for parameter in copied.parameters())
    gradients = sum(_bytes(parameter) for parameter in copied.parameters() if parameter.requires_grad)
    memory = {
        "weights": weights,
        "gradients": gradients,
        "moments": moments * gradients,
        "activations": sum(activations.values()),
        "buffers": sum(_bytes(buffer) for buffer in copied.buffers()),
    }
    memory["total"] = sum(memory.values())
    notes = [NOTE]
    if counted.unknown:
        notes.append(f"Not counted either, though it is work: {', '.join(sorted(counted.unknown))}.")
    if any(not row.output for row in table):
        notes.append("A layer without an output shape is not called itself: its parent uses its weights, or nobody.")
    total = sum(counted.multiply_adds.values())
    return Summary(tuple(table), batch, parameters, trainable, total, memory, tuple(notes))


def _rows(net: nn.Module, counted: Tally, activations: dict[str, int], moments: int) -> list[Row]:
    """One row a module that has something to say, in the order of execution."""
    found: list[Row] = []
    met: set[int] = set()
    modules = dict(net.named_modules())
    ran = list(counted.shapes)
    for name in [*ran, *(name for name in modules if name not in counted.shapes)]:
        module = modules[name]
        own = [p for p in module.parameters(recurse=False) if id(p) not in met]
        met.update(id(p) for p in own)
        adds = counted.multiply_adds.get(name, 0)
        leaf = name in counted.shapes and not any(other.startswith(f"{name}.") for other in ran if name)
        if leaf or own or adds:
            fixed = sum(_bytes(p) * (2 + moments if p.requires_grad else 1) for p in own)
            found.append(
                Row(
                    name=name or "(whole)",
                    type=type(module).__name__,
                    output=counted.shapes.get(name, ()),
                    parameters=sum(p.numel() for p in own),
                    multiply_adds=adds,
                    bytes=fixed + activations.get(name, 0),
                )
            )
    return found


def _numbers(net: nn.Module) -> tuple[int, int]:
    counts: Counter[bool] = Counter()
    for parameter in net.parameters():
        counts[parameter.requires_grad] += parameter.numel()
    return counts[True] + counts[False], counts[True]


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def size(count: int) -> str:
    """`"61.7 kB"`: bytes in decimal units."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _shape(output: tuple[int, ...]) -> str:
    return " x ".join(str(count) for count in output) if output else "-"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(width) if k < 3 else cell.rjust(width) for k, (cell, width) in enumerate(zip(cells, widths))]
    return "  ".join(padded).rstrip()
