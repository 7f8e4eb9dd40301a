"""Transforms of series: fitted on the training part alone, exact there and back, also behind the end; the choice."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.errors import DataError, RecipeError
from learnloop.transforms.chain import STATIONARY, Chain, make_stationary, seasonal_strength
from learnloop.transforms.stationary import BoxCox, WindowStandard
from learnloop.transforms.unitroot import stationarity

SEASON = 12


def wave(count: int = 120, seed: int = 0) -> np.ndarray:
    """Above 0, with a trend, a season and noise."""
    steps = np.arange(count)
    noise = np.random.default_rng(seed).standard_normal(count)
    return 100 + 0.8 * steps + 15 * np.sin(2 * np.pi * steps / SEASON) + 3 * noise


ways = [
    "none",
    *STATIONARY,
    "log+difference",
    "boxcox+seasonal_difference+difference+standardise",
    "stl+standardise",
    "seasonal_difference+detrend",
    "auto",
]


@pytest.mark.parametrize("how", ways)
def test_the_way_back_is_exact_in_training_and_behind_it(how: str) -> None:
    y = wave()
    chain = make_stationary(how, y[:96], SEASON)
    z = chain.apply(y)
    assert len(z) == len(y) - chain.lost
    ahead = chain.invert(z[96 - chain.lost :], y[:96], at=96)  # forecasts that happen to be right
    assert ahead == pytest.approx(y[96:], rel=1e-10)
    lost = chain.lost
    assert chain.invert(z, y[:lost], at=lost) == pytest.approx(y[lost:], rel=1e-10)


@pytest.mark.parametrize("how", ways)
def test_windows_from_the_middle_need_only_the_past_they_lose(how: str) -> None:
    y = wave()
    chain = make_stationary(how, y[:96], SEASON)
    first = 40
    z = chain.apply(y[first - chain.lost : 60], at=first - chain.lost)
    assert z == pytest.approx(chain.apply(y)[first - chain.lost : 60 - chain.lost], rel=1e-9, abs=1e-9)
    back = chain.invert(z, y[first - chain.lost : first], at=first)
    assert back == pytest.approx(y[first:60], rel=1e-10)
    if chain.lost:
        with pytest.raises(ValueError, match="past must hold at least"):
            chain.invert(z, y[first - chain.lost + 1 : first], at=first)


@pytest.mark.parametrize("how", ways)
def test_what_comes_after_training_changes_nothing_that_was_learnt(how: str) -> None:
    y, other = wave(), wave()
    other[96:] *= 3.0
    one, two = make_stationary(how, y[:96], SEASON), make_stationary(how, other[:96], SEASON)
    assert one.names == two.names and one.why == two.why
    assert (one.apply(y[:96]) == two.apply(other[:96])).all()


@pytest.mark.parametrize("how", ways)
def test_a_chain_survives_being_stored(how: str) -> None:
    y = wave()
    chain = make_stationary(how, y[:96], SEASON)
    again = Chain(())
    again.load_state_dict(chain.state_dict())
    assert again.names == chain.names and again.why == chain.why
    assert (again.apply(y) == chain.apply(y)).all()
    z = chain.apply(y)[-24:]
    assert (again.invert(z, y[:96], 96) == chain.invert(z, y[:96], 96)).all()


def test_the_line_goes_on_behind_training_and_so_does_the_season() -> None:
    steps = np.arange(120)
    line = 5 + 2.0 * steps
    assert make_stationary("detrend", line[:96]).apply(line[96:], at=96) == pytest.approx(np.zeros(24), abs=1e-9)
    both = line + 10 * np.sin(2 * np.pi * steps / SEASON)
    rest = make_stationary("stl", both[:96], SEASON).apply(both[96:], at=96)
    assert np.abs(rest).max() < 0.2  # of an amplitude of 10: loess bends a little at the end


def test_box_cox_finds_the_power_that_made_the_spread() -> None:
    rng = np.random.default_rng(1)
    even = 30 + 6 * np.sin(2 * np.pi * np.arange(600) / SEASON) + 4 * rng.standard_normal(600)
    for power in (0.0, 0.5, 1.0):
        y = np.exp(even / 10) if power == 0 else (even * power + 1) ** (1 / power)
        found = BoxCox(SEASON)
        found.fit(y)
        assert found.power == pytest.approx(power, abs=0.2)


def test_box_cox_without_season_agrees_with_scipy_on_white_noise() -> None:
    from scipy.stats import boxcox

    y = np.random.default_rng(0).lognormal(2, 0.4, 800) ** 0.7 + 1
    found = BoxCox()
    found.fit(y)
    assert found.power == pytest.approx(boxcox(y)[1], abs=0.03)  # scipy fits neither a line nor the step before


def test_box_cox_of_forecasts_out_of_its_range_stays_finite() -> None:
    found = BoxCox()
    found.power, found.most = 0.5, 100.0
    assert found.invert(np.array([-5.0, 0.0]), np.zeros(0), 0).tolist() == [0.0, 1.0]
    found.power = -0.5
    assert found.invert(np.array([5.0, 0.0]), np.zeros(0), 0).tolist() == [100.0, 1.0]


def test_a_window_has_its_own_scale() -> None:
    y = wave(50)
    z = WindowStandard(24).apply(y)
    assert z[-24:].mean() == pytest.approx(0, abs=1e-12) and z[-24:].std() == pytest.approx(1)
    assert WindowStandard(24).invert(z, y, 50) == pytest.approx(y)
    flat = np.full(30, 7.0)
    assert (WindowStandard(24).apply(flat) == 0).all()


def test_logs_of_values_that_are_not_positive_are_refused_with_their_steps() -> None:
    y = wave()
    y[[5, 9]] = 0, -2
    for how in ("log", "boxcox"):
        with pytest.raises(DataError) as caught:
            make_stationary(how, y)
        assert str(caught.value) == (
            f"--set series.stationary={how}: needs values above 0\n"
            "  found:     2 values are not: 1 zeros, 1 negative; the first is 0 at step 6 (steps are counted from 1)\n"
            "  probably:  a quantity that can be negative or nothing has no logarithm\n"
            "  do:        --set series.stationary=difference\n"
            "  or:        --set series.stationary=none"
        )
    assert "log" not in make_stationary("auto", y, SEASON).names


def test_unknown_names_and_short_series_are_refused() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'difference'"):
        make_stationary("diference", wave())
    with pytest.raises(DataError, match="needs more than 12 values"):
        make_stationary("seasonal_difference", wave(12), SEASON)
    with pytest.raises(DataError, match="needs a season, and two of them"):
        make_stationary("stl", wave(20), SEASON)


def walk(count: int = 400) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(count).cumsum() + 200


def test_the_pair_of_tests_tells_the_four_cases_apart() -> None:
    rng, steps = np.random.default_rng(0), np.arange(400)
    noise = rng.standard_normal(400)
    cases = {
        "stationary": noise,
        "trend-stationary": 0.05 * steps + noise,
        "difference-stationary": walk(),
        "unclear": noise + 1.0 * ((steps > 120) & (steps < 260)),
    }
    for verdict, y in cases.items():
        found = stationarity(y)
        assert found is not None and found.verdict == verdict
        assert found.meaning.lower().startswith(verdict)
    seasonal = stationarity(noise + 10 * np.sin(2 * np.pi * steps / SEASON), SEASON)
    assert seasonal is not None and seasonal.verdict == "stationary" and seasonal.adjusted
    assert stationarity(np.ones(50)) is None and stationarity(noise[:8]) is None


def test_auto_does_what_the_tests_say_and_says_it() -> None:
    rng, steps = np.random.default_rng(0), np.arange(400)
    noise = rng.standard_normal(400)
    assert make_stationary("auto", noise).names == ()
    assert make_stationary("auto", walk()).names == ("difference",)
    assert make_stationary("auto", 0.05 * steps + noise).names == ("detrend",)
    seasonal = make_stationary("auto", noise + 10 * np.sin(2 * np.pi * steps / SEASON), SEASON)
    assert seasonal.names == ("seasonal_difference",)
    assert any("the season is strong (0.9" in reason for reason in seasonal.why)
    growing = np.exp(0.01 * steps + 0.2 * np.sin(2 * np.pi * steps / SEASON) + 0.05 * noise)
    assert make_stationary("auto", growing, SEASON).names[:2] == ("log", "seasonal_difference")


def test_noise_has_no_season() -> None:
    strengths = [seasonal_strength(np.random.default_rng(seed).standard_normal(60), SEASON) for seed in range(50)]
    assert np.mean(strengths) < 0.1
    assert seasonal_strength(wave(), SEASON) > 0.8
    assert seasonal_strength(wave(30), SEASON) == 0.0  # fewer than three seasons
