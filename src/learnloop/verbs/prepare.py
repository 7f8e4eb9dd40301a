"""From a draft to everything that training needs: data, split, fitted transforms, the resolved recipe, tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from learnloop.config import Config
from learnloop.contracts import LENGTH, TOKENS, WEIGHT, X_CAT, Batch, InputSpec, X, Y
from learnloop.data.dataset import PARTS, Dataset
from learnloop.data.folders import FILE
from learnloop.data.infer import set_task
from learnloop.data.progress import silent
from learnloop.data.read import read
from learnloop.data.schema import Field
from learnloop.data.split import Split, split
from learnloop.errors import RecipeError
from learnloop.models.pairs import PAIRS
from learnloop.models.pretrained import Pretrained
from learnloop.recipe.choose import Choice, choose
from learnloop.recipe.draft import Draft, Given
from learnloop.recipe.inputs import input_settings, refuse_unused
from learnloop.recipe.resolve import Resolved, need_data, resolve
from learnloop.tasks.table import TargetKind, outputs_of
from learnloop.tasks.transcribe import need_frames
from learnloop.transforms.audio import AudioEncoder
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.series import SeriesEncoder
from learnloop.transforms.table import TARGETS
from learnloop.transforms.texts import TextEncoder
from learnloop.transforms.textual import TextTarget, source_config
from learnloop.verbs.brought import with_brought
from learnloop.verbs.pretrained import with_weights

ENOUGH_TO_CHOOSE_BY = 5000
"""Rows of a validation part: its figures are then good to about half a point; more of them are better trained on."""
TOO_FEW_TO_SPLIT = 20
"""Below this many rows nothing is held out: every figure is then about rows that were trained on, and is called so."""

MOST_ASIDE = 5
RAW_ANSWERS = ("numbers", "text", "transcript", "steps")
"""Kinds of target that are measured as they are, in the user's units or letters."""
MOST_IMPUTED = 3
HELD_OUT = re.compile(r"^\d+ rows were held out as the test part and \d+ for validation, ")
"""The counts that a split's sentence begins with."""

TEXTUAL = ("text", "transcript")
"""Kinds of target that are texts."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Data on one side, recipe on the other, fitted together. `tensors`: part -> batch keys -> all rows."""

    dataset: Dataset
    split: Split
    encoder: InputEncoder
    target: Any
    choice: Choice
    recipe: Resolved
    outputs: int
    tensors: dict[str, Batch]
    notes: tuple[str, ...]
    pretrained: Pretrained | None = None

    @property
    def spec(self) -> InputSpec:
        return self.encoder.spec

    @property
    def target_kind(self) -> TargetKind:
        return self.choice.target  # type: ignore[return-value]

    @property
    def names(self) -> list[str]:
        """Classes, labels or targets, as text."""
        return [str(name) for name in getattr(self.target, "classes", self.target.names)]

    def part(self, name: str) -> Dataset:
        """The raw rows of one part."""
        return self.dataset.take(getattr(self.split, name))

    @property
    def parts(self) -> list[str]:
        """The parts that have rows, in order."""
        return [name for name in PARTS if len(getattr(self.split, name))]


def prepare(
    draft: Draft, *, known_split: Split | None = None, look: Callable[[Dataset], None] | None = None
) -> Prepared:
    """Read, choose, split, fit the transforms on the training part, resolve the recipe.

    Everything here is a function of the data and the recipe: a resumed run does it again and gets the same.
    look: sees the dataset as it was read, and may refuse it.
    """
    dataset = load_data(draft)
    if look is not None:
        look(dataset)
    draft, pretrained = with_weights(with_brought(draft))
    choice = choose(draft, dataset)
    dataset = set_task(dataset, choice.task)  # type: ignore[arg-type]
    seed = int(draft.get("seed", 0))
    parts, draft = (known_split, draft) if known_split is not None else split_rows(dataset, draft, choice, seed)
    train = dataset.take(parts.train)
    settings = input_settings(draft)
    if choice.kind == PAIRS:
        settings["text"] = source_config(
            settings["text"], draft.section("text"), train, str(draft.get("target.tokens", "auto"))
        )
    encoder = InputEncoder(choice.numbers, draft.get("data.image_size"), settings)  # type: ignore[arg-type]
    encoder.fit(train)
    _refuse_image_size(draft, encoder.spec)
    met = list(encoder.notes)  # `apply` begins its notes anew
    target = _target(choice.target, settings)
    target.fit(train)
    inputs = _used(encoder, target, settings)
    refuse_unused(draft, inputs, _kind(encoder.spec))
    outputs = outputs_of(choice.target, choice.loss, target.outputs, choice.config.rule)  # type: ignore[arg-type]
    recipe = resolve(draft, dataset, encoder.spec, outputs, len(train), choice=choice, inputs=inputs)
    tensors = {}
    for name in PARTS:
        rows = getattr(parts, name)
        if len(rows):
            tensors[name] = encode(dataset.take(rows), encoder, target)
            met += encoder.notes
        if name in tensors and choice.target == "transcript":
            need_frames(recipe.model, tensors[name], name)
    remark = recipe.model.remark(encoder.spec) if hasattr(recipe.model, "remark") else ""
    notes = (*dataset.notes, *met, *getattr(target, "notes", ()), *recipe.notes, *filter(None, [remark]))
    kept = tuple(dict.fromkeys(notes))
    return Prepared(dataset, parts, encoder, target, choice, recipe, outputs, tensors, kept, pretrained)


