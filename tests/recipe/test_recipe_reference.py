"""The reference says types in words and leaves no trace of Python's own."""

from __future__ import annotations

import re

import pytest

from learnloop.recipe.reference import reference

TEXT = reference()


def row(key: str) -> list[str]:
    """The cells of the first row about `key`."""
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{key}`"))
    return [cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("out", "text or null"),
        ("seed", "int >= 0, < 2^63"),
        ("data.target", "list of text or null"),
        ("data.image_size", "int >= 1, <= 4096 or null"),
        ("data.download", "true or false"),
        (
            "task.name",
            "auto or classify or regress or translate or transcribe or language or forecast or autoencode or gan or "
            "diffusion",
        ),
        ("task.class_weights", "none or balanced or {name: float > 0}"),
        ("model.hidden", "list of int >= 1"),
    ],
)
def test_types_in_words(key: str, kind: str) -> None:
    assert row(key)[1] == kind


def test_no_python_in_it_and_no_runs_of_blanks() -> None:
    assert not re.findall(r"Union\[|Optional\[|Literal\[|Annotated|FieldInfo|typing\.|tuple\[|NoneType", TEXT)
    assert not re.findall(r"\S {2,}\S", TEXT)
