"""`ll.fit` from data to bundle: the job as a whole, resumed, with parts of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import learnloop as ll
from learnloop.bundle.bundle import Bundle
from learnloop.errors import NonFiniteError, RecipeError, RunError, UserError
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted

FAST: dict[str, Any] = {"plan.name": "plain", "plan.threads": 1, "report.baselines": False, "watch.progress": "off"}


def table(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Numbers, a category and a date, with gaps; y depends on all of them."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=rows), rng.normal(size=rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    score = a + 0.5 * b + np.where(colour == "red", 1.0, -0.5)
    frame = pd.DataFrame({"a": a, "b": b, "colour": colour, "y": np.where(score > 0, "yes", "no"), "z": score * 10})
    frame.loc[::17, "a"] = np.nan
    return frame


def fit(data: object, out: Path, **more: Any) -> ll.Run:
    settings = {**FAST, **more.pop("set", {})}
    return ll.fit(data, out=out, set=settings, **more)


def test_digits_end_to_end(tmp_path: Path) -> None:
    run = ll.fit("digits", model="mlp", epochs=12, out=tmp_path / "run", set={"plan.name": "plain", "plan.threads": 1})
    assert run.metrics["test"]["accuracy"] > 0.93
    low, high = run.report["evaluation"]["test"]["intervals"]["accuracy"]
    assert low < run.metrics["test"]["accuracy"] < high
    assert {row["name"] for row in run.report["baselines"]} == {"majority", "linear"}
    assert (run.path / "report.html").stat().st_size > 20_000
    names = {path.name for path in run.path.iterdir()}
    assert names >= {"recipe.yaml", "environment.json", "plan.json", "splits.npz", "metrics.jsonl", "bundle"}
    assert not list(run.path.rglob("*.pkl")) and not list(run.path.rglob("*.pt"))
    again = ll.Run.open(tmp_path / "run")
    images = np.zeros((2, 8, 8, 1), np.uint8)
    assert list(again.predict(images).columns[:2]) == ["prediction", "probability"]
    assert run.history["kind"].isin(["train", "validation"]).all()
    assert run._repr_html_().startswith("<")


@pytest.mark.parametrize("target", ["y", "z"])
def test_tables_predict_rows_one_by_one_as_together(target: str, tmp_path: Path) -> None:
    frame = table()
    data = frame.drop(columns="z" if target == "y" else "y")
    run = fit(data, tmp_path / "run", target=target, model="mlp", epochs=3)
    rows = data.drop(columns=target).iloc[:7]
    together = run.predict(rows)
    alone = pd.concat([run.predict(rows.iloc[[index]]) for index in range(7)], ignore_index=True)
    number = together.select_dtypes("number").columns
    assert np.allclose(together[number], alone[number], atol=1e-5)
    backwards = run.predict(rows.iloc[::-1].reset_index(drop=True))
    assert np.allclose(backwards[number].to_numpy()[::-1], together[number], atol=1e-5)
    scores = run.evaluate(data)
    assert scores.rows == len(data)


def test_several_numbers_and_several_labels(tmp_path: Path) -> None:
    frame = table()
    frame["w"] = -frame["z"] * 100 + 3
    run = fit(frame[["a", "b", "colour", "z", "w"]], tmp_path / "n", target=["z", "w"], model="linear", epochs=60)
    assert list(run.predict(frame[["a", "b", "colour"]].iloc[:3]).columns) == ["prediction_z", "prediction_w"]
    assert run.metrics["test"]["r2"] > 0.9
    labels = pd.DataFrame({"a": frame.a, "b": frame.b, "p": (frame.b > 0).astype(int), "q": (frame.b < 1).astype(int)})
    run = fit(labels, tmp_path / "l", target=["p", "q"], model="mlp", epochs=30)
    assert run.metrics["test"]["f1_macro"] > 0.9
    assert list(run.predict(labels[["a", "b"]].iloc[:2]).columns) == ["p", "q", "probability_p", "probability_q"]


@pytest.mark.parametrize(("gate", "answers"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1])])
def test_the_perceptron_learns_and_and_or(gate: str, answers: list[int], tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "y": answers})
    run = fit(frame, tmp_path / "run", target="y", model="perceptron")
    assert run.metrics["train"]["accuracy"] == 1.0 and run.predict(frame[["a", "b"]])["prediction"].tolist() == answers
    assert "too few to hold any out" in run.report["data"]["split"]
    assert run.report["findings"] == []


@pytest.mark.parametrize("kind", ["number", "category"])
def test_a_perceptron_is_one_unit_served_by_its_step(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "y": ["no", "no", "no", "yes"]})
    run = fit(frame, tmp_path / "run", target="y", model="perceptron", set={"data.columns": {"a": kind, "b": kind}})
    bundle = Bundle.load(run.path / "bundle")
    assert bundle.net.weight.shape[0] == 1  # type: ignore[union-attr,index]
    found = run.predict(frame[["a", "b"]])
    assert found["prediction"].tolist() == frame["y"].tolist()
    assert found["probability"].tolist() == [1.0] * 4
    assert [item["name"] for item in run.report["findings"]] == []


def test_the_perceptron_does_not_pretend_on_xor(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "y": [0, 1, 1, 0]})
    run = fit(frame, tmp_path / "run", target="y", model="perceptron")
    assert run.metrics["train"]["accuracy"] < 1
    (finding,) = run.report["findings"]
    assert finding["name"] == "not_linearly_separable"
    assert "--model mlp" in json.dumps(finding)
    assert "line" in (run.path / "report.html").read_text()
    mlp = fit(frame, tmp_path / "mlp", target="y", model="mlp")
    assert mlp.metrics["train"]["accuracy"] == 1.0


class Stop:
    """Ends the process's run at a step the way Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, event: Event) -> None:
        import os
        import signal

        if event.kind == "train" and event.step >= self.step:
            os.kill(os.getpid(), signal.SIGINT)


