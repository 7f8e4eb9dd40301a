"""The fields that networks of words share: vectors that were trained elsewhere, and whether words are explained."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from learnloop.config import Config
from learnloop.nn.vectors import vector_width


class ExplainFields(Config):
    """A part of the configs of networks that read texts."""

    explain: bool = Field(
        False, description="show which words moved each prediction, in the report and in `predict` (texts)"
    )


class TextFields(ExplainFields):
    """A part of the configs of networks that embed words."""

    vectors: str | None = Field(
        None, description="file of word vectors to start from: GloVe's text, word2vec's text or binary, also gzipped"
    )
    tune_vectors: bool = Field(True, description="let the vectors learn on; false: they stay as they are in the file")

    def vector_advice(self) -> dict[str, Any]:
        """The width that the embedding must have: the file's. Raises what `vector_width` raises."""
        return {} if self.vectors is None else {"model.embedding": vector_width(self.vectors)}