def _kind(spec: InputSpec) -> str:
    """What the inputs are, for a message."""
    return {"table": "a table", "series": "series"}.get(spec.kind, f"{spec.kind}s")


def _refuse_image_size(draft: Draft, spec: InputSpec) -> None:
    found = _kind(spec)
    if spec.kind != "image" and draft.get("data.image_size") is not None:
        where = draft.typed("data.image_size")
        raise RecipeError(where, "is for images", found=found, do="leave it out")
    if spec.kind != "image" and draft.get("report.views", "none") != "none":
        raise RecipeError(draft.typed("report.views"), "is for images", found=found, do="leave it out")


def _target(kind: str, settings: Mapping[str, Config]) -> Any:
    """What encodes the targets; texts as their section of the recipe says."""
    if kind in TEXTUAL:
        return TARGETS[kind](settings["target"])  # type: ignore[call-arg, arg-type]
    return TARGETS[kind]()


def _used(encoder: InputEncoder, target: Any, settings: Mapping[str, Config]) -> dict[str, Config]:
    """The sections that inputs and answers are made with, as fitting filled them in."""
    found = {}
    for part in (encoder.sole, target):
        config = getattr(part, "config", None)
        found.update({name: config for name, asked in settings.items() if type(config) is type(asked)})
    if isinstance(target, TextTarget) and "decode" in settings:
        found["decode"] = settings["decode"]
    return found  # type: ignore[return-value]


def load_data(draft: Draft) -> Dataset:
    """The dataset that the draft names, or the object that was handed over."""
    need_data(draft)
    with silent(draft.get("watch.progress", "auto") == "off"):
        return read(
            draft.objects.get("data", draft.get("data.path")),
            target=draft.get("data.target"),
            columns=draft.get("data.columns", {}),
            ignore=draft.get("data.ignore", ()),
            group=draft.get("data.group"),
            time=draft.get("data.time"),
            series=draft.get("data.series", "auto"),
            series_target=draft.get("data.series_target", "auto"),
            weight=draft.get("data.weight"),
            task=None if draft.get("task.name", "auto") == "auto" else draft.get("task.name"),
            corrupt=draft.get("data.corrupt", "refuse"),
            image_size=draft.get("data.image_size"),
            download=bool(draft.get("data.download", False)),
        )


def encode(data: Dataset, encoder: InputEncoder, target: Any) -> Batch:
    """Inputs and targets of one part as tensors: x, x_cat, y, weight."""
    arrays = encoder.apply(data)
    batch = {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in arrays.items()}
    batch[Y] = torch.from_numpy(np.ascontiguousarray(target.apply(data)))
    weights = data.schema.of("weight")
    if weights:
        batch[WEIGHT] = torch.from_numpy(data.frame[weights[0].name].to_numpy(np.float32))
    return batch


