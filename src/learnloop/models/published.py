"""What the published networks share: class variables and fields, the input in front, a stem for small images, the
least size, a recipe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import describe
from learnloop.nn.inputs import ImageInput

Stem = Annotated[
    Literal["auto", "published", "small"],
    Field(description="first layers: published (for 224 px), small (they keep the size); auto: small under 64 px"),
]
Width = Annotated[float, Field(gt=0, le=8, description="factor on the published numbers of feature maps")]
SMALL_SIDE = 64
"""Images with a shorter side below this get the small stem."""

_TIMES = {3: "three", 4: "four", 5: "five"}
_REFERENCE_ROWS = 50_000
_FEWEST, _MOST = 10, 100


class PublishedConfig(Config):
    """What every published network of images declares; a family adds its fields, and each of its sizes sets the rest.

    name     its key in MODELS, for messages
    native   (channels, height, width) that it was published for
    classes  that it was published for: those of ImageNet
    """

    name: ClassVar[str]
    title: ClassVar[str]
    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    native: ClassVar[tuple[int, int, int]] = (3, 224, 224)
    classes: ClassVar[int] = 1000


def behind_input(spec: InputSpec, net: nn.Module) -> nn.Sequential:
    """y = net((x / 255 - mean) / std): [batch, c, h, w] of bytes -> [batch, outputs].

    `net` keeps the published names of its weights: `found.net.load_state_dict(...)` takes a checkpoint as it is.
    Weights that were trained elsewhere want the mean and std of their own images in `spec`.
    """
    return nn.Sequential(OrderedDict[str, nn.Module](input=ImageInput(spec.mean, spec.std), net=net))


def small_stem(stem: Stem, spec: InputSpec) -> bool:
    """Whether the first layers keep the size of the image."""
    return stem == "small" or (stem == "auto" and min(spec.shape[1:]) < SMALL_SIDE)


def require_side(name: str, least: int, spec: InputSpec, why: str, do: Sequence[str] = ()) -> None:
    """Refuse images on which `name` would halve maps of one pixel. Raises ModelError with the size that it needs."""
    if min(spec.shape[1:]) < least:
        raise ModelError(
            f"model {name!r}",
            f"needs images of at least {least} x {least}: {why}",
            found=f"the inputs are {describe(spec)}",
            cause="the architecture is too deep for pictures of this size",
            do=[f"--set data.image_size={least}", *do, "--model cnn"],
        )


def stem_that_fits(name: str, stem: Stem, spec: InputSpec, *, published: int, small: int) -> bool:
    """Whether `name` gets the small stem on these images. Raises ModelError where its layers would halve one pixel.

    published, small  layers that halve the maps, with either stem: a side of 2^layers is the least
    """
    chosen = small_stem(stem, spec)
    times, do = (small, ()) if chosen else (published, ("--set model.stem=small",))
    require_side(name, 2**times, spec, f"{_TIMES[times]} layers halve them", do)
    return chosen


def scaled(maps: int, width: float) -> int:
    """`width` times the published number of feature maps, at least 1."""
    return max(1, round(maps * width))


def sgd(
    rows: int, outputs: int, minutes: float | None, *, lr: float, weight_decay: float = 5e-4, passes: int = 30
) -> dict[str, Any]:
    """SGD with Nesterov momentum 0.9, a short warm-up, cosine to zero, label smoothing 0.1: training from scratch.

    lr      for a batch of 128; a smaller one gets a rate in proportion (Goyal et al. 2017, section 2.1)
    passes  over 50,000 rows; more over fewer, within 10 and 100

    Momentum and decay: Krizhevsky et al. 2012, section 5; He et al. 2016, section 3.4. Cosine, warm-up and
    smoothing: He et al. 2019, Bag of Tricks, sections 3.1 and 5.
    """
    batch = min(128 if rows >= 5000 else 32, max(rows, 1))
    values: dict[str, Any] = {
        "optimiser.name": "sgd",
        "optimiser.lr": lr * batch / 128,
        "optimiser.momentum": 0.9,
        "optimiser.nesterov": True,
        "optimiser.weight_decay": weight_decay,
        "schedule.name": "cosine",
        "schedule.warmup": 0.05,
        "train.batch_size": batch,
    }
    if outputs > 1:
        values["task.label_smoothing"] = 0.1
    if minutes is None:
        values["train.epochs"] = training_passes(rows, passes)
    return values


def training_passes(rows: int, passes: int) -> int:
    """`passes` over 50,000 rows, more over fewer rows: 10 to 100."""
    return min(max(round(passes * (_REFERENCE_ROWS / max(rows, 1)) ** 0.35), _FEWEST), _MOST)
