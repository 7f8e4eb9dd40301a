"""Findings about what a network that continues texts took over word for word."""

from __future__ import annotations

from learnloop.diagnose.finding import Evidence, Finding, remedy

LONG = 50
"""Characters in common with the training text from which on a sample is said to copy ..."""
TIMES = 2.0
"""... if they are also this many times as many as a text that nobody copied has in common with it."""


def copies_text(evidence: Evidence) -> Finding | None:
    """A sample shares a string with the training text that is far longer than what two parts of it share anyway.

    extras["samples"]: rows with "copied" {"characters", "text"} and "usual".
    """
    samples = [row for row in evidence.extras.get("samples", ()) if row["copied"]["characters"] >= LONG]
    if not samples:
        return None
    worst = max(samples, key=lambda row: row["copied"]["characters"])
    length, usual = worst["copied"]["characters"], worst["usual"]
    if length < TIMES * usual:
        return None
    return Finding(
        "copies_text",
        "The network copies its training text",
        f"At temperature {worst['temperature']:g} it wrote {length} characters that stand in the training text word "
        f"for word; held-out text of the same length shares {usual}. What it writes there is remembered, not made.",
        "warning",
        {"characters": length, "usual": usual, "temperature": worst["temperature"], "text": worst["copied"]["text"]},
        remedy("Train on more text, for a shorter time, with a smaller network or more dropout."),
    )
