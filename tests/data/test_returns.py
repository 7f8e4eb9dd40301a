"""Questions about prices and values: what they ask, what they know, and which days are left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.ahead import LAST, SEASONAL, value_origins
from learnloop.data.origins import joined
from learnloop.data.panel import Panel, read_panel
from learnloop.data.returns import log_returns, read_prices, return_origins, volatility_origins
from learnloop.errors import DataError


def shares(days: int = 400, names: tuple[str, ...] = ("A",), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    stamps = pd.bdate_range("2001-01-01", periods=days).strftime("%Y-%m-%d")
    parts = [
        pd.DataFrame({"Ticker": name, "Date": stamps, "Close": 50 * np.exp(np.cumsum(0.01 * rng.normal(size=days)))})
        for name in names
    ]
    return pd.concat(parts)


def csv(tmp_path: Path, frame: pd.DataFrame) -> Path:
    path = tmp_path / "shares.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("horizon", [1, 5])
def test_what_is_asked_is_the_return_and_the_volatility_of_the_days_that_follow(tmp_path: Path, horizon: int) -> None:
    panel = read_prices(csv(tmp_path, shares()[["Date", "Close"]]))
    prices = panel.series()
    back, size = return_origins(panel, horizon), volatility_origins(panel, horizon)
    for row in (0, 100, len(back) - 1):
        at = int(np.searchsorted(panel.times[0], back.time[row]))
        assert back.y[row] == pytest.approx(np.log(prices[at + horizon] / prices[at]))
        steps = np.diff(np.log(prices[at : at + horizon + 1]))
        assert size.y[row] == pytest.approx(np.sqrt((steps**2).sum()))
        assert size.rules["last volatility"][row] == pytest.approx(
            np.sqrt((np.diff(np.log(prices[at - horizon : at + 1])) ** 2).sum())
        )
        assert back.known[row] == panel.times[0][at + horizon]
    assert (back.rules["random walk (no change)"] == 0).all()
    assert back.known[-1] == panel.times[0][-1]  # the newest answer is that of the newest price


def test_features_are_those_of_the_close_of_the_day(tmp_path: Path) -> None:
    panel = read_prices(csv(tmp_path, shares()[["Date", "Close"]]))
    rows, returns = return_origins(panel, 1), log_returns(panel.series())
    at = int(np.searchsorted(panel.times[0], rows.time[50]))
    known = dict(zip(rows.names, rows.x[50], strict=True))
    assert known["return_0"] == returns[at] and known["return_4"] == returns[at - 4]
    assert known["momentum_5"] == pytest.approx(returns[at - 4 : at + 1].sum())
    assert known["spread_22"] == pytest.approx(returns[at - 21 : at + 1].std(ddof=1))
    assert known["volatility_66"] == pytest.approx(np.abs(returns[at - 65 : at + 1]).mean())
    prices = panel.series()
    assert known["fallen"] == pytest.approx(np.log(prices[at] / prices[at - 65 : at + 1].max()))
    assert "week_sin1" in rows.names and "year_cos3" in rows.names


def test_several_shares_are_asked_together_in_the_order_of_time(tmp_path: Path) -> None:
    panel = read_prices(csv(tmp_path, shares(names=("A", "B"))), price="Close")
    rows = return_origins(panel, 1)
    assert rows.ids == ("A", "B") and np.bincount(rows.series).tolist() == [len(rows) // 2] * 2
    assert (np.diff(rows.time.astype(np.int64)) >= 0).all()
    alone = return_origins(panel.subset(["B"]), 1)
    np.testing.assert_array_equal(rows.y[rows.series == 1], alone.y)
    again = joined([rows.take(rows.series == 1), rows.take(rows.series == 0)])
    np.testing.assert_array_equal(np.sort(again.y), np.sort(rows.y))


def test_days_without_a_price_are_neither_asked_nor_answered(tmp_path: Path) -> None:
    frame = shares()[["Date", "Close"]]
    frame.loc[300, "Close"] = np.nan
    panel = read_prices(csv(tmp_path, frame))
    assert panel.filled[0].sum() == 1 and panel.filled[0][300]
    rows = return_origins(panel, 5)
    at = np.searchsorted(panel.times[0], rows.time)
    assert not ((at <= 300) & (at + 5 >= 300)).any() and 294 in at and 301 in at


def test_prices_that_cannot_be_are_refused(tmp_path: Path) -> None:
    frame = shares()[["Date", "Close"]]
    frame.loc[7, "Close"] = 0.0
    with pytest.raises(DataError, match="must have prices above zero\n  found:     0 in row 8"):
        read_prices(csv(tmp_path, frame))
    with pytest.raises(DataError, match="must have at least 250 prices, about a year\n  found:     100"):
        read_prices(csv(tmp_path, shares(100)[["Date", "Close"]]))
    two = shares()[["Date", "Close"]].assign(Open=np.arange(400) + 1.0)
    with pytest.raises(DataError) as caught:
        read_prices(csv(tmp_path, two))
    assert "must have one column of closing prices, or be told which" in str(caught.value)
    assert read_prices(csv(tmp_path, two), price="Close").variables[0] == "Close"


def test_a_split_that_was_not_adjusted_for_is_said(tmp_path: Path) -> None:
    frame = shares()[["Date", "Close"]]
    clean = read_prices(csv(tmp_path, frame))
    assert not any("split" in note for note in clean.notes)
    frame.loc[200:, "Close"] /= 2
    said = read_prices(csv(tmp_path, frame)).notes[-1]
    assert said.startswith("The price jumps by a factor of ") and str(frame.Date[200]) in said


def hourly(hours: int = 600) -> Panel:
    stamps = pd.date_range("2024-01-01", periods=hours, freq="h")
    values = 10 + 5 * np.sin(2 * np.pi * np.arange(hours) / 24) + np.random.default_rng(0).normal(size=hours)
    return read_panel(pd.Series(values, index=stamps, name="load"), fill="forward")


def test_a_value_is_asked_beside_the_last_one_and_that_of_a_season_before() -> None:
    panel = hourly()
    assert panel.season == 24
    y = panel.series()
    for horizon in (1, 30):
        rows = value_origins(panel, horizon)
        at = int(np.searchsorted(panel.times[0], rows.time[77]))
        assert rows.y[77] == y[at + horizon] and rows.rules[LAST][77] == y[at] == rows.level[77]
        back = 24 if horizon == 1 else 48
        assert rows.rules[SEASONAL][77] == y[at + horizon - back]
        known = dict(zip(rows.names, rows.x[77], strict=True))
        assert known["season_24_2"] == y[at + horizon - back - 24] - y[at]
        assert known["lag_3"] == y[at - 3] - y[at]
        assert known["mean_24"] == pytest.approx(y[at - 23 : at + 1].mean() - y[at])
        assert rows.title == ("load, step ahead" if horizon == 1 else "load, 30 steps ahead")


def test_a_level_that_was_never_seen_changes_no_feature() -> None:
    panel = hourly()
    higher = replace(panel, values=(panel.values[0] + 1000,))
    np.testing.assert_allclose(value_origins(panel, 3).x, value_origins(higher, 3).x, atol=1e-8)


def test_hours_that_were_filled_in_are_left_out() -> None:
    panel = hourly()
    mark = np.zeros(600, bool)
    mark[500] = True
    rows = value_origins(replace(panel, filled=(mark,)), 3)
    at = np.searchsorted(panel.times[0], rows.time)
    assert 500 not in at and 497 not in at and 499 in at and 501 in at
