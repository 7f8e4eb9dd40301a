from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field as Column
from learnloop.data.schema import Kind, Schema
from learnloop.errors import LearnloopError, ManyErrors, RecipeError, UserError
from learnloop.models.table import MODELS
from learnloop.recipe.build import build
from learnloop.recipe.choose import choose
from learnloop.recipe.draft import Draft
from learnloop.recipe.reference import reference
from learnloop.recipe.resolve import Resolved, need_data, resolve
from learnloop.recipe.text import from_yaml, to_yaml
from learnloop.recipe.weights import weighted

SPEC = InputSpec("table", numbers=3)
ADVICE: dict[str, Any] = {
    "model.width": 7,
    "optimiser.name": "sgd",
    "optimiser.lr": 0.05,
    "optimiser.momentum": 0.9,
    "schedule.name": "one_cycle",
    "schedule.warmup": 0.2,
    "train.epochs": 12,
    "train.batch_size": 32,
    "train.patience": 5,
}


class ToyConfig(Config):
    inputs: ClassVar[frozenset[str]] = frozenset({"table"})
    title: ClassVar[str] = "toy"
    numbers: ClassVar[str] = "robust"
    rule: ClassVar[str] = "gradient"
    width: int = Field(4, ge=1, description="units")
    depth: int = Field(1, ge=1, description="layers")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        return nn.Linear(spec.numbers, outputs)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return dict(ADVICE)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "toy", ToyConfig)  # type: ignore[arg-type]


def dataset(kind: Kind = "category", *more: Kind) -> Dataset:
    categories = ("no", "yes") if kind in ("category", "boolean") else ()
    targets = [Column("y", kind, "target", categories=categories, why="It is the last column.")]
    targets += [Column(f"y{index}", other, "target", categories=("0", "1")) for index, other in enumerate(more)]
    frame = pd.DataFrame({"x": [1.0, 2.0], **{item.name: ["no", "yes"] for item in targets}})
    return Dataset("toy.csv", Schema((Column("x", "number"), *targets)), frame)


def resolved(*sets: str, data: Dataset | None = None, **flags: Any) -> Resolved:
    draft = build(flags={"data.path": "toy.csv", "model.name": "toy", **flags}, sets=sets)
    return resolve(draft, data or dataset(), SPEC, 2, 100)


def message(call: Any) -> str:
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


def test_what_is_missing_is_inferred_suggested_or_default() -> None:
    recipe = resolved("model.depth=2")
    assert (recipe.task.name, recipe.names["loss"]) == ("classify", "cross_entropy")
    assert recipe.model == ToyConfig(width=7, depth=2)
    assert recipe.names["optimiser"] == "sgd" and recipe.optimiser.model_dump()["momentum"] == 0.9
    assert recipe.train.epochs == 12 and recipe.train.patience == 5 and recipe.train.monitor == "loss"
    assert recipe.data.numbers == "robust" and recipe.data.target == ("y",)
    expected = {
        "data.path": "command line",
        "data.target": "inferred: It is the last column.",
        "data.numbers": "suggested by toy",
        "data.test": "default",
        "task.name": "inferred: 2 classes in 'y'",
        "task.loss": "inferred: the usual one for classes",
        "task.label_smoothing": "default",
        "model.name": "command line",
        "model.width": "suggested by toy",
        "model.depth": "--set",
        "optimiser.name": "suggested by toy",
        "optimiser.lr": "suggested by toy",
        "optimiser.nesterov": "default",
        "schedule.warmup": "suggested by toy",
        "train.epochs": "suggested by toy",
        "train.monitor": "inferred: the usual one of the task",
        "train.clip": "default",
        "seed": "default",
    }
    assert {key: recipe.origins[key] for key in expected} == expected


def test_every_written_value_has_an_origin() -> None:
    recipe = resolved()
    for section, values in recipe.to_dict().items():
        for name in values if isinstance(values, dict) else ():
            assert f"{section}.{name}" in recipe.origins


def test_what_the_user_gave_wins() -> None:
    recipe = resolved("optimiser.lr=0.5", "train.patience=null", **{"train.batch_size": "8"})
    assert recipe.optimiser.model_dump()["lr"] == 0.5
    assert recipe.optimiser.model_dump()["momentum"] == 0.9
    assert recipe.train.batch_size == 8 and recipe.train.patience is None
    assert recipe.origins["train.patience"] == "--set"


def test_advice_for_another_optimiser_does_not_leak() -> None:
    recipe = resolved("optimiser.name=adam", "schedule.name=step")
    assert recipe.optimiser.model_dump()["lr"] == 1e-3
    assert "momentum" not in recipe.optimiser.model_dump()
    assert recipe.origins["optimiser.lr"] == "default"
    assert recipe.schedule.model_dump()["warmup"] == 0.0


@pytest.mark.parametrize(("key", "value"), [("train.steps", "9"), ("train.minutes", "2"), ("train.epochs", "3")])
def test_a_given_limit_drops_the_suggested_one(key: str, value: str) -> None:
    train = resolved(**{key: value}).train.model_dump()
    limits = {name: train[name] for name in ("epochs", "steps", "minutes") if train[name] is not None}
    assert limits == {key.split(".")[1]: float(value)}


def test_fields_are_held_against_the_chosen_component() -> None:
    text = message(lambda: resolved("optimiser.beta1=0.8", "schedule.gamma=0.5", "task.delta=1"))
    assert text.startswith("3 mistakes:")
    assert "optimiser.beta1: must be a field of the optimiser 'sgd'" in text
    assert "schedule.gamma: must be a field of the schedule 'one_cycle'" in text
    assert "task.delta: must be a field of the loss 'cross_entropy'" in text
    assert "probably:  it belongs to huber" in text


