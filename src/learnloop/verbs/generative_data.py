"""From a draft to what networks that make data learn from: rows, labels or pairs, the split, the recipe, tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import Batch, InputSpec, X, Y
from learnloop.data.dataset import PARTS, Dataset
from learnloop.data.image_pairs import PicturePairs
from learnloop.data.split import Split
from learnloop.errors import RecipeError
from learnloop.models.generative.config import GenerativeConfig, Pairing
from learnloop.recipe.choose import Choice
from learnloop.recipe.draft import Draft
from learnloop.recipe.generative import (
    choose_generative,
    normal_classes,
    resolve_generative,
)
from learnloop.recipe.inputs import input_settings
from learnloop.recipe.recipe import GenerateSection
from learnloop.recipe.resolve import Resolved, need_data
from learnloop.seeds import numpy_stream
from learnloop.transforms.audio import AudioEncoder
from learnloop.transforms.images import ImageEncoder
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.series import SeriesEncoder
from learnloop.transforms.targets import ClassTarget
from learnloop.transforms.texts import TextEncoder
from learnloop.verbs.generative_reading import computed, found_of, labels_of, load_rows, pairs_of, sources_of
from learnloop.verbs.prepare import HELD_OUT, split_rows


@dataclass(frozen=True)
class GenerativePrepared:
    """Data on one side, recipe on the other.

    dataset  raw rows; of image to image the source pictures
    split    of its rows, those held out in a drawn order; with `generate.normal` training and validation hold normal
             classes alone
    encoder  of the inputs, fitted on the training part
    labels   what encodes the classes, None where none are known; classes: their names
    wanted   the pictures to make from those of `encoder.spec`; None where pictures are made by themselves
    tensors  part -> batch keys -> all rows: the inputs, and as Y the class where the network is told it, or uint8
             pictures of `wanted`
    aligned  whether row i of Y is what is wanted of row i of X; drawn independently in training all the same where
             `pairing` is "unpaired", which may have another number of rows in X and Y
    """

    dataset: Dataset
    split: Split
    encoder: InputEncoder
    labels: ClassTarget | None
    classes: tuple[str, ...]
    choice: Choice
    recipe: Resolved
    wanted: InputSpec | None
    tensors: dict[str, Batch]
    notes: tuple[str, ...]
    aligned: bool = False

    @property
    def spec(self) -> InputSpec:
        return self.encoder.spec

    @property
    def config(self) -> GenerativeConfig:
        """The network's, with the fields of the recipe."""
        return cast(GenerativeConfig, self.recipe.model)

    @property
    def generate(self) -> GenerateSection:
        return cast(GenerateSection, self.recipe.inputs["generate"])

    @property
    def task(self) -> str:
        """autoencode, gan or diffusion."""
        return self.choice.task

    @property
    def pairing(self) -> Pairing:
        """What the network learns from."""
        return self.config.pairing

    @property
    def labelled(self) -> bool:
        """Whether the network is told the class of each row."""
        return self.config.conditional

    @property
    def parts(self) -> list[str]:
        """The parts that have rows, in order."""
        return [name for name in PARTS if name in self.tensors]

    @property
    def last(self) -> str:
        """The part whose figures count: test where it was held out, else validation, else training."""
        return next(part for part in reversed(PARTS) if part in self.tensors)

    def part(self, name: str) -> Dataset:
        """The raw rows of one part."""
        return self.dataset.take(getattr(self.split, name))

    def codes(self, part: str) -> np.ndarray | None:
        """int64 [rows]: the class of each row, whether or not the network is told it; None where none is known."""
        return None if self.labels is None else self.labels.apply(self.part(part))

    def pictures(self, part: str) -> Tensor:
        """uint8 [n, channels, height, width] of the kind that the network makes, as it should make them."""
        return self.tensors[part][X if self.wanted is None else Y]


Look = Callable[[Dataset], None]


def prepare_generative(
    draft: Draft, *, known_split: Split | None = None, look: Look | None = None
) -> GenerativePrepared:
    """Read, choose, split, fit on the training part, resolve the recipe: a function of the data and the recipe.

    look  sees the dataset as it was read, and may refuse it
    Raises RecipeError, DataError, or ManyErrors: all mistakes at once.
    """
    need_data(draft)
    pairs = pairs_of(draft)
    dataset = load_rows(draft) if pairs is None else sources_of(pairs)
    if look is not None:
        look(dataset)
    dataset, labels = labels_of(draft, dataset)
    found = found_of(draft, dataset, labels, pairs)
    choice = choose_generative(draft, found)
    size = draft.get("data.image_size")
    if found.pairing != "none" and pairs is None:
        dataset, pairs = computed(draft, dataset, size)
        size = None
    seed = int(draft.get("seed", 0))
    normal = normal_classes(draft)
    split, draft = (known_split, draft) if known_split is not None else _split(dataset, draft, choice, seed)
    if normal and labels is not None and known_split is None:
        split = _normal_alone(split, dataset, labels, normal)
    train = dataset.take(split.train)
    encoder = InputEncoder(choice.numbers, size, input_settings(draft))  # type: ignore[arg-type]
    encoder.fit(train)
    _refuse_image_size(draft, encoder.spec)
    met = list(encoder.notes)
    tensors: dict[str, Batch] = {}
    conditional = cast(GenerativeConfig, choice.config).conditional
    for name in PARTS:
        rows = getattr(split, name)
        if len(rows):
            tensors[name] = _encoded(dataset.take(rows), encoder, labels if conditional else None)
            met += encoder.notes
    wanted = None
    if pairs is not None:
        wanted = _add_wanted(tensors, pairs, split, draft, choice, size=size, seed=seed)
    target = tuple(field.name for field in dataset.schema.targets)
    recipe = resolve_generative(draft, choice, found, encoder.spec, len(train), {"target": target})
    if "data.target" not in draft.values:
        told = f"inferred: {target[0]!r} holds classes" if target else "inferred: no column of classes"
        recipe = replace(recipe, origins={**recipe.origins, "data.target": told})
    remark = cast(GenerativeConfig, recipe.model).remark(encoder.spec)
    notes = (*dataset.notes, *met, *recipe.notes, *filter(None, [remark]))
    aligned = pairs is not None and pairs.paired
    return GenerativePrepared(
        dataset, split, encoder, labels, found.classes, choice, recipe, wanted, tensors,
        tuple(dict.fromkeys(notes)), aligned,
    )  # fmt: skip


