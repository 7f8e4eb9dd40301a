"""Texts as the answer of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.contracts import END, PADDING, SPECIAL
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, SchemaError
from learnloop.transforms.texts import TextConfig
from learnloop.transforms.textual import TargetConfig, TextTarget, TranscriptTarget, kind_of, source_config

SENTENCES = ["der Hund läuft über die Straße", "die Frau läuft", "der Hund und die Frau", "die Straße"] * 10
DATES = [f"{1970 + i}-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(50)]


def data(targets: list[Any], sources: list[str] | None = None) -> Dataset:
    sources = sources or [f"text number {row}" for row in range(len(targets))]
    frame = pd.DataFrame({"source": sources, "target": pd.Series(targets, dtype=object)})
    fields = (Field("source", "text", dtype="str"), Field("target", "text", role="target", dtype="str"))
    return Dataset("pairs", Schema(fields), frame)


def config(**values: Any) -> TargetConfig:
    return TargetConfig.model_validate(values)


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_codes_end_and_are_padded_and_come_back(tokens: str) -> None:
    target = TextTarget(config(tokens=tokens, least=1))
    target.fit(data(SENTENCES))
    y = target.apply(data(SENTENCES))
    assert y.dtype == np.int64
    assert y.shape == (40, target.longest)
    assert target.invert(y).tolist() == SENTENCES
    for row in y:
        words = int((row != PADDING).sum())
        assert row[words - 1] == END
        assert not row[words:].any()
        assert (row[: words - 1] >= SPECIAL).all()
    assert (y != PADDING).sum(1).max() == target.longest


def test_other_rows_have_their_own_width() -> None:
    target = TextTarget(config(tokens="words", least=1))
    target.fit(data(SENTENCES))
    assert target.apply(data(["die Frau"])).shape == (1, 3)


def test_what_stands_behind_the_end_does_not_count() -> None:
    target = TextTarget(config(tokens="words", least=1))
    target.fit(data(SENTENCES))
    codes = target.apply(data(["der Hund läuft"]))[0, :3]
    said = np.array([[*codes[:2], END, codes[2]], [*codes[:1], PADDING, *codes[1:]], [*codes, codes[0]]])
    assert target.invert(said).tolist() == ["der Hund", "der", "der Hund läuft der"]
    assert target.pieces(said[0]) == ["der", "Hund"]


def test_state_gives_the_same_target_back() -> None:
    for tokens in ("words", "characters", "bpe"):
        first, second = TextTarget(config(tokens=tokens, lower=True, least=1)), TextTarget()
        first.fit(data(SENTENCES))
        second.load_state_dict(first.state_dict())
        assert np.array_equal(first.apply(data(SENTENCES)), second.apply(data(SENTENCES)))
        assert (second.name, second.longest, second.outputs) == (first.name, first.longest, first.outputs)
        assert second.lower
        assert second.invert(second.apply(data(SENTENCES)))[0] == "der hund läuft über die straße"


def test_words_that_never_come_again_are_spelt() -> None:
    assert kind_of(DATES) == "characters"
    assert kind_of(SENTENCES) == "bpe"
    target = TextTarget()
    target.fit(data(DATES))
    assert target.config.tokens == "characters"
    assert target.outputs == SPECIAL + 11
    assert target.notes == ("Target texts are written in characters: 15 codes, the longest training text has 10.",)


def test_rare_words_have_no_code_but_rare_characters_have() -> None:
    rare = [*SENTENCES, "Zebra"]
    words, characters = (TextTarget(config(tokens=tokens, least=2)) for tokens in ("words", "characters"))
    words.fit(data(rare))
    characters.fit(data(rare))
    assert words.invert(words.apply(data(["die Zebra"]))).tolist() == ["die"]
    assert characters.invert(characters.apply(data(["Zebra"]))).tolist() == ["Zebra"]


def test_a_transcript_is_spelt_and_has_no_end() -> None:
    target = TranscriptTarget()
    target.fit(data(SENTENCES))
    y = target.apply(data(["die Frau", "der"]))
    assert not (y == END).any()
    assert (y != PADDING).sum(1).tolist() == [8, 3]
    assert target.invert(y).tolist() == ["die Frau", "der"]
    assert target.longest == len("der Hund läuft über die Straße")


def test_a_source_is_written_as_its_target_asks() -> None:
    asked = TextConfig.model_validate({})
    spelt = source_config(asked, [], data(DATES, SENTENCES + SENTENCES[:10]))
    assert (spelt.tokens, spelt.lower) == ("characters", False)
    assert source_config(asked, [], data(SENTENCES, SENTENCES)).tokens == "bpe"
    assert source_config(asked, [], data(SENTENCES, DATES[:40])).tokens == "characters"
    assert source_config(asked, [], data(SENTENCES, SENTENCES), written="characters").tokens == "characters"
    given = source_config(TextConfig(tokens="words", lower=True), ["lower"], data(DATES[:40], SENTENCES))  # type: ignore[call-arg]
    assert (given.tokens, given.lower) == ("words", True)


def test_texts_that_teach_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="found:     2 empty texts, the first in training row 2"):
        TextTarget().fit(data(["a", " ", "b", ""]))
    with pytest.raises(DataError, match="must have at least two different texts\n  found:     'yes' in every"):
        TextTarget().fit(data(["yes"] * 5))
    with pytest.raises(SchemaError, match="must have a text in every row .*\n  found:     1 row without one"):
        TextTarget().fit(data(["a", None, "b"]))
