"""What networks that make data learn from, as it was read: rows with or without classes, pairs, two heaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.arrays import IMAGE
from learnloop.data.dataset import Dataset
from learnloop.data.image_pairs import PicturePairs, made_from, read_pairs
from learnloop.data.infer import infer
from learnloop.data.progress import silent
from learnloop.data.raw import Raw
from learnloop.data.read import read
from learnloop.data.schema import Schema
from learnloop.data.unlabelled import open_unlabelled, without_sole_label
from learnloop.errors import RecipeError
from learnloop.models.generative.config import Pairing
from learnloop.recipe.choose import WHOLE
from learnloop.recipe.draft import Draft
from learnloop.recipe.generative import Found, asked_pairing, task_of
from learnloop.transforms.images import ImageEncoder
from learnloop.transforms.targets import ClassTarget


def load_rows(draft: Draft) -> Dataset:
    """The rows that the draft names; a target only where there is one."""
    series = draft.get("data.series", "auto")
    with silent(draft.get("watch.progress", "auto") == "off"):
        raw = open_unlabelled(
            draft.objects.get("data", draft.get("data.path")),
            corrupt=draft.get("data.corrupt", "refuse"),
            image_size=draft.get("data.image_size"),
            download=bool(draft.get("data.download", False)),
            series=series == "wide",
        )
        if not draft.get("data.target"):
            raw = without_sole_label(raw)
        return read(
            raw,
            target=draft.get("data.target"),
            columns=draft.get("data.columns", {}),
            ignore=draft.get("data.ignore", ()),
            group=draft.get("data.group"),
            time=draft.get("data.time"),
            series=series,
            corrupt=draft.get("data.corrupt", "refuse"),
            need_target=False,
        )


def pairs_of(draft: Draft) -> PicturePairs | None:
    """Pairs of pictures, or two heaps, where the data holds them. Folders a/ and b/ may also be classes: they are
    pairs where nobody asks for a network that takes pictures by themselves."""
    source = draft.objects.get("data", draft.get("data.path"))
    folder = isinstance(source, str | Path) and Path(source).expanduser().is_dir()
    mapping = task_of(draft) == "gan" and (draft.get("model.name", "auto") == "auto" or asked_pairing(draft) != "none")
    if folder and not mapping:
        return None
    with silent(draft.get("watch.progress", "auto") == "off"):
        pairs = read_pairs(source, corrupt=draft.get("data.corrupt", "refuse"), size=draft.get("data.image_size"))
    if pairs is not None and draft.get("generate.make", "none") != "none":
        raise RecipeError(
            draft.typed("generate.make"),
            "is for data without pairs",
            found=f"{pairs.name} holds {pairs.heaps}",
            do="leave it out",
        )
    return pairs


def sources_of(pairs: PicturePairs) -> Dataset:
    """The source pictures as rows without labels."""
    raw = Raw(
        name=pairs.name,
        frame=pd.DataFrame(index=range(len(pairs.source))),
        arrays={IMAGE: pairs.source},
        part=pairs.source_part,
        notes=pairs.notes,
        origin=pairs.origin,
    )
    return infer(raw, {})


def labels_of(draft: Draft, dataset: Dataset) -> tuple[Dataset, ClassTarget | None]:
    """The column of classes. A target of another kind that nobody asked for is learnt like all other columns."""
    targets = dataset.schema.targets
    if not targets:
        return dataset, None
    if len(targets) == 1 and targets[0].kind in ("category", "boolean"):
        labels = ClassTarget()
        labels.fit(dataset)
        return dataset, labels
    names = [field.name for field in targets]
    if draft.get("data.target"):
        kind = "one column" if len(targets) > 1 else "a column"
        raise RecipeError(
            draft.typed("data.target"),
            f"must be {kind} of classes for the task {task_of(draft)}",
            found=", ".join(f"{field.name!r} is a {field.kind}" for field in targets),
            do=("leave it out: all columns are learnt", f"--set data.columns.{names[0]}=category"),
        )
    fields = (field.with_role("input") if field in targets else field for field in dataset.schema.fields)
    note = f"Learnt like the other columns, as it holds no classes: {', '.join(names)}."
    return dataset.with_schema(Schema(tuple(fields)), note), None


def found_of(draft: Draft, dataset: Dataset, labels: ClassTarget | None, pairs: PicturePairs | None) -> Found:
    inputs = dataset.schema.inputs
    kind = next((WHOLE[item.kind] for item in inputs if item.kind in WHOLE), "table")
    classes = () if labels is None else tuple(str(name) for name in labels.classes)
    making = draft.get("generate.make", "none")
    if pairs is not None:
        pairing: Pairing = "paired" if pairs.paired else "unpaired"
        return Found(dataset.name, kind, pairing, pairs.larger, classes, pairs.heaps)
    if making != "none":
        if kind != "image":
            raise RecipeError(draft.typed("generate.make"), "is for pictures", found=f"a {kind}", do="leave it out")
        words = f"pairs that are computed, as generate.make={making} asks"
        return Found(dataset.name, kind, "paired", making in ("halve", "quarter"), classes, words)
    return Found(dataset.name, kind, classes=classes)


def computed(draft: Draft, dataset: Dataset, size: int | None) -> tuple[Dataset, PicturePairs]:
    """The dataset with source pictures in place of its own, and both as pairs."""
    name = next(field.name for field in dataset.schema.inputs if field.kind == "image")
    pictures = np.asarray(dataset.arrays[name])
    if size is not None:
        resize = ImageEncoder(name, size)
        resize.fit(pictures)
        pictures = np.ascontiguousarray(np.moveaxis(resize.pixels(pictures), 1, 3))
    source, wanted = made_from(pictures, draft.get("generate.make"))
    pairs = PicturePairs(dataset.name, source, wanted, True, dataset.part, dataset.part)
    shape = tuple(int(side) for side in source.shape[1:])
    fields = (replace(item, shape=shape) if item.name == name else item for item in dataset.schema.fields)
    return replace(dataset, arrays={**dataset.arrays, name: source}, schema=Schema(tuple(fields))), pairs