def test_interrupted_and_resumed_equals_undisturbed(tmp_path: Path) -> None:
    frame = table().drop(columns="z")
    settings = {"train.average": 0.95, "train.log_every": 1}
    more: dict[str, Any] = {"target": "y", "model": "mlp", "epochs": 6, "set": settings}
    whole = fit(frame, tmp_path / "whole", **more)
    with pytest.raises(Interrupted) as caught:
        fit(frame, tmp_path / "cut", watchers=[Stop(9)], **more)
    assert f"learnloop fit --resume {tmp_path / 'cut'}" in str(caught.value) and caught.value.exit_code == 130
    assert not (tmp_path / "cut" / "bundle").exists()
    again = ll.fit(frame, resume=tmp_path / "cut")
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, again)]
    assert weights[0] == weights[1]
    assert whole.history.drop(columns="seconds").equals(again.history.drop(columns="seconds"))


def test_resume_refuses_other_data_and_other_settings(tmp_path: Path) -> None:
    frame = table().drop(columns="z")
    frame.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(Interrupted):
        fit(tmp_path / "data.csv", tmp_path / "run", target="y", model="mlp", epochs=6, watchers=[Stop(5)])
    with pytest.raises(RunError, match="its recipe cannot be changed"):
        ll.fit(resume=tmp_path / "run", lr=0.5)
    frame.iloc[:200].to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(RunError) as caught:
        ll.fit(resume=tmp_path / "run")
    assert "needs the data that the run was begun on" in str(caught.value)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    frame = table().drop(columns="z")

    def weights(name: str, seed: int) -> bytes:
        torch.manual_seed(len(name))  # whatever the caller's generator holds
        run = fit(frame, tmp_path / name, target="y", model="mlp", epochs=2, seed=seed)
        return (run.path / "bundle" / "model.safetensors").read_bytes()

    assert weights("one", 1) == weights("another", 1) != weights("three", 2)


def test_recipe_yaml_gives_the_run_again(tmp_path: Path) -> None:
    table().drop(columns="z").to_csv(tmp_path / "data.csv", index=False)
    first = fit(tmp_path / "data.csv", tmp_path / "one", target="y", model="mlp", epochs=2)
    again = ll.fit(tmp_path / "one" / "recipe.yaml", out=tmp_path / "two")
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (first, again)]
    assert weights[0] == weights[1]


