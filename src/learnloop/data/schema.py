"""`Schema`: what each column is, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

Kind = Literal["number", "category", "boolean", "date", "text", "id", "image", "series", "audio", "constant"]
Role = Literal["input", "target", "ignore", "split", "group", "time", "weight", "id"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Field:
    """One column.

    name        as in the file
    kind        number, category, boolean, date, text, id, image, series, audio or constant
    role        input, target, ignore (set aside), split, group, time, weight or id
    dtype       how values are written back: "int", "float", "str", "bool" or "date"
    categories  the distinct values as text, in the order of the codes (categories and booleans only)
    shape       (height, width, channels) of an image; (time, features) of a series; (samples,) of audio; else ()
    missing     how many values are missing
    why         one sentence: what made us think so
    format      how a date is written as text: "ISO8601" or a form such as "%d.%m.%Y"; "" where the values were dates;
                how a series was laid out: "array", "wide" or "long"; samples a second of audio
    columns     what a series was made of: names of the features (array), stems of the columns (wide), the group, the
                time and the features (long)
    """

    name: str
    kind: Kind
    role: Role = "input"
    dtype: str = "float"
    categories: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    missing: int = 0
    why: str = ""
    format: str = ""
    columns: tuple[str, ...] = ()

    def with_role(self, role: Role, why: str = "") -> Field:
        return replace(self, role=role, why=why or self.why)


@dataclass(frozen=True)
class Schema:
    """Ordered fields."""

    fields: tuple[Field, ...]

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(field.name == name for field in self.fields)

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]

    def of(self, role: Role) -> list[Field]:
        """The fields with one role, in order."""
        return [field for field in self.fields if field.role == role]

    @property
    def inputs(self) -> list[Field]:
        return self.of("input")

    @property
    def targets(self) -> list[Field]:
        return self.of("target")

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(field) for field in self.fields]

    @classmethod
    def from_json(cls, rows: list[Mapping[str, Any]]) -> Schema:
        fields = []
        for row in rows:
            values = dict(row)
            values["categories"] = tuple(values.get("categories", ()))
            values["shape"] = tuple(values.get("shape", ()))
            values["columns"] = tuple(values.get("columns", ()))  # bundles written before series lack it
            if values.get("dtype", "").startswith("date:"):  # bundles written before `format` was a field
                values["dtype"], _, values["format"] = values["dtype"].partition(":")
            fields.append(Field(**values))
        return cls(tuple(fields))
