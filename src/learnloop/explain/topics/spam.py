"""`learnloop explain spam`: three words, two hidden units, one answer. The same way as for a YAML file of one's own.

Source: guide 003, Example of Email Classification; it goes forward only, the way back is worked out here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learnloop.explain.network import explain_network
from learnloop.explain.walk import Walk

FILE = Path(__file__).resolve().parents[1] / "spam.yaml"
NEXT = ("learnloop explain activations", "learnloop explain losses", "learnloop explain mlp")


def walk() -> Walk:
    """The network of spam.yaml on its one e-mail."""
    told = explain_network(FILE)
    return replace(told, source=f"course guide 003, Example of Email Classification. {told.source}", next=NEXT)
