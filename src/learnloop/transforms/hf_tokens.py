"""`HFTokens`: the tokeniser that came with an encoder, from its tokenizer.json, by the library tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learnloop.contracts import SPECIAL, State
from learnloop.errors import DataError, MissingExtraError, RecipeError
from learnloop.models.hf_folder import TOKENIZER, most_tokens, need_file
from learnloop.transforms.library_tokens import all_codes_of, codes_of, places_of, text_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class HFTokens:
    """code = SPECIAL + the tokeniser's own number. The tokens that its model expects around a text, such as [CLS] and
    [SEP], are part of what `encode` gives, and stay at their places in a text that is cut.

    most   tokens of the longest text that its model can read; None: no limit
    lower  whether upper and lower case are one: as the file says

    It is read, never fitted: `fit` raises RecipeError while nothing was read. `vocabulary`, `lower` and `least` of the
    constructor are there because all tokenisers take them; the file decides.
    """

    name = "hf"

    def __init__(self, vocabulary: int = SPECIAL, lower: bool = False, least: int = 1) -> None:
        self.vocabulary, self.lower, self.least = vocabulary, lower, least
        self.most: int | None = None
        self._tokenizer: Tokenizer | None = None

    @classmethod
    def read(cls, path: Path) -> HFTokens:
        """From a tokenizer.json, or a folder that holds one. Raises DataError for a file that is none."""
        file = need_file(path, TOKENIZER, "the tokeniser") if path.is_dir() else path
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(str(file), "must be a readable tokenizer.json", found=str(error)) from None
        tokens = cls()
        try:
            tokens._set(text)
        except Exception as error:  # the library raises a bare Exception for whatever it cannot read
            if isinstance(error, MissingExtraError):
                raise
            raise DataError(str(file), "must be a tokenizer.json", found=str(error)[:200]) from None
        tokens._own.no_padding()
        tokens._own.no_truncation()
        tokens.most = most_tokens(file.parent)
        return tokens

    @property
    def _own(self) -> Tokenizer:
        if self._tokenizer is None:
            raise RecipeError(
                "text.tokens",
                "hf is a tokeniser that was fitted elsewhere: it must be read from a file",
                found="no text.saved",
                do="--set text.saved=FOLDER   # that holds a tokenizer.json",
            )
        return self._tokenizer

    @property
    def size(self) -> int:
        """Codes up to the largest number in the vocabulary, which may have gaps."""
        return self.vocabulary

    def fit(self, texts: Sequence[str]) -> None:
        _ = self._own  # nothing to learn; refuses where nothing was read

    def cut(self, length: int) -> None:
        """From now on a text has at most `length` tokens, those that belong to its end included."""
        self._own.enable_truncation(length)

    def encode(self, text: str) -> np.ndarray:
        return codes_of(self._own, text)

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return all_codes_of(self._own, texts)

    def decode(self, codes: Sequence[int] | np.ndarray) -> str:
        return text_of(self._own, codes, self.size, skip_special=True)

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """Tokens that are not in the text, such as [CLS], have a place of no width at its beginning."""
        return places_of(self._own, text)

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "vocabulary": self.vocabulary,
            "lower": self.lower,
            "least": self.least,
            "most": self.most,
            "tokenizer": self._own.to_str(),
        }

    def load_state_dict(self, state: State) -> None:
        self._set(state["tokenizer"])
        self.most = None if state["most"] is None else int(state["most"])

    def _set(self, text: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise MissingExtraError.of("tokenizers", "hf", "text.saved") from None
        self._tokenizer = Tokenizer.from_str(text)
        numbers = self._tokenizer.get_vocab(with_added_tokens=True).values()
        self.vocabulary = SPECIAL + max(numbers, default=-1) + 1
        self.lower = _lowers(self._tokenizer)


def _lowers(tokenizer: Any) -> bool:
    normalizer = tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"
