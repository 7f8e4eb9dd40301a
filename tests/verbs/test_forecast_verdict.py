"""Which forecast to use, in a sentence: what serves, unless another is clearly better; and how the others compare."""

from __future__ import annotations

import numpy as np

from learnloop.scores.forecast_evaluation import evaluate_forecasts
from learnloop.scores.forecasts import Scored
from learnloop.verbs.forecast_verdict import Shown, common, differences, forecast_verdict

ROWS, STEPS = 40, 3


def scored(error: float, rows: np.ndarray | None = None, noise: float = 0.1, seed: int = 0) -> Scored:
    """Forecasts that are off by about `error`; the truth is 0, the scale 1."""
    rows = np.arange(ROWS) if rows is None else rows
    mean = error + np.random.default_rng(seed).normal(0, noise, (ROWS, STEPS))[rows]
    return Scored(rows, np.full(len(rows), 9), np.zeros((len(rows), STEPS)), mean, np.ones(len(rows)))


def shown(
    name: str, error: float, *, network: bool = False, served: bool = False, seed: int = 0, **more: float
) -> Shown:
    found = scored(error, seed=seed, **more)
    return Shown(name, name.title(), found, evaluate_forecasts(found), network=network, served=served)


def test_what_serves_is_recommended_where_it_is_the_best_by_more_than_luck() -> None:
    told = forecast_verdict("mase", [shown("naive", 2), shown("nhits", 1, network=True, served=True)], 1)
    assert told.startswith("Use Nhits, which this run serves: MASE ")
    assert "less than every simpler method has, by more than luck at 95 %" in told


def test_a_clear_winner_that_does_not_serve_is_named_with_the_way_to_it() -> None:
    both = [shown("ets", 2, served=True), shown("nhits", 1, network=True)]
    told = forecast_verdict("mase", both, 2)
    assert told.startswith("Use Nhits: on 2 windows held out its MASE of ") and "past windows chose" in told
    assert told.endswith("--set forecast.serve=network serves it.")
    assert "as it was asked to" in forecast_verdict("mase", both, 2, chosen=False)


def test_what_cannot_be_told_apart_is_said_to_be_so() -> None:
    wide = {"noise": 3.0}
    told = forecast_verdict("mase", [shown("naive", 1, **wide), shown("ets", 1, served=True, seed=1, **wide)], 1)
    assert "cannot tell" in told
    single = np.array([0])
    parts = [
        Shown(name, name.title(), found, evaluate_forecasts(found), served=name == "ets")
        for name, found in (("naive", scored(2, single)), ("ets", scored(1, single)))
    ]
    assert "One window of one series cannot say how sure that is; past windows chose it." in (
        forecast_verdict("mase", parts, 1)
    )


def test_one_that_made_some_of_the_forecasts_is_compared_on_those() -> None:
    """The rows that it made are those where what serves is worst: on all of them it would look better."""
    rows = np.array([7, 3])
    served = shown("theta", 1, served=True)
    hard = scored(1)
    hard.mean[rows] += 5
    served = Shown("theta", "Theta", hard, evaluate_forecasts(hard), served=True)
    few = scored(2, rows)
    ets = Shown("ets", "ETS", few, evaluate_forecasts(few))
    mine, theirs = common(ets.scored, served.scored)
    assert mine.series.tolist() == theirs.series.tolist() == [7, 3] and (theirs.mean == hard.mean[rows]).all()
    apart = differences("mase", (ets, served), None, 0)["ets"].value
    assert apart < -3
    told = forecast_verdict("mase", [ets, served], 1)
    assert told.startswith("Use Theta") and f"Ets {abs(apart):.3g} less on the 2 forecasts".lower() in told.lower()
