"""Every entry of every table: it says what it is, survives JSON, is listed, and can be trained and resumed."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.cli.main import run
from learnloop.config import Config
from learnloop.data.catalog import CATALOG
from learnloop.data.panel_catalog import SERIES
from learnloop.data.series import from_array
from learnloop.diagnose.table import CHECKS
from learnloop.models.config import FITTING
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.table import MODELS
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.schedules import SCHEDULES
from learnloop.recipe.components import GENERATIVE_TASKS, MODEL_KINDS, TABLES
from learnloop.scores.losses import LOSSES
from learnloop.scores.names import HEADLINE, METRICS
from learnloop.tasks.table import TASKS, outputs_of
from learnloop.train.events import Event
from learnloop.transforms.table import TARGETS, TRANSFORMS
from learnloop.verbs.fit import Interrupted
from tests.small_models import ONE_OF_EACH, PUBLISHED, least_side, small_options

CONFIGS: dict[str, Mapping[str, Any]] = {
    "model": MODELS,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "generative model": GENERATIVE_MODELS,
}
PICKED = ("model", "optimiser", "schedule", "loss")
"""Those that a recipe picks from as a whole; networks that make data by their task."""
ENTRIES = [(table, name) for table, entries in CONFIGS.items() for name in entries]
FUNCTIONS: dict[str, Mapping[str, Any]] = {"transform": TRANSFORMS, "target": TARGETS, "check": CHECKS}
PLAIN: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
    "train.log_every": 1,
}


# --- what every entry says of itself ----------------------------------------------------------------------------


def test_names_are_lower_case_identifiers() -> None:
    names = [name for entries in (*CONFIGS.values(), *FUNCTIONS.values(), TASKS, METRICS) for name in entries]
    assert len(names) > 60
    assert not [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)]
    assert not [name for name in CATALOG if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name)]


def test_a_recipe_picks_from_the_same_tables() -> None:
    making = {f"{task} model" for task in GENERATIVE_TASKS}
    assert TABLES.keys() == {*PICKED, "language model", "forecast model", *making}
    assert all(TABLES[name] is CONFIGS[name] for name in PICKED) and TABLES["language model"] is LANGUAGE_MODELS
    assert [name for kind in sorted(making) for name in TABLES[kind]] == [
        name for task in sorted(GENERATIVE_TASKS) for name in GENERATIVE_MODELS if GENERATIVE_MODELS[name].task == task
    ]
    assert {config.task for config in GENERATIVE_MODELS.values()} == set(GENERATIVE_TASKS) <= TASKS.keys()


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_every_config_explains_itself(table: str, name: str) -> None:
    kind = CONFIGS[table][name]
    assert issubclass(kind, Config)
    own = vars(kind).get("__doc__")
    assert own and len(own) > 20, f"{kind.__name__} has no docstring of its own"
    silent = [field for field, info in kind.model_fields.items() if not info.description]
    assert not silent, f"{kind.__name__} has fields without a description: {silent}"
    long = [field for field, info in kind.model_fields.items() if len(info.description) > 140]
    assert not long, f"{kind.__name__} has fields whose description is no sentence but a page: {long}"
    if table.endswith("model"):
        assert 10 < len(kind.title) < 120


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_every_config_survives_json_and_refuses_strange_fields(table: str, name: str) -> None:
    kind = CONFIGS[table][name]
    config = kind()
    assert kind.model_validate(config.model_dump()) == config
    assert kind.model_validate(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    assert kind.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        kind.model_validate({"no_such_field": 1})
    with pytest.raises(ValueError, match="frozen|no attribute|has no field"):
        setattr(config, next(iter(kind.model_fields), "field"), 1)


def test_functions_and_transforms_have_docstrings() -> None:
    silent = [
        f"{table} {name}" for table, found in FUNCTIONS.items() for name, part in found.items() if not part.__doc__
    ]
    assert not silent


def test_tasks_metrics_and_data_sets_have_titles() -> None:
    assert all(info.title and info.targets == tuple(info.losses) for info in TASKS.values())
    assert all(loss in LOSSES for info in TASKS.values() for losses in info.losses.values() for loss in losses)
    assert all(metric.title and metric.meaning.endswith(".") for metric in METRICS.values())
    assert all(name in METRICS for names in HEADLINE.values() for name in names)
    for name, entry in CATALOG.items():
        assert entry.name == name and entry.title and entry.task in TASKS and entry.rows > 0
        assert entry.target or entry.task == "language", "a text without rows has no target"
        assert entry.source and entry.licence
        assert all(re.fullmatch(r"https?://\S+", file.url) for file in entry.files)
        assert all(re.fullmatch(r"([0-9a-f]{64})?", file.sha256) for file in entry.files)


def test_the_models_that_fit_an_input_are_those_that_say_so() -> None:
    for kind, names in FITTING.items():
        assert sorted(names) == sorted(name for name, config in MODELS.items() if kind in config.inputs)


@pytest.mark.parametrize(("command", "table"), [("models", MODELS), ("tasks", TASKS), ("data", {**SERIES, **CATALOG})])
def test_the_command_lists_every_entry(
    command: str, table: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = [row for row in rows if command != "models" or "task" not in row]
    assert {row["name"]: row["title"] for row in rows} == {name: entry.title for name, entry in table.items()}
    assert run([command]) == 0
    shown = capsys.readouterr().out.split("--task language")[0]
    first = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert sorted(name for name in first if name in table) == sorted(table)


def test_the_command_shows_every_field_of_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out.splitlines()[-1]):
        known = TABLES[MODEL_KINDS.get(row.get("task"), "model")]
        fields = known[row["name"]].model_fields  # type: ignore[attr-defined]
        assert {name: shown["meaning"] for name, shown in row["fields"].items()} == {
            name: info.description for name, info in fields.items()
        }


# --- every entry can be trained ---------------------------------------------------------------------------------


@cache
def table(target: str) -> pd.DataFrame:
    """80 rows of two numbers and a category, and what the task asks for."""
    rng = np.random.default_rng(0)
    a, b, colour = rng.normal(size=80), rng.normal(size=80), rng.choice(["red", "green"], 80)
    score = a + b + (colour == "red")
    frame = pd.DataFrame({"a": a, "b": b, "colour": colour})
    if target == "class":
        return frame.assign(y=np.where(score > 0.5, "yes", "no"))
    if target == "labels":
        return frame.assign(y=(score > 0.5).astype(int), z=(a > b).astype(int))
    return frame.assign(y=score * 10)


@cache
def images(side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    return (rng.integers(0, 120, (60, side, side, 1)) + 40 * y[:, None, None, None]).astype(np.uint8), y


def series(target: str = "class") -> Any:
    """60 series of 5 to 12 steps, with a class each, a number at every step, or a text."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 12, 3)).astype(np.float32)
    x[np.arange(12) >= rng.integers(5, 13, 60)[:, None]] = np.nan
    if target == "steps":
        return x, np.cumsum(x[..., 0], axis=1)
    if target == "class":
        return x, rng.integers(0, 2, 60)
    made = from_array(x, "series")
    texts = ["".join(rng.choice(list("ab"), 2)) for _ in range(60)]
    return replace(made, frame=pd.DataFrame({"y": texts}), kinds={"y": ("text", "")}, target=("y",))


