"""A tokeniser that was fitted before: of a bundle, or a tokenizer.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learnloop.contracts import State
from learnloop.errors import DataError, RecipeError, UserError, raise_all
from learnloop.runs.pack import unpack
from learnloop.transforms.hf_tokens import HFTokens
from learnloop.transforms.tokens import Tokens, load_tokens

TRANSFORMS = "transforms.safetensors"


def read_tokens(where: str) -> Tokens:
    """The fitted tokeniser at `where`: a tokenizer.json, a folder with one, or the bundle of a run on texts.

    Raises DataError where there is none.
    """
    path = Path(where).expanduser()
    if not path.exists():
        must = "must be a bundle, a tokenizer.json or its folder"
        raise DataError(f"text.saved {where}", must, found="nothing there")
    if not (path / TRANSFORMS).is_file():
        return HFTokens.read(path)
    try:
        return load_tokens(_state(unpack(str(path / TRANSFORMS))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"text.saved {where}",
            "must be the bundle of a run on texts",
            found=f"{TRANSFORMS}: {type(error).__name__} {error}",
            cause="a bundle of tables or pictures, or a damaged one",
        ) from None


def _state(state: State) -> State:
    """Of a bundle that continues texts, or of one that answers them."""
    found: Any = state["tokens"] if "tokens" in state else state["encoder"]["sole"]["tokens"]
    return dict(found)


def need_same(asked: dict[str, Any], tokens: Tokens) -> None:
    """Refuse settings of the section `text` that another tokeniser would have. asked: what was given, by field."""
    found = {"tokens": tokens.name, "vocabulary": tokens.size, "lower": tokens.lower, "least": tokens.least}
    errors: list[UserError] = [
        RecipeError(
            f"text.{field}",
            "is a matter of the tokeniser that is taken over with text.saved",
            found=f"{asked[field]!r}, and there it is {value!r}",
            do="leave it out",
        )
        for field, value in found.items()
        if asked.get(field) not in (None, "auto", value)
    ]
    raise_all(errors)
