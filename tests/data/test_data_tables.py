"""Delimited files, JSON, Parquet: what is read, and the text of every refusal."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.padded import may_hold_padded
from learnloop.data.ragged import count_fields, count_slowly
from learnloop.data.read import read
from learnloop.errors import DataError, ManyErrors, MissingExtraError, RecipeError

ROWS = "\n".join(f"{place},{place % 7},{'ab'[place % 2]}" for place in range(40))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def message(source: object, **options: object) -> str:
    with pytest.raises((DataError, RecipeError, ManyErrors)) as caught:
        read(source, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_empty_file(tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv", "")
    assert message(path) == (
        f"{path}: must hold a line of column names and at least one row\n"
        "  found:     an empty file (0 bytes)\n"
        "  probably:  the export or download failed, or this is the wrong file"
    )
    assert "found:     only blank lines" in message(write(tmp_path / "b.csv", "\n \n\n"))
    assert "found:     column names only: a, b" in message(write(tmp_path / "h.csv", "a,b\n"))


@pytest.mark.parametrize("quote", ["", '"'])
def test_ragged_rows_name_the_line(tmp_path: Path, quote: str) -> None:
    lines = ["a,b,c", *[f"{quote}{place}{quote},2,x" for place in range(50)]]
    long = write(tmp_path / "long.csv", "\n".join([*lines[:30], "1,2,3,4", *lines[30:]]))
    assert f"{long}, line 31: must have as many fields as the first line: 3\n  found:     4 fields" in message(long)
    assert "a comma inside a value that is not quoted" in message(long)
    short = write(tmp_path / "short.csv", "\n".join([*lines[:20], "1,2", *lines[20:]]))
    text = message(short)
    assert f"{short}, line 21:" in text and "found:     2 fields" in text and "a row cut short" in text
    assert f"do:        sed -n 21p {short}" in text


def test_line_numbers_count_line_ends_inside_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", 'a,b\n1,"two\nlines, quoted"\n3,4\n5,6,7\n')
    assert f"{path}, line 5:" in message(path, target="a")


def test_counting_in_blocks_equals_the_csv_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    rows = [",".join(random.choice(["1", '"a,b"', '"x\ny"', "", '"q""q"'], 4)) for _ in range(300)]
    path = write(tmp_path / "c.csv", "a,b,c,d\r\n" + "\r\n".join([*rows[:200], "", *rows[200:], "1,2"]))
    exact = count_slowly(path, ",", "utf-8")
    for block in (7, 64, 1 << 20):
        monkeypatch.setattr("learnloop.data.ragged.BLOCK", block)
        quoted, _ = count_fields(path, ",")
        assert quoted == exact
    assert exact.records == 302 and exact.bad is not None and exact.bad[1] == 2


def test_bad_bytes_name_the_line(tmp_path: Path) -> None:
    good = "a,y\n" + "".join(f"café,{place % 2}\n" for place in range(20))
    path = write(tmp_path / "bad.csv", good.encode() + b"caf\xe9,1\n")
    text = message(path)
    assert f"{path}, line 22: must be text in one encoding, best UTF-8" in text
    assert "byte 0xe9 at position 4" in text and "while 20 other lines are UTF-8" in text
    assert "iconv -f WINDOWS-1252" in text
    undefined = write(tmp_path / "undefined.csv", b"a,y\n1,caf\xe9\n2,\x81\x8d\n")
    assert "line 3" in message(undefined) and "not Windows-1252 either" in message(undefined)
    assert "found:     zero bytes in it" in message(write(tmp_path / "bin.csv", b"\x00\x01\x02" * 50))


def test_encodings_are_found_and_said(tmp_path: Path) -> None:
    text = "naïve;y\n" + "".join(f"{'é' if place % 2 else 'ü'};{place % 2}\n" for place in range(30))
    for encoding, said in (("cp1252", "Windows-1252"), ("utf-16", "UTF-16"), ("utf-8-sig", "")):
        data = read(write(tmp_path / f"{encoding}.csv", text.encode(encoding)))
        assert data.schema["naïve"].categories == ("é", "ü"), encoding
        assert said in " ".join(data.notes)
    assert any("separated by a semicolon" in note for note in data.notes)


def test_compressed_and_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(f"n,k,y\n{ROWS}\n".encode())
    assert len(read(write(tmp_path / "a.csv.gz", packed))) == 40
    text = message(write(tmp_path / "cut.csv.gz", packed[:-20]))
    assert "must be a whole gzip file" in text and "gzip -t" in text


def test_duplicate_and_missing_names(tmp_path: Path) -> None:
    text = message(write(tmp_path / "d.csv", "a,b,a\n1,2,3\n"))
    assert "each column must have a name of its own" in text and "several columns are called 'a'" in text
    assert "must begin with a line of column names" in message(write(tmp_path / "n.csv", "5.1,3.5,0\n4.9,3,1\n"))


def test_quotes_that_do_not_pair_up(tmp_path: Path, shared_data: Path) -> None:
    data = read(shared_data / "sms_spam.tsv.gz", need_target=False, columns={"text": "id", "label": "category"})
    assert len(data) == 5574
    assert "Quote signs do not pair up in this file, so they were read as ordinary characters." in data.notes
    path = write(tmp_path / "open.csv", 'a,y\n"x, z",0\n"2,1\n3,0\n4,1\n')
    text = message(path)
    assert f"{path}, line 3: must have as many fields as the first line: 2" in text
    assert "or a quote that is never closed" in text


def test_missing_markers_are_missing_and_said(tmp_path: Path) -> None:
    lines = [f"{place / 4},{'red' if place % 2 else 'blue'},{place % 2}" for place in range(40)]
    lines[3], lines[5], lines[7] = "-,?,1", "?,null,1", ",NA,1"
    data = read(write(tmp_path / "m.csv", "v,c,y\n" + "\n".join(lines)))
    assert (data.schema["v"].kind, data.schema["v"].missing) == ("number", 3)
    assert (data.schema["c"].categories, data.schema["c"].missing) == (("blue", "red"), 3)
    assert "Column v: '?' was counted as missing (1 values)." in data.notes
    assert "Column c: '?' was counted as missing (1 values)." in data.notes
    assert "Column v: '-' was counted as missing (1 values)." in data.notes


def test_a_typing_mistake_among_numbers_is_refused(tmp_path: Path) -> None:
    lines = [f"{place},{place % 2}" for place in range(50)]
    lines[16] = "1o5,0"
    text = message(write(tmp_path / "t.csv", "age,y\n" + "\n".join(lines)))
    assert "column age: must hold numbers" in text and "'1o5' in row 17" in text
    assert "--set data.columns.age=category" in text


def test_decimal_commas(tmp_path: Path) -> None:
    lines = [f"{place},{place % 10};{place % 2}" for place in range(30)]
    data = read(write(tmp_path / "comma.csv", "v;y\n" + "\n".join(lines)))
    assert data.schema["v"].kind == "number" and data.frame["v"][3] == 3.3


def test_text_after_twenty_thousand_numbers_stays_text(tmp_path: Path) -> None:
    cells = [str(place % 9) for place in range(300_000)]
    cells[150_000:] = ["007"] * 150_000
    cells[-1] = "unknown"
    path = write(tmp_path / "late.csv", "code,y\n" + "\n".join(f"{cell},{i % 2}" for i, cell in enumerate(cells)))
    data = read(path, columns={"code": "category"})
    assert "007" in data.schema["code"].categories and "7" in data.schema["code"].categories


def test_json_lists_and_lines(tmp_path: Path) -> None:
    rows = [{"a": place, "y": "no" if place % 3 else "yes"} for place in range(12)]
    assert len(read(write(tmp_path / "r.json", json.dumps(rows)))) == 12
    assert len(read(write(tmp_path / "r.jsonl", "\n".join(map(json.dumps, rows))))) == 12
    assert "must be JSON" in message(write(tmp_path / "bad.json", "[{]"))
    assert "one for each row" in message(write(tmp_path / "list.json", "[1, 2]"))


def test_parquet_and_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "p.parquet"
    pd.DataFrame({"a": np.arange(30) / 7, "y": ["u", "v"] * 15}).to_parquet(path)
    assert read(path).schema["y"].categories == ("u", "v")
    assert "must be a whole Parquet file" in message(write(tmp_path / "bad.parquet", "nothing"))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError) as caught:
        read(path)
    assert "pip install 'learnloop[parquet]'" in str(caught.value)


def test_other_files(tmp_path: Path) -> None:
    assert "a pickle (.pkl)" in message(write(tmp_path / "m.pkl", "x"))
    assert "save the sheet as CSV" in message(write(tmp_path / "m.xlsx", "x"))
    path = write(tmp_path / "train.csv", "a,y\n1,2\n")
    text = message(str(path).replace("train", "trian"))
    assert "no such file" in text and f"Did you mean '{path}'?" in text
    assert "probably:  Did you mean 'titanic'?" in message("titanc")


def test_a_frame_is_not_changed_and_a_named_index_is_a_column() -> None:
    frame = pd.DataFrame(
        {"a": ["1", "2", "?"] * 5, 7: range(15), "y": [0, 1, 1] * 5}, index=pd.Index(range(15), name="k")
    )
    before = frame.copy()
    data = read(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert set(data.schema.names) == {"k", "a", "7", "y"}
    assert "several columns are called 'a'" in message(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("rows", [400, 30_000])
@pytest.mark.parametrize("quote", ["", '"'])
def test_digits_that_begin_with_0_keep_their_zeros(tmp_path: Path, rows: int, quote: str) -> None:
    """Also where the first of them comes late, and beside missing values."""
    towns = [f"{quote}{('80331', '10115', '')[place % 3]}{quote}" for place in range(rows - 2)] + ["01067", "01067"]
    lines = [f"{place % 50},{town},{place % 2}" for place, town in enumerate(towns)]
    data = read(write(tmp_path / "t.csv", "\n".join(["n,plz,y", *lines])))
    assert data.schema["plz"].kind == "category" and data.schema["plz"].categories == ("01067", "10115", "80331")
    assert data.frame["plz"].iloc[-1] == "01067" and data.schema["plz"].missing == (rows - 2) // 3
    assert data.schema["n"].kind == "number"


def test_padded_digits_are_found_on_the_bytes(tmp_path: Path) -> None:
    def holds(text: str) -> bool:
        return may_hold_padded(write(tmp_path / "t.csv", text), ",", "utf-8")

    assert holds("a,b\n1,012\n") and holds('a,b\n"007",1\n') and holds("a,b\n00,1\n")
    assert not holds("a,b\n0,100\n0.5,10:05\n-0,20\n") and not holds("a\n")
    assert may_hold_padded(tmp_path / "t.csv", ",", "utf-16")
