"""`learnloop inspect` of series: the sentences that it says, the page, the bar to beat."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from learnloop.cli.main import main
from learnloop.verbs.inspect import inspect
from learnloop.verbs.inspect_series import SeriesInspection, inspect_series, naive_errors

pytest.importorskip("statsmodels")


def shop(count: int = 120) -> pd.DataFrame:
    steps = np.arange(count)
    value = 100 + steps + 20 * np.sin(2 * np.pi * steps / 12) + np.random.default_rng(0).standard_normal(count)
    value[50] += 60
    return pd.DataFrame(
        {"month": pd.date_range("2010-01-01", periods=count, freq="MS").strftime("%Y-%m-%d"), "<sales>": value}
    )


def test_what_was_put_into_a_series_is_told() -> None:
    found = inspect_series(shop())
    text = " ".join(found.text(200).split())
    assert "one series of 120 steps, 2010-01-01 to 2019-12-01, every month" in text
    assert "Season of 12 steps (correlation 0." in text
    assert "Trend-stationary: it returns to a straight line after every shock." in text
    assert found.facts["outliers"]["farthest"][0]["time"] == "2014-03-01"
    assert found.facts["bar"]["seasonal_naive"]["mae"] < found.facts["bar"]["naive"]["mae"]
    assert "The bar to beat: the value of one season ago, carried forward, errs by" in text
    assert "Frequency MS (every month), found from the stamps." in text


def test_lines_keep_to_the_width() -> None:
    lines = inspect_series(shop()).text(80).splitlines()
    assert max(len(line) for line in lines) <= 80


def test_a_break_in_the_level_is_dated_and_a_cycle_is_no_break() -> None:
    y = np.random.default_rng(0).standard_normal(300)
    y[250:] += 2.5
    found = inspect_series(pd.Series(y, index=pd.date_range("2024-01-01", periods=300)))
    times = [np.datetime64(row["time"]) for row in found.facts["breaks"]["found"]]
    assert len(times) == 1 and abs((times[0] - np.datetime64("2024-09-07")).astype(int)) <= 2
    assert "jumps at 2024-09-" in found.text()
    waves = 10 + 3 * np.sin(np.arange(400) / 20 * 2 * np.pi) + y[np.arange(400) % 250]
    cyclic = inspect_series(pd.Series(waves, index=pd.date_range("1900-01-01", periods=400, freq="YS")))
    assert abs(cyclic.facts["cycle"]["steps"] - 20) <= 1
    assert cyclic.facts["breaks"]["found"] == []


def test_the_page_is_whole_and_escapes_what_the_user_wrote() -> None:
    page = inspect_series(shop()).html()
    assert "&lt;sales&gt;" in page and "<sales>" not in page
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    assert (
        len(pictures) == 4 + 4
    )  # the series and three parts; two correlations of the series and of the stationary one
    for picture in pictures:
        ElementTree.fromstring(picture)  # well-formed
        assert "nan" not in picture and "inf" not in picture
    assert "<script" not in page and "http" not in page


def test_facts_are_json_and_long_series_are_thinned() -> None:
    y = np.sin(np.arange(20_000) / 24 * 2 * np.pi) + np.random.default_rng(0).standard_normal(20_000)
    found = inspect_series({"long": y, "other": y[:500]}, series="other")
    assert found.facts["shown"] == "other" and found.facts["series"] == 2
    long = inspect_series(y)
    assert len(long.facts["parts"]["step"]) <= 1502
    assert max(long.facts["parts"]["values"]) == pytest.approx(y.max(), abs=1e-5)  # peaks are not thinned away
    json.dumps(long.facts)


def test_naive_errors_by_hand() -> None:
    y = np.array([1.0, 2, 1, 2, 1, 2, 1, 4, 1, 2])
    found = naive_errors(y, 2, 2)
    # origins 6, 7, 8; the last value: 2 -> |1-2|, |4-2|; 1 -> 3, 0; 4 -> 3, 2. One season ago: 0, 2; 2, 0; 0, 2
    assert found["origins"] == 3
    assert found["naive"]["mae"] == pytest.approx(11 / 6)
    assert found["seasonal_naive"]["mae"] == pytest.approx(6 / 6)
    smape = 200 * np.mean([0, 2 / 6, 2 / 6, 0, 0, 2 / 6])
    assert found["seasonal_naive"]["smape"] == pytest.approx(smape)
    assert "seasonal_naive" not in naive_errors(y, 1, 1)


def test_the_verb_and_the_command_look_at_series(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspect("airline_passengers", out=tmp_path / "page.html")
    assert isinstance(found, SeriesInspection) and found.path is not None
    assert "airline_passengers" in found.path.read_text()
    path = tmp_path / "shop.csv"
    shop().to_csv(path, index=False)
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(path), "--forecast", "--json"])
    assert ended.value.code in (0, None)
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["season"] == 12 and facts["frequency"] == "MS"
