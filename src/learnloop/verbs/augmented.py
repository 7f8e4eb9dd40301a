"""Sheets of augmented images for `inspect`: what `fit` would do to them by default, or as asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

from learnloop.contracts import InputSpec
from learnloop.data.dataset import Dataset
from learnloop.models.table import MODELS, default_model
from learnloop.recipe.augmenting import Situation, augmentation
from learnloop.recipe.build import build
from learnloop.report.augmented import IMAGES, AugmentedSheet, draw_sheet


def augmented_sheets(
    dataset: Dataset, facts: Mapping[str, Any], asked: Mapping[str, Any] | str | Sequence[str] | None, seed: int
) -> list[AugmentedSheet]:
    """One sheet for each image column, by the advice of the default model for images; none where nothing is changed.

    facts  of `data.profile.profile`;  asked  a word, a list of operations, or values by field
    Raises RecipeError where `asked` cannot be used.
    """
    fields = dict(asked) if isinstance(asked, Mapping) else {} if asked is None else {"name": asked}
    given = build(flags={f"augment.{field}": value for field, value in fields.items()}, origin="argument").section(
        "augment"
    )
    model = default_model("image")
    sheets = []
    for row in facts["images"] if facts["rows"] else ():
        shape = (row["channels"], row["height"], row["width"])
        spec = InputSpec("image", shape=shape, mean=tuple(row["mean"]), std=tuple(row["std"]))
        advice = MODELS[model].model_validate({}).suggest(facts["rows"], spec, 2, None)
        found = augmentation(
            given,
            {key.removeprefix("augment."): value for key, value in advice.items() if key.startswith("augment.")},
            f"suggested by {model}",
            Situation(spec, _classes(dataset)),
        )
        if found.config.on or found.notes:
            sheets.append(
                draw_sheet(
                    dataset,
                    row["name"],
                    _some(row["sheet"]),
                    found.config,
                    origin=found.origins["augment.name"],
                    notes=found.notes,
                    seed=seed,
                )
            )
    return sheets


def _classes(dataset: Dataset) -> list[str] | None:
    targets = dataset.schema.targets
    if any(item.kind == "number" for item in targets):
        return None
    return [item.name for item in targets] if len(targets) > 1 else [name for t in targets for name in t.categories]


def _some(groups: Sequence[Mapping[str, Any]]) -> list[int]:
    """Rows in turn from the classes that the plain sheet shows."""
    turns = chain.from_iterable(zip_longest(*(group["rows"] for group in groups)))
    return [row for row in turns if row is not None][:IMAGES]
