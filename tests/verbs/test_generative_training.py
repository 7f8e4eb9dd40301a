"""A run that learns to make data: its players, its Plan, what it watches, and that it resumes bit for bit."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import X, Y
from learnloop.data.unpaired import UnpairedSource
from learnloop.models.generative.config import players_of
from learnloop.optim.plan import Plan, PlanConfig
from learnloop.recipe.build import build
from learnloop.runs.folder import RunFolder
from learnloop.seeds import seed_torch
from learnloop.tasks.generative import rehearsal_of
from learnloop.train.events import Event
from learnloop.train.limits import TimeLimit
from learnloop.train.validation import Validation
from learnloop.train.watchers.alarms import Alarm, Alarms, Seen
from learnloop.verbs import generative_training
from learnloop.verbs.budget import Budget
from learnloop.verbs.generative_data import GenerativePrepared, prepare_generative
from learnloop.verbs.generative_rehearsal import seconds_after
from learnloop.verbs.generative_training import (
    GenerativeTraining,
    build_generative_net,
    set_up_generative,
    updaters_of,
)
from learnloop.verbs.judges import PixelJudge
from learnloop.verbs.watched_samples import LEAST_SAMPLES, SAMPLES, Nearness, WatchedSamples, passes_of, watched_count

SIDE, STEPS = 8, 8
PIX2PIX = {"model.widths": [4, 4], "model.discriminator_widths": [4], "generate.make": "invert"}
KINDS: dict[str, dict[str, Any]] = {
    "deep_autoencoder": {"model.widths": [12], "model.code": 3},
    "vae": {"model.widths": [12], "model.code": 3, "model.annealing": 0.5},
    "dense_gan": {"model.noise": 4, "model.widths": [12], "model.discriminator_widths": [12]},
    "dcgan": {"model.noise": 4, "model.widths": [4], "model.objective": "hinge"},
    "ddpm": {"model.widths": [8, 8], "model.steps": 3},
    "pix2pix": PIX2PIX,
    "cyclegan": {**PIX2PIX, "generate.make": "none"},
}
"""A small network of each task, and of each pairing."""


def pictures(rows: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    """Bright in one half, and a little noisy."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    x = rng.integers(0, 60, (rows, SIDE, SIDE))
    x[y == 0, :, : SIDE // 2] += 150
    x[y == 1, :, SIDE // 2 :] += 150
    return {"x": x.astype(np.uint8), "y": y}


def heaps() -> dict[str, np.ndarray]:
    """Two heaps of pictures of different size."""
    return {"x": pictures(60)["x"], "y": 255 - pictures(40, 1)["x"]}


def prepared(model: str, data: Any = None, sets: tuple[str, ...] = (), **flags: Any) -> GenerativePrepared:
    chosen = (heaps() if model == "cyclegan" else pictures()) if data is None else data
    usual = {"plan.name": "plain", "watch.progress": "off", "train.batch_size": 16, "train.average": 0.9}
    settings = [f"{key}={json.dumps(value)}" for key, value in KINDS.get(model, {}).items()]
    limit = {} if "train.minutes" in flags else {"train.steps": STEPS}
    return prepare_generative(
        build(
            flags={"model.name": model, **usual, **limit, **flags},
            sets=[*settings, *sets],
            objects={"data": chosen},
            origin="argument",
        )
    )


def judge_of(made: GenerativePrepared) -> PixelJudge | None:
    """The one that nothing is trained for."""
    return None if made.task == "autoencode" else PixelJudge(made.pictures("train"))


def begun(made: GenerativePrepared, folder: Path, **more: Any) -> GenerativeTraining:
    run = RunFolder.create(folder, "run", overwrite=False)
    judge = judge_of(made)
    given = {"plan": None, "budget": Budget(0.0, None, now=lambda: 0.0), "judge": judge, **more}
    return set_up_generative(made, run, **given)


def stop_at_half(event: Event) -> None:
    """Ends the run the way Ctrl-C does."""
    if event.kind == "train" and event.step >= STEPS // 2:
        os.kill(os.getpid(), signal.SIGINT)


def die_behind_half(event: Event) -> None:
    """Ends the run without a word: nothing is saved."""
    if event.kind == "train" and event.step > STEPS // 2:
        raise KeyboardInterrupt


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def everything(state: Any) -> list[Any]:
    """The leaves of a nested state; clocks and paths aside."""
    if isinstance(state, dict):
        aside = ("seconds", "watchers", "stopped", "limit")
        return [leaf for key, value in state.items() if key not in aside for leaf in everything(value)]
    if isinstance(state, list | tuple):
        return [leaf for value in state for leaf in everything(value)]
    return [state]


def resumed_at(made: GenerativePrepared, folder: Path) -> GenerativeTraining:
    """The run of a folder, at its last checkpoint."""
    alone = Budget(0.0, None, now=lambda: 0.0)
    training = set_up_generative(made, RunFolder(folder), plan=None, budget=alone, judge=judge_of(made))
    training.fit.resume()
    assert training.fit.step == STEPS // 2
    return training


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("model", KINDS)
def test_half_a_run_resumed_is_the_whole_run(model: str, tmp_path: Path) -> None:
    more = {"train.evaluate_every": 3, "train.log_every": 1}
    whole = begun(prepared(model, **more), tmp_path / "whole")
    whole.fit.run()
    assert begun(prepared(model, **more), tmp_path / "cut", watchers=[stop_at_half]).fit.run().interrupted
    resumed = resumed_at(prepared(model, **more), tmp_path / "cut")
    assert not same(resumed.task.weights(), whole.task.weights())
    resumed.fit.run()
    assert same(resumed.task.weights(), whole.task.weights())
    ours, theirs = everything(resumed.fit.state_dict()), everything(whole.fit.state_dict())
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other) if isinstance(one, Tensor) else one == other
    kept = [leaf for leaf in ours if isinstance(leaf, Tensor)]
    assert len(kept) > len(whole.task.weights()), "optimisers, averages and random streams are part of it"
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")


@pytest.mark.parametrize("model", ["vae", "dcgan"])
def test_a_run_that_died_goes_on_from_its_last_checkpoint(model: str, tmp_path: Path) -> None:
    more = {"train.evaluate_every": 3, "train.log_every": 1, "train.checkpoint_seconds": 1e-9}
    whole = begun(prepared(model, **more), tmp_path / "whole")
    whole.fit.run()
    with pytest.raises(KeyboardInterrupt):
        begun(prepared(model, **more), tmp_path / "cut", watchers=[die_behind_half]).fit.run()
    assert max(row["step"] for row in rows_of(tmp_path / "cut")) > STEPS // 2, "more was written than is known"
    resumed = resumed_at(prepared(model, **more), tmp_path / "cut")
    resumed.fit.run()
    assert same(resumed.task.weights(), whole.task.weights())
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")


def run_of(model: str, folder: Path, **flags: Any) -> GenerativeTraining:
    training = begun(prepared(model, **flags), folder)
    training.fit.run()
    return training


@pytest.mark.parametrize("model", KINDS)
def test_the_same_seed_gives_the_same_weights_of_every_player(model: str, tmp_path: Path) -> None:
    one, two, other = (run_of(model, tmp_path / str(place), seed=seed) for place, seed in enumerate((0, 0, 1)))
    assert same(one.task.weights(), two.task.weights())
    for name, player in players_of(one.net).items():
        mine, others = player.state_dict(), players_of(other.net)[name].state_dict()
        assert not same(mine, others), name


@pytest.mark.parametrize("model", KINDS)
def test_every_player_moves(model: str, tmp_path: Path) -> None:
    made = prepared(model)
    before = {name: dict(player.state_dict()) for name, player in players_of(build_generative_net(made)).items()}
    training = begun(made, tmp_path / "run")
    training.fit.run()
    for name, player in players_of(training.net).items():
        for key, parameter in player.named_parameters():
            if key == "verdict.score.bias":  # of a hinge, real and made pictures pull at it alike
                continue
            assert not torch.equal(parameter, before[name][key]), f"{name} {key}"


@pytest.mark.parametrize("model", KINDS)
def test_the_plan_is_measured_on_a_gradient_of_every_player(model: str) -> None:
    made = prepared(model)
    net = build_generative_net(made)
    batch = next(generative_training.build_generative_source(made, made.tensors["train"]))
    seed_torch(0)
    loss = rehearsal_of(made.config, made.spec.keys)(net, batch)
    assert loss.dim() == 0
    loss.backward()
    assert [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None] == []


def test_a_plan_is_measured_where_the_recipe_leaves_it_open(tmp_path: Path) -> None:
    training = begun(prepared("dense_gan", **{"plan.name": "auto"}), tmp_path / "run")
    assert training.plan.origin == "measured"
    assert (training.plan.ms or 0) > 0
    again = begun(prepared("dense_gan", **{"plan.name": "auto"}), tmp_path / "again")
    assert again.plan.origin == "cached"


@pytest.mark.parametrize(("model", "timed"), [("dense_gan", False), ("vae", None)])
def test_two_players_are_compiled_only_when_asked_for(
    model: str, timed: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the Plan could time compiled is the network as a whole; what a step calls are its players."""
    given: list[bool | None] = []

    def measured(*parts: object, options: PlanConfig, **more: object) -> Plan:
        given.append(options.compile)
        return Plan()

    monkeypatch.setattr(generative_training, "measure", measured)
    begun(prepared(model, **{"plan.name": "auto"}), tmp_path / "run")
    assert given == [timed]


def test_players_have_rates_of_their_own_and_one_average() -> None:
    made = prepared("dense_gan", sets=("model.discriminator_rate=0.5", "model.generator_rate=2", "optimiser.lr=0.001"))
    net = build_generative_net(made)
    updaters = updaters_of(made.recipe, net, Plan())
    assert {name: updater.learning_rate for name, updater in updaters.items()} == {
        "generator": 0.002, "discriminator": 0.0005,
    }  # fmt: skip
    assert updaters["generator"].average is not None, "what serves is averaged"
    assert updaters["discriminator"].average is None


def test_two_heaps_of_pictures_are_drawn_apart(tmp_path: Path) -> None:
    training = begun(prepared("cyclegan"), tmp_path / "run")
    assert isinstance(training.fit.source, UnpairedSource)


# --- what is watched


def test_samples_come_from_the_same_noise_and_leave_no_trace(tmp_path: Path) -> None:
    training = begun(prepared("dense_gan"), tmp_path / "run")
    training.fit.run()
    look = training.fit.validation
    assert isinstance(look, WatchedSamples)
    state, before = torch.get_rng_state(), training.task.weights()
    first, second = look(training.task), look(training.task)
    assert first == second
    assert {"loss", "frechet_pixels"} <= set(first)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(training.task.weights(), before)
    assert training.net.training


def test_what_is_judged_are_the_averaged_weights(tmp_path: Path) -> None:
    training = begun(prepared("dense_gan"), tmp_path / "run")
    training.fit.run()
    look = training.fit.validation
    assert isinstance(look, WatchedSamples)
    judged = look(training.task)["frechet_pixels"]
    with torch.no_grad(), training.task.averaged():
        for parameter in training.net.generator.parameters():  # type: ignore[union-attr]
            parameter.zero_()
    assert look(training.task)["frechet_pixels"] != judged


def test_the_best_weights_by_the_measure_are_kept_and_not_the_last(tmp_path: Path) -> None:
    training = begun(prepared("dense_gan", sets=("train.evaluate_every=2",)), tmp_path / "run")
    figures = iter([5.0, 1.0, 9.0, 7.0])
    training.fit.validation = lambda task: {"loss": 0.0, "frechet_pixels": next(figures)}
    training.fit.run()
    best = training.fit.best
    assert best is not None and best.weights is not None
    assert (best.monitor, best.value, best.step) == ("frechet_pixels", 1.0, 4)
    assert not same(best.weights, training.task.weights())


def test_codes_are_chosen_by_the_loss_of_the_validation_part(tmp_path: Path) -> None:
    training = begun(prepared("vae"), tmp_path / "run")
    training.fit.run()
    assert isinstance(training.fit.validation, Validation)
    assert training.fit.best is not None and training.fit.best.monitor == "loss"


def test_a_conditional_network_is_asked_for_every_class_in_turn(tmp_path: Path) -> None:
    training = begun(prepared("dense_gan", sets=("model.class_conditional=true",)), tmp_path / "run")
    look = training.fit.validation
    assert isinstance(look, WatchedSamples)
    assert look._label is not None and look._label[:4].tolist() == [0, 1, 0, 1]
    assert Y in next(iter(training.fit.source))  # type: ignore[call-overload]


class OnALine(nn.Module):
    """Makes of a noise the picture that has its value everywhere."""

    noise_shape = (1,)

    def generate(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        assert not self.training
        return noise[:, :, None, None] / 255


def test_nearness_is_the_nearest_distance_by_the_mean_one_beside_that_of_real_pictures() -> None:
    real = torch.tensor([0, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1)  # nearest 100, mean 400 / 3: 0.75
    copies = torch.tensor([[0.0], [200.0], [200.0]])  # nearest 200 / 3, mean 400 / 3: 0.5
    net = OnALine()
    assert Nearness(net, copies, None, real)() == {"nearness": pytest.approx(0.5 / 0.75)}
    assert Nearness(net, 2 * real.view(3, 1).float(), None, real)() == {"nearness": pytest.approx(1.0)}
    assert Nearness(net, torch.full((3, 1), 40.0), None, real)() == {"nearness": 0.0}
    assert net.training, "the mode is put back"


def test_fewer_samples_are_watched_where_each_takes_many_passes(tmp_path: Path) -> None:
    assert watched_count(1) == SAMPLES
    assert watched_count(50) == 400
    assert watched_count(1000) == LEAST_SAMPLES
    assert passes_of(build_generative_net(prepared("ddpm"))) == 3
    assert passes_of(build_generative_net(prepared("dense_gan"))) == 1


@pytest.mark.parametrize(("steps", "every"), [(8, 1), (4000, 10), (60_000, 20), (1_000_000, 200)])
def test_log_rows_are_close_enough_to_see_a_failure_begin(steps: int, every: int, tmp_path: Path) -> None:
    training = begun(prepared("dense_gan", **{"train.steps": steps}), tmp_path / "run")
    assert training.fit.rhythm.log_every == every


def test_a_dear_judge_is_asked_less_often(tmp_path: Path) -> None:
    made = prepared("dense_gan", **{"train.steps": 100_000})
    cheap, dear = judge_of(made), judge_of(made)
    assert cheap is not None and dear is not None
    dear.facts = {**dear.facts, "kind": "inception"}
    often, seldom = (begun(made, tmp_path / name, judge=one).fit.rhythm for name, one in (("a", cheap), ("b", dear)))
    assert often.evaluate_every == 100_000 // generative_training.EVALUATIONS_A_RUN
    assert seldom.evaluate_every == 100_000, "at the end alone"


# --- alarms


def test_constant_noise_is_told_as_mode_collapse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = {"train.steps": 120, "watch.progress": "line", "train.evaluate_every": 200}
    made = prepared("dense_gan", **more)
    told: list[Event] = []
    training = begun(made, tmp_path / "run", watchers=[told.append])
    make = training.net.make
    training.net.make = lambda noise, label=None: make(torch.full_like(noise, 0.3), label)  # type: ignore
    training.fit.run()
    (row,) = training.alarms.to_json()
    assert (row["name"], row["number"]) == ("mode_collapse", pytest.approx(0.0, abs=1e-6))
    assert row["step"] <= 100
    assert "warning: mode collapse at step" in capsys.readouterr().err
    assert [event.step for event in told if event.kind == "note"] == [row["step"]]
    assert [one["name"] for one in rows_of(tmp_path / "run") if one["kind"] == "alarm"] == ["mode_collapse"]


@pytest.mark.parametrize("model", ["dense_gan", "vae", "ddpm"])
def test_a_short_healthy_run_reports_nothing(model: str, tmp_path: Path) -> None:
    steps = 40 if model == "ddpm" else 150
    more = {"train.steps": steps, "train.evaluate_every": steps}
    training = begun(prepared(model, **more), tmp_path / "run")
    training.fit.run()
    assert training.alarms.raised == ()


def test_alarms_of_a_resumed_run_are_those_of_the_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def every_third(seen: Seen) -> list[Alarm]:
        return [Alarm("mode_collapse", seen.train[-1]["spread"], "x", "y")] if seen.step in (3, 6) else []

    monkeypatch.setattr(generative_training, "rules_of", lambda facts: every_third)
    more = {"train.log_every": 1}
    whole = begun(prepared("dense_gan", **more), tmp_path / "whole")
    whole.fit.run()
    begun(prepared("dense_gan", **more), tmp_path / "cut", watchers=[stop_at_half]).fit.run()
    resumed = resumed_at(prepared("dense_gan", **more), tmp_path / "cut")
    resumed.fit.run()
    assert resumed.alarms.to_json() == whole.alarms.to_json()
    assert [(one.step, one.last) for one in whole.alarms.raised] == [(3, 6)]
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")
    assert [row["step"] for row in rows_of(tmp_path / "cut") if row["kind"] == "alarm"] == [3], "it is told once"


def test_the_watcher_knows_what_it_watches(tmp_path: Path) -> None:
    made = prepared("vae", sets=("optimiser.lr=0.002",))
    facts = generative_training.facts_of(made, build_generative_net(made), "loss")
    assert (facts.task, facts.code, facts.lr, facts.mapper) == ("autoencode", 3, 0.002, False)
    pairs = prepared("pix2pix")
    assert generative_training.facts_of(pairs, build_generative_net(pairs), "mae").mapper


# --- limits


def test_a_limit_in_minutes_keeps_what_follows_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative_training, "seconds_after", lambda *parts: 5.0)
    budget = Budget(0.0, 1.0, now=lambda: 12.0)
    training = begun(prepared("dense_gan", **{"train.minutes": 1.0}), tmp_path / "run", budget=budget)
    assert isinstance(training.fit.limit, TimeLimit)
    assert training.fit.limit.left == pytest.approx(60 - 12 - 1.15 * (5 + 5), abs=0.5)
    assert budget.notes == ["The best weights are chosen by frechet_pixels: nobody here tells fid_classifier"]


def test_little_time_for_training_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative_training, "seconds_after", lambda *parts: 95.0)
    budget = Budget(0.0, 1.0, now=lambda: 20.0)
    training = begun(prepared("dense_gan", **{"train.minutes": 1.0}), tmp_path / "run", budget=budget)
    assert isinstance(training.fit.limit, TimeLimit)
    assert training.fit.limit.left == pytest.approx(30.0, abs=0.5), "half of the limit"
    assert budget.notes[:1] == [
        "30.0 s of 60 s are left for training, and measuring what is made will take about 115 s: the whole command "
        "about 165 s. Give more --minutes"
    ]


@pytest.mark.parametrize("model", ["vae", "dense_gan", "ddpm", "pix2pix"])
def test_what_follows_training_is_rehearsed_and_moves_nothing(model: str) -> None:
    made = prepared(model)
    net = build_generative_net(made)
    before, state = {name: tensor.clone() for name, tensor in net.state_dict().items()}, torch.get_rng_state()
    judge = judge_of(made)
    assert seconds_after(made, net, Plan(), judge) > 0
    assert same(dict(net.state_dict()), before)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training


def test_tables_and_series_learn_codes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=80), "b": rng.choice(["u", "v"], 80), "c": rng.normal(size=80)})
    training = begun(prepared("deep_autoencoder", table), tmp_path / "table")
    training.fit.run()
    assert training.fit.step == STEPS
    assert isinstance(training.alarms, Alarms)
    assert X in next(iter(training.fit.source))  # type: ignore[call-overload]
