"""From a draft to what training on one long text needs: the parts of the text, their codes, the resolved recipe."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import UNKNOWN, InputSpec
from learnloop.data.dataset import PARTS
from learnloop.data.prose import Prose, read_prose
from learnloop.errors import DataError, RecipeError
from learnloop.recipe.draft import Draft
from learnloop.recipe.language import TextChoice, choose_language, resolve_language
from learnloop.recipe.resolve import Resolved, need_data
from learnloop.transforms.tokens import Tokens, make_tokens

LEAST_CHARACTERS, LEAST_HELD_OUT = 1000, 50
LEAST_TOKENS = 2
"""Different tokens without which there is nothing to choose between."""
FIRST_ROWS = 60
"""Characters of a text that messages show."""


@dataclass(frozen=True)
class PreparedText:
    """The text on one side, the recipe on the other.

    texts  part -> its text; parts that hold nothing are left out
    codes  part -> int32 [tokens]
    """

    prose: Prose
    texts: dict[str, str]
    codes: dict[str, Tensor]
    tokens: Tokens
    recipe: Resolved
    split: str
    notes: tuple[str, ...]

    @property
    def spec(self) -> InputSpec:
        return text_spec(self.tokens)

    @property
    def held_out(self) -> list[str]:
        """The parts that are scored: those that were not trained on."""
        return [part for part in self.texts if part != "train"]

    def characters(self, part: str) -> np.ndarray:
        """float32 [tokens - 1]: characters that each token but the first stands for."""
        return token_characters(self.tokens, self.texts[part])


def text_spec(tokens: Tokens) -> InputSpec:
    return InputSpec("text", vocabulary=tokens.size)


def token_characters(tokens: Tokens, text: str) -> np.ndarray:
    """How many characters each token of `text` but the first stands for; they add up to those behind the first."""
    begins = np.array([begin for begin, _ in tokens.pieces(text)] + [len(text)], np.float64)
    return np.diff(begins)[1:]


def prepare_text(draft: Draft, *, look: Callable[[Prose], None] | None = None) -> PreparedText:
    """Read, cut, fit the tokeniser on the training part, resolve the recipe: a function of text and recipe.

    look  sees the text as it was read, and may refuse it
    """
    need_data(draft)
    prose = read_text(draft.objects.get("data", draft.get("data.path")), download=bool(draft.get("data.download")))
    _need_length(prose)
    if look is not None:
        look(prose)
    chosen = choose_language(draft, len(prose.text))
    texts = _cut(prose, chosen)
    tokens = make_tokens(
        chosen.text.tokens,
        vocabulary=chosen.text.vocabulary or 0,
        lower=chosen.text.lower,
        least=chosen.text.least or 1,
    )
    tokens.fit([texts["train"]])
    codes = {part: torch.from_numpy(tokens.encode(text)) for part, text in texts.items()}
    _need_variety(prose, codes["train"])
    recipe = resolve_language(draft, chosen, text_spec(tokens), len(codes["train"]))
    notes = (*prose.notes, *recipe.notes, *_unknown(codes))
    return PreparedText(prose, texts, codes, tokens, recipe, _sentence(texts), notes)


def read_text(source: object, *, download: bool = False) -> Prose:
    """The text of a file or catalog entry, or a text that is handed over as it is (one with a line break)."""
    if isinstance(source, str) and "\n" in source:
        return Prose("the text", source)
    if isinstance(source, str | os.PathLike):
        return read_prose(source, download=download)
    raise DataError(
        f"data of type {type(source).__name__}",
        "must be a text, or the path of one, for the task language",
        found=repr(source)[:FIRST_ROWS],
        do='ll.fit("input.txt", task="language")',
    )


def describe_text(prepared: PreparedText) -> list[str]:
    """What was inferred, in sentences, to be said before training starts."""
    recipe, counts = prepared.recipe, prepared.codes
    parts = ", ".join(f"{part} {len(text):,}" for part, text in prepared.texts.items())
    kind = {"characters": "characters", "bpe": "byte pairs"}[recipe.inputs["text"].tokens]  # type: ignore[attr-defined]
    a_token = len(prepared.texts["train"]) / max(1, len(counts["train"]))
    size = "" if kind == "characters" else f", {a_token:.2f} characters each"
    return [
        f"data: {prepared.prose.name}: {len(prepared.prose.text):,} characters of text",
        f"split: {parts} characters; {prepared.split}",
        f"tokens: {kind}, {prepared.tokens.size:,} different ones{size} ({recipe.origins.get('text.tokens', '')})",
        f"task: language ({recipe.origins.get('task.name', '')})",
        f"model: {recipe.choice.model} ({recipe.origins.get('model.name', '')})",
        *(f"note: {note}" for note in prepared.notes),
    ]


def _cut(prose: Prose, chosen: TextChoice) -> dict[str, str]:
    """The last parts are held out: whoever has read the middle of a text knows something of both its ends."""
    length = len(prose.text)
    test = length - round(length * chosen.test)
    train = test - round(length * chosen.validation)
    texts = dict(zip(PARTS, (prose.text[:train], prose.text[train:test], prose.text[test:])))
    asked = {"validation": chosen.validation, "test": chosen.test}
    for part, share in asked.items():
        if share and len(texts[part]) < LEAST_HELD_OUT:
            raise RecipeError(
                f"data.{part}",
                f"must hold out at least {LEAST_HELD_OUT} characters",
                found=f"{len(texts[part])} of {length:,} characters",
                do=f"--set data.{part}={min(0.5, 2 * LEAST_HELD_OUT / length):.2g}",
            )
    return {part: text for part, text in texts.items() if text}


def _sentence(texts: dict[str, str]) -> str:
    whole = sum(map(len, texts.values()))
    held = ", then ".join(f"{100 * len(text) / whole:.0f} % {part}" for part, text in texts.items() if part != "train")
    return f"in the order of the text: the first {100 * len(texts['train']) / whole:.0f} % are trained on, then {held}"


def _unknown(codes: dict[str, Tensor]) -> list[str]:
    notes = []
    for part, row in codes.items():
        count = int((row == UNKNOWN).sum())
        if count:
            notes.append(
                f"{count:,} of {len(row):,} tokens of the {part} part are unknown: not in the training part, or left "
                "out of the vocabulary. What they cost is that of 'unknown', not of the character itself."
            )
    return notes


def _need_length(prose: Prose) -> None:
    if len(prose.text) >= LEAST_CHARACTERS:
        return
    raise DataError(
        prose.name,
        f"must hold at least {LEAST_CHARACTERS:,} characters to learn from",
        found=f"{len(prose.text):,} characters",
        cause="the wrong file, or one that was cut off",
    )


def _need_variety(prose: Prose, codes: Tensor) -> None:
    different = len(torch.unique(codes))
    if different >= LEAST_TOKENS:
        return
    raise DataError(
        prose.name,
        "must hold at least two different tokens in its training part",
        found=f"a vocabulary of {different}: {prose.text[:FIRST_ROWS]!r} ...",
        cause="a file that was filled with one character, or the wrong file",
    )


def stem(prepared: PreparedText) -> str:
    """For the name of the run folder."""
    return f"{Path(prepared.prose.name).name.split('.')[0] or 'text'}-{prepared.recipe.choice.model}"
