"""What a model brings along from where it was trained: its architecture, its tokeniser, rates that suit its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.models.table import MODELS
from learnloop.recipe.draft import Draft, Given

FIXED = ("text.saved",)
"""Values that cannot be others than those that come along."""


def with_brought(draft: Draft) -> Draft:
    """The draft with the values of the model's `brings(path, download=...)` where nobody gave others.

    A model without this hook brings nothing. Raises what the hook raises, and RecipeError for a tokeniser that is not
    the model's own.
    """
    model = draft.get("model.name", "auto")
    brings: Any = getattr(MODELS.get(str(model)), "brings", None)
    # An architecture without a path is that of a network which begins at random: nothing comes along with it.
    if brings is None or (draft.get("model.architecture") is not None and draft.get("model.path") is None):
        return draft
    found: dict[str, Any] = brings(draft.get("model.path"), download=bool(draft.get("data.download", False)))
    return with_values(draft, found, f"of {model}: {draft.get('model.path')}", always=("model.path",))


def with_values(draft: Draft, found: dict[str, Any], origin: str, *, always: tuple[str, ...] = ()) -> Draft:
    """The draft with these values where nobody gave others ("auto" and null are none); those of `always` keep their
    origin, but not their value. Raises RecipeError where one of FIXED was given as something else."""
    values = dict(draft.values)
    errors: list[UserError] = []
    for key, value in found.items():
        given = values.get(key)
        if given is None or given.value in (None, "auto"):
            values[key] = Given(value, origin, key)
        elif key in always:
            values[key] = Given(value, given.origin, given.typed)
        elif key in FIXED and given.value != value:
            errors.append(
                RecipeError(
                    given.typed,
                    "must be the tokeniser that the weights were trained with",
                    found=repr(given.value),
                    do="leave it out",
                )
            )
    raise_all(errors)
    return replace(draft, values=values)
