"""What every model config offers, and what several share: fitting inputs, batch size and epochs by rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from learnloop.contracts import UNKNOWN, InputSpec
from learnloop.errors import ModelError
from learnloop.nn.inputs import ImageInput, Joined, TableInput

FITTING: dict[str, tuple[str, ...]] = {
    "table": ("tabular", "mlp", "linear", "perceptron"),
    "image": (
        *("cnn", "cnn3", "fastnet", "mini_resnet", "lenet5"),
        *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
        *("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3"),
        *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "alexnet"),
        *("mlp", "linear", "perceptron"),
    ),
    "text": ("blend", "bow", "lstm", "gru", "textcnn", "transformer", "rnn", "hf"),
    "series": ("lstm", "gru", "textcnn", "transformer", "rnn"),
    "pairs": ("translator", "seq2seq"),
    "transcript": ("ctc",),
}
"""Names of the models for each kind of input, the default first (a test holds this against MODELS)."""

_PLURAL = {"series": "series", "pairs": "pairs of texts", "transcript": "recordings"}


class ModelConfig(Protocol):
    """The declaration of a network: a frozen `learnloop.config.Config` with these members.

    inputs   the kinds of input that it takes, of "table", "image", "text" and "series"
    title    one line for lists
    numbers  the number transform that it likes: "standard", "quantile", "robust" or "none"
    rule     how it learns: "gradient", or "perceptron" (w += lr (y - y_hat) x)

    One whose best weights a few rows choose well enough says how many, `enough`: fewer are then held out from training.

    A published network also says `native`, the (channels, height, width) that it was published for, and `classes`;
    it can be built on the meta device.
    """

    inputs: ClassVar[frozenset[str]]
    title: ClassVar[str]
    numbers: ClassVar[str]
    rule: ClassVar[str]

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        """A network with weights drawn from torch's global generator; ModelError if `spec` does not fit."""
        ...

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Recipe values (dotted keys) that suit this model for `rows` training rows."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self: ...

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]: ...


def require(name: str, inputs: frozenset[str], spec: InputSpec, outputs: int) -> None:
    """Refuse an input kind that model `name` does not take, an empty input, and fewer than one output."""
    if spec.kind not in inputs:
        fitting = FITTING.get(spec.kind, ())
        raise ModelError(
            f"model {name!r}",
            f"takes {' or '.join(sorted(_PLURAL.get(kind, f'{kind}s') for kind in inputs))}",
            found=f"the inputs are {describe(spec)}",
            do=f"--model {fitting[0]}" if fitting else (),
            available=fitting,
        )
    if (spec.kind == "table" and spec.numbers + len(spec.cardinalities) == 0) or (
        (spec.kind == "image" and min(spec.shape) < 1)
        or (spec.kind == "text" and spec.vocabulary < 1)
        or (spec.kind == "series" and spec.numbers < 1)
    ):
        raise ModelError(f"model {name!r}", "needs at least one input", found=f"the inputs are {describe(spec)}")
    if outputs < 1:
        raise ModelError(f"model {name!r}", "needs at least one output", found=f"outputs = {outputs}")


def describe(spec: InputSpec) -> str:
    """`"a table of 3 numbers and 2 categories"` or `"images of 3 x 32 x 32"`."""
    if spec.kind == "image":
        return f"images of {' x '.join(str(size) for size in spec.shape)} (channels x height x width)"
    if spec.kind == "text":
        return f"texts of {spec.vocabulary:,} different tokens"
    if spec.kind == "series":
        return f"series of {spec.numbers} number{'' if spec.numbers == 1 else 's'} a step"
    return f"a table of {spec.numbers} numbers and {len(spec.cardinalities)} categories"


