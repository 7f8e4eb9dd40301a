from __future__ import annotations

from pathlib import Path

import pytest

from learnloop.errors import RecipeError
from learnloop.recipe.reading import parse_value, read_file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("true", True),
        ("null", None),
        ("", None),
        ("off", "off"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("010", 10),
        ("2020-01-01", "2020-01-01"),
        ("[64, 64]", [64, 64]),
        ("{a: category}", {"a": "category"}),
        ("<=50K", "<=50K"),
    ],
)
def test_values_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_entries_carry_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("seed: 3\n\ntrain:\n  epochs: 2\n  # more\n  clip: null\nplan: plain\n")
    assert read_file(file) == [
        (("seed",), 3, 1),
        (("train", "epochs"), 2, 4),
        (("train", "clip"), None, 6),
        (("plan",), "plain", 7),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "r.yaml: must hold a recipe\n  found:     nothing but white space or comments\n",
        ),
        ("- 1\n", "r.yaml line 1: a recipe must be a mapping of sections\n  found:     a list"),
        ("train:\n  clip: [1\nseed: 3\n", "r.yaml line 3, column 5: must be YAML\n  found:     seed: 3"),
        (
            "train:\n\tclip: 1\n",
            "r.yaml line 2, column 1: must be YAML\n  found:     clip: 1\n  probably:  a tab",
        ),
        (
            "train: {clip: 1}\nseed: 1\ntrain: {keep: 2}\n",
            "train: must be given once\n  found:     in line 1 and again in line 3 of r.yaml",
        ),
        (
            "train:\n  clip: 1\n  clip: 2\n",
            "train.clip: must be given once\n  found:     in line 2 and again in line 3 of r.yaml",
        ),
    ],
)
def test_unreadable_files_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_file(file)
    assert str(caught.value).replace(str(tmp_path) + "/", "").startswith(message)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="must be a recipe file\n  found:     no such file"):
        read_file(tmp_path / "nothing.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(RecipeError, match="must be a readable text file in UTF-8"):
        read_file(tmp_path / "b.yaml")
