"""What the autoencoders share: the network of two halves, what they refuse, and settings that suit them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import batch_size, describe, epochs
from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.corruption import Corruption
from learnloop.nn.init import initialise
from learnloop.nn.reconstruction import LossName, Rows, rows_of

CODERS: dict[str, str] = {"image": "conv_autoencoder", "table": "deep_autoencoder", "series": "deep_autoencoder"}
"""The autoencoder to begin with, for each kind of input."""


class AutoencoderNet(nn.Module):
    """z = encoder(x), x' = decoder(z) + m, loss = error(x', x) + weight * penalty(z): x' is made from z alone.

    x     the inputs of the spec: pictures uint8 [n, c, h, w]; tables x [n, numbers] and x_cat; series x and length
    z     float32 [n, code_size]
    x'    `decode`: pictures in 0..1, tables and series in scaled units
    m     begins at the mean row
    corruption  in training the encoder sees x with noise, the loss compares with x without
    penalty     of the codes, by row, beside the error
    Rumelhart, Hinton and Williams 1986; Hinton and Salakhutdinov 2006, Reducing the Dimensionality of Data.
    """

    def __init__(
        self,
        rows: Rows,
        encoder: nn.Module,
        decoder: nn.Module,
        code_size: int,
        *,
        loss: LossName = "squared",
        corruption: Corruption | None = None,
        penalty: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.rows = rows
        self.encoder = encoder
        self.decoder = decoder
        self.code_size = code_size
        self.middle = nn.Parameter(rows.middle(None))  # [outputs]
        self.loss_name: LossName = loss
        self.corruption = corruption
        self.penalty = penalty

    def start_from(self, batch: Batch) -> None:
        """Begin at the mean row of the training part: no step is spent on what all rows have in common."""
        with torch.no_grad():
            self.middle.copy_(self.rows.middle(batch))

    def encode(self, *inputs: Tensor) -> Tensor:
        return self.encoder(self.rows.seen(self.rows.read(*inputs))).float()  # [n, code_size]

    def decode(self, codes: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.values(self._raw(codes))

    def corrupt(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The batch as a denoising network sees it in training, in the units of `decode`; as it is for the others."""
        rows = self.rows.read(*inputs)
        return rows if self.corruption is None else self.corruption(rows)

    def terms(self, *inputs: Tensor, label: Tensor | None = None) -> Mapping[str, Tensor]:
        """loss, reconstruction and, where there is one, penalty; in evaluation also what `Rows.scores` says."""
        rows = self.rows.read(*inputs)
        shown = self.corruption(rows) if self.training and self.corruption is not None else rows
        codes = self.encoder(self.rows.seen(shown))
        raw = self._raw(codes)
        reconstruction = self.rows.error(raw, rows, self.loss_name)
        if self.penalty is None:
            found = {"loss": reconstruction, "reconstruction": reconstruction}
        else:
            penalty = self.penalty(codes.float())
            found = {"loss": reconstruction + penalty, "reconstruction": reconstruction, "penalty": penalty}
        return found if self.training else {**found, **self.rows.scores(raw, rows)}

    def forward(self, *inputs: Tensor, label: Tensor | None = None) -> Mapping[str, Tensor]:
        return self.terms(*inputs, label=label)

    def _raw(self, codes: Tensor) -> Tensor:
        return self.decoder(codes).flatten(1) + self.middle  # [n, outputs]


def dense(
    width: int, hidden: Sequence[int], outputs: int, activation: str, *, flatten: bool = False, bias: bool = True
) -> nn.Sequential:
    """h_l = f(W_l h_(l-1) + b_l), y = W h (+ b): [n, width] -> [n, outputs]; flatten: from pictures [n, c, h, w]."""
    parts = OrderedDict[str, nn.Module](flatten=nn.Flatten()) if flatten else OrderedDict[str, nn.Module]()
    for number, size in enumerate(hidden, start=1):
        parts[f"linear{number}"] = nn.Linear(width, size)
        initialise(parts[f"linear{number}"], "auto", activation)
        parts[f"{activation}{number}"] = ACTIVATIONS[activation]()
        width = size
    parts["output"] = nn.Linear(width, outputs, bias=bias)
    initialise(parts["output"], "auto", "identity")
    return nn.Sequential(parts)


