"""inspect: reads, reports, draws one page that needs nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.dataset import Dataset
from learnloop.data.profile import profile
from learnloop.data.profile_text import mean_of, values_of
from learnloop.data.schema import Field, Schema
from learnloop.errors import RecipeError, RunError, UserError
from learnloop.report.inspect_page import inspect_page
from learnloop.verbs.inspect import inspect

VOID = {"meta", "img", "rect", "line", "br"}


class Balance(HTMLParser):
    """Every opened element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def check_page(page: str) -> list[str]:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert "<script" not in page and not re.search(r'(src|href)="(?!data:)', page) and "url(" not in page
    assert "prefers-color-scheme: dark" in page and "width=device-width" in page
    return parser.seen


def sales() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sold = rng.integers(0, 2, 300)
    return pd.DataFrame(
        {
            "price": rng.normal(100, 20, 300).round(2),
            "shop": rng.choice(["<b>north</b>", "south"], 300),
            "invoice": np.where(sold, "paid", "none"),
            "sold": np.where(sold, "yes", "no"),
        }
    )


def test_inspect_a_file(tmp_path: Path) -> None:
    sales().to_csv(tmp_path / "sales.csv", index=False)
    found = inspect(tmp_path / "sales.csv", target="sold", out=tmp_path / "new" / "page.html")
    assert found.path == tmp_path / "new" / "page.html"
    page = found.path.read_text()
    assert page == found.html()
    seen = check_page(page)
    assert seen.count("svg") == 1 and seen.count("article") == 3
    assert "Column &#x27;invoice&#x27; alone predicts the target &#x27;sold&#x27; (AUC 1.00)" in page
    assert page.index("invoice&#x27; alone") < page.index("<h2>")
    assert "&lt;b&gt;north" in page and "<b>north" not in page
    text = found.text()
    assert text.splitlines()[0].endswith("sales.csv: 300 rows, 4 columns")
    assert text.splitlines()[2].startswith("! Column 'invoice' alone predicts the target 'sold' (AUC 1.00)")
    assert str(found) == text and found.profile["rows"] == 300
    assert found._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')


def test_rounding_noise_is_not_shown_as_a_mean() -> None:
    field = {"kind": "number", "histogram": {}, "mean": -2.512e-19, "std": 0.04762}
    assert mean_of(field) == 0
    line = values_of({**field, "histogram": {"counts": [1]}, "min": -0.1, "median": 0.005, "max": 0.1})
    assert line == "-0.1 .. 0.005 .. 0.1   mean 0 ± 0.04762"
    assert mean_of({"mean": 1e-9, "std": 2e-9}) == 1e-9 and mean_of({"mean": 3.0, "std": 0.0}) == 3


def test_a_folder_gets_inspect_html(tmp_path: Path) -> None:
    found = inspect(sales(), target="sold", out=tmp_path)
    assert found.path == tmp_path / "inspect.html" and found.path.is_file()
    assert inspect(sales(), target="sold").path is None


def test_without_a_target() -> None:
    found = inspect(sales().drop(columns="sold"))
    assert found.profile["targets"] == [] and "Target" not in found.text()
    check_page(found.html())


def test_columns_override_the_guess() -> None:
    found = inspect(sales(), target="sold", columns={"price": "category"})
    assert next(row for row in found.profile["fields"] if row["name"] == "price")["kind"] == "category"


def test_a_misspelt_target_is_the_readers_error() -> None:
    with pytest.raises((RecipeError, UserError), match="sold"):
        inspect(sales(), target="sodl")


def test_out_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="must be a file or folder that can be written"):
        inspect(sales(), target="sold", out=tmp_path / "file" / "page.html")


def test_page_of_images() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 1), dtype=np.uint8)
    fields = (
        Field("image", "image", shape=(6, 5, 1)),
        Field("label", "category", role="target", dtype="str"),
    )
    data = Dataset("pictures", Schema(fields), pd.DataFrame({"label": ["cat", "dog"] * 20}), {"image": pixels})
    page = inspect_page(profile(data), data)
    assert check_page(page).count("img") == 16 and page.count("data:image/png;base64,") == 16


def test_titanic(shared_data: Path) -> None:
    found = inspect(shared_data / "tabular" / "titanic.csv.gz", target="Survived")
    alone = {row["column"]: row["score"] for row in found.profile["alone"]}
    # P(woman survived) against P(man survived): the AUC of Sex over all rows is 0.767.
    assert alone["Sex"] == pytest.approx(0.767, abs=0.01) and max(alone, key=lambda name: alone[name]) == "Sex"
    assert not found.profile["leaks"]
    check_page(found.html())
