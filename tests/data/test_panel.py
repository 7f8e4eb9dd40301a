"""Series from every form of file, onto an even grid: what comes out, what is said, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.panel import Panel, read_panel
from learnloop.data.panel_checks import require_history, require_season
from learnloop.errors import DataError


def monthly(count: int = 60, start: str = "2015-01-01", **columns: object) -> pd.DataFrame:
    steps = np.arange(count)
    value = 100 + steps + 20 * np.sin(2 * np.pi * steps / 12)
    return pd.DataFrame(
        {"month": pd.date_range(start, periods=count, freq="MS").strftime("%Y-%m"), "sales": value} | columns
    )


def saved(frame: pd.DataFrame, folder: Path, name: str = "data.csv") -> str:
    frame.to_csv(folder / name, index=False)
    return str(folder / name)


def said(panel: Panel) -> str:
    return "\n".join(panel.notes)


def refusal(source: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_panel(source, **options)  # type: ignore[arg-type]
    return str(caught.value)


# --- forms of files


def test_a_file_with_a_time_and_a_value_column_becomes_one_series(tmp_path: Path) -> None:
    panel = read_panel(saved(monthly(), tmp_path))
    assert (panel.ids, panel.variables, panel.frequency, panel.season) == (("",), ("sales",), "MS", 12)
    assert panel.times[0][1] == np.datetime64("2015-02-01") and panel.values[0].shape == (60, 1)
    assert panel.series()[12] == pytest.approx(112.0)
    assert "Frequency MS (every month), found from the stamps." in said(panel)
    assert len(panel.origin["sha256"]) == 64


def test_the_target_stands_first_and_other_numbers_are_covariates_of_the_past(tmp_path: Path) -> None:
    frame = monthly(price=np.arange(60.0), shop=["a"] * 60)
    panel = read_panel(saved(frame, tmp_path), target="price")
    assert (panel.variables, panel.targets) == (("price", "sales"), 1)
    assert panel.series()[3] == 3
    assert "Set aside, as they hold no numbers: shop." in said(panel)
    both = read_panel(saved(frame, tmp_path))
    assert (both.variables, both.targets) == (("sales", "price"), 2)
    assert both.univariate().ids == ("sales", "price")


def test_long_files_find_their_series_by_themselves(tmp_path: Path) -> None:
    frame = pd.concat([monthly(30).assign(shop="north"), monthly(24, "2016-03-01").assign(shop="south")])
    path = saved(frame, tmp_path)
    for panel in (read_panel(path), read_panel(path, group="shop")):
        assert panel.ids == ("north", "south")
        assert panel.lengths.tolist() == [30, 24]
        assert panel.times[1][0] == np.datetime64("2016-03-01")
    assert "column shop names the series (2 of them)" in said(read_panel(path))
    assert panel.subset(["south"]).ids == ("south",)
    with pytest.raises(DataError, match="series 'soth'"):
        panel.subset(["soth"])


def test_wide_files_hold_one_series_a_row(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [["H1", *range(10)], ["H2", *range(5, 12), None, None, None]], columns=[f"V{k}" for k in range(1, 12)]
    )
    panel = read_panel(saved(frame, tmp_path))
    assert panel.ids == ("H1", "H2")
    assert panel.lengths.tolist() == [10, 7]
    assert panel.times[1].tolist() == list(range(7)) and panel.frequency == ""
    dated = frame.set_axis(["shop", *pd.date_range("2020-01-01", periods=10, freq="MS").strftime("%Y-%m")], axis=1)
    panel = read_panel(saved(dated, tmp_path))
    assert panel.frequency == "MS" and panel.lengths.tolist() == [10, 7]
    assert panel.times[0][-1] == np.datetime64("2020-10-01")


def test_m3_files_hold_the_numbers_as_one_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"series": ["N 1", "N 2"], "category": ["MICRO", "OTHER"], "values": ["1 2 3.5", "4 5"]})
    panel = read_panel(saved(frame, tmp_path))
    assert panel.ids == ("N 1", "N 2")
    assert panel.series(0).tolist() == [1, 2, 3.5]
    assert panel.static["category"].tolist() == ["MICRO", "OTHER"]


def test_frames_series_and_arrays_are_read() -> None:
    index = pd.date_range("2024-01-01", periods=48, freq="15min")
    assert read_panel(pd.Series(np.arange(48.0), index=index)).frequency == "15min"
    frame = pd.DataFrame({"a": np.arange(48.0), "b": np.arange(48.0) ** 2}, index=index)
    assert read_panel(frame).variables == ("a", "b")
    assert read_panel(np.arange(20.0)).ids == ("",)
    assert read_panel(np.arange(20.0).reshape(2, 10)).ids == ("0", "1")
    assert read_panel(np.arange(40.0).reshape(2, 10, 2)).values[1].shape == (10, 2)
    assert read_panel({"x": np.arange(5.0), "y": np.arange(9.0)}).lengths.tolist() == [5, 9]
    quarters = pd.DataFrame({"quarter": ["2020Q1", "2020Q2", "2020Q3", "2020Q4"], "v": [1.0, 3, 2, 5]})
    assert read_panel(quarters).frequency == "QS"
    years = pd.DataFrame({"year": np.arange(1990, 2000), "v": np.arange(10.0)})
    assert read_panel(years).times[0][0] == np.datetime64("1990-01-01")


def test_covariates_known_in_the_future_reach_beyond_the_last_target() -> None:
    frame = monthly(40, price=np.arange(40.0))
    frame.loc[30:, "sales"] = np.nan
    panel = read_panel(frame, known=["price"])
    assert panel.variables == ("sales",) and panel.lengths.tolist() == [30]
    assert panel.known["price"][0].tolist() == list(range(40))
    assert "10 behind the last known value were cut (covariates known there are kept)" in said(panel)
    assert panel.upto(20).known["price"][0].shape == (40,)


def test_static_columns_have_one_value_a_series() -> None:
    frame = pd.concat([monthly(30).assign(shop="a", area=3.0), monthly(30).assign(shop="b", area=5.0)])
    assert read_panel(frame, group="shop", static=["area"]).static["area"].tolist() == [3.0, 5.0]
    frame.iloc[4, 3] = 9.0
    assert "must be the same in all rows of a series" in refusal(frame, group="shop", static=["area"])


# --- gaps


def test_short_gaps_are_drawn_straight_and_marked() -> None:
    frame = monthly().drop(index=[20, 21])
    panel = read_panel(frame)
    assert panel.lengths.tolist() == [60]
    assert np.flatnonzero(panel.filled[0]).tolist() == [20, 21]
    left, right = frame["sales"][19], frame["sales"][22]
    assert panel.series()[20] == pytest.approx(left + (right - left) / 3)
    assert "1 gap, 2 of 60 steps (3.3%) had no value; filled along a straight line, as they are short" in said(panel)


def test_long_gaps_take_the_shape_of_the_seasons_beside_them() -> None:
    whole = monthly(72)["sales"].to_numpy()
    panel = read_panel(monthly(72).drop(index=range(30, 37)))
    assert panel.season == 12
    assert np.abs(panel.series()[30:37] - whole[30:37]).max() < 1e-9  # trend and season are both exact here
    forward = read_panel(monthly(72).drop(index=range(30, 37)), fill="forward")
    assert set(forward.series()[30:37]) == {whole[29]}
    line = read_panel(monthly(72).drop(index=range(30, 37)), fill="interpolate").series()
    assert np.diff(line[29:38], 2) == pytest.approx(0, abs=1e-9)


def test_values_known_before_an_end_know_nothing_behind_it() -> None:
    panel = read_panel(monthly().drop(index=[20, 21, 22]))
    past = panel.upto(22)
    assert past.series()[19:].tolist() == [panel.series()[19]] * 3
    changed = monthly()
    changed.loc[23:, "sales"] += 1000.0
    other = read_panel(changed.drop(index=[20, 21, 22])).upto(22)
    assert (other.series() == past.series()).all()


def test_a_season_that_only_the_end_shows_is_not_known_before_it() -> None:
    frame = monthly(120)
    noise = np.random.default_rng(0).normal(0, 1, 120)
    frame["sales"] = noise + 200 * np.sin(2 * np.pi * np.arange(120) / 12) * (np.arange(120) >= 72)
    whole = read_panel(frame)
    before = whole.seasons_before(72)
    assert (whole.season, before.season) == (12, 1)
    assert "Season of 12 steps" in said(whole)
    assert "No season was found (tried: 12)." in said(before)
    assert "Season of" not in said(before)
    np.testing.assert_array_equal(before.values[0], whole.values[0])
    given = read_panel(frame, season=12)
    assert given.seasons_before(72) is given


def test_duplicates_disorder_and_odd_stamps_are_said_with_their_rows() -> None:
    index = pd.date_range("2024-01-01", periods=100, freq="h")
    frame = pd.DataFrame({"time": index, "v": np.arange(100.0)})
    double = pd.concat([frame, frame.iloc[[7]]])
    assert "1 stamps come twice (row 101), with the same values; one was kept." in said(read_panel(double))
    assert "(row 101 is the first that goes back); sorted." in said(read_panel(double))
    other = pd.concat([frame, frame.iloc[[7]].assign(v=9.0)])
    assert "with other values; their mean was taken" in said(read_panel(other))
    assert read_panel(other).series()[7] == 8.0
    odd = frame.assign(time=frame["time"].where(frame.index != 50, frame["time"] + pd.Timedelta("7min")))
    assert "1 of 100 stamps lie between two steps (row 51): resampled to every hour" in said(read_panel(odd))


def test_rows_can_be_steps_whatever_lies_between() -> None:
    days = pd.bdate_range("2024-01-01", periods=60).delete([10, 30])
    panel = read_panel(pd.DataFrame({"date": days, "close": np.arange(58.0)}), frequency="rows")
    assert panel.frequency == "" and panel.lengths.tolist() == [58]
    assert not panel.filled[0].any()
    friday = panel.upto(5)
    assert friday.future(0, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-01-08", "2024-01-09"]
    assert read_panel(pd.DataFrame({"date": days, "close": np.arange(58.0)})).frequency == "B"


def test_summer_time_is_seen_in_wall_clock_stamps() -> None:
    utc = pd.date_range("2023-03-20", "2023-11-05", freq="h", tz="UTC")
    local = utc.tz_convert("Europe/Berlin")
    value = np.sin(np.arange(len(utc)) / 24 * 2 * np.pi) + np.arange(len(utc)) * 0.01
    wall = pd.DataFrame({"time": local.tz_localize(None), "v": value})
    text = said(read_panel(wall))
    assert "Daylight-saving jumps: 1 nights without an hour (first 2023-03-26 03:00)" in text
    assert "1 with one twice (first 2023-10-29 02:00)" in text
    offsets = pd.DataFrame({"time": [stamp.isoformat() for stamp in local], "v": value})
    panel = read_panel(offsets)
    assert not panel.filled[0].any() and panel.zone == "UTC"
    assert "two offsets an hour apart" in said(panel)
    aware = read_panel(pd.DataFrame({"time": local, "v": value}))
    names, features = aware.calendar(0)
    assert features[0, names.index("hour")] == local[0].hour == 1


# --- the calendar


def test_calendar_features_of_steps_to_come_follow_those_of_the_past() -> None:
    panel = read_panel(monthly(24))
    names, features = panel.calendar(0, horizon=3)
    assert names == ("year", "month", "year_sin", "year_cos")
    assert features[-3:, :2].tolist() == [[2017, 1], [2017, 2], [2017, 3]]
    assert (panel.calendar(0)[1] == features[:24]).all()
    hourly = read_panel(pd.Series(np.arange(50.0), index=pd.date_range("2024-01-05 22:30", periods=50, freq="h")))
    names, features = hourly.calendar(0)
    assert features[2, names.index("hour")] == 0.5 and features[2, names.index("day_of_week")] == 5


def test_month_ends_go_on_with_month_ends() -> None:
    panel = read_panel(pd.Series(np.arange(14.0), index=pd.date_range("2023-01-31", periods=14, freq="ME")))
    assert panel.frequency == "ME"
    assert panel.future(0, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-03-31", "2024-04-30"]


# --- refusals


def test_dates_that_cannot_be_read_are_named_with_their_rows() -> None:
    frame = monthly()
    frame.loc[[4, 9], "month"] = "total"
    assert refusal(frame) == (
        "the data frame, column month: must hold dates that can be read\n"
        "  found:     'total' in row 5; 2 such, rows 5 and 10 (rows are counted from 1)\n"
        "  probably:  a typing mistake, a line of totals, or a form of dates that is not known here\n"
        "  do:        write dates like 2024-01-31 or 2024-01-31 13:00"
    )
    frame.loc[[4, 9], "month"] = None
    assert "every row must have a time\n  found:     2 empty, rows 5 and 10" in refusal(frame)


def test_dates_in_two_forms_are_refused_with_rows_of_each() -> None:
    days = pd.date_range("2024-01-01", periods=60)
    texts = [
        day.strftime("%d.%m.%Y") if place % 20 == 3 else day.strftime("%Y-%m-%d") for place, day in enumerate(days)
    ]
    text = refusal(pd.DataFrame({"day": texts, "v": np.arange(60.0)}))
    assert "must hold dates in one form" in text
    assert "'2024-01-01' in rows 1, 2, 3 and 54 more; '04.01.2024' in rows 4, 24 and 44" in text
    swapped = [day.strftime("%m/%d/%Y") if place < 30 else day.strftime("%d/%m/%Y") for place, day in enumerate(days)]
    assert "must hold dates in one form" in refusal(pd.DataFrame({"day": swapped, "v": np.arange(60.0)}))


def test_mixed_time_zones_are_refused() -> None:
    stamps = [f"2024-01-01T{hour:02d}:00:00+01:00" for hour in range(20)]
    frame = pd.DataFrame({"time": stamps, "v": np.arange(20.0)})
    assert read_panel(frame).times[0][0] == np.datetime64("2023-12-31T23:00")
    frame.loc[3, "time"] = "2024-01-01T03:00:00"
    assert "19 stamps with a time zone, 1 without (row 4)" in refusal(frame)
    frame.loc[3, "time"] = "2024-01-01T03:00:00-05:00"
    text = refusal(frame)
    assert "all times must be in one time zone, or all without" in text
    assert "+01:00 in row 1, -05:00 in row 4" in text


def test_a_constant_series_is_refused_and_one_of_many_is_said() -> None:
    flat = monthly(sales=7.0)
    text = refusal(flat)
    assert "column sales: must vary to be forecast\n  found:     the same value 7 at all 60 steps" in text
    both = pd.concat([flat.assign(shop="a"), monthly().assign(shop="b")])
    assert "1 of 2 series are constant: a." in said(read_panel(both, group="shop"))


def test_a_series_of_gaps_is_refused() -> None:
    frame = monthly().iloc[np.r_[0:12, 40:60]]
    text = refusal(frame, frequency="MS")
    assert "at most 30% of the steps may be missing" in text
    assert "1 gap, 28 of 60 steps (46.7%); the longest is of 28 steps" in text


def test_horizons_and_seasons_longer_than_the_history_are_refused() -> None:
    panel = read_panel(monthly(30))
    require_history(panel, 10, windows=2, lookback=10)
    with pytest.raises(DataError) as caught:
        require_history(panel, 12, windows=2, lookback=10)
    text = str(caught.value)
    assert "2 test windows of 12 and 10 steps before need 34\n  found:     the series has 30 steps" in text
    assert "--horizon 10" in text
    with pytest.raises(DataError, match="at least 1 step"):
        require_history(panel, 0)
    require_season(panel, 15)
    with pytest.raises(DataError, match="needs at least two whole seasons: 32 steps"):
        require_season(panel, 16)
    assert "a season of 16 steps, 30 values" in refusal(monthly(30), season=16)


def test_unknown_columns_and_frequencies_are_refused_with_what_there_is() -> None:
    assert "Did you mean 'sales'?" in refusal(monthly(), target="sale")
    assert "must be a frequency: a number and a unit\n  found:     'fortnight'" in refusal(
        monthly(), frequency="fortnight"
    )
    assert "must be a way to fill" in refusal(monthly(), fill="zero")
    dates = monthly().assign(sent=monthly()["month"], got=monthly()["month"]).drop(columns="month")
    assert "2 columns hold dates: sent, got" in refusal(dates)
    assert "must be a file, or the name of series in the catalog" in refusal("airline_pasengers")


# --- the catalog


@pytest.mark.parametrize(
    ("name", "series", "frequency", "season", "length"),
    [
        ("airline_passengers", 1, "MS", 12, 144),
        ("daily_min_temperatures", 1, "D", 365, 3652),
        ("monthly_sunspots", 1, "MS", 1, 2820),
        ("stocks_daily", 4, "", 1, 5036),
        ("m3_yearly", 645, "YS", 1, 20),
    ],
)
def test_catalog_series_are_what_their_documentation_says(
    shared_data: Path, name: str, series: int, frequency: str, season: int, length: int
) -> None:
    panel = read_panel(name)
    assert (len(panel), panel.frequency, panel.season, len(panel.values[0])) == (series, frequency, season, length)
    assert panel.name == panel.origin["catalog"] == name


def test_official_parts_are_kept(shared_data: Path) -> None:
    etth1 = read_panel("etth1", target="OT")
    assert {name: ends.tolist() for name, ends in etth1.parts.items()} == {
        "train": [12 * 30 * 24],
        "validation": [16 * 30 * 24],
        "test": [20 * 30 * 24],
    }
    assert etth1.variables[0] == "OT" and etth1.part("train").lengths.tolist() == [8640]
    m3 = read_panel("m3_quarterly")
    assert (m3.parts["test"] - m3.parts["train"] == m3.horizon).all() and m3.horizon == 8
