"""`BPETokens`: byte-level byte-pair encoding by the library tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from learnloop.contracts import SPECIAL, State
from learnloop.errors import MissingExtraError, RecipeError
from learnloop.transforms.library_tokens import all_codes_of, codes_of, places_of, text_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTES = 256


class BPETokens:
    """A token is a string of bytes, made by joining the most frequent neighbours over and over, from single bytes.

    Every text can be written: there is no UNKNOWN. A code is SPECIAL + the library's own number, so that a text in
    which "[END]" is spelt out holds no special code.

    vocabulary  codes, the special ones included; at least SPECIAL + 256
    lower       upper and lower case are one
    least       neighbours that come less often are not joined

    Raises MissingExtraError without the library, RecipeError for too small a vocabulary.
    Source: Sennrich, Haddow and Birch 2016, section 3.2; bytes: Radford and others 2019, section 2.2.
    """

    name = "bpe"

    def __init__(self, vocabulary: int, lower: bool, least: int) -> None:
        if vocabulary < SPECIAL + BYTES:
            raise RecipeError(
                "text.vocabulary",
                f"must be at least {SPECIAL + BYTES} for byte pairs: {BYTES} bytes and {SPECIAL} special codes",
                found=str(vocabulary),
                do="--set text.vocabulary=4000",
            )
        self.vocabulary, self.lower, self.least = vocabulary, lower, least
        self._tokenizer = _new(lower)

    @property
    def size(self) -> int:
        return SPECIAL + int(self._tokenizer.get_vocab_size())

    def fit(self, texts: Sequence[str]) -> None:
        from tokenizers import pre_tokenizers, trainers

        self._tokenizer = _new(self.lower)
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocabulary - SPECIAL,
            min_frequency=self.least,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        self._tokenizer.train_from_iterator(iter(texts), trainer)

    def encode(self, text: str) -> np.ndarray:
        return codes_of(self._tokenizer, text)

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return all_codes_of(self._tokenizer, texts)

    def decode(self, codes: Sequence[int] | np.ndarray) -> str:
        return text_of(self._tokenizer, codes, self.size, skip_special=False)

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """A character of several tokens is given to each of them."""
        return places_of(self._tokenizer, text)

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "vocabulary": self.vocabulary,
            "lower": self.lower,
            "least": self.least,
            "tokenizer": self._tokenizer.to_str(),
        }

    def load_state_dict(self, state: State) -> None:
        from tokenizers import Tokenizer

        self.vocabulary, self.lower, self.least = int(state["vocabulary"]), bool(state["lower"]), int(state["least"])
        self._tokenizer = Tokenizer.from_str(state["tokenizer"])


def _new(lower: bool) -> Tokenizer:
    try:
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    except ImportError:
        raise MissingExtraError.of("tokenizers", "text", "--set text.tokens=bpe") from None
    tokenizer = Tokenizer(models.BPE())
    if lower:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
