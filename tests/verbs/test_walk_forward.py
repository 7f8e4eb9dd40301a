"""Walking forward: what is learnt from when, planted leaks that are caught, verdicts that follow the figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.data.ahead import value_origins
from learnloop.data.origins import Origins
from learnloop.data.panel import Panel
from learnloop.data.returns import HAR, log_returns, return_origins, volatility_origins
from learnloop.data.rolling import ahead, rolling_mean
from learnloop.errors import DataError, ModelError, RecipeError
from learnloop.verbs.learners import Network, Ridge, parts
from learnloop.verbs.study import study_prices, text
from learnloop.verbs.walk_forward import Walk, find_lookahead, refuse_lookahead, walk_forward
from learnloop.verbs.walk_verdict import judge, summary


def prices(days: int = 900, seed: int = 0, persistence: float = 0.97, pull: float = 0.0) -> Panel:
    """A share whose volatility changes slowly. pull: how much of today's return comes again tomorrow."""
    rng = np.random.default_rng(seed)
    size, last, returns = 0.0, 0.0, []
    for shock, move in rng.normal(size=(days, 2)):
        size = persistence * size + 0.25 * shock
        last = pull * last + 0.01 * np.exp(size) * move
        returns.append(last)
    stamps = np.busday_offset("2000-01-03", np.arange(days)).astype("datetime64[s]")
    return Panel("made", ("A",), (stamps,), (100 * np.exp(np.cumsum(returns))[:, None],), ("Close",))


@dataclass
class Watch:
    """Answers nothing; keeps what it was given."""

    title: str = "watch"
    fitted: list[Origins] = field(default_factory=list)
    asked: list[Origins] = field(default_factory=list)

    def fit(self, rows: Origins, seed: int) -> None:
        self.fitted.append(rows)

    def predict(self, rows: Origins) -> np.ndarray:
        self.asked.append(rows)
        return np.zeros(len(rows))


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_stretch_is_learnt_from_rows_whose_answers_were_known(horizon: int) -> None:
    rows, seen = return_origins(prices(), horizon), Watch()
    found = walk_forward(rows, [seen], refits=3, first=0.5)
    for past, stretch in zip(seen.fitted, seen.asked, strict=True):
        assert past.known.max() == stretch.time.min() and past.time.max() < stretch.time.min()
        gap = np.searchsorted(rows.time, stretch.time.min()) - np.searchsorted(rows.time, past.time.max())
        assert gap == horizon
    assert [len(past) for past in seen.fitted] == list(found.trained)
    assert sum(len(stretch) for stretch in seen.asked) == len(found.rows) == len(found.answers["watch"])
    np.testing.assert_array_equal(np.concatenate([stretch.time for stretch in seen.asked]), found.rows.time)


def test_the_latest_training_rows_are_held_out_from_the_earlier_with_a_gap() -> None:
    rows = volatility_origins(prices(), 5)
    early, late = parts(rows)
    assert rows.known[early].max() <= rows.time[late].min() and late.max() == len(rows) - 1
    assert len(rows) - len(early) - len(late) == 4  # asked before, answered after


def clairvoyant(change: Callable[[Panel, Origins], Origins]) -> Callable[[Panel], Origins]:
    return lambda panel: change(panel, return_origins(panel, 1))


def tomorrows_return(panel: Panel, rows: Origins) -> Origins:
    """The planted leak: a feature that is the answer itself."""
    return replace(rows, names=(*rows.names, "signal"), x=np.column_stack([rows.x, rows.y]))


def centred_mean(panel: Panel, rows: Origins) -> Origins:
    """A mean over the days around the origin, as a filter that was meant for pictures would give."""
    around = ahead(rolling_mean(log_returns(panel.series()), 5), 2)
    at = np.searchsorted(panel.times[0], rows.time)
    return replace(rows, names=(*rows.names, "smooth"), x=np.column_stack([rows.x, np.nan_to_num(around[at])]))


def scaled_on_all(panel: Panel, rows: Origins) -> Origins:
    return replace(rows, x=(rows.x - rows.x.mean(axis=0)) / (rows.x.std(axis=0) + 1e-9))


