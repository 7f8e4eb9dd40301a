"""Windows of series: what they hold, what they never hold, and which of them are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learnloop.contracts import FUTURE, PAST, SCALE, SEEN, TIME, Batch
from learnloop.data.panel import Panel
from learnloop.data.series_scale import series_scales
from learnloop.data.windows import ForecastSource, PanelWindows, every_origin, training_origins
from learnloop.errors import DataError
from learnloop.testing.sources import check_source

LONG, SHORT = 40, 9


def panel(lengths: tuple[int, ...] = (LONG, SHORT), variables: int = 2, targets: int = 1) -> Panel:
    """Series i holds 1000 i + step in its first variable, and minus that in the others."""
    values = []
    for place, length in enumerate(lengths):
        first = 1000.0 * (place + 1) + np.arange(length)
        values.append(np.stack([first if column == 0 else -first * column for column in range(variables)], axis=1))
    return Panel(
        "made",
        tuple(f"s{place}" for place in range(len(lengths))),
        tuple(np.arange(length) for length in lengths),
        tuple(values),
        tuple("abcdef"[:variables]),
        targets,
    )


def features(made: Panel, horizon: int) -> list[np.ndarray]:
    """Of each step its number, from 0, and the series."""
    return [
        np.stack([np.arange(len(rows) + horizon), np.full(len(rows) + horizon, place)], axis=1)
        for place, rows in enumerate(made.values)
    ]


def one(windows: PanelWindows, series: int, origin: int) -> Batch:
    return {key: value[0] for key, value in windows.batch(torch.tensor([series]), torch.tensor([origin])).items()}


def values_of(batch: Batch, key: str = PAST, column: int = 0) -> list[float]:
    return batch[key][:, column].tolist()


# --- what a window holds


def test_a_window_is_the_steps_around_its_origin() -> None:
    made = panel()
    windows = PanelWindows(made, 4, 3, features=features(made, 3), scale=np.array([[2.0], [5.0]]))
    found = one(windows, 0, 10)
    assert values_of(found) == [1006, 1007, 1008, 1009] and values_of(found, PAST, 1) == [-1006, -1007, -1008, -1009]
    assert values_of(found, FUTURE) == [1010, 1011, 1012]
    assert found[FUTURE].shape == (3, 1), "only targets are forecast"
    assert values_of(found, TIME) == [6, 7, 8, 9, 10, 11, 12] and values_of(found, TIME, 1) == [0] * 7
    assert found[SEEN].tolist() == [1, 1, 1, 1] and found[SCALE].tolist() == [2]
    assert one(windows, 1, 5)[SCALE].tolist() == [5]


def test_a_batch_holds_the_windows_one_by_one() -> None:
    made = panel((LONG, SHORT, 17))
    windows = PanelWindows(made, 6, 4, features=features(made, 4))
    series, origins = every_origin(np.zeros(3, np.int64), made.lengths + 1)
    assert len(series) == LONG + SHORT + 17 + 3
    whole = windows.batch(series, origins)
    for place, (number, origin) in enumerate(zip(series.tolist(), origins.tolist(), strict=True)):
        for key, value in one(windows, number, origin).items():
            assert torch.equal(whole[key][place].nan_to_num(-1), value.nan_to_num(-1)), (key, number, origin)


def test_what_lies_before_a_short_series_is_empty() -> None:
    made = panel()
    found = one(PanelWindows(made, 5, 2, features=features(made, 2)), 1, 2)
    assert values_of(found) == [0, 0, 0, 2000, 2001] and found[SEEN].tolist() == [0, 0, 0, 1, 1]
    assert values_of(found, TIME) == [0, 0, 0, 0, 1, 2, 3]


def test_what_lies_behind_the_end_is_unknown() -> None:
    made = panel()
    windows = PanelWindows(made, 3, 4, features=features(made, 4))
    found = one(windows, 1, SHORT - 1)
    assert values_of(found, FUTURE)[0] == 2008 and torch.isnan(found[FUTURE][1:]).all()
    last = one(windows, 1, SHORT)
    assert torch.isnan(last[FUTURE]).all() and values_of(last) == [2006, 2007, 2008]
    assert values_of(last, TIME)[3:] == [9, 10, 11, 12], "features go on behind the end"


def test_without_features_and_scales_there_are_none_and_ones() -> None:
    found = one(PanelWindows(panel(targets=2), 3, 2), 0, 10)
    assert found[TIME].shape == (5, 0) and found[SCALE].tolist() == [1, 1] and found[FUTURE].shape == (2, 2)


@pytest.mark.parametrize("origin", [-1, SHORT + 1])
def test_an_origin_outside_of_its_series_is_refused(origin: int) -> None:
    with pytest.raises(IndexError, match="outside of its series"):
        one(PanelWindows(panel(), 3, 2), 1, origin)


# --- filled steps


def filled_at(made: Panel, *steps: int) -> Panel:
    """The steps of the first series are marked as filled."""
    marks = [np.zeros(length, bool) for length in made.lengths]
    marks[0][list(steps)] = True
    return replace(made, filled=tuple(marks))


def test_filled_steps_are_no_truth() -> None:
    windows = PanelWindows(filled_at(panel(), 11), 4, 3)
    found = one(windows, 0, 10)
    assert torch.isnan(found[FUTURE]).flatten().tolist() == [False, True, False]
    assert one(windows, 1, 5)[FUTURE].isnan().sum() == 0


def test_filled_steps_before_an_origin_hold_what_was_known_then() -> None:
    """What filled them was drawn towards values that came later."""
    made = filled_at(panel(), 8, 9, 10)
    windows = PanelWindows(made, 4, 2)
    for origin in range(5, 16):
        found = one(windows, 0, origin)
        expected = made.upto(np.array([origin, SHORT])).values[0][-4:]  # the panel's own cut in time
        assert np.array_equal(found[PAST].numpy(), expected.astype(np.float32)), origin
    assert values_of(one(windows, 0, 10)) == [1006, 1007, 1007, 1007]
    assert values_of(one(windows, 0, 12)) == [1008, 1009, 1010, 1011], "inside of the past they may stay"


def test_a_filled_stretch_longer_than_the_window_holds_the_last_measured_value() -> None:
    windows = PanelWindows(filled_at(panel(), *range(5, 15)), 3, 2)
    assert values_of(one(windows, 0, 14)) == [1004] * 3


# --- which windows are drawn


def drawn(source: ForecastSource, batches: int) -> np.ndarray:
    pairs = [torch.stack(source.drawn(number), dim=1) for number in range(batches)]
    return torch.cat(pairs).numpy()


@pytest.mark.parametrize("each", ["series", "window"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_source_passes_its_suite(each: str, whole: bool) -> None:
    made = panel((LONG, SHORT, 17))
    windows = PanelWindows(made, 6, 4, features=features(made, 4))

    def make() -> ForecastSource:
        return ForecastSource(windows, 16, seed=3, each=each, whole=whole)  # type: ignore[arg-type]

    check_source(make, batches=70)  # across a border of what is drawn at once
    batch = next(make())
    assert batch[PAST].shape == (16, 6, 2) and batch[FUTURE].shape == (16, 4, 1)


def test_no_stretch_of_batches_is_drawn_twice() -> None:
    """Batches are drawn 64 at a time."""
    source = ForecastSource(PanelWindows(panel(), 6, 4), 8, seed=0)
    series, origins = zip(*(source.drawn(number) for number in range(192)), strict=True)
    first, second, third = torch.stack(series + origins).view(2, 3, 64, 8).unbind(1)
    assert not torch.equal(first, second) and not torch.equal(second, third) and not torch.equal(first, third)


def test_another_seed_draws_other_windows() -> None:
    windows = PanelWindows(panel(), 6, 4)
    one_, other = (drawn(ForecastSource(windows, 8, seed=seed), 3) for seed in (0, 1))
    assert not np.array_equal(one_, other)


def test_every_series_is_drawn_as_often_or_every_window_is() -> None:
    windows = PanelWindows(panel((400, 40)), 8, 4)
    first, stop = training_origins(windows)
    count = (stop - first).numpy()
    assert count.tolist() == [392, 32]
    by_series = drawn(ForecastSource(windows, 100, seed=0), 64)[:, 0]
    assert abs((by_series == 0).mean() - 0.5) < 0.03  # four standard deviations of 6,400 draws
    by_window = drawn(ForecastSource(windows, 100, seed=0, each="window"), 64)[:, 0]
    assert abs((by_window == 0).mean() - 392 / 424) < 0.015


@pytest.mark.parametrize("each", ["series", "window"])
def test_every_window_is_drawn_and_no_other(each: str) -> None:
    windows = PanelWindows(panel((30, 3, 9)), 8, 4)
    pairs = {tuple(pair) for pair in drawn(ForecastSource(windows, 64, seed=0, each=each), 20).tolist()}  # type: ignore[arg-type]
    expected = {(0, origin) for origin in range(8, 30)} | {(1, 2)} | {(2, origin) for origin in range(2, 9)}
    assert pairs == expected


def test_recent_and_whole_windows() -> None:
    windows = PanelWindows(panel((30, 9, 5)), 8, 4)
    recent = ForecastSource(windows, 64, seed=0, recent=5)
    assert {tuple(pair) for pair in drawn(recent, 10).tolist()} == {
        *((0, origin) for origin in range(25, 30)), *((1, origin) for origin in range(4, 9)), (2, 2), (2, 3), (2, 4)
    }  # fmt: skip
    whole = ForecastSource(windows, 64, seed=0, whole=True)
    pairs = drawn(whole, 10)
    assert pairs[pairs[:, 0] == 0][:, 1].max() == 26 and 2 not in pairs[:, 0], "5 steps hold no 2 and 4"
    assert whole.samples == 19 + 4


def test_a_training_part_without_a_window_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        ForecastSource(PanelWindows(panel((5, 4)), 8, 4), 8, seed=0, whole=True)
    assert str(caught.value) == (
        "the training part: must hold a series with a window to train on\n"
        "  found:     at most 5 values a series, horizon 4\n"
        "  probably:  the horizon is longer than the history allows\n"
        "  do:        a shorter --horizon"
    )


def test_no_window_holds_a_value_behind_the_end_of_the_training_part() -> None:
    """What follows the training part is planted: were one value of it in a window, its size would tell."""
    made, ends = panel((60, 25)), np.array([40, 14])
    for rows, end in zip(made.values, ends, strict=True):
        rows[end:] = 1e12
    windows = PanelWindows(made.upto(ends), 6, 4, scale=series_scales(made.upto(ends)))
    source = ForecastSource(windows, 64, seed=0)
    for _ in range(30):
        batch = next(source)
        assert all(float(value.nan_to_num(0).abs().max()) < 1e11 for value in batch.values() if value.numel())
    pairs = drawn(source, 30)
    assert {int(pairs[pairs[:, 0] == place, 1].max()) for place in (0, 1)} == {39, 13}, "the newest are drawn"


# --- the unit of errors


def test_scales_are_those_of_the_measured_values() -> None:
    made = filled_at(panel((40, 30)), 5)
    made.values[0][5] = 1e9
    assert np.allclose(series_scales(made), 1.0, atol=0.1), "both series rise by 1 a step"
    kept = np.delete(made.values[0][:, 0], 5)
    assert np.allclose(series_scales(made, "deviation"), [[kept.std()], [np.arange(30).std()]])
    assert (series_scales(made, "one") == 1).all()


def test_a_flat_series_has_a_scale_too() -> None:
    flat = replace(panel((12, 12)), values=(np.full((12, 2), 7.0), np.zeros((12, 2))))
    assert series_scales(flat).ravel().tolist() == [7, 1]
    season = replace(panel((24,)), values=(np.tile([[1.0, 0], [3.0, 0]], (12, 1)),), season=2)
    assert series_scales(season).ravel().tolist() == [1], "it repeats exactly: its deviation"
