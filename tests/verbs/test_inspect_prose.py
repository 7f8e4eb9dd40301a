"""One long text is looked at as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from learnloop.cli.main import run as command
from learnloop.data.prose import Prose
from learnloop.verbs.inspect_prose import inspect_prose


def test_counts_repeats_and_what_only_the_end_has() -> None:
    text = "ab ab\n" * 19 + "ab zz\n"
    facts = inspect_prose(Prose("t.txt", text)).profile
    assert (facts["characters"], facts["distinct"], facts["lines"], facts["words"]) == (120, 5, 20, 40)
    assert facts["new_at_the_end"] == ["z"]
    assert facts["repeated_lines"] == pytest.approx(0.9)
    assert facts["frequent_words"][0] == ["ab", 39]
    assert inspect_prose(Prose("t.txt", "ab" * 8)).profile["entropy_bits"] == pytest.approx(1.0)


def test_the_command_reads_a_txt_without_columns_as_one_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book.txt"
    book.write_text("It was, as they say, late.\nNobody came; nobody rang\u200b.\n" * 30)
    assert command(["inspect", str(book)]) == 0
    out = capsys.readouterr().out
    assert "one text of 1,620 characters" in out and "U+200B 30" in out and f"learnloop fit {book}" in out
    assert command(["inspect", str(book), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "text"
