"""A panel as a network sees it: each variable by its own chain, cut alike, and back without a trace."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.models.classical.forecast import Forecasts
from learnloop.transforms.panel_stationary import PanelChains

LENGTHS = (60, 48)


def panel() -> Panel:
    rng = np.random.default_rng(0)
    rows = []
    for length in LENGTHS:
        t = np.arange(length)
        level = np.exp(0.03 * t + 0.2 * np.sin(2 * np.pi * t / 4) + rng.normal(0, 0.02, length))
        rows.append(np.column_stack([level, 50 + rng.normal(size=length)]))
    times = tuple(np.arange(length) for length in LENGTHS)
    known = {"price": tuple(np.arange(length + 5.0) for length in LENGTHS)}
    marks = tuple(np.arange(length) == 7 for length in LENGTHS)
    parts = {"train": np.array(LENGTHS) - 8, "test": np.array(LENGTHS)}
    return Panel(
        "made", ("a", "b"), times, tuple(rows), ("y", "z"), 2, season=4, filled=marks, known=known, parts=parts
    )


def chains(how: str = "log+seasonal_difference+difference") -> PanelChains:
    return PanelChains.fit(panel(), how, np.array(LENGTHS) - 8)


def test_every_field_of_a_series_is_cut_at_its_beginning() -> None:
    one, found = panel(), chains()
    seen = found.apply(one)
    assert found.lost.tolist() == [5, 5]
    assert [len(rows) for rows in seen.values] == [55, 43] and [len(times) for times in seen.times] == [55, 43]
    assert seen.times[0][0] == 5 and seen.known["price"][1][0] == 5 and len(seen.known["price"][1]) == 48
    assert seen.filled[0].tolist() == (np.arange(5, 60) == 7).tolist()
    assert seen.parts["train"].tolist() == [47, 35]
    logs = np.log(one.values[0][:, 0])
    seasonal = logs[4:] - logs[:-4]
    assert seen.values[0][:, 0] == pytest.approx(np.diff(seasonal))


def test_variables_that_lose_less_keep_the_same_stamps() -> None:
    one = panel()
    found = PanelChains.fit(one, "auto", np.array(LENGTHS))
    names = [[chain.names for chain in row] for row in found.chains]
    assert names[0][0] and not names[0][1], "the test needs one variable that is changed and one that is not"
    seen = found.apply(one)
    lost = int(found.lost[0])
    assert seen.values[0][:, 1] == pytest.approx(one.values[0][lost:, 1])


@pytest.mark.parametrize("how", ["log+seasonal_difference+difference", "boxcox+detrend", "stl", "standardise"])
def test_forecasts_come_back_exactly(how: str) -> None:
    one, found = panel(), chains(how)
    past = one.upto(np.array(LENGTHS) - 6)
    lost = found.lost
    z = found.apply(one)
    ahead = np.stack([z.values[place][LENGTHS[place] - 6 - lost[place] :, target]
                      for place in range(2) for target in range(2)])  # fmt: skip
    truth = np.stack([one.values[place][-6:, target] for place in range(2) for target in range(2)])
    back = found.invert(Forecasts(ahead, {0.9: ahead}, {0.9: ahead}), past)
    for rows in (back.mean, back.lower[0.9], back.upper[0.9]):
        assert rows == pytest.approx(truth, rel=1e-9)


def test_its_state_is_plain_and_gives_it_again() -> None:
    found, again = chains(), PanelChains()
    again.load_state_dict(found.state_dict())
    for a, b in zip(found.apply(panel()).values, again.apply(panel()).values, strict=True):
        assert (a == b).all()
    assert again.notes == found.notes


def test_some_series_are_found_by_name() -> None:
    found, one = chains("standardise"), panel()
    seen = found.of(one.subset(["b"])).apply(one.subset(["b"]))
    assert (seen.values[0] == found.apply(one).values[1]).all()
    with pytest.raises(DataError, match="must be one of those that were trained on"):
        found.of(Panel("new", ("c",), one.times[:1], one.values[:1], one.variables))


def test_it_is_fitted_on_the_training_part_alone() -> None:
    one = panel()
    ends = np.array(LENGTHS) - 8
    later = Panel(one.name, one.ids, one.times, tuple(rows.copy() for rows in one.values), one.variables, 2, season=4)
    for rows, end in zip(later.values, ends, strict=True):
        rows[end:] *= 1000
    early, changed = (PanelChains.fit(each, "standardise", ends).apply(each) for each in (one, later))
    for a, b, end in zip(early.values, changed.values, ends, strict=True):
        assert (a[:end] == b[:end]).all() and (a[end:] != b[end:]).all()


def test_a_logarithm_that_later_values_do_not_allow_is_left_out() -> None:
    one = panel()
    one.values[0][-1, 0] = -1
    found = PanelChains.fit(one, "auto", np.array(LENGTHS) - 8)
    assert any("a, y: left as it is, later values do not allow a logarithm." in note for note in found.notes)
    assert found.chains[0][0].names == ()
    with pytest.raises(DataError, match="needs values above 0"):
        PanelChains.fit(one, "log", np.array(LENGTHS) - 8).apply(one)


def test_what_was_done_is_said_of_few_series_and_counted_of_many() -> None:
    assert chains("log+difference").notes[0].startswith("What the network sees of 4 series: log + difference (4).")
    single = panel().subset(["a"])
    one = Panel(single.name, ("",), single.times, tuple(rows[:, :1] for rows in single.values), ("y",), season=4)
    assert PanelChains.fit(one, "log", np.array([52])).notes == ("The network sees of the series: log (As asked for).",)
