"""Features of the steps of series: what they are, fitted on the training part alone, and what must be known ahead."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.transforms.panel_features import MOST_CATEGORIES, PanelFeatures

DAY = np.timedelta64(86_400, "s")


def daily(lengths: tuple[int, ...] = (30, 20), start: str = "2024-01-01", step: np.timedelta64 = DAY) -> Panel:
    begin = np.datetime64(start, "s")
    return Panel(
        "made",
        tuple(f"s{place}" for place in range(len(lengths))),
        tuple(begin + step * np.arange(length) for length in lengths),
        tuple(np.zeros((length, 1)) for length in lengths),
        ("y",),
        frequency={DAY: "D", DAY / 24: "h"}.get(step, ""),
    )


def fitted(panel: Panel, calendar: bool = True) -> PanelFeatures:
    features = PanelFeatures(calendar)
    features.fit(panel)
    return features


def column(features: PanelFeatures, panel: Panel, name: str, horizon: int = 0) -> list[np.ndarray]:
    place = features.names.index(name)
    return [rows[:, place] for rows in features.apply(panel, horizon)]


# --- calendar


def test_the_calendar_of_the_past_and_of_the_steps_behind_it() -> None:
    panel = daily()
    features = fitted(panel)
    assert features.names == ("week_sin", "week_cos"), "a month says nothing of the year"
    found = column(features, panel, "week_sin", 3)
    assert [len(rows) for rows in found] == [33, 23]
    assert np.allclose(found[0], np.sin(2 * np.pi * np.arange(33) / 7), atol=1e-6), "2024 begins with a Monday"
    assert np.array_equal(found[0][:23], found[1])


@pytest.mark.parametrize(
    ("length", "step", "names"),
    [
        (13, DAY, ()),
        (800, DAY, ("year_sin", "year_cos", "week_sin", "week_cos")),
        (60, DAY / 24, ("day_sin", "day_cos")),
        (400, DAY / 24, ("week_sin", "week_cos", "day_sin", "day_cos")),
    ],
)
def test_a_turn_that_training_has_not_seen_twice_is_no_feature(
    length: int, step: np.timedelta64, names: tuple[str, ...]
) -> None:
    assert fitted(daily((length,), step=step)).names == names


def test_no_calendar_for_counts_or_where_it_is_not_wanted() -> None:
    panel = daily()
    counted = replace(panel, times=tuple(np.arange(len(rows)) for rows in panel.values), frequency="")
    assert fitted(counted).names == () and fitted(panel, calendar=False).names == ()
    assert [rows.shape for rows in fitted(counted).apply(counted, 4)] == [(34, 0), (24, 0)]


def test_series_that_begin_at_other_times_have_their_own_calendar() -> None:
    panel = daily((30, 20))
    shifted = replace(panel, times=(panel.times[0], panel.times[1] + 3 * DAY))
    first, second = column(fitted(panel), shifted, "week_cos")
    assert np.allclose(second, first[3:23], atol=1e-6)


# --- covariates and constants


def with_price(panel: Panel, extra: int = 5) -> Panel:
    rows = tuple(np.arange(len(values) + extra) + 100.0 * place for place, values in enumerate(panel.values))
    return replace(panel, known={"price": rows})


def test_a_covariate_is_scaled_by_the_training_part_and_known_ahead() -> None:
    panel = with_price(daily())
    train = panel.upto(np.array([20, 10]))
    features = fitted(train, calendar=False)
    used = np.concatenate([np.arange(20.0), 100 + np.arange(10.0)])
    found = column(features, panel, "price", 5)
    assert np.allclose(found[0], (np.arange(35) - used.mean()) / used.std(), atol=1e-5)
    ahead = features.apply(train, 5, ahead=5)[1][-5:, 0]
    assert np.allclose(ahead, (110 + np.arange(5) - used.mean()) / used.std(), atol=1e-5)


def test_a_covariate_that_ends_before_the_forecast_is_refused_and_is_nothing_in_training() -> None:
    panel = with_price(daily(), extra=3)
    features = fitted(panel, calendar=False)
    assert features.apply(panel, 5)[0][-2:, 0].tolist() == [0, 0]
    assert features.apply(panel, 5, ahead=3)[0].shape == (35, 1)
    with pytest.raises(DataError) as caught:
        features.apply(panel, 5, ahead=5)
    assert str(caught.value) == (
        "known column 'price': must be known for all 5 steps that are forecast\n"
        "  found:     3 of them of series s0\n"
        "  probably:  a plan that ends before the forecast does\n"
        "  do:        rows behind the last target that hold it\n"
        "  or:        --horizon 3"
    )


def test_a_panel_without_a_trained_column_is_refused() -> None:
    with pytest.raises(DataError, match=r"made: must have the known column 'price': the network was trained with it"):
        fitted(with_price(daily())).apply(daily(), 0)


def test_constants_of_a_series() -> None:
    static = {"area": np.array([1.0, 3.0, 5.0]), "kind": np.array(["b", "a", "b"], dtype=object)}
    panel = replace(daily((4, 3, 2)), static=static)
    features = fitted(panel, calendar=False)
    assert features.names == ("area", "kind=a", "kind=b")
    rows = features.apply(panel, 1)
    assert [len(one) for one in rows] == [5, 4, 3]
    z = 2 / np.std([1, 3, 5])
    assert np.allclose([one[0] for one in rows], [[-z, 0, 1], [0, 1, 0], [z, 0, 1]], atol=1e-6)
    assert all((one == one[0]).all() for one in rows)
    other = replace(panel, static={"area": np.array([3.0, 3, 3]), "kind": np.array(["c", "a", "b"], dtype=object)})
    assert features.apply(other, 0)[0][0].tolist() == [0, 0, 0], "a category that training has not seen"


def test_names_that_tell_nothing_or_too_much() -> None:
    lengths = (3,) * 60
    numbered = {"id": np.array([f"n{place}" for place in range(60)]), "one": np.array(["x"] * 60)}
    many = {"many": np.array([f"k{place % 30}" for place in range(60)])}
    features = fitted(replace(daily(lengths), static={**numbered, **many}), calendar=False)
    assert len(features.names) == MOST_CATEGORIES and all(name.startswith("many=k") for name in features.names)


# --- what it knows


def test_values_change_no_feature() -> None:
    panel = with_price(daily())
    other = replace(panel, values=tuple(rows + 1e9 for rows in panel.values))
    one, two = (fitted(some).apply(some, 4) for some in (panel, other))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_the_state_is_plain_json_and_brings_the_same_features_back() -> None:
    static = {"area": np.array([1.0, 3.0, 5.0]), "kind": np.array(["b", "a", "b"], dtype=object)}
    panel = with_price(replace(daily((800, 30, 20)), static=static))
    features = fitted(panel)
    again = PanelFeatures(calendar=False, country="DE")
    again.load_state_dict(json.loads(json.dumps(features.state_dict())))
    assert again.names == features.names and len(again.names) == 8 and again.country == ""
    assert all(np.array_equal(a, b) for a, b in zip(features.apply(panel, 5), again.apply(panel, 5), strict=True))
