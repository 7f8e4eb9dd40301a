"""The reference of all keys, made from the declarations: for `learnloop fit --set help` and the docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from learnloop.config import Config
from learnloop.recipe.components import MODEL_KINDS, TABLES, model_kinds
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
        for kind in {"task": ("loss",), "model": model_kinds("auto")}.get(section, (section,)):
            for name, cls in TABLES.get(kind, {}).items():
                key = "task.loss" if kind == "loss" else f"{section}.name"
                when = next((f" with `task.name: {task}`" for task, own in MODEL_KINDS.items() if own == kind), "")
                parts += [f"### `{key}: {name}`{when}", "", _first_line(cls), "", *_table(f"{section}.", cls), ""]
    return "\n".join(parts).rstrip() + "\n"


def _first_line(cls: type[Config]) -> str:
    return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())


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
    kind, bounds = _type(info.annotation), ", ".join(_bounds(info.metadata))
    if bounds and kind.endswith(" or null"):
        return f"{kind.removesuffix(' or null')} {bounds} or null"
    return f"{kind} {bounds}".rstrip()


_SIGNS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


def _bounds(metadata: Iterable[Any]) -> list[str]:
    """`> 0`, `<= 1`: of the constraints themselves, and of those that an inner FieldInfo holds."""
    found = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            found += _bounds(item.metadata)
        found += [f"{sign} {_bound(item, name)}" for name, sign in _SIGNS if getattr(item, name, None) is not None]
    return found


def _bound(item: Any, name: str) -> str:
    value = getattr(item, name)
    return f"{value:g}" if value < 1e9 else "2^63"


def _type(annotation: Any) -> str:
    """A Python annotation in the words of YAML: `text or null`, `auto or none`, `{name: float > 0}`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return f"{_type(inner[0])} {', '.join(_bounds(inner[1:]))}".rstrip()
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in inner)
    if origin is Literal:
        return " or ".join(scalar(value) for value in inner)
    if origin is tuple and Ellipsis not in inner:
        return f"[{', '.join(_type(part) for part in inner)}]"
    if origin in (tuple, list, set, frozenset, Sequence):
        return f"list of {_type(inner[0])}"
    if origin in (dict, Mapping):
        return f"{{name: {_type(inner[1])}}}"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))


_NAMES = {str: "text", type(None): "null", Any: "any", bool: "true or false"}


def default_of(info: FieldInfo) -> str:
    """The default in YAML."""
    if info.default_factory is not None:
        return scalar(info.default_factory())  # type: ignore[call-arg]
    return "required" if info.default is PydanticUndefined else scalar(info.default)
