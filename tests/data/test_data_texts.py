"""Texts in data: which column is read, empty ones, folders, encodings, files without names, new texts to predict."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.data.catalog import CATALOG, load
from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.data.prose import is_prose, read_prose
from learnloop.data.read import read
from learnloop.errors import DataError, ManyErrors

N = 40
SENTENCES = [f"this is sentence number {place} of them" for place in range(N)]


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"text": SENTENCES, "label": ["good", "bad"] * (N // 2), **columns})


def roles(data: Dataset) -> dict[str, tuple[str, str]]:
    return {field.name: (field.kind, field.role) for field in data.schema.fields}


def refused(source: Any, **options: Any) -> str:
    with pytest.raises((DataError, ManyErrors)) as caught:
        read(source, **options)
    return str(caught.value)


# --- which column


def test_free_text_is_the_input_when_it_is_alone() -> None:
    data = read(frame(id=range(N), split=["train"] * 30 + ["test"] * 10))
    assert roles(data) == {
        "text": ("text", "input"),
        "label": ("category", "target"),
        "id": ("id", "id"),
        "split": ("category", "split"),
    }
    assert data.schema["text"].why == "Free text, and the only column to learn from."


def test_beside_other_columns_free_text_is_set_aside_until_it_is_asked_for() -> None:
    table = frame(size=np.random.default_rng(0).normal(size=N))
    data = read(table)
    assert roles(data)["text"] == ("text", "ignore")
    assert data.schema["text"].why.endswith("set aside (to learn from it alone: --set data.columns.text=text).")
    assert roles(read(table, columns={"text": "text"}))["text"] == ("text", "input")


def test_of_several_texts_the_longest_is_read() -> None:
    data = read(frame(title=[f"a title {place} here" for place in range(N)]))
    assert roles(data)["text"][1] == "input" and roles(data)["title"][1] == "ignore"
    assert data.schema["title"].why == (
        "Free text beside 'text', which is longer; set aside (instead of it: --set data.columns.title=text)."
    )
    assert roles(read(frame(title=SENTENCES[::-1]), ignore=["text"]))["title"][1] == "input"


# --- empty texts


def test_empty_texts_are_refused_with_their_rows() -> None:
    table = frame()
    table.loc[[3, 7], "text"] = [" ", None]
    assert refused(table) == (
        "the data frame, column text: must hold a text in every row\n"
        "  found:     2 empty texts, in rows 4, 8 (counted from 1)\n"
        "  probably:  cells left empty, or a mark for a missing value such as NA or null\n"
        "  do:        --set data.corrupt=skip   # leaves these rows out"
    )
    data = read(table, corrupt="skip")
    assert len(data) == N - 2 and "2 of 40 rows have an empty text; they were dropped." in data.notes
    assert read(table, need_target=False).schema["text"].missing == 2  # inspect shows them


def test_empty_texts_to_predict_are_said() -> None:
    schema = read(frame()).schema
    rows = conform(["fine words here", "", "  "], schema)
    assert len(rows) == 3
    assert rows.notes == (
        "Column text: 2 of 3 texts are empty (rows 2, 3, counted from 1); the answer for them is the one for an "
        "unknown word.",
    )


# --- folders of .txt


def folder_of(path: Path, texts: dict[str, bytes]) -> Path:
    for name, text in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text)
    return path


def test_class_folders_of_texts_keep_their_parts(tmp_path: Path) -> None:
    names = [(part, kind, number) for part in ("train", "test") for kind in ("neg", "pos") for number in range(6)]
    texts = {f"{part}/{kind}/{number}.txt": f"{part} {kind} {number} é".encode() for part, kind, number in names}
    data = read(folder_of(tmp_path / "reviews", {**texts, "train/unsup/1.txt": b"nobody knows"}))
    assert roles(data) == {"text": ("text", "input"), "file": ("id", "id"), "label": ("category", "target")}
    assert data.part is not None and (data.part == "train").sum() == (data.part == "test").sum() == 12
    assert data.schema["label"].categories == ("neg", "pos") and data.frame["text"][0] == "test neg 0 é"
    assert any("1 texts in folders of texts without a class" in note for note in data.notes)


def test_files_in_other_encodings_are_said_or_refused(tmp_path: Path) -> None:
    texts = {f"{kind}/{place}.txt": f"{kind} words {place}".encode() for kind in "ab" for place in range(5)}
    good = folder_of(
        tmp_path / "good", {**texts, "a/9.txt": "naïve café".encode("cp1252"), "b/9.txt": b"\xff\xfeo\x00"}
    )
    data = read(good)
    assert "naïve café" in set(data.frame["text"]) and "o" in set(data.frame["text"])
    assert "Not UTF-8, and read as what they seem to be: 1 as Windows-1252, 1 as utf-16 files." in data.notes
    bad = folder_of(tmp_path / "bad", {**texts, "a/9.txt": b"fine \x81 not"})
    assert refused(bad) == (
        f"{bad}/a/9.txt: must be text in one encoding; it was taken for UTF-8\n"
        "  found:     byte 0x81 at position 6 of the file (b'fine \\x81 not')\n"
        "  probably:  the file is in another encoding, was cut short, or is damaged"
    )


def test_new_texts_come_as_strings_files_and_folders(tmp_path: Path) -> None:
    schema = read(frame()).schema
    for source in (
        ["one text", "two texts"],
        np.array(["one text", "two texts"]),
        pd.Series(["one text", "two texts"]),
    ):
        assert conform(source, schema).frame["text"].tolist() == ["one text", "two texts"]
    assert conform("only one text", schema).frame["text"].tolist() == ["only one text"]
    folder = folder_of(tmp_path, {"b.txt": b"of b", "a.txt": b"of a\nand more"})
    data = conform(folder, schema)
    assert data.frame["text"].tolist() == ["of a\nand more", "of b"] and len(data.origin["files"]) == 2
    assert conform([str(folder / "b.txt")], schema).frame["text"].tolist() == ["of b"]
    (tmp_path / "table.txt").write_text("label\ttext\ngood\tin a table\n")
    assert conform(tmp_path / "table.txt", schema).frame["text"].tolist() == ["in a table"]
    with pytest.raises(DataError, match="no such file"):
        conform("nosuchfile.txt", schema)


# --- tables of texts


def test_a_table_without_names_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "sms.tsv.gz"
    lines = [f'{label}\tso he said "{text}' for label, text in zip(["ham", "spam"] * 20, SENTENCES)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    data = read(path)
    assert len(data) == N and data.frame["text"][0] == 'so he said "this is sentence number 0 of them'
    assert roles(data) == {"label": ("category", "target"), "text": ("text", "input")}
    assert any("they were called label, text" in note for note in data.notes)
    path.write_bytes(gzip.compress("\n".join(["label\ta text that is long", *lines]).encode()))
    assert read(path, target="label").schema.names == ["label", "a text that is long"]


# --- one long text


def test_prose_is_told_from_a_table(tmp_path: Path) -> None:
    story, table = tmp_path / "story.txt", tmp_path / "table.txt"
    story.write_text("ROMEO:\nBut, soft! what light, through yonder,\nwindow breaks?\n\nIt is the east.\n")
    table.write_text("a,b\n1,2\n3,4\n")
    assert is_prose(story) and not is_prose(table) and not is_prose(tmp_path / "none.txt") and not is_prose(frame())
    assert is_prose("tinyshakespeare") and not is_prose("imdb")


def test_prose_says_how_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "story.txt.gz"
    path.write_bytes(gzip.compress("déjà\r\nvu\r\n".encode("cp1252")))
    prose = read_prose(path)
    assert prose.text == "déjà\nvu\n" and len(prose.origin["sha256"]) == 64
    assert [note.split(";")[0] for note in prose.notes] == [
        "The file is not UTF-8 (line 1)",
        "Line ends were written as \\r\\n or \\r",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty file (0 bytes)"),
        (b" \n\n", "must hold a text\n  found:     only blank lines"),
        (
            b"h\xc3\xa9\nabc\xe9d\n",
            "line 2: must be text in one encoding, best UTF-8\n  found:     byte 0xe9 at position 4",
        ),
        (b"\xff\xfea\x00b", "it was taken for UTF-16\n  found:     byte 0x62 at position 5 of the file"),
        (b"a\x00b", "zero bytes in it"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_prose(tmp_path / "x.txt")
    assert said in str(caught.value)


# --- the catalog


@pytest.mark.parametrize("name", ["rt_polarity", "sms_spam", "multi30k", "tinyshakespeare"])
def test_texts_of_the_local_folder(name: str, shared_data: Path) -> None:
    raw, entry = load(name), CATALOG[name]
    assert len(raw) == entry.rows and raw.target == entry.target and len(raw.origin["sha256"]) == 64
    if name == "tinyshakespeare":
        assert len(read_prose(name).text) == 1_115_394


def test_canonical_files_of_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path))
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as archive:
        for name in ("train/pos/3_8.txt", "train/neg/1_2.txt", "test/pos/0_10.txt", "train/unsup/9_0.txt", "README"):
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    assert load("imdb").frame.to_dict("list") == {
        "split": ["test", "train", "train"],
        "label": [1, 0, 1],
        "rating": [10, 2, 8],
        "id": [0, 1, 3],
        "text": ["test/pos/0_10.txt", "train/neg/1_2.txt", "train/pos/3_8.txt"],
    }
    (tmp_path / "rt-polarity.neg").write_text("dull .\n")
    (tmp_path / "rt-polarity.pos").write_bytes("très good .\n\n".encode("cp1252"))
    assert load("rt_polarity").frame.to_dict("list") == {"label": [0, 1], "text": ["dull .", "très good ."]}
    (tmp_path / "sms.tsv").write_text('ham\tNA "x\nspam\twin\n')
    assert load("sms_spam").frame.to_dict("list") == {"label": ["ham", "spam"], "text": ['NA "x', "win"]}
    for part in ("train", "val", "test_2016_flickr"):
        for tongue in ("en", "de", "fr"):
            (tmp_path / f"{part}.{tongue}.gz").write_bytes(gzip.compress(f"{part} {tongue}\n".encode()))
    found = load("multi30k").frame
    assert found["split"].tolist() == ["train", "validation", "test"] and found["de"][2] == "test_2016_flickr de"
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as packed:
        packed.writestr("fra.txt", "Go.\tVa !\tsomebody\n")
    assert load("fra_eng").frame.to_dict("list") == {"en": ["Go."], "fr": ["Va !"]}