def dense_halves(
    spec: InputSpec, rows: Rows, widths: Sequence[int], code: int, activation: str, *, heads: int = 1, told: int = 0
) -> tuple[nn.Module, nn.Module]:
    """Encoder to `heads` numbers a code, decoder from a code and `told` numbers more, both of dense layers."""
    width = rows.outputs if spec.kind == "image" else int(rows.width)  # type: ignore[arg-type]
    encoder = dense(width, widths, heads * code, activation, flatten=spec.kind == "image")
    return encoder, dense(code + told, tuple(reversed(widths)), rows.outputs, activation, bias=False)


def require_rows(name: str, inputs: frozenset[str], spec: InputSpec) -> Rows:
    """The rows of `spec`. Raises ModelError for kinds that model `name` does not take, and for rows without numbers."""
    if spec.kind not in inputs:
        fitting = CODERS.get(spec.kind)
        raise ModelError(
            f"model {name!r}",
            f"takes {' or '.join(sorted(_MANY[kind] for kind in inputs))}",
            found=f"the inputs are {describe(spec)}",
            do=f"--model {fitting}" if fitting else (),
            available=() if fitting is None else (fitting,),
        )
    empty = {
        "image": min(spec.shape) < 1,
        "table": spec.numbers + len(spec.cardinalities) == 0,
        "series": spec.numbers < 1,
    }
    if empty[spec.kind]:
        raise ModelError(f"model {name!r}", "needs at least one input", found=f"the inputs are {describe(spec)}")
    return rows_of(spec)


_MANY = {"image": "images", "table": "tables", "series": "series"}


def numbers_of(spec: InputSpec) -> int:
    """Numbers of a row: pixels, columns, steps times features."""
    if spec.kind == "image":
        channels, height, width = spec.shape
        return channels * height * width
    if spec.kind == "series":
        return max(spec.length, 1) * spec.numbers
    return spec.numbers + len(spec.cardinalities)


def narrow(spec: InputSpec, most: int) -> int:
    """Numbers of a code: a quarter of those of a row, between 1 and `most`."""
    return min(max(numbers_of(spec) // 4, 1), most)


def code_remark(name: str, code: int, spec: InputSpec) -> str:
    """A sentence where a code is no smaller than what it stands for, or a series may be cut; else empty."""
    said = [cut_remark(spec)]
    if code >= numbers_of(spec):
        said.append(
            f"The code of {name} has {code} numbers and a row {numbers_of(spec)}: it may learn to copy. "
            f"--set model.code={narrow(spec, 32)} makes it choose"
        )
    return ". ".join(part for part in said if part)


def cut_remark(spec: InputSpec) -> str:
    """What is read of a series; empty for other rows."""
    if spec.kind != "series":
        return ""
    return f"Of each series the first {spec.length} steps are read, as many as the longest training row has"


def suggestions(
    rows: int,
    minutes: float | None,
    *,
    lr: float,
    steps: int,
    least: int,
    batch: int,
    more: Mapping[str, Any],
    given: set[str],
) -> dict[str, Any]:
    """Adam, one cycle; `steps` steps or `least` passes where no time is given. more: "model." keys, without `given`."""
    size = min(batch_size(rows), batch)
    values: dict[str, Any] = {
        "optimiser.name": "adam",
        "optimiser.lr": lr,
        "schedule.name": "one_cycle",
        "train.batch_size": size,
        **{f"model.{name}": value for name, value in more.items() if name not in given},
    }
    if minutes is None:
        values["train.epochs"] = epochs(rows, size, steps, least)
    return values


def best_label(bound: Callable[[Tensor], Tensor], rows: int, classes: int, device: torch.device) -> Tensor:
    """int64 [rows]: for each row the class under which `bound` (label -> [rows], in nats) is smallest."""
    each = [bound(torch.full((rows,), label, device=device)) for label in range(classes)]
    return torch.stack(each, 1).argmin(1)  # [rows]
