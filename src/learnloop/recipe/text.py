"""recipe.yaml: one value a line, each with its origin as a trailing comment."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from learnloop.recipe.build import build
from learnloop.recipe.draft import Draft
from learnloop.recipe.recipe import ORDER
from learnloop.recipe.resolve import Resolved

COLUMN = 44
"""Where comments begin, unless a value is longer."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")
WORDS = frozenset({"null", "true", "false", "~", "yes", "no", "on", "off", ""})


def to_yaml(resolved: Resolved) -> str:
    """The resolved recipe; `from_yaml` of it gives the same run again."""
    values, origins = resolved.to_dict(), resolved.origins
    lines = ["# learnloop fit recipe.yaml   gives this run again; behind each value: where it came from"]
    lines.append(_line(f"seed: {scalar(values['seed'])}", origins.get("seed", "")))
    for section in (name for name in ORDER if name in values):
        lines.append(f"{section}:" if values[section] else f"{section}: {{}}")
        for name, value in values[section].items():
            lines.append(_line(f"  {scalar(name)}: {scalar(value)}", origins.get(f"{section}.{name}", "")))
    return "\n".join(lines) + "\n"


def from_yaml(path: Path) -> Draft:
    """The draft of a recipe file, all mistakes at once. A resolved recipe leaves nothing to be guessed."""
    return build(file=path)


def scalar(value: Any) -> str:
    """One value in YAML's flow style, on one line, the same under YAML 1.1 and 1.2."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(key))}: {scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if set(text) <= PLAIN and text[:1].isalpha() and text.lower() not in WORDS:
        return text
    return json.dumps(text, ensure_ascii=True)


def _float(value: float) -> str:
    if math.isinf(value) or math.isnan(value):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[str(value)]
    text = repr(value)
    if "e" in text and "." not in text:  # YAML 1.1 takes 1e-05 for a text
        mantissa, exponent = text.split("e")
        text = f"{mantissa}.0e{exponent}"
    return text


def _line(text: str, origin: str) -> str:
    comment = " ".join(origin.split())
    return f"{text:<{COLUMN}}  # {comment}" if comment else text
