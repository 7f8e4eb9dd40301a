"""Texts in several languages, a file each."""

from __future__ import annotations

from pathlib import Path

import pytest

from learnloop.data.parallel import corpus_of
from learnloop.data.read import read
from learnloop.errors import DataError, ManyErrors


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


EN = "".join(f"the man number {row} runs\n" for row in range(30))
DE = "".join(f"der Mann Nummer {row} läuft\n" for row in range(30))


def test_a_folder_of_languages_is_a_table_with_its_own_split(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN, train__de=DE, val__en="a dog\n", val__de="ein Hund", test__en="a cat\n")
    write(tmp_path, test__de="eine Katze\n", README="about")
    data = read(tmp_path, target="de", task="translate")
    assert {field.name: (field.kind, field.role) for field in data.schema.fields} == {
        "de": ("text", "target"),
        "en": ("text", "input"),
    }
    assert data.part is not None
    assert [int((data.part == part).sum()) for part in ("train", "validation", "test")] == [30, 1, 1]
    row = int((data.part == "validation").argmax())
    assert data.frame.iloc[row].to_dict() == {"de": "ein Hund", "en": "a dog"}


def test_the_task_follows_from_two_columns_of_texts(tmp_path: Path) -> None:
    data = read(write(tmp_path, all__en=EN, all__de=DE), target="de")
    assert data.schema["de"].kind == "text"
    assert data.part is None


def test_one_side_is_enough_to_find_the_other(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN, train__de=DE, other__en="x\n", other__fr="y\n")
    data = read(tmp_path / "train.en", target="de", task="translate")
    assert len(data) == 30
    assert data.frame["en"].iloc[3] == "the man number 3 runs"


def test_lines_that_do_not_pair_up_are_refused(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN, train__de=DE + "noch einer\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path, target="de", task="translate")
    said = str(caught.value)
    assert "must hold as many lines in one language as in the other" in said
    assert "31 lines in train.de and 30 lines in train.en" in said
    assert f"wc -l {tmp_path}/train.de {tmp_path}/train.en" in said


def test_a_text_that_lacks_a_language_is_named_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN, train__de=DE, test__en="a\nb\n", test__de="a\n", val__en="a\n", val__fr="a\n")
    with pytest.raises(ManyErrors) as caught:
        read(tmp_path, target="de", task="translate")
    said = str(caught.value)
    assert "must hold every text in every language\n  found:     val.en, val.fr, but no val.de" in said
    assert "train.de, train.en, but no train.fr" in said


def test_an_empty_line_is_refused_by_its_row(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN.replace("the man number 7 runs", ""), train__de=DE)
    with pytest.raises(
        DataError, match=r"column en: must hold a text in every row\n  found:     1 empty text, in row 8 "
    ):
        read(tmp_path, target="de", task="translate")


def test_an_encoding_that_is_not_utf_8_is_said(tmp_path: Path) -> None:
    write(tmp_path, train__en=EN)
    (tmp_path / "train.de").write_bytes(DE.encode("cp1252"))
    data = read(tmp_path, target="de", task="translate")
    assert data.frame["de"].iloc[0] == "der Mann Nummer 0 läuft"
    assert "train.de is encoded as Windows-1252." in data.notes


def test_files_of_other_kinds_are_no_languages(tmp_path: Path) -> None:
    paths = [
        tmp_path / name for name in ("a.en", "a.pt_BR", "a.png", "b.md", "b.py", "c.de", "d.txt", "d.csv", "e.src")
    ]
    assert corpus_of([*paths, tmp_path / "e.tgt.gz"]) == {
        "a": {"en": paths[0], "pt_BR": paths[1]},
        "e": {"src": paths[8], "tgt": tmp_path / "e.tgt.gz"},
    }
