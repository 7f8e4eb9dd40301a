"""Alarms: what is raised by which figures, told once, journaled, and carried through a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from learnloop.diagnose.generative import CHANCE, Facts, rules_of
from learnloop.runs.journal import Journal, read_journal
from learnloop.train.events import Event
from learnloop.train.watchers.alarms import SPAN, Alarm, Alarms, Raised, Seen

DCGAN = Facts("gan", "non_saturating", lr=2e-4, monitor="fid_classifier")
VAE = Facts("autoencode", code=50, lr=1e-3)
HEALTHY = {
    "loss": 1.2, "discriminator_loss": 0.9, "real": 0.7, "fake": 0.35, "generator_gradient": 2.0, "spread": 0.8,
}  # fmt: skip


def event(step: int, kind: str = "train", **scalars: float) -> Event:
    return Event(kind, step, step * 8, step / 10, step / 1000, 1000, scalars)  # type: ignore[arg-type]


def raised(facts: Facts, rows: list[dict[str, float]], every: int = 20, **seen: Any) -> list[Alarm]:
    """The alarms that hold behind these log rows, one every `every` steps."""
    found = Seen()
    for number, row in enumerate(rows, start=1):
        found.add("train", number * every, row)
    for number, row in enumerate(seen.get("validation", []), start=1):
        found.add("validation", number * 100, row)
    return list(rules_of(facts)(found))


def names(facts: Facts, rows: list[dict[str, float]], **seen: Any) -> list[str]:
    return [alarm.name for alarm in raised(facts, rows, **seen)]


@pytest.mark.parametrize("objective", [*CHANCE, "wasserstein", "wgan_gp"])
def test_players_that_keep_each_other_busy_raise_nothing(objective: str) -> None:
    loss = {"discriminator_loss": 0.7 * CHANCE.get(objective, -3.0)}
    if objective not in CHANCE:
        loss = {"discriminator_loss": -3.0}
    assert names(Facts("gan", objective), [{**HEALTHY, **loss}] * 30) == []


def test_one_picture_over_and_over_is_a_collapse_with_the_distance_that_shows_it() -> None:
    (alarm,) = raised(DCGAN, [{**HEALTHY, "spread": 0.004}] * 3)
    assert (alarm.name, alarm.number) == ("mode_collapse", 0.004)
    assert alarm.text == "made pictures differ from each other by 0.004 of what real ones do"
    assert alarm.remedy == "--lr 2e-05, --set model.objective=hinge, or --set model.instance_noise=0.1"
    assert names(DCGAN, [{**HEALTHY, "spread": 0.004}] * 2) == [], "two rows are the first forty steps"
    assert names(DCGAN, [{**HEALTHY, "spread": 0.1}] * 9) == [], "a generator that has just begun"


def test_a_distance_that_falls_to_a_fifth_is_a_collapse() -> None:
    fallen = [HEALTHY] * 10 + [{**HEALTHY, "spread": 0.1}] * 5
    (alarm,) = raised(DCGAN, fallen)
    assert alarm.text == "made pictures differ from each other by 0.10 of what real ones do, after 0.80 before"
    assert names(DCGAN, fallen[:-1]) == []


def test_a_histogram_that_falls_into_one_class_is_a_collapse() -> None:
    def shares(*values: float) -> list[dict[str, float]]:
        return [{"class_share_most": value} for value in values]

    (alarm,) = raised(DCGAN, [HEALTHY] * 5, validation=shares(0.2, 0.9, 0.93))
    assert (alarm.name, alarm.text) == ("mode_collapse", "93% of the samples are of one class")
    assert names(DCGAN, [HEALTHY] * 5, validation=shares(0.2, 0.9)) == [], "once is no trend"
    assert names(DCGAN, [HEALTHY] * 5, validation=shares(0.95, 0.9, 0.93)) == [], "noise too looks like one class"


def test_a_sure_discriminator_is_too_strong_after_two_hundred_steps() -> None:
    sure = {**HEALTHY, "discriminator_loss": 0.003, "real": 0.999, "fake": 0.002}
    (alarm,) = raised(DCGAN, [sure] * 10)
    assert alarm.name == "discriminator_too_strong"
    assert alarm.text == "its loss is 0.003 (1.39 for one that knows nothing); D(x) is 0.999, D(G(z)) 0.002"
    assert names(DCGAN, [sure] * 9) == []
    assert names(Facts("gan", "wgan_gp"), [sure] * 10) != ["discriminator_too_strong"], "a critic should be sure"


def test_a_discriminator_that_is_fooled_is_too_weak() -> None:
    fooled = {**HEALTHY, "discriminator_loss": 1.41, "real": 0.49, "fake": 0.51}
    (alarm,) = raised(DCGAN, [fooled] * 5)
    assert alarm.name == "discriminator_too_weak"
    assert alarm.text == "its loss is 1.41 (1.39 for one that knows nothing); D(x) is no more than D(G(z))"
    assert names(DCGAN, [{**fooled, "discriminator_loss": 1.38}] * 9) == [], "at the end of the game it is at chance"
    assert names(Facts("gan", "wasserstein"), [{**fooled, "discriminator_loss": 0.4}] * 5) == [alarm.name]


def test_players_that_overshoot_diverge() -> None:
    wild = {**HEALTHY, "discriminator_loss": 1.9}
    (alarm,) = raised(DCGAN, [wild] * 7)
    assert (alarm.name, alarm.remedy) == ("divergence", "--lr 2e-05")
    assert alarm.text == ("the discriminator's loss is 1.9 (1.39 for one that knows nothing): the players overshoot")
    assert names(DCGAN, [wild] * 6) == [], "two networks that have just begun"
    assert names(DCGAN, [wild] * 4 + [HEALTHY] * 3) == []
    chance = {**HEALTHY, "discriminator_loss": 1.35}
    assert names(DCGAN, [chance] * 9) == ["divergence"], "it should be far ahead"
    assert names(DCGAN, [HEALTHY] * 20 + [chance] * 9) == [], "at the end of the game it is not"


def test_samples_that_are_copies_of_a_few_are_a_collapse() -> None:
    def probed(*values: float) -> list[str]:
        seen = Seen()
        for number, value in enumerate(values, start=1):
            seen.add("train", 20 * number, HEALTHY)
            seen.add("probe", 20 * number, {"nearness": value})
        return [alarm.name for alarm in rules_of(DCGAN)(seen)]

    assert probed(0.6, 0.18, 0.13, 0.1) == ["mode_collapse"]
    assert probed(0.18, 0.13) == [], "twice is early"
    assert probed(1.3, 0.8, 0.7) == []


def test_a_gradient_that_vanishes_is_named() -> None:
    rows = [HEALTHY] * 3 + [{**HEALTHY, "generator_gradient": 1e-4}] * 5
    (alarm,) = raised(Facts("gan", "minimax"), rows)
    assert alarm.text == "the norm of the generator's gradient is 0.0001, after 2"
    assert "--set model.objective=non_saturating" in alarm.remedy
    assert names(Facts("gan", "minimax"), rows[:-1]) == []


def test_a_loss_that_goes_back_to_where_it_began_diverges() -> None:
    fall = [{"loss": value, "reconstruction": value, "kl": 20.0} for value in [540.0, 200.0, *[110.0] * 5]]
    back = [{"loss": 530.0, "reconstruction": 530.0, "kl": 20.0}] * 5
    (alarm,) = raised(VAE, fall + back)
    assert (alarm.name, alarm.text) == ("divergence", "reconstruction is 530, after 110 at its best")
    assert names(VAE, fall + back[:-1]) == []
    more = [{"loss": 180.0, "reconstruction": 150.0, "kl": 30.0}] * 9
    assert names(VAE, fall + more) == [], "annealing makes the reconstruction worse, which is no divergence"


def test_samples_many_times_worse_than_their_best_diverge() -> None:
    rows = [{"fid_classifier": value} for value in (40.0, 8.0, 50.0, 60.0, 70.0)]
    (alarm,) = raised(DCGAN, [HEALTHY] * 5, validation=rows)
    assert alarm.text == "fid_classifier of the samples is 70, after 8 at its best"
    assert names(DCGAN, [HEALTHY] * 5, validation=rows[:-1]) == []


def test_a_code_that_tells_nothing_is_a_collapsed_posterior() -> None:
    rows = [{"loss": 206.0, "reconstruction": 206.0, "kl": 0.2}] * 5
    (alarm,) = raised(VAE, rows)
    assert alarm.name == "posterior_collapse"
    assert alarm.text == "the code tells 0.2 nats of a row, under 0.01 for each of its 50 numbers"
    assert names(VAE, [{**rows[0], "kl": 0.6}] * 9) == []


def test_pictures_from_pictures_are_allowed_a_sure_discriminator() -> None:
    sure = {**HEALTHY, "discriminator_loss": 1e-4, "content": 0.2}
    assert names(Facts("gan", "non_saturating", mapper=True), [sure] * 20) == []


def test_an_alarm_is_told_once_and_journaled(tmp_path: Path) -> None:
    told: list[Event] = []
    alarms = Alarms(rules_of(DCGAN), journal=Journal(tmp_path / "metrics.jsonl"), tell=[told.append])
    for step in range(20, 201, 20):
        alarms(event(step, **{**HEALTHY, "spread": 0.0}))
    alarms(event(200, "end"))
    (note,) = told
    assert (note.kind, note.step) == ("note", 60)
    assert note.text.startswith("warning: mode collapse at step 60: made pictures differ from each other by 0.000 of")
    (row,) = read_journal(tmp_path / "metrics.jsonl")
    assert {key: row[key] for key in ("kind", "step", "name", "number")} == {
        "kind": "alarm", "step": 60, "name": "mode_collapse", "number": 0.0,
    }  # fmt: skip
    (found,) = alarms.to_json()
    assert (found["step"], found["last_step"]) == (60, 200)
    assert Raised.from_json(found) == alarms.raised[0]


def test_probes_are_taken_every_twenty_steps_and_then_every_hundred() -> None:
    steps: list[int] = []
    found = {"nearness": 1.0}
    alarms = Alarms(rules_of(DCGAN), probe=lambda: steps.append(now) or found)  # type: ignore[func-returns-value]
    for now in range(5, 901, 5):
        alarms(event(now, **HEALTHY))
    assert steps == [*range(20, 401, 20), 500, 600, 700, 800, 900]


def test_a_resumed_watcher_goes_on_where_it_was() -> None:
    rows = [{**HEALTHY, "spread": 0.8 if step <= 200 else 0.05} for step in range(20, 401, 20)]
    told: list[str] = []
    whole = Alarms(rules_of(DCGAN), tell=[lambda one: told.append(one.text)])
    first, second = (Alarms(rules_of(DCGAN), tell=[lambda one: told.append(one.text)]) for _ in range(2))
    for number, row in enumerate(rows):
        whole(event(20 * (number + 1), **row))
        part = first if number < 17 else second
        if number == 17:
            second.load_state_dict(first.state_dict())
        part(event(20 * (number + 1), **row))
    assert whole.to_json() == second.to_json() != []
    assert whole.state_dict() == second.state_dict()
    assert len(told) == 2, "each is told once, before the cut or behind it"


def test_rows_are_forgotten_and_extremes_are_not() -> None:
    seen = Seen()
    for step in range(1, 2001):
        seen.add("train", step, {"loss": float(step), "spread": float("nan")})
    assert len(seen.train) == SPAN
    assert (seen.first["loss"], seen.lowest["loss"], seen.highest["loss"]) == (1.0, 1.0, 2000.0)
    assert seen.recent("loss", 3) == [1998.0, 1999.0, 2000.0]
    assert seen.recent("spread", 3) == [], "a row without the figure says nothing"
    assert seen.recent("loss", 2001) == []