def sentences() -> pd.DataFrame:
    """60 texts, of two kinds, and each of them backwards."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["a", "dog", "ran", "far", "good", "bad"], 5)) for _ in range(60)]
    kind = ["up" if "good" in text else "down" for text in texts]
    return pd.DataFrame({"text": texts, "y": kind, "other": [text[::-1] for text in texts]})


TEXT = {"data.columns": {"text": "text", "other": "text"}}


def inputs_for(kind: str, name: str) -> tuple[Any, dict[str, Any]]:
    """(data, arguments of fit) with which model `name` can be trained on its kind of input."""
    if kind == "table":
        return table("class"), {"target": "y"}
    if kind == "image":
        return images(least_side(name)), {}
    if kind == "text":
        return sentences(), {"target": "y", "set": {**TEXT, "data.ignore": ["other"]}}
    if kind == "pairs":
        return sentences(), {"target": "other", "task": "translate", "set": {**TEXT, "data.ignore": ["y"]}}
    return series("transcript" if kind == "transcript" else "class"), {}


def stop_at_three(event: Event) -> None:
    """Ends the run the way Ctrl-C does."""
    if event.kind == "train" and event.step >= 3:
        os.kill(os.getpid(), signal.SIGINT)


def fit(data: Any, out: Path, steps: int = 3, **more: Any) -> ll.Run:
    return ll.fit(data, out=out, steps=steps, set={**PLAIN, **more.pop("set", {})}, **more)


def trained(found: ll.Run, steps: int = 3) -> None:
    """It took its steps, its losses and figures are finite, and its bundle predicts."""
    assert found.report["training"]["steps"] == steps
    losses = found.history["loss"].to_numpy()
    assert len(losses) >= 2 and np.isfinite(losses).all()
    assert all(np.isfinite(value) for part in found.metrics.values() for value in part.values())
    assert (found.path / "bundle" / "model.safetensors").stat().st_size > 0


def weights(found: ll.Run) -> bytes:
    return (found.path / "bundle" / "model.safetensors").read_bytes()


def test_every_optimiser_trains(tmp_path: Path) -> None:
    ends = {}
    for name in OPTIMISERS:
        more = {"optimiser.name": name, "model.hidden": [8, 8]}
        found = fit(table("class"), tmp_path / name, target="y", model="mlp", set=more)
        trained(found)
        assert f"name: {name}" in (found.path / "recipe.yaml").read_text()
        ends[name] = weights(found)
    alike = {(one, other) for one in ends for other in ends if one < other and ends[one] == ends[other]}
    # in three steps the largest mean of squares so far is the mean itself, or nearly always
    assert alike <= {("adam", "amsgrad")}, f"these end at the same weights; is each of them used? {sorted(alike)}"


def test_every_schedule_trains(tmp_path: Path) -> None:
    rates = {}
    for name in SCHEDULES:
        more = {"schedule.name": name, "optimiser.lr": 0.01, "model.hidden": [8]}
        found = fit(table("class"), tmp_path / name, steps=8, target="y", model="mlp", set=more)
        trained(found, 8)
        rates[name] = tuple(found.history.loc[found.history["kind"] == "train", "lr"])
        assert len(rates[name]) == 8 and all(0 <= rate <= 0.01 for rate in rates[name]), rates[name]
    alike = [name for name in rates if rates[name] == rates["constant"]]
    assert len(set(rates.values())) >= len(SCHEDULES) - 1 and set(alike) <= {"constant", "plateau"}, rates


def _losses() -> Iterator[tuple[str, str]]:
    for info in TASKS.values():
        for target, losses in info.losses.items():
            for loss in losses:
                yield target, loss


def test_every_task_has_its_losses() -> None:
    assert {loss for _, loss in _losses()} == LOSSES.keys()
    assert all(outputs_of(target, loss, 2) in (1, 2) for target, loss in _losses())  # type: ignore[arg-type]


def test_every_task_trains_with_every_loss(tmp_path: Path) -> None:
    tasks = {target: name for name, info in TASKS.items() for target in info.targets}
    for target, loss in _losses():
        names = ["y", "z"] if target == "labels" else "y"
        out = tmp_path / f"{target}-{loss}"
        if target == "text":
            data, more = inputs_for("pairs", "seq2seq")
            trained(fit(data, out, model="seq2seq", loss=loss, **more))
        elif target in ("transcript", "steps"):
            model = {"transcript": "ctc", "steps": "rnn"}[target]
            trained(fit(series(target), out, task=tasks[target], model=model, loss=loss))
        else:
            trained(fit(table(target), out, target=names, task=tasks[target], model="linear", loss=loss))


MODEL_INPUTS = [
    (name, kind)
    for kind, names in FITTING.items()
    for name in names
    if (name not in PUBLISHED or name in ONE_OF_EACH) and name != "hf"  # tests/verbs/test_fit_hf.py: it needs a folder
]


@pytest.mark.parametrize(("name", "kind"), MODEL_INPUTS)
def test_every_model_trains_and_resumes_bit_for_bit(name: str, kind: str, tmp_path: Path) -> None:
    """n steps = n/2 + interrupt + resume + n/2, with the model's own settings and a weight average."""
    data, given = inputs_for(kind, name)
    averaged: dict[str, Any] = given.pop("set", {})
    averaged |= {} if MODELS[name].rule == "perceptron" else {"train.average": 0.9}
    averaged |= {f"model.{field}": value for field, value in small_options(name).items()}
    given["model"] = name
    whole = fit(data, tmp_path / "whole", steps=6, set=averaged, **given)
    trained(whole, 6)
    with pytest.raises(Interrupted):
        fit(data, tmp_path / "cut", steps=6, set=averaged, watchers=[stop_at_three], **given)
    rows = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert 3 <= max(row["step"] for row in rows) < 6, "it was not cut in the middle"
    resumed = ll.fit(data, resume=tmp_path / "cut")
    assert weights(resumed) == weights(whole), "resumed, the weights differ from those of the run that was not cut"
    assert whole.history.drop(columns="seconds").equals(resumed.history.drop(columns="seconds"))