def known_too_early(panel: Panel, rows: Origins) -> Origins:
    """Answers that are said to be known at the origin."""
    return replace(rows, known=rows.time)


def test_honest_questions_are_passed() -> None:
    panel = prices(500)
    for ask in (return_origins, volatility_origins, value_origins):
        assert find_lookahead(lambda one, ask=ask: ask(one, 5), panel, lambda one: [Ridge()]) is None
    refuse_lookahead(lambda one: return_origins(one, 1), panel)


@pytest.mark.parametrize(
    ("change", "what", "names"),
    [
        (tomorrows_return, "features", ("signal",)),
        (centred_mean, "features", ("smooth",)),
        (known_too_early, "answers that were known", ("y",)),
    ],
)
def test_a_planted_leak_is_caught(
    change: Callable[[Panel, Origins], Origins], what: str, names: tuple[str, ...]
) -> None:
    found = find_lookahead(clairvoyant(change), prices(500))
    assert found is not None and (found.what, found.names) == (what, names) and found.rows >= 1


def test_features_scaled_on_the_whole_series_are_caught() -> None:
    found = find_lookahead(clairvoyant(scaled_on_all), prices(500))
    assert found is not None and found.what == "features" and "return_0" in found.names and found.rows == found.of


@dataclass
class Fitted(Ridge):
    """The planted leak: its weights come from all questions, before the walk begins."""

    title: str = "fitted before"

    @classmethod
    def on(cls, panel: Panel) -> Fitted:
        learner = cls()
        Ridge.fit(learner, return_origins(panel, 1), 0)
        return learner

    def fit(self, rows: Origins, seed: int) -> None: ...


def test_a_learner_that_was_fitted_on_everything_is_caught() -> None:
    found = find_lookahead(lambda one: return_origins(one, 1), prices(500), lambda one: [Fitted.on(one)])
    assert found is not None and found.what == "fitted before" and found.rows == found.of


def test_the_refusal_says_what_changes() -> None:
    with pytest.raises(ModelError) as caught:
        refuse_lookahead(clairvoyant(tomorrows_return), prices(500))
    said = str(caught.value)
    assert said.startswith("features (signal): must be made from the values up to the origin alone\n")
    assert "change when the values after them do" in said and "tomorrow's value" in said


def made_walk(y: np.ndarray, kind: str = "return", **learned: np.ndarray) -> Walk:
    """A walk with the random walk as its bar."""
    n = len(y)
    times = np.arange(n)
    rules = {"random walk": np.zeros(n), "mean": np.full(n, 0.001)}
    rows = Origins(
        "the return of the next day", kind, 1, ("",), np.zeros(n, np.int64), times, times + 1, (), np.empty((n, 0)), y,
        np.zeros(n), rules,
    )  # type: ignore[arg-type]  # fmt: skip
    return Walk(rows, rules | learned, tuple(learned), ("0",), (n,), {})


def test_noise_cannot_be_predicted_and_is_said_so() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=1500)
    found = judge(made_walk(y, network=0.05 * rng.normal(size=1500)))
    assert not found.predictable and found.beats == () and found.bar.title == "random walk"
    assert found.sentence.startswith("The return of the next day: nothing is clearly better than random walk. Network ")
    assert "calls" in found.sentence and "that is not clearly more" in found.sentence
    said = summary([found])
    assert said.startswith("Cannot be predicted here: the return of the next day. ") and "trade on noise" in said
    assert summary([replace(found, kind="value", title="load")]) == (
        "Not predicted here any better than by the bar: load (random walk)."
    )


def test_what_is_there_is_found_and_named() -> None:
    rng = np.random.default_rng(2)
    signal = rng.normal(size=1500)
    found = judge(made_walk(signal + rng.normal(size=1500), network=signal))
    network = found["network"]
    assert network.skill == pytest.approx(0.5, abs=0.05) and network.interval[0] < network.skill < network.interval[1]
    assert network.right == pytest.approx(0.75, abs=0.04) and network.better and not network.worse
    assert found.beats == ("network",) and found.best is network
    assert "network is clearly better than random walk, it saves" in found.sentence
    assert "that is clearly more" in found.sentence
    assert summary([found]) == "Can be predicted, and learning helps: the return of the next day."