def test_tasks() -> None:
    assert choose(build(flags={"model.name": "toy"}), dataset("number")).target == "numbers"
    assert choose(build(flags={"model.name": "toy"}), dataset("boolean", "category")).target == "labels"
    assert choose(build(), dataset("number")).model == "tabular"
    text = message(lambda: choose(build(flags={"task.name": "regress"}), dataset()))
    assert text == (
        "--task: regress learns numbers\n  found:     'y' is a category\n"
        "  do:        --task classify\n  or:        --set data.columns.y=number"
    )
    text = message(lambda: choose(build(), dataset("number", "category")))
    assert text == (
        "--target: must be all numbers or all classes\n  found:     'y' is a number, 'y0' is a category\n"
        "  do:        --set data.columns.y=category"
    )
    bare = dataset().with_schema(Schema((Column("x", "number"),)))
    assert message(lambda: choose(build(), bare)).startswith("--target: must name the column of toy.csv to learn")


def test_what_does_not_fit_the_data() -> None:
    text = message(lambda: choose(build(flags={"model.name": "lenet5"}), dataset()))
    assert text.startswith("--model: must be a model for tables\n  found:     'lenet5' takes images\n  available: ")
    text = message(lambda: choose(build(flags={"model.name": "perceptron"}), dataset("number")))
    assert text.startswith("--model: must be a model that can predict numbers")
    text = message(lambda: resolved("task.loss=mse"))
    assert text.startswith("task.loss: must be a loss for classes\n  found:     'mse'\n  available: cross_entropy")
    text = message(lambda: resolved("train.monitor=rmse"))
    assert text.startswith("train.monitor: must be a figure that is known while training (classify)")
    text = message(lambda: resolved("task.loss=hinge", "task.class_weights=balanced"))
    assert text.startswith("task.class_weights: needs a loss that knows class weights")


def test_advice_that_no_recipe_holds_is_the_models_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADVICE, "train.epoch", 3)
    with pytest.raises(LearnloopError, match=r"toy: suggest\(\) names 'train.epoch'") as caught:
        resolved()
    assert not isinstance(caught.value, UserError)


def test_a_resolved_recipe_gives_the_same_run_again(tmp_path: Path) -> None:
    recipe = resolved("task.class_weights={no: 1, yes: 2.5}", "optimiser.lr=1e-5", "data.columns.a b=number")
    file = tmp_path / "recipe.yaml"
    file.write_text(to_yaml(recipe))
    again = resolve(from_yaml(file), dataset(), SPEC, 2, 100)
    assert again.to_dict() == recipe.to_dict()
    assert set(again.origins.values()) == {"recipe.yaml", "default"}
    assert again.origins["out"] == "default" and again.origins["optimiser.lr"] == "recipe.yaml"


def test_yaml_shows_the_origin_behind_each_value() -> None:
    lines = to_yaml(resolved("optimiser.lr=1e-5", seed="7")).splitlines()
    shown = [" ".join(line.split()) for line in lines]
    assert shown[1] == "seed: 7 # command line"
    assert "lr: 1.0e-05 # --set" in shown
    assert "epochs: 12.0 # suggested by toy" in shown
    assert "name: classify # inferred: 2 classes in 'y'" in shown
    assert "path: toy.csv # command line" in shown


def test_objects_are_named_and_cannot_come_from_a_file(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    objects = {"data": pd.DataFrame(), "model": net, "loss": lambda o, y, w: o.sum()}
    recipe = resolve(build(objects=objects, origin="argument"), dataset(), SPEC, 2, 100)
    assert recipe.names["model"] == "object" and recipe.loss is None and recipe.objects["model"] is net
    file = tmp_path / "recipe.yaml"
    file.write_text(to_yaml(recipe))
    draft = from_yaml(file)
    text = message(lambda: choose(draft, dataset()))
    assert "the module of this recipe was a Python object, which no file can bring back" in text
    assert "the run was fitted on an object in memory" in message(lambda: need_data(draft))
    again = resolve(build(file=file, objects=objects), dataset(), SPEC, 2, 100)
    assert again.to_dict() == recipe.to_dict()
    assert message(lambda: need_data(Draft({}))).startswith("DATA: must name the data")


def test_class_weights() -> None:
    y = np.array([0, 0, 0, 1])
    assert weighted(resolved(), y, ["no", "yes"], 2) == resolved().loss
    balanced = weighted(resolved("task.class_weights=balanced"), y, ["no", "yes"], 2)
    assert balanced is not None and balanced.model_dump()["class_weights"] == (4 / 6, 2.0)
    named = weighted(resolved("task.class_weights={yes: 3}"), y, ["no", "yes"], 2)
    assert named is not None and named.model_dump()["class_weights"] == (1.0, 3.0)
    with pytest.raises(RecipeError) as caught:
        weighted(resolved("task.class_weights={yess: 3}"), y, ["no", "yes"], 2)
    assert str(caught.value) == (
        "task.class_weights.yess: must be one of the classes\n  found:     'yess'\n"
        "  probably:  a spelling mistake. Did you mean 'yes'?\n  available: yes, no"
    )
    with pytest.raises(ManyErrors):
        weighted(resolved("task.class_weights={a: 3, b: 2}"), y, ["no", "yes"], 2)


def test_reference_names_every_field_with_its_meaning() -> None:
    text = reference()
    assert "| `train.batch_size` | `int > 0` | `64` | rows in one step |" in text
    assert "### `optimiser.name: sgd`" in text and "### `task.loss: huber`" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert all(line.rstrip("| ").split("|")[-1].strip() for line in rows)