def test_a_model_of_dates_that_are_not_iso_can_be_loaded_and_reads_them_as_in_training(tmp_path: Path) -> None:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.random.default_rng(0).integers(0, 700, 240), unit="D")
    frame = pd.DataFrame({"on": days.strftime("%d/%m/%Y"), "y": np.where(days.month < 7, "first", "second")})
    run = fit(frame, tmp_path / "run", target="y", model="mlp", steps=60, lr=0.02)
    bundle = ll.Bundle.load(run.path / "bundle")  # it passes its exam, whose dates are ISO text
    answers = bundle.predict(pd.DataFrame({"on": ["01/12/2020", "12/01/2020"]}))["prediction"]
    assert answers.tolist() == ["second", "first"]


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def test_your_own_module_loss_and_dataset(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x.sum(1) > 0).astype(int)
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    calls = []

    def loss(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(outputs.shape))
        return nn.functional.cross_entropy(outputs, target)

    run = fit(data, tmp_path / "run", task="classify", model=Own(), loss=loss, epochs=40, lr=0.02)
    assert run.metrics["test"]["accuracy"] > 0.9 and calls
    bundle = ll.Bundle.load(run.path / "bundle", net=Own())
    assert len(bundle.predict(x[:5])) == 5


def test_an_own_module_of_the_wrong_width_is_explained(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    with pytest.raises(UserError) as caught:
        fit((x, np.arange(60) % 2), tmp_path / "run", task="classify", model=Own(), epochs=1)
    assert "must take [batch, 3]" in str(caught.value)


def test_an_own_module_for_images_can_be_loaded_again(tmp_path: Path) -> None:
    def module() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    run = fit("digits", tmp_path / "run", model=module(), epochs=1)
    images = np.random.default_rng(0).integers(0, 240, (3, 8, 8, 1)).astype(np.uint8)
    again = ll.Bundle.load(run.path / "bundle", net=module())
    assert np.allclose(again.predict(images)["probability"], run.predict(images)["probability"], atol=1e-6)


def test_resuming_a_finished_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = table().drop(columns="z")
    run = fit(frame, tmp_path / "run", target="y", model="linear", steps=3)
    before = (run.path / "report.json").read_bytes()
    again = ll.fit(frame, resume=run)
    assert "has finished: there is nothing left to resume" in capsys.readouterr().err
    assert again.path == run.path and (run.path / "report.json").read_bytes() == before


def test_labels_5_and_6_are_two_classes(tmp_path: Path) -> None:
    """What torch answers with "Target 5 is out of bounds" is simply two classes."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = np.where(x[:, 0] > 0, 6, 5).astype(np.int32)
    run = fit((x, y), tmp_path / "run", model="mlp", epochs=40)  # float64 features, int32 labels
    assert run.bundle.classes == [5, 6] and run.metrics["test"]["accuracy"] > 0.85
    assert set(run.predict(x)["prediction"]) <= {5, 6}


def test_one_nan_cell_is_imputed_and_said(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    x[7, 1] = np.nan
    run = fit((x, (x[:, 0] > 0).astype(int)), tmp_path / "run", model="mlp", epochs=2)
    assert np.isfinite(run.history["loss"]).all()
    field = next(row for row in run.report["data"]["schema"] if row["name"] == "x1")
    assert field["missing"] == 1


def test_a_learning_rate_of_1000_stops_with_advice(tmp_path: Path) -> None:
    frame = table().drop(columns="y")
    with pytest.raises(NonFiniteError) as caught:
        fit(frame, tmp_path / "run", target="z", model="mlp", lr=1000, epochs=200,
            set={"optimiser.name": "sgd", "schedule.name": "constant", "train.clip": None})  # fmt: skip
    text = str(caught.value)
    assert "learning rate 1000 is too high" in text and "--lr 0.001" in text and "are kept" in text


def test_minutes_end_with_the_schedule_at_zero(tmp_path: Path) -> None:
    frame = table().drop(columns="z")
    run = fit(frame, tmp_path / "run", target="y", model="mlp", minutes=0.1, set={"schedule.name": "linear"})
    assert "s of training" in run.report["training"]["stopped"]  # how punctual: benchmarks/, not a timed assert
    history = run.history
    rates = history.loc[history.kind == "train", "lr"]
    assert rates.iloc[-1] < 0.05 * rates.max()


def test_class_weights_and_every_limit_reach_the_loss(tmp_path: Path) -> None:
    frame = table().drop(columns="z")
    run = fit(frame, tmp_path / "a", target="y", model="linear", steps=5, set={"task.class_weights": "balanced"})
    assert run.report["training"]["steps"] == 5
    with pytest.raises(RecipeError, match="must be one of the classes"):
        fit(frame, tmp_path / "b", target="y", model="linear", steps=5, set={"task.class_weights": {"maybe": 2}})


def test_csv_and_own_function_watchers(tmp_path: Path) -> None:
    seen: list[str] = []
    run = fit(table().drop(columns="z"), tmp_path / "run", target="y", model="mlp", epochs=2,
              watchers=[lambda event: seen.append(event.kind)], set={"watch.csv": True})  # fmt: skip
    rows = pd.read_csv(run.path / "metrics.csv")
    assert len(rows) == len(run.history) and {"step", "loss", "lr", "accuracy"} <= set(rows.columns)
    assert seen[0] == "start" and seen[-1] == "end" and "validation" in seen


def test_tensorboard_shows_what_the_journal_has(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra: .[tensorboard]"
    )
    frame = table().drop(columns="z")
    run = fit(frame, tmp_path / "run", target="y", model="mlp", epochs=2, set={"watch.tensorboard": True})
    found = reader.EventAccumulator(str(run.path / "tensorboard"))
    found.Reload()
    for kind in ("train", "validation"):
        rows = run.history[run.history["kind"] == kind]
        shown = found.Scalars(f"{kind}/loss")
        assert [row.step for row in shown] == rows["step"].tolist() and len(shown) > 1
        assert np.allclose([row.value for row in shown], rows["loss"])


def test_nothing_is_written_outside_run_and_home(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    run = fit(table().drop(columns="z"), tmp_path / "run", target="y", model="mlp", epochs=1)
    run.predict(table().drop(columns=["z", "y"]))
    strays = {p for p in set(tmp_path.rglob("*")) - before if tmp_path / "run" not in (p, *p.parents)}
    assert not strays


def test_a_run_folder_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from learnloop.errors import DiskError
    from learnloop.runs import atomic

    frame = table().drop(columns="z")
    write = atomic.os.fsync
    calls = {"n": 0}

    def full(handle: int) -> None:
        calls["n"] += 1
        if calls["n"] > 25:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    settings = {"train.checkpoint_seconds": 0.001, "train.log_every": 1}
    with pytest.raises(DiskError, match="needs room on the disk"):
        fit(frame, tmp_path / "run", target="y", model="mlp", epochs=20, set=settings)
    monkeypatch.setattr(atomic.os, "fsync", write)
    resumed = ll.fit(frame, resume=tmp_path / "run")
    whole = fit(frame, tmp_path / "whole", target="y", model="mlp", epochs=20, set=settings)
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]


def test_a_watcher_that_raises_is_named_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    def broken(event: Event) -> None:
        if event.kind == "validation":
            raise ValueError("no such file")

    frame = table().drop(columns="z")
    with pytest.raises(RecipeError) as caught:
        fit(frame, tmp_path / "run", target="y", model="linear", epochs=2, watchers=[broken])
    text = str(caught.value)
    assert "watcher broken: must take an Event and not raise" in text and "ValueError: no such file" in text
    assert ll.fit(frame, resume=tmp_path / "run").metrics["test"]["accuracy"] > 0.5


def test_wrong_arguments_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        ll.fit(table(), set=[1], watchers=print, out=tmp_path / "run")  # type: ignore[arg-type]
    assert "set=: must be a dict" in str(caught.value) and "watchers=: must be a list" in str(caught.value)


def test_a_recipe_changed_by_hand_is_not_resumed(tmp_path: Path) -> None:
    frame = table().drop(columns="z")
    with pytest.raises(Interrupted):
        fit(frame, tmp_path / "run", target="y", model="mlp", epochs=6, watchers=[Stop(5)])
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text()[:200])
    with pytest.raises(RunError, match="its checksum differs"):
        ll.fit(frame, resume=tmp_path / "run")


def test_overwrite_keeps_the_old_run_when_the_new_one_cannot_be_built(tmp_path: Path) -> None:
    frame = table().drop(columns=["z", "colour"])
    fit(frame, tmp_path / "run", target="y", model="linear", steps=3)
    with pytest.raises(UserError):
        fit(frame, tmp_path / "run", target="y", model=nn.Linear(99, 2), steps=3, overwrite=True)
    assert (tmp_path / "run" / "report.json").exists()


@pytest.mark.parametrize("kills", [3])
def test_killed_at_random_and_resumed_equals_undisturbed(kills: int, tmp_path: Path) -> None:
    """The short form of benchmarks/kill9.py: SIGKILL in processes of their own."""
    import subprocess
    import sys

    script = Path(__file__).resolve().parents[2] / "benchmarks" / "kill9.py"
    done = subprocess.run(
        [sys.executable, str(script), "--kills", str(kills), "--epochs", "6"],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every resumed run ended with the same bits" in done.stdout