# --- parts


def _split(dataset: Dataset, draft: Draft, choice: Choice, seed: int) -> tuple[Split, Draft]:
    """What is held out is in a drawn order: whoever looks at its first rows sees all of its classes."""
    split, draft = split_rows(dataset, draft, choice, seed)
    validation, test = (
        rows[numpy_stream(seed, "held out", part).permutation(len(rows))]
        for part, rows in (("validation", split.validation), ("test", split.test))
    )
    return replace(split, validation=validation, test=test), draft


def _normal_alone(split: Split, dataset: Dataset, labels: ClassTarget, normal: tuple[str, ...]) -> Split:
    """Training and validation rows of normal classes; the test part keeps all."""
    codes = labels.apply(dataset)
    kept = np.isin(codes, [[str(name) for name in labels.classes].index(text) for text in normal])
    if not kept[split.train].any():
        raise RecipeError(
            "generate.normal",
            "needs training rows of these classes",
            found=f"none of {', '.join(normal)} in {len(split.train):,} training rows",
            available=[str(name) for name in labels.classes],
        )
    how = f"{split.how} Trained and validated on {', '.join(normal)} alone; the test part holds every class."
    return Split(split.train[kept[split.train]], split.validation[kept[split.validation]], split.test, how)


def _encoded(rows: Dataset, encoder: InputEncoder, labels: ClassTarget | None) -> Batch:
    batch = {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in encoder.apply(rows).items()}
    if labels is not None:
        batch[Y] = torch.from_numpy(np.ascontiguousarray(labels.apply(rows)))
    return batch


def _add_wanted(
    tensors: dict[str, Batch],
    pairs: PicturePairs,
    split: Split,
    draft: Draft,
    choice: Choice,
    *,
    size: int | None,
    seed: int,
) -> InputSpec:
    """Y of every part, and what a network must know of these pictures. Two heaps have a split each."""
    if not pairs.paired:
        heap = sources_of(replace(pairs, source=pairs.wanted, source_part=pairs.wanted_part, notes=()))
        split, _ = _split(heap, draft, choice, seed)
    encoder = ImageEncoder("wanted", size)
    encoder.fit(pairs.wanted[split.train])
    for name in tensors:
        tensors[name][Y] = torch.from_numpy(encoder.pixels(pairs.wanted[getattr(split, name)]))
    return encoder.spec


def _refuse_image_size(draft: Draft, spec: InputSpec) -> None:
    if spec.kind != "image" and draft.get("data.image_size") is not None:
        raise RecipeError(draft.typed("data.image_size"), "is for images", found=f"a {spec.kind}", do="leave it out")


# --- words


def describe_generative(prepared: GenerativePrepared) -> list[str]:
    """What was inferred, in sentences, to be said before training starts."""
    recipe, origins = prepared.recipe, prepared.recipe.origins
    rows = ", ".join(f"{name} {len(prepared.tensors[name][X]):,}" for name in prepared.parts)
    way, cut = HELD_OUT.subn("", prepared.split.how)
    classes = f"; classes: {_listed(prepared.classes)}" if prepared.classes else ""
    if prepared.classes:
        classes += " (the network is told)" if prepared.labelled else " (only to measure by)"
    lines = [
        f"data: {prepared.dataset.name}: {len(prepared.dataset):,} rows; {_inputs(prepared)}{classes}",
        f"split: {rows}{',' if cut else ';'} {way.rstrip('.')}",
        f"task: {prepared.task} ({origins.get('task.name', '')})",
        f"model: {recipe.choice.model} ({origins.get('model.name', '')})",
    ]
    return [*lines, *(f"note: {note}" for note in prepared.notes)]


def _inputs(prepared: GenerativePrepared) -> str:
    spec, sole = prepared.spec, prepared.encoder.sole
    if spec.kind == "image":
        sides = [f"{h}x{w}x{c}" for c, h, w in (each.shape for each in (spec, prepared.wanted) if each is not None)]
        return f"images {' -> '.join(sides)}"
    if isinstance(sole, TextEncoder | SeriesEncoder | AudioEncoder):
        return sole.summary()
    numbers, categories = spec.numbers, len(spec.cardinalities)
    counts = [f"{numbers} number{'' if numbers == 1 else 's'}"] if numbers else []
    counts += [f"{categories} categor{'y' if categories == 1 else 'ies'}"] if categories else []
    return f"inputs: {' and '.join(counts)}"


def _listed(classes: tuple[str, ...]) -> str:
    most = 10
    return ", ".join(classes[:most]) + (f" and {len(classes) - most} more" if len(classes) > most else "")


def stem(prepared: GenerativePrepared) -> str:
    """For the name of the run folder."""
    name = Path(prepared.dataset.name).name.split(".")[0].replace(" ", "-") or "data"
    return f"{name}-{prepared.choice.model}"
