from __future__ import annotations

import re
from pathlib import Path

import pytest

import learnloop as ll


@pytest.mark.parametrize("name", ll.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ll, name) is getattr(ll, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    stub = (Path(ll.__file__).parent / "__init__.pyi").read_text()
    named = set(re.findall(r"(?:as |^)(\w+)(?:$|:| = )", stub, re.MULTILINE)) - {"__all__"}
    assert named == set(ll.__all__)


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(AttributeError, match=r"learnloop has no 'fitt'\. Did you mean 'fit'\?"):
        _ = ll.fitt  # type: ignore[attr-defined]
