"""What the textbook and its explanations may import: a list of what is allowed, where import-linter has one of what is
not."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "learnloop"
SCRATCH = sorted((SOURCE / "scratch").glob("*.py"))
TOPICS = sorted((SOURCE / "explain" / "topics").glob("*.py"))


def imported(text: str) -> set[str]:
    """The modules of every import statement, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def strangers(text: str, allowed: tuple[str, ...]) -> list[str]:
    """Imported modules that are neither Python's own nor below one of `allowed`."""
    found = (name for name in imported(text) if name.partition(".")[0] not in sys.stdlib_module_names)
    return sorted(name for name in found if not f"{name}.".startswith(tuple(f"{each}." for each in allowed)))


@pytest.mark.parametrize("path", SCRATCH, ids=lambda path: path.stem)
def test_scratch_imports_numpy_and_nothing_else(path: Path) -> None:
    assert strangers(path.read_text(encoding="utf-8"), ("numpy", "learnloop.scratch")) == []


@pytest.mark.parametrize("path", TOPICS, ids=lambda path: path.stem)
def test_topics_show_what_scratch_computes(path: Path) -> None:
    allowed = ("numpy", "learnloop.scratch", "learnloop.explain")
    assert strangers(path.read_text(encoding="utf-8"), allowed) == []


def test_a_stranger_is_noticed() -> None:
    text = "import math\nimport numpy as np\nfrom learnloop.scratch.mlp import Layer\n"
    assert strangers(text, ("numpy", "learnloop.scratch")) == []
    hidden = "def f():\n    import torch.nn\n    from learnloop.errors import UserError\n    from . import mlp\n"
    assert strangers(text + hidden, ("numpy", "learnloop.scratch")) == [".", "learnloop.errors", "torch.nn"]
