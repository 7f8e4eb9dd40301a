"""Newer rows behind a panel: read alike, on the same grid, joined; said what was done, refused what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.newer import Continued, continued
from learnloop.data.newer_read import Reading
from learnloop.data.panel import Panel, read_panel
from learnloop.errors import DataError, SchemaError


def monthly(count: int = 48, start: str = "2020-01-01") -> pd.DataFrame:
    rng = np.random.default_rng(0)
    steps = np.arange(count)
    sales = 100 + steps + 20 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, 2, count)
    return pd.DataFrame({"month": pd.date_range(start, periods=count, freq="MS"), "sales": sales.round(3)})


def several(names: tuple[str, ...] = ("north", "south"), count: int = 48) -> pd.DataFrame:
    parts = []
    for place, name in enumerate(names):
        one = monthly(count)
        one["sales"] += 50 * place
        parts.append(one.assign(shop=name))
    return pd.concat(parts, ignore_index=True)


def csv(path: Path, frame: pd.DataFrame) -> str:
    file = path / "newer.csv"
    frame.to_csv(file, index=False)
    return str(file)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return read_panel(monthly(48))


def joined(panel: Panel, rows: pd.DataFrame, reading: Reading | None = None) -> Continued:
    return continued(panel, rows, reading or Reading())


def test_rows_behind_the_end_are_appended_as_they_are(panel: Panel, tmp_path: Path) -> None:
    whole = monthly(53)
    found = continued(panel, csv(tmp_path, whole.iloc[48:]), Reading())
    assert found.added.tolist() == [5] and found.notes == ()
    np.testing.assert_array_equal(found.panel.values[0][:, 0], whole["sales"])
    np.testing.assert_array_equal(found.panel.times[0], whole["month"].to_numpy().astype("datetime64[s]"))
    assert not found.panel.filled[0].any()
    np.testing.assert_array_equal(panel.lengths, [48])  # the old panel stays as it was


def test_the_whole_file_again_with_more_rows_gives_the_same(panel: Panel) -> None:
    part, again = joined(panel, monthly(53).iloc[48:]), joined(panel, monthly(53))
    np.testing.assert_array_equal(part.panel.values[0], again.panel.values[0])
    assert again.notes == () and again.added.tolist() == [5]


def test_overlapping_stamps_that_disagree_are_said_and_the_newer_value_counts(panel: Panel) -> None:
    rows = monthly(50).iloc[45:]
    rows.loc[46, "sales"] = 1.5
    found = joined(panel, rows)
    assert found.panel.values[0][46, 0] == 1.5
    assert len(found.notes) == 1
    assert found.notes[0].startswith("At 1 of 3 stamps that both have, the newer rows have other values (first 2023-11")
    assert found.notes[0].endswith("is 1.5): the newer ones count.")


def test_a_gap_before_the_newer_rows_is_filled_and_said(panel: Panel) -> None:
    found = joined(panel, monthly(55).iloc[50:])
    assert found.added.tolist() == [7]
    assert found.panel.filled[0].tolist() == [False] * 48 + [True, True] + [False] * 5
    old, new = panel.values[0][-1, 0], monthly(55)["sales"][50]
    np.testing.assert_allclose(found.panel.values[0][48:50, 0], [old + (new - old) / 3, old + 2 * (new - old) / 3])
    assert found.notes == ("1 gap, 2 of 55 steps (3.6%) had no value; filled along a straight line, as they are short "
                           "(fill=auto).",)  # fmt: skip


def test_the_method_of_the_run_fills(panel: Panel) -> None:
    found = joined(panel, monthly(55).iloc[50:], Reading(fill="forward"))
    assert (found.panel.values[0][48:50, 0] == panel.values[0][-1, 0]).all()
    assert "filled with the last value before them (fill=forward)" in found.notes[0]


def test_rows_far_behind_the_end_are_refused(panel: Panel) -> None:
    with pytest.raises(DataError) as caught:
        joined(panel, monthly(90).iloc[80:])
    text = str(caught.value)
    assert "the newer rows: must follow the run's data: at most 30% of all steps may be missing" in text
    assert "32 of 90 steps without a value, the first of them from 2024-01-01 until 2026-09-01" in text
    assert "hand in the rows in between too" in text


def test_values_left_empty_at_the_end_are_cut_and_said(panel: Panel) -> None:
    rows = monthly(53).iloc[48:]
    rows.loc[51:, "sales"] = np.nan
    found = joined(panel, rows)
    assert found.added.tolist() == [3]
    assert found.notes == (
        "The last 2 steps have no value: the forecast begins at 2024-04-01, behind the last known one.",
    )


def test_rows_of_which_none_has_a_value_leave_the_end_where_it_was(panel: Panel) -> None:
    rows = monthly(50).iloc[48:].assign(sales=np.nan)
    found = joined(panel, rows)
    assert found.added.tolist() == [0] and found.notes[0].startswith("The last 2 steps have no value")


def test_older_rows_alone_are_refused(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        continued(panel, csv(tmp_path, monthly(48).iloc[40:]), Reading())
    assert f"{tmp_path}/newer.csv: must hold rows behind the end of the run's data, 2023-12-01" in str(caught.value)
    assert "found:     8 rows up to 2023-12-01" in str(caught.value)
    assert "leave the file out: the forecast then begins behind the run's data" in str(caught.value)


def test_rows_before_the_first_one_are_left_out(panel: Panel) -> None:
    found = joined(panel, monthly(52, "2019-11-01").iloc[:2].pipe(lambda old: pd.concat([old, monthly(49).iloc[48:]])))
    assert found.added.tolist() == [1] and found.notes == ("2 rows are older than the run's data: left out.",)


def test_a_missing_column_is_named_with_the_nearest_one(panel: Panel) -> None:
    with pytest.raises(SchemaError) as caught:
        joined(panel, monthly(50).iloc[48:].rename(columns={"sales": "Sale"}))
    text = str(caught.value)
    assert "the newer rows: must have the columns that the run's data has" in text
    assert "found:     no sales" in text and "available: Sale, month" in text


def test_a_missing_column_of_times_is_said(panel: Panel) -> None:
    with pytest.raises(SchemaError, match="found:     no column of times"):
        joined(panel, monthly(50).iloc[48:][["sales"]])
    with pytest.raises(SchemaError, match="found:     no month"):
        joined(panel, monthly(50).iloc[48:].rename(columns={"month": "date"}), Reading(time="month"))


@pytest.mark.parametrize(("frequency", "words"), [("D", "every day (D)"), ("QS", "every quarter (QS)")])
def test_another_frequency_is_refused(panel: Panel, frequency: str, words: str) -> None:
    dates = pd.date_range("2024-01-01", periods=6, freq=frequency)
    with pytest.raises(DataError) as caught:
        joined(panel, pd.DataFrame({"month": dates, "sales": np.arange(6.0)}))
    assert "must have one row every month (MS), as the run's data has" in str(caught.value)
    assert f"found:     one {words}" in str(caught.value)
    assert ("df.resample('MS').mean()" in str(caught.value)) == (frequency == "D")


def test_days_without_a_weekend_follow_working_days() -> None:
    days = pd.bdate_range("2024-01-01", periods=60)
    values = 5.0 + np.arange(60) % 7
    panel = read_panel(pd.DataFrame({"date": days[:55], "y": values[:55]}))
    assert panel.frequency == "B"
    found = joined(panel, pd.DataFrame({"date": days[55:], "y": values[55:]}))
    assert found.added.tolist() == [5] and found.notes == ()


def test_times_with_a_zone_do_not_follow_times_without(panel: Panel) -> None:
    rows = monthly(50).iloc[48:]
    rows["month"] = rows["month"].dt.tz_localize("Europe/Berlin")
    with pytest.raises(SchemaError) as caught:
        joined(panel, rows)
    assert "must give its times as the run's data does: without a time zone" in str(caught.value)
    assert "found:     times with a time zone (Europe/Berlin)" in str(caught.value)


def test_numbers_do_not_follow_dates(panel: Panel) -> None:
    with pytest.raises(SchemaError, match="must have dates as times, as the run's data has"):
        joined(panel, pd.DataFrame({"month": [48, 49], "sales": [1.0, 2.0]}), Reading(time="month"))


def test_each_series_gets_its_own_rows() -> None:
    whole = several(count=52)
    panel = read_panel(several(count=48), group="shop")
    newer = whole[whole["month"] >= "2024-01-01"]
    newer = newer[(newer["shop"] == "south") | (newer["month"] < "2024-03-01")]
    found = joined(panel, newer.sample(frac=1, random_state=0), Reading(group="shop"))
    assert found.added.tolist() == [2, 4]
    np.testing.assert_array_equal(found.panel.values[1][:, 0], whole[whole["shop"] == "south"]["sales"])


def test_the_column_that_names_the_series_is_found_even_in_rows_of_one_series() -> None:
    panel = read_panel(several(count=48))
    whole = several(count=50)
    found = joined(panel, whole[(whole["shop"] == "south") & (whole["month"] >= "2024-01-01")])
    assert found.added.tolist() == [0, 2]
    assert found.notes == ("1 of 2 series have no newer value: they are forecast from their old end.",)


def test_a_series_that_the_run_does_not_have_is_refused() -> None:
    panel = read_panel(several(count=48), group="shop")
    rows = several(("north", "sauth"), 50)
    with pytest.raises(DataError) as caught:
        joined(panel, rows[rows["month"] >= "2024-01-01"], Reading(group="shop"))
    text = str(caught.value)
    assert "must hold series that the run has" in text and "found:     1 of 2 that it does not have: 'sauth'" in text
    assert "available: south, north" in text


def test_rows_that_name_no_series_are_refused() -> None:
    panel = read_panel(several(count=48))
    with pytest.raises(SchemaError, match="must say which of the 2 series each row belongs to"):
        joined(panel, monthly(50).iloc[48:])


def test_plans_ahead_are_kept_behind_the_last_known_value() -> None:
    frame = monthly(48).assign(price=np.arange(48.0))
    panel = read_panel(frame, target="sales", known=("price",))
    rows = monthly(54).iloc[48:].assign(price=np.arange(48.0, 54.0))
    rows.loc[50:, "sales"] = np.nan
    found = joined(panel, rows, Reading(known=("price",)))
    assert found.added.tolist() == [2] and found.notes == ()
    np.testing.assert_array_equal(found.panel.known["price"][0], np.arange(54.0))


def test_plans_alone_may_be_handed_in() -> None:
    frame = monthly(48).assign(price=np.arange(48.0))
    panel = read_panel(frame, target="sales", known=("price",))
    rows = monthly(51).iloc[48:].assign(price=[1.0, 2.0, 3.0], sales=np.nan)
    found = joined(panel, rows, Reading(known=("price",)))
    assert found.added.tolist() == [0]
    np.testing.assert_array_equal(found.panel.known["price"][0][48:], [1, 2, 3])


def test_steps_without_times_follow_the_last_one() -> None:
    values = np.arange(30.0) + np.arange(30) % 3
    found = continued(read_panel(values), [31.0, 33.0], Reading())
    assert found.added.tolist() == [2]
    np.testing.assert_array_equal(found.panel.values[0][-2:, 0], [31, 33])
    np.testing.assert_array_equal(found.panel.times[0], np.arange(32))


def test_trading_days_are_appended_row_by_row() -> None:
    days = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-05", "2024-01-09", "2024-01-10", "2024-01-11"])
    panel = read_panel(pd.DataFrame({"day": days[:4], "close": [1.0, 2, 4, 3]}), frequency="rows")
    assert panel.frequency == ""
    found = joined(panel, pd.DataFrame({"day": days[2:], "close": [4.0, 3.5, 6, 7]}))
    np.testing.assert_array_equal(found.panel.values[0][:, 0], [1, 2, 4, 3.5, 6, 7])
    assert found.notes[0].startswith("At 1 of 2 stamps")


def test_a_value_that_had_been_filled_is_measured_now() -> None:
    old = monthly(48)
    panel = read_panel(old.drop(index=[46]))
    assert panel.filled[0][46]
    found = joined(panel, monthly(49))
    assert not found.panel.filled[0].any() and found.panel.values[0][46, 0] == old["sales"][46]
    assert found.notes == ()  # nothing was said of the value before


def test_variables_that_nothing_reads_may_be_left_out() -> None:
    frame = monthly(48).assign(visits=np.arange(48.0))
    panel = read_panel(frame, target="sales")
    rows = monthly(51).iloc[48:]
    with pytest.raises(SchemaError, match="found:     no visits"):
        joined(panel, rows)
    found = joined(panel, rows, Reading(others=False))
    assert found.panel.values[0][48:, 1].tolist() == [47, 47, 47] and not found.panel.filled[0].any()
    assert found.notes == ("Without newer values, kept at their last ones: visits.",)
    np.testing.assert_array_equal(found.panel.values[0][48:, 0], rows["sales"])
    whole = joined(panel, monthly(51).assign(visits=np.arange(51.0)), Reading(others=False))
    assert whole.panel.values[0][48:, 1].tolist() == [48, 49, 50] and whole.notes == ()
