"""`Config`: the base of every declared component. A field's annotation is its validation, help, form and docs row."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen, validated declaration that forbids unknown fields. Subclasses carry a `build(...)` method.

    Each field is `name: type = Field(default, description="one sentence", gt=...)`; nothing about it is said twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False)
