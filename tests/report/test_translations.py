"""What the report says of BLEU by length."""

from __future__ import annotations

from learnloop.report.sections.translations import _by_length

LENGTHS = [{"low": 1, "high": 9, "bleu": 31.04}, {"low": 20, "high": None, "bleu": 12.5}]


def test_only_a_network_without_attention_is_told_of_the_cure() -> None:
    said = "Texts of 1–9 words have BLEU 31.0, of 20+ words 12.5."
    assert _by_length(LENGTHS, True) == said
    assert _by_length(LENGTHS, False) == (
        f"{said} An encoder that hands over one vector of fixed size loses long texts first; attention is the cure."
    )