def test_a_worse_answer_is_told_from_an_unlucky_one() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=1500)
    found = judge(made_walk(y, wild=rng.normal(size=1500), calm=0.01 * rng.normal(size=1500)))
    assert found["wild"].worse and not found["calm"].worse and not found["calm"].better
    assert found["wild"].skill == pytest.approx(-1, abs=0.15)


def test_intervals_widen_with_the_number_of_answers_that_are_compared() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=800)
    many = {f"n{k}": 0.1 * rng.normal(size=800) for k in range(8)}
    few, wide = judge(made_walk(y, n0=many["n0"]))["n0"], judge(made_walk(y, **many))["n0"]
    assert few.interval == pytest.approx(wide.interval, abs=1e-12)
    assert wide.wide[0] < few.wide[0] <= few.interval[0]


def frame(panel: Panel) -> pd.DataFrame:
    return pd.DataFrame({"Date": panel.times[0].astype("datetime64[D]").astype(str), "Close": panel.series()})


def test_volatility_is_predictable_and_returns_are_not_where_prices_are_made_so(tmp_path: Path) -> None:
    path = tmp_path / "share.csv"
    frame(prices(2000, seed=5)).to_csv(path, index=False)
    study = study_prices(path, (1,), learners=[Ridge()], refits=3)
    returns, volatility = study.verdicts
    assert not returns.predictable and volatility.predictable
    assert volatility["ridge regression"].skill > 0.25
    assert study.sentence.startswith("Cannot be predicted here: the return of the next day.")
    assert "the volatility of the next day" in study.sentence
    assert "random walk (no change)" in str(study) and "the bar" in text(returns)


def test_a_pull_in_returns_is_found_by_ridge_and_network() -> None:
    """Momentum that real shares do not have: what can be learnt is learnt."""
    rows = return_origins(prices(1500, seed=6, persistence=0.0, pull=0.5), 1)
    found = judge(walk_forward(rows, [Ridge(), Network(steps=400, members=1)], refits=2))
    assert found["ridge regression"].better and found["network"].better
    assert found["ridge regression"].skill == pytest.approx(0.25, abs=0.07)  # the square of 0.5
    assert found["network"].skill > 0.12  # it finds half of that, at least


def test_the_network_is_the_same_for_the_same_seed() -> None:
    rows = volatility_origins(prices(400), 1)
    learner = Network(steps=40, members=1)
    learner.fit(rows, 3)
    first = learner.predict(rows)
    learner.fit(rows, 3)
    np.testing.assert_array_equal(first, learner.predict(rows))
    learner.fit(rows, 4)
    assert (first != learner.predict(rows)).any()


def test_least_squares_finds_the_weights_of_har() -> None:
    rows = volatility_origins(prices(600, persistence=0.0), 1)
    exact = rows.columns(HAR) @ np.array([0.2, 0.3, 0.4])
    learner = Ridge("HAR", HAR, (0.0,))
    rows = replace(rows, y=exact, rules={"nothing": np.zeros(len(rows))})
    learner.fit(rows, 0)
    np.testing.assert_allclose(learner.predict(rows), exact, rtol=1e-4)


def test_answers_keep_their_mean_where_features_are_cut() -> None:
    """A few days far out move the mean of what is cut; least squares with an intercept has residuals of mean zero."""
    rows = volatility_origins(prices(600), 1)
    learner = Ridge("HAR", HAR, (0.0,))
    learner.fit(rows, 0)
    assert float(np.mean(rows.y - learner.predict(rows))) == pytest.approx(0, abs=1e-9)


def test_wrong_arguments_are_refused() -> None:
    rows = return_origins(prices(400), 1)
    with pytest.raises(RecipeError, match="first: must be a share between 0 and 1"):
        walk_forward(rows, [Ridge()], first=1.5)
    with pytest.raises(RecipeError, match="refits: must be at least 1"):
        walk_forward(rows, [Ridge()], refits=0)
    with pytest.raises(RecipeError, match="learners: must have different titles"):
        walk_forward(rows, [Ridge(), Ridge()])
    with pytest.raises(DataError, match="questions: must be 50 before the first stretch"):
        walk_forward(rows, [Ridge()], first=0.05)
