"""`TextEncoder`: a column of texts -> one rectangle of token codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from learnloop.config import Config
from learnloop.contracts import SPECIAL, TOKENS, UNKNOWN, InputSpec, State
from learnloop.errors import DataError, SchemaError
from learnloop.optim.machine import memory
from learnloop.transforms.hf_tokens import HFTokens
from learnloop.transforms.saved_tokens import need_same, read_tokens
from learnloop.transforms.tokens import Tokens, load_tokens, make_tokens

VOCABULARY = {"words": 50_000, "characters": 2_000, "bpe": 8_000}
LEAST = {"words": 2, "characters": 1, "bpe": 2}
"""What `null` stands for. A word that comes once is UNKNOWN: of it a network learns that one text, and its code for
words that it has never seen would have no example."""
MOST_TOKENS = 2048
"""The longest texts that are kept whole without being asked for; characters are some six times as many as words."""
_CHARACTERS_A_WORD = 6
_RARE = 0.99
"""Share of the texts that are kept whole where a few are far longer than the others."""
_FAR = 2.0
_SHORT = 256
"""Tokens that are never worth cutting: batches are no wider than their longest text."""
_WIDE = 20
"""Characters between two spaces, on average, above which a script sets no spaces between its words."""
_FREE = 0.8
"""Share of the free memory that codes may take."""
_WORTH_SAYING = 50_000_000
_NAMES = {"words": "words", "characters": "characters", "bpe": "byte pairs", "hf": "pieces of words"}


class TextConfig(Config):
    """How texts become codes."""

    tokens: Literal["auto", "words", "characters", "bpe", "hf"] = Field(
        "auto",
        description="what one code stands for; auto: words, or characters where no spaces part words; "
        "hf: as a tokenizer.json says",
    )
    saved: str | None = Field(
        None, description="a tokeniser that is taken over as it is: of a bundle, or of a folder with a tokenizer.json"
    )
    vocabulary: int | None = Field(
        None, ge=8, le=10_000_000, description="most codes, four special ones included; null: as suits the tokens"
    )
    length: int | None = Field(
        None, ge=1, description="tokens kept of a text, its first ones; null: nearly all of nearly all texts"
    )
    lower: bool = Field(True, description="upper and lower case are one")
    least: int | None = Field(
        None, ge=1, description="tokens that come less often in the training part are unknown; null: 2, characters 1"
    )


class TextEncoder:
    """texts [n] -> TOKENS int32 [n, longest], PADDING behind the end of each; longer ones keep their first `length`.

    name    of the column
    config  as in the recipe's section `text`; `fit` replaces what is left open, so that it says what was done
    tokens  the tokeniser, fitted on the training part
    rare    share of the training part's tokens that are UNKNOWN

    Raises DataError where the training part holds an empty text or fewer than two different tokens, or where the
    codes do not fit into memory; SchemaError where values to apply are no texts. A text without a token is answered
    as one UNKNOWN, and noted.
    """

    def __init__(self, name: str, config: TextConfig | None = None) -> None:
        self.name = name
        self.config = config or TextConfig.model_validate({})
        self.notes: tuple[str, ...] = ()
        self.tokens: Tokens = make_tokens("words", vocabulary=SPECIAL, lower=True, least=1)
        self.spec = InputSpec(kind="text")
        self.rare = 0.0
        # The training part, which is applied right after it was fitted, need not be read twice.
        self._ready: tuple[list[str], np.ndarray, np.ndarray] | None = None

    def fit(self, values: Any) -> None:
        texts = self._texts(values)
        self._refuse_empty(texts)
        self._choose_tokens(texts)
        self._refuse_narrow()
        flat, offsets = self.tokens.encode_all(texts)
        lengths = np.diff(offsets)
        length = self.config.length or _length(lengths, self.config.tokens)
        if isinstance(self.tokens, HFTokens):
            length = min(length, self.tokens.most or length) if self.config.length is None else length
            self.tokens.cut(length)  # what closes a text stays at its end
            flat, offsets = self.tokens.encode_all(texts)
        self.config = self.config.model_copy(update={"length": length})
        self.rare = float((flat == UNKNOWN).mean())
        self.spec = InputSpec(kind="text", vocabulary=self.tokens.size, length=length)
        needed = 4 * len(texts) * min(length, int(lengths.max()))
        self._refuse_huge(len(texts), needed)
        self.notes = (*self._cut_note(lengths), *self._memory_note(needed))
        self._ready = (texts, flat, offsets)

    def _choose_tokens(self, texts: Sequence[str]) -> None:
        """A tokeniser fitted on the texts, or the one that is taken over; the config then says which."""
        if self.config.saved is None:
            self.config = _filled(self.config, texts)
            self.tokens = make_tokens(
                self.config.tokens,
                vocabulary=self.config.vocabulary or 0,
                lower=self.config.lower,
                least=self.config.least or 1,
            )
            self.tokens.fit(texts)
            return
        self.tokens = read_tokens(self.config.saved)
        need_same({field: getattr(self.config, field) for field in self.config.model_fields_set}, self.tokens)
        found = {"tokens": self.tokens.name, "vocabulary": self.tokens.size}
        self.config = self.config.model_copy(update={**found, "lower": self.tokens.lower, "least": self.tokens.least})

    def apply(self, values: Any) -> dict[str, np.ndarray]:
        texts = self._texts(values)
        ready, self._ready = self._ready, None
        flat, offsets = ready[1:] if ready is not None and ready[0] == texts else self.tokens.encode_all(texts)
        tokens = rectangle(flat, offsets, self.spec.length)
        empty = np.flatnonzero(np.diff(offsets) == 0)
        tokens[empty, 0] = UNKNOWN
        self.notes = ()
        if len(empty):
            rows = ", ".join(str(row + 1) for row in empty[:5]) + (", ..." if len(empty) > 5 else "")
            what = "1 text is" if len(empty) == 1 else f"{len(empty)} texts are"
            self.notes = (f"Column {self.name}: {what} empty (row {rows}) and read as one unknown word.",)
        return {TOKENS: tokens}

    def summary(self) -> str:
        """What the network sees, in a few words."""
        rare = f", {self.rare:.1%} of the text is rarer" if self.rare else ""
        lower = "" if self.config.lower else ", upper and lower case"
        return (
            f"texts of up to {self.spec.length:,} tokens ({_NAMES[self.tokens.name]}{lower}), "
            f"vocabulary {self.spec.vocabulary:,}{rare}"
        )

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "config": self.config.model_dump(exclude={"saved"}),  # the tokeniser is here, not there
            "rare": self.rare,
            "spec": self.spec.to_json(),
            "tokens": self.tokens.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.name, self.rare = state["name"], float(state["rare"])
        self.config = TextConfig(**state["config"])
        self.spec = InputSpec.from_json(state["spec"])
        self.tokens = load_tokens(state["tokens"])
        self.notes, self._ready = (), None

    # What cannot be learnt from

    def _texts(self, values: Any) -> list[str]:
        series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values, object))
        missing = series.isna().to_numpy()
        found = series.astype(object).tolist()
        texts = ["" if gone else value for gone, value in zip(missing, found, strict=True)]
        wrong = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
        if wrong is not None:
            raise SchemaError(
                f"column {self.name!r}",
                "must hold texts, as in training",
                found=f"{texts[wrong]!r} in row {wrong + 1} (rows are counted from 1)",
            )
        return texts

    def _refuse_empty(self, texts: Sequence[str]) -> None:
        if not texts:
            raise DataError(f"column {self.name!r}", "must have texts in the training part", found="0 rows")
        empty = [row for row, text in enumerate(texts) if not text.strip()]
        if empty:
            raise DataError(
                f"column {self.name!r}",
                "must hold a text in every row of the training part",
                found=f"{len(empty)} empty texts among {len(texts)}",
                do="leave the rows out",
            )

    def _refuse_narrow(self) -> None:
        found = self.tokens.size - SPECIAL
        if found > 1:
            return
        least = self.config.least or 1
        only = f"only {self.tokens.decode([SPECIAL])!r}" if found else "none"
        often = f" that come {least} times or more" if least > 1 else ""
        raise DataError(
            f"column {self.name!r}",
            f"must hold at least two different {_NAMES[self.tokens.name]}{often}",
            found=only,
            cause="very few texts" if least > 1 else "the wrong column, or the same word in every row",
            do="--set text.least=1" if least > 1 else f"--set data.columns.{self.name}=category",
        )

    def _refuse_huge(self, rows: int, needed: int) -> None:
        free = memory()[1]
        if free is None or needed <= _FREE * free:
            return
        raise DataError(
            "text.length",
            "must let the codes of all texts fit into memory",
            found=f"{rows:,} texts of {needed // (4 * rows):,} tokens: {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB "
            "are free",
            do=f"--set text.length={max(1, int(_FREE * free / (4 * rows)) // 2)}",
        )

    def _memory_note(self, needed: int) -> tuple[str, ...]:
        if needed < _WORTH_SAYING:
            return ()
        return (f"Column {self.name}: the codes of the training texts take {needed / 1e6:,.0f} MB of memory.",)

    def _cut_note(self, lengths: np.ndarray) -> tuple[str, ...]:
        cut = int((lengths > self.spec.length).sum())
        if not cut:
            return ()
        return (
            f"Column {self.name}: texts are cut to their first {self.spec.length:,} tokens; {cut:,} of "
            f"{len(lengths):,} ({cut / len(lengths):.1%}) are longer, the longest has {int(lengths.max()):,} "
            "(another length: --set text.length=N).",
        )


def rectangle(flat: np.ndarray, offsets: np.ndarray, length: int) -> np.ndarray:
    """int32 [texts, longest], at least one wide: the first `length` tokens of each text, PADDING behind them."""
    whole = np.diff(offsets)
    kept = np.minimum(whole, length)
    place = np.arange(len(flat)) - np.repeat(offsets[:-1], whole)
    tokens = np.zeros((len(whole), max(1, int(kept.max(initial=0)))), np.int32)
    tokens[np.arange(tokens.shape[1]) < kept[:, None]] = flat[place < length]
    return tokens


def _filled(config: TextConfig, texts: Sequence[str]) -> TextConfig:
    """What is left open, as suits these texts; the length is known later."""
    name = config.tokens if config.tokens != "auto" else _kind_of_tokens(texts)
    return config.model_copy(
        update={
            "tokens": name,
            "vocabulary": config.vocabulary or VOCABULARY.get(name, SPECIAL),
            "least": config.least or LEAST.get(name, 1),
        }
    )


def _kind_of_tokens(texts: Sequence[str]) -> Literal["words", "characters"]:
    some = texts[:: max(1, len(texts) // 1000)]
    words = [word for text in some for word in text.split()]
    wide = sum(len(word) for word in words) > _WIDE * len(words)
    return "characters" if wide else "words"


def _length(lengths: np.ndarray, tokens: str) -> int:
    """All tokens where no text is long, or far longer than the others; else all of all texts but one in a hundred."""
    longest, usual = int(lengths.max()), int(np.ceil(np.quantile(lengths, _RARE)))
    most = MOST_TOKENS * (_CHARACTERS_A_WORD if tokens == "characters" else 1)
    kept = longest if longest <= max(_FAR * usual, _SHORT) else max(usual, _SHORT)
    return max(1, min(kept, most))
