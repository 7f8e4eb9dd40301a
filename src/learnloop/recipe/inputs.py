"""The sections of a recipe that encoders of inputs are made with."""

from __future__ import annotations

from collections.abc import Mapping

from learnloop.config import Config
from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.recipe.draft import Draft
from learnloop.recipe.recipe import INPUTS


def input_settings(draft: Draft) -> dict[str, Config]:
    """Section -> its Config with what was given, checked when the draft was built; the rest is the encoder's."""
    return {
        name: cls.model_validate({field: given.value for field, given in draft.section(name).items()})
        for name, cls in INPUTS.items()
    }


ONLY = {
    **dict.fromkeys(("target", "decode"), "texts to be written"),
    **dict.fromkeys(("series", "forecast"), "series to be forecast (task forecast)"),
    "generate": "networks that make data (tasks autoencode, gan, diffusion)",
}
"""What a section is for that is not called after its kind of input."""


def refuse_unused(draft: Draft, used: Mapping[str, Config], found: str) -> None:
    """Raises RecipeError for what was given of a section whose kind of input is not there. found: what is."""
    errors: list[UserError] = [
        RecipeError(given.typed, f"is for {ONLY.get(name, name + 's')}", found=found, do="leave it out")
        for name in INPUTS
        if name not in used
        for given in draft.section(name).values()
    ]
    raise_all(errors)
