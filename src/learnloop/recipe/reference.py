"""The reference of all keys, made from the declarations: for `learnloop fit --set help` and the docs."""

from __future__ import annotations

import re
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from learnloop.config import Config
from learnloop.recipe.components import TABLES
from learnloop.recipe.recipe import ORDER, SECTIONS, Root
from learnloop.recipe.text import scalar


def reference() -> str:
    """Markdown: one table a section, and one for each component that a section can name."""
    parts = ["# Every key of a recipe", "", "Set with `--set key=value` or in recipe.yaml.", ""]
    parts += ["## (top level)", "", *_table("", Root), ""]
    for section in ORDER:
        parts += [f"## {section}", ""]
        if section in SECTIONS:
            cls = SECTIONS[section]
            parts += [_first_line(cls), "", *_table(f"{section}.", cls), ""]
        kind = "loss" if section == "task" else section
        for name, cls in TABLES.get(kind, {}).items():
            key = "task.loss" if kind == "loss" else f"{section}.name"
            parts += [f"### `{key}: {name}`", "", _first_line(cls), "", *_table(f"{section}.", cls), ""]
    return "\n".join(parts).rstrip() + "\n"


def _first_line(cls: type[Config]) -> str:
    return (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").strip()


def _table(prefix: str, cls: type[Config]) -> list[str]:
    if not cls.model_fields:
        return ["No fields."]
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, info in cls.model_fields.items():
        cells = (f"`{prefix}{name}`", f"`{kind_of(info)}`", f"`{default_of(info)}`", info.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def kind_of(info: FieldInfo) -> str:
    """The type and range in words: `int > 0`, `auto or none`, `list of int`."""
    bounds = [f"{sign} {_bound(item, name)}" for item in info.metadata for name, sign in _SIGNS if hasattr(item, name)]
    return " ".join([_type(info.annotation), *bounds])


_SIGNS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


def _bound(item: Any, name: str) -> str:
    value = getattr(item, name)
    return f"{value:g}" if value < 1e9 else "2^63"


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) and "[" not in str(annotation) else str(annotation)
    text = re.sub(r"Annotated\[(\w+), (?:[^\[\]()]|\([^()]*\))*\]", r"\1", text)
    text = re.sub(r"typing\.|typing_extensions\.|NoneType", "", text)
    return text.replace("None", "null").replace(" | ", " or ")


def default_of(info: FieldInfo) -> str:
    """The default in YAML."""
    if info.default_factory is not None:
        return scalar(info.default_factory())  # type: ignore[call-arg]
    return "required" if info.default is PydanticUndefined else scalar(info.default)
