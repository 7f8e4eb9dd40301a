"""A YAML file as plain values with the line of each, so that a mistake can be named by its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from learnloop.errors import UserError
from learnloop.recipe.reading import parse_value

Keys: TypeAlias = tuple[str | int, ...]
"""The way to a value: ("layers", 0, "units", "H1", "weights")."""
MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Document:
    """name: of the file; value: what is in it; lines: from 1, of every key and every item of a list."""

    name: str
    value: Any
    lines: dict[Keys, int]

    def line(self, keys: Keys) -> int:
        """The nearest line that is known; 0 for none."""
        return next((self.lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in self.lines), 0)

    def where(self, keys: Keys) -> str:
        """ "net.yaml line 7: layers[1].units.H1"."""
        line = self.line(keys)
        place = f"{self.name} line {line}" if line else self.name
        return f"{place}: {path_of(keys)}" if keys else place


def path_of(keys: Keys) -> str:
    """layers[1].units.H1: counted from 0, as YAML and Python do."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def read(path: Path) -> Document:
    """Raises UserError: no such file, no text, no YAML (with line and column), too large, a key twice."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(
                str(path),
                "must be a small network: its numbers are shown one by one",
                found=f"{path.stat().st_size:,} bytes",
                do="learnloop explain RUN   # a run that learnloop fit made: its most active paths are shown",
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(str(path), "must be a YAML file with a network", found="no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(str(path), "must be a readable text file in UTF-8", found=str(error)) from None
    return parse(text, path.name)


def parse(text: str, name: str) -> Document:
    """The same from a text. Numbers and words are read by the rules of YAML 1.2, as recipes are."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = parse_value(text)
    except yaml.YAMLError as error:
        raise _no_yaml(name, text, error) from None
    except (RecursionError, ValueError) as error:
        raise UserError(name, "must be YAML", found=str(error) or type(error).__name__) from None
    lines: dict[Keys, int] = {}
    for keys, line in _lines(node, ()):
        if keys in lines:
            twice = f"in line {lines[keys]} and again in line {line}"
            raise UserError(f"{name}: {path_of(keys)}", "must be given once", found=twice)
        lines[keys] = line
    return Document(name, value, lines)


def _lines(node: yaml.Node | None, keys: Keys) -> Iterator[tuple[Keys, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*keys, str(getattr(key, "value", key)))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield (*keys, place), value.start_mark.line + 1
            yield from _lines(value, (*keys, place))


def _no_yaml(name: str, text: str, error: yaml.YAMLError) -> UserError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    cause = "a tab was used to indent; use spaces" if "\\t" in problem else problem
    if mark is None:
        return UserError(name, "must be YAML", cause=cause)
    lines = text.splitlines()
    shown = lines[mark.line].strip() if mark.line < len(lines) else "the end of the file"
    return UserError(f"{name} line {mark.line + 1}, column {mark.column + 1}", "must be YAML", found=shown, cause=cause)
