"""YAML with line numbers, read by the rules of YAML 1.2: `off` and `no` are words, 1e-3 is a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from learnloop.errors import RecipeError


class _Loader(yaml.SafeLoader):
    """YAML 1.1 turns `off` into False and `12:30` into 750, and leaves `1e-3` a text; YAML 1.2 does not."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


_CORE = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+0123456789."),
    ),
)
for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # SafeLoader would read 010 as octal


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)

Entry = tuple[tuple[str, ...], Any, int]
"""The path of keys, the value, and the line (from 1)."""


def parse_value(text: str) -> Any:
    """One YAML value from a command line: `3`, `1e-3`, `true`, `null`, `[64, 64]`, `{a: 2}`, else the text.

    Raises yaml.YAMLError where brackets or quotes are not closed.
    """
    return yaml.load(text, Loader=_Loader)


def read_file(path: Path) -> list[Entry]:
    """All entries of a recipe file, two levels deep (`section`, `section.field`), with their lines.

    Raises RecipeError: no such file, not text, not YAML (with line and column), no mapping, a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(str(path), "must be a recipe file", found="no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), "must be a readable text file in UTF-8", found=str(error)) from None
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        entries = [] if node is None else list(_entries(loader, node, path))
    except yaml.YAMLError as error:
        raise _not_yaml(path, text, error) from None
    except RecursionError:
        raise RecipeError(str(path), "must be a recipe file", found="brackets nested too deep") from None
    finally:
        if loader is not None:
            loader.dispose()
    if not entries:
        raise RecipeError(str(path), "must hold a recipe", found="nothing but white space or comments", do="seed: 0")
    return entries


def _entries(loader: _Loader, node: yaml.Node, path: Path) -> Iterator[Entry]:
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError(
            f"{path.name} line {node.start_mark.line + 1}",
            "a recipe must be a mapping of sections",
            found="a list" if isinstance(node, yaml.SequenceNode) else "a single value",
            do="data: {path: data.csv, target: [y]}",
        )
    for key, value, line in _pairs(loader, node, path, ""):
        if isinstance(value, yaml.MappingNode):
            for inner, leaf, inner_line in _pairs(loader, value, path, f"{key}."):
                yield (key, inner), loader.construct_object(leaf, deep=True), inner_line
        else:
            yield (key,), loader.construct_object(value, deep=True), line


def _pairs(loader: _Loader, node: yaml.MappingNode, path: Path, prefix: str) -> Iterator[tuple[str, yaml.Node, int]]:
    seen: dict[str, int] = {}
    for key_node, value in node.value:
        key, line = str(loader.construct_object(key_node, deep=True)), key_node.start_mark.line + 1
        if key in seen:
            raise RecipeError(
                f"{prefix}{key}",
                "must be given once",
                found=f"in line {seen[key]} and again in line {line} of {path.name}",
            )
        seen[key] = line
        yield key, value, line


def _not_yaml(path: Path, text: str, error: yaml.YAMLError) -> RecipeError:
    mark = getattr(error, "problem_mark", None)
    where, shown = path.name, ""
    if mark is not None:
        lines = text.splitlines()
        where = f"{path.name} line {mark.line + 1}, column {mark.column + 1}"
        shown = lines[mark.line].strip() if mark.line < len(lines) else "the end of the file"
    reason = getattr(error, "reason", None)  # yaml's ReaderError: a character that no YAML text may hold
    if reason is not None:
        shown = f"a character that no text holds, at position {getattr(error, 'position', 0)}"
        return RecipeError(where, "must be YAML", found=shown, cause="a binary file under the name of a recipe")
    problem = str(getattr(error, "problem", None) or error)
    cause = "a tab was used to indent; use spaces" if "\\t" in problem else problem
    return RecipeError(where, "must be YAML", found=shown, cause=cause)