def split_rows(dataset: Dataset, draft: Draft, choice: Choice, seed: int) -> tuple[Split, Draft]:
    """The parts, and the draft with the share of validation where it was found."""
    rows = len(dataset)
    if rows < TOO_FEW_TO_SPLIT and dataset.part is None:
        everything, nothing = np.arange(rows), np.zeros(0, np.int64)
        how = f"all {rows} rows are trained on: too few to hold any out, so all figures are about rows seen in training"
        return Split(everything, nothing, nothing, how), draft
    share = draft.get("data.validation")
    if share is None:
        enough = int(getattr(choice.config, "enough", ENOUGH_TO_CHOOSE_BY))
        share = min(0.15, enough / rows)
        if share < 0.15:
            given = Given(share, f"inferred: {enough} rows are enough to choose by", "data.validation")
            draft = replace(draft, values={**draft.values, "data.validation": given})
    test = draft.get("data.test", 0.2)
    return split(dataset, validation=float(share), test=float(test), seed=seed), draft


def describe(prepared: Prepared) -> list[str]:
    """What was inferred, in sentences, to be said before training starts."""
    recipe, spec = prepared.recipe, prepared.spec
    rows = ", ".join(f"{name} {len(getattr(prepared.split, name)):,}" for name in prepared.parts)
    way, cut = HELD_OUT.subn("", prepared.split.how)
    way = f"{',' if cut else ';'} {way.rstrip('.')}"
    if spec.kind == "image":
        channels, height, width = spec.shape
        inputs = f"images {height}x{width}x{channels}"
    elif isinstance(prepared.encoder.sole, TextEncoder | SeriesEncoder | AudioEncoder):
        inputs = prepared.encoder.sole.summary()
    else:
        counts = ((spec.numbers, "number", "numbers"), (len(spec.cardinalities), "category", "categories"))
        inputs = " and ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)
    targets = ", ".join(field.name for field in prepared.dataset.schema.targets)
    lines = [
        f"data: {prepared.dataset.name}: {len(prepared.dataset):,} rows; inputs: {inputs}",
        f"split: {rows}{way}",
        f"task: {recipe.choice.task} {targets} ({prepared.recipe.origins.get('task.name', '')})",
        f"model: {recipe.choice.model} ({prepared.recipe.origins.get('model.name', '')})",
    ]
    if prepared.pretrained is not None:
        lines.append(f"weights: {prepared.pretrained.name}, transfer.mode={recipe.transfer.mode}")
    if recipe.augment.on:
        lines.append(f"augment: {recipe.augment.line()} ({recipe.origins['augment.name']})")
    aside = [f"{field.name}: {field.why}" for field in prepared.dataset.schema.fields if _set_aside(field)]
    if aside:
        more = f" (and {len(aside) - MOST_ASIDE} more: learnloop inspect)" if len(aside) > MOST_ASIDE else ""
        lines.append(f"not learnt from: {' '.join(aside[:MOST_ASIDE])}{more}")
    return lines + _imputed(prepared) + [f"note: {note}" for note in prepared.notes]


def _imputed(prepared: Prepared) -> list[str]:
    """One line about missing numbers, of which the network sees the median; the columns with most of them by name."""
    rows = prepared.dataset.frame
    gaps = sorted(((int(rows[name].isna().sum()), name) for name in prepared.encoder.imputed), key=lambda gap: -gap[0])
    if not gaps:
        return []
    named = ", ".join(f"{name} {count:,}" for count, name in gaps[:MOST_IMPUTED])
    rest = len(gaps) - MOST_IMPUTED
    more = f" (and {rest} more column{'' if rest == 1 else 's'}: learnloop inspect)" if rest > 0 else ""
    each = "an indicator" if len(gaps) == 1 else "an indicator each"
    return [f"missing: {named} of {len(rows):,} rows{more}: imputed by the median of the training part, with {each}"]


def _set_aside(field: Field) -> bool:
    """A column that the user may have meant to be learnt from."""
    return field.role in ("ignore", "id") and field.kind != "image" and field.name != FILE


def say_all(lines: Sequence[str], say: Say) -> None:
    for line in lines:
        say(line)


def answers_of(prepared: Prepared, part: str) -> np.ndarray:
    """The answers of a part as baselines and scores take them: in the user's units."""
    if prepared.choice.target in RAW_ANSWERS:
        raw: np.ndarray = prepared.target.raw(prepared.part(part))
        return raw
    return prepared.tensors[part][Y].numpy()


def inputs_of(batch: Batch) -> dict[str, np.ndarray]:
    """The inputs of a part as arrays, for the baselines."""
    return {key: tensor.numpy() for key, tensor in batch.items() if key in (X, X_CAT, TOKENS, LENGTH)}