def dense_network(
    spec: InputSpec,
    stack: Callable[[int], OrderedDict[str, nn.Module]],
    *,
    embed_above: int | None = 16,
) -> nn.Module:
    """Put the right input in front of `stack(width)`: nothing at all for plain numbers, so that it costs
    nothing.

    Images: ImageInput, then [batch, c, h, w] -> [batch, c h w]. Categories: TableInput, `forward(x, x_cat)`.
    """
    if spec.kind == "image":
        channels, height, width = spec.shape
        front = OrderedDict[str, nn.Module](input=ImageInput(spec.mean, spec.std), flatten=nn.Flatten())
        return nn.Sequential(front | stack(channels * height * width))
    if not spec.cardinalities:
        return nn.Sequential(stack(spec.numbers))
    joined = TableInput(spec.numbers, spec.cardinalities, embed_above)
    return Joined(joined, nn.Sequential(stack(joined.width)))


def batch_size(rows: int) -> int:
    """All rows up to 64; else the power of two below rows / 128, kept within 32 and 1024."""
    if rows <= 64:
        return max(rows, 1)
    return min(max(1 << max((rows // 128).bit_length() - 1, 0), 32), 1024)


def epochs(rows: int, batch: int, steps: int, least: int, most: int = 1000) -> int:
    """As many passes as make about `steps` steps, between `least` (fewer for millions of rows) and `most`."""
    per_pass = max(1, -(-rows // batch))
    floor = max(3, min(least, 2_000_000 // max(rows, 1)))
    return min(max(round(steps / per_pass), floor), most)


def adamw(
    rows: int,
    minutes: float | None,
    *,
    lr: float,
    steps: int,
    least: int,
    batch: int | None = None,
    weight_decay: float = 0.01,
) -> dict[str, Any]:
    """AdamW with a one-cycle schedule; early stopping where a validation part is large enough to judge by.

    With `minutes` the clock sets the length and the schedule ends at 0: no epochs, no early stopping.
    Up to 64 rows (AND, OR, XOR) a step sees all rows; it may then be ten times as long, and nothing decays.
    """
    tiny = rows <= 64
    size = batch_size(rows) if batch is None or tiny else min(batch, rows)
    values: dict[str, Any] = {
        "optimiser.name": "adamw",
        "optimiser.lr": min(10 * lr, 0.02) if tiny else lr,
        "optimiser.weight_decay": 0.0 if tiny else weight_decay,
        "schedule.name": "one_cycle",
        "train.batch_size": size,
    }
    if minutes is None:
        values["train.epochs"] = epochs(rows, size, steps, least)
        # In evaluations, of which a run has 20 to 50: a one-cycle schedule needs its long middle forgiven.
        values["train.patience"] = 15 if rows >= 200 else None
    return values


def augmentation(spec: InputSpec, *, fill: str = "reflect") -> dict[str, Any]:
    """Images mirrored in every second pass and moved by up to 1/14 of their side (2 pixels of 28 and of 32).

    Under 20 pixels they stay as they are: a digit of 8x8 does not survive a moved pixel (99.5 % became 98.3 %). Where
    mirroring would change labels the recipe leaves it out: models do not know the names of classes.
    """
    side = min(spec.shape[1:])
    if side < 20:
        return {}
    return {"augment.flip": "alternate", "augment.crop": side // 14, "augment.fill": fill}


def zero_batch(spec: InputSpec, rows: int) -> list[Tensor]:
    """A batch of zeros in the form that sources give (texts of unknown words): the arguments of `forward`."""
    if spec.kind == "image":
        return [torch.zeros(rows, *spec.shape, dtype=torch.uint8)]  # [rows, channels, height, width]
    if spec.kind == "text":
        return [torch.full((rows, max(spec.length, 1)), UNKNOWN, dtype=torch.int32)]  # [rows, time]
    if spec.kind == "series":
        time = max(spec.length, 1)
        return [torch.zeros(rows, time, spec.numbers), torch.full((rows,), time)]  # [rows, time, features], [rows]
    batch = [torch.zeros(rows, spec.numbers)]  # [rows, numbers]
    if spec.cardinalities:
        batch.append(torch.zeros(rows, len(spec.cardinalities), dtype=torch.int64))  # [rows, categories]
    return batch
