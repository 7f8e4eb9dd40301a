"""What the network is to answer when it answers with a text: `TextTarget` and `TranscriptTarget`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from learnloop.config import Config
from learnloop.contracts import END, PADDING, State
from learnloop.data.dataset import Dataset
from learnloop.errors import DataError, SchemaError
from learnloop.transforms.texts import TextConfig
from learnloop.transforms.tokens import Tokens, load_tokens, make_tokens

FREQUENT = 5
"""A word that comes at least this often in the training part can be learnt as a whole."""
_SPELT_UNDER = 0.5
_ENOUGH_TO_LOOK_AT = 20_000
WORDS_A_CODE, SMALLEST, LARGEST = 75, 500, 16_000

TokenName = Literal["words", "characters", "bpe"]


class TargetConfig(Config):
    """How the texts of a target become codes."""

    tokens: Literal["auto", "words", "characters", "bpe"] = Field(
        "auto",
        description="pieces that a target text is written in; auto: characters where most words are rare, else bpe",
    )
    vocabulary: int | None = Field(
        None, ge=8, le=1_000_000, description="most codes of the target, four special ones included; null: as suits it"
    )
    lower: bool = Field(False, description="target texts in lower case, for learning and for the figures")
    least: int = Field(2, ge=1, description="pieces that come less often in the training part have no code")


class TextTarget:
    """A text -> y int64 [n, longest], its codes, END, then PADDING.

    outputs  size of the vocabulary.   longest  codes of the longest training text, END included
    `invert(apply(data))` gives the texts back as far as the vocabulary reaches.
    Raises DataError for empty texts and for one text only, SchemaError for missing ones.
    """

    ends = True
    """Whether END stands behind a text: what is aligned step by step (CTC) has none."""

    def __init__(self, config: TargetConfig | None = None) -> None:
        self.config = config or TargetConfig.model_validate({})
        self.name = ""
        self.longest = 0
        self.notes: tuple[str, ...] = ()
        self._tokens: Tokens | None = None

    @property
    def tokens(self) -> Tokens:
        """The fitted tokeniser."""
        if self._tokens is None:
            raise RuntimeError("TextTarget before fit or load_state_dict")
        return self._tokens

    @property
    def outputs(self) -> int:
        return self.tokens.size

    @property
    def names(self) -> list[str]:
        return [self.name]

    @property
    def lower(self) -> bool:
        return self.config.lower

    def fit(self, train: Dataset) -> None:
        fields = train.schema.targets
        if len(fields) != 1:
            raise DataError(
                "target",
                "must be one column of texts",
                found=", ".join(repr(field.name) for field in fields) or "no target",
                do="--target COLUMN",
                available=train.schema.names,
            )
        self.name = fields[0].name
        texts = list(self.raw(train))
        self._refuse_dull(texts)
        kind = self.config.tokens if self.config.tokens != "auto" else self._kind(texts)
        vocabulary = self.config.vocabulary or suited(kind, texts)
        self.config = self.config.model_copy(update={"tokens": kind, "vocabulary": vocabulary})
        made = make_tokens(kind, vocabulary=vocabulary, lower=self.config.lower, least=self._least(kind))
        made.fit(texts)
        self._tokens = made
        self.longest = self._rectangle(texts).shape[1]
        words = {"words": "words", "characters": "characters", "bpe": "byte pairs"}[kind]
        self.notes = (
            f"Target texts are written in {words}: {made.size:,} codes, the longest training text has "
            f"{self.longest - int(self.ends):,}.",
        )

    def raw(self, data: Dataset) -> np.ndarray:
        """The texts as they are, object [n]."""
        column = pd.Series(data.column(self.name)).astype(object)
        missing = int(column.isna().sum())
        if missing:
            raise SchemaError(
                f"target {self.name!r}",
                "must have a text in every row that is learnt from or measured on",
                found=f"{missing} row{'s' if missing != 1 else ''} without one",
                do="leave these rows out",
            )
        return column.map(str).to_numpy(object)

    def apply(self, data: Dataset) -> np.ndarray:
        return self._rectangle(list(self.raw(data)))

    def invert(self, values: Any) -> np.ndarray:
        """Codes [n, time] -> texts, object [n]; what stands behind END does not count."""
        codes = np.asarray(values)
        texts = np.empty(len(codes), object)
        for row, line in enumerate(codes):
            stop = np.flatnonzero((line == END) | (line == PADDING))
            texts[row] = self.tokens.decode(line[: stop[0]] if len(stop) else line)
        return texts

    def pieces(self, codes: np.ndarray) -> list[str]:
        """The text of each code by itself, up to END: what a picture of attention is labelled with."""
        stop = np.flatnonzero((codes == END) | (codes == PADDING))
        said = codes[: stop[0]] if len(stop) else codes
        return [self.tokens.decode([int(code)]) for code in said]

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "longest": self.longest,
            "config": self.config.model_dump(mode="json"),
            "tokens": self.tokens.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.name, self.longest = str(state["name"]), int(state["longest"])
        self.config = TargetConfig.model_validate(state["config"])
        self._tokens = load_tokens(state["tokens"])

    def _rectangle(self, texts: Sequence[str]) -> np.ndarray:
        """int64 [n, longest of these texts]."""
        flat, offsets = self.tokens.encode_all(texts)
        lengths = np.diff(offsets)
        width = int(lengths.max(initial=0)) + int(self.ends)
        y = np.full((len(texts), max(width, 1)), PADDING, np.int64)
        columns = np.arange(y.shape[1])
        y[columns < lengths[:, None]] = flat
        if self.ends:
            y[np.arange(len(texts)), lengths] = END
        return y

    def _refuse_dull(self, texts: list[str]) -> None:
        empty = [row for row, text in enumerate(texts) if not text.strip()]
        if empty:
            raise DataError(
                f"target {self.name!r}",
                "must have a text in every row",
                found=f"{len(empty):,} empty text{'s' if len(empty) != 1 else ''}, the first in training row "
                f"{empty[0] + 1}",
                cause="an export that broke off, or rows that have no answer",
                do="leave these rows out",
            )
        if len(set(texts)) == 1:
            raise DataError(
                f"target {self.name!r}",
                "must have at least two different texts",
                found=f"{texts[0][:60]!r} in every training row",
                cause="the wrong target column",
                do="--target ANOTHER_COLUMN",
            )

    def _kind(self, texts: list[str]) -> TokenName:
        return kind_of(texts)

    def _least(self, kind: str) -> int:
        return 1 if kind == "characters" else self.config.least


class TranscriptTarget(TextTarget):
    """What was said -> y int64 [n, longest], the codes of its characters, then PADDING, without END.

    For losses that align the codes with the steps of the input themselves (CTC, Graves et al. 2006).
    """

    ends = False

    def _kind(self, texts: list[str]) -> TokenName:
        return "characters"


def kind_of(texts: Sequence[str]) -> TokenName:
    """Characters where most words hardly ever come again (dates, names, formulas) and have to be spelt, else bpe."""
    counts = Counter(word for text in texts[:_ENOUGH_TO_LOOK_AT] for word in str(text).split())
    often = sum(count for count in counts.values() if count >= FREQUENT)
    return "characters" if often < _SPELT_UNDER * sum(counts.values()) else "bpe"


def suited(kind: TokenName, texts: Sequence[str]) -> int:
    """Codes that a vocabulary should have where nothing is asked for.

    Byte pairs: a code for each WORDS_A_CODE words of the training part, so that each can be learnt, and no larger than
    LARGEST: every one costs time in every step, because each is weighed against each other when a token is written.
    """
    if kind != "bpe":
        return {"words": 20_000, "characters": 2_000}[kind]
    words = sum(len(text.split()) for text in texts)
    return min(max(100 * round(words / (100 * WORDS_A_CODE)), SMALLEST), LARGEST)


def _kind_of_column(train: Dataset, name: str) -> TokenName:
    return kind_of([str(text) for text in train.column(name)[:_ENOUGH_TO_LOOK_AT]])


def source_config(config: Config, given: Collection[str], train: Dataset, written: str = "auto") -> TextConfig:
    """The section `text` of a text that is to become another: what was not given is as in `TargetConfig`.

    Upper and lower case are kept apart. A source whose target is spelt is spelt too; else the same rule holds for it.
    written  the tokens of the target, as the recipe says
    """
    assert isinstance(config, TextConfig)
    changes: dict[str, Any] = {} if "lower" in given else {"lower": False}
    source = next(field.name for field in train.schema.inputs if field.kind == "text")
    if config.tokens == "auto":
        if written == "auto":
            written = _kind_of_column(train, train.schema.targets[0].name)
        changes["tokens"] = "characters" if written == "characters" else _kind_of_column(train, source)
    if config.vocabulary is None and changes.get("tokens") == "bpe":
        changes["vocabulary"] = suited("bpe", [str(text) for text in train.column(source)])
    return config.model_copy(update=changes)
