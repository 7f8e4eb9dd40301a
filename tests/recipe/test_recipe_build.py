from __future__ import annotations

from pathlib import Path

import pytest

from learnloop.errors import ManyErrors, RecipeError, UserError
from learnloop.models.mlp import MLPConfig
from learnloop.recipe.build import all_keys, build
from learnloop.recipe.recipe import ORDER


def texts(error: UserError) -> list[str]:
    return [str(item) for item in (error.errors if isinstance(error, ManyErrors) else [error])]


def fails(**arguments: object) -> list[str]:
    with pytest.raises(UserError) as caught:
        build(**arguments)  # type: ignore[arg-type]
    return texts(caught.value)


def test_flags_sets_and_file_are_merged_with_their_origins(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("data:\n  path: digits\n  columns: {a: number}\ntrain:\n  epochs: 9\n  clip: 1\nplan: plain\n")
    draft = build(
        file=file,
        flags={"train.epochs": "3", "optimiser.lr": "1e-2", "data.target": ("y",), "task.name": None},
        sets=["train.clip=2.5", "data.columns.zip=category", "watch.progress=off", "plan.threads=1"],
    )
    assert {key: (given.value, given.origin) for key, given in draft.values.items()} == {
        "data.path": ("digits", "recipe.yaml"),
        "data.columns": ({"a": "number", "zip": "category"}, "--set"),
        "train.epochs": (3, "command line"),
        "train.clip": (2.5, "--set"),
        "plan.name": ("plain", "recipe.yaml"),
        "optimiser.lr": (0.01, "command line"),
        "data.target": (("y",), "command line"),
        "watch.progress": ("off", "--set"),
        "plan.threads": (1, "--set"),
    }
    assert draft.limit == "train.epochs" and draft.minutes is None


def test_every_mistake_of_a_recipe_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "data:\n  colums: {zip: category}\ntask: {name: clasify, delta: -1}\nmodel: mlpp\n"
        "optimiser: {name: adam, lr: 0, momentum: 0.9}\nschedule: {name: cosine, warmup: 2}\n"
        "train:\n  batch_size: 0\n  patience: yes\n  epochs: 3\n  steps: 5\n  monitor: accurcy\n"
        "watch: {csv: maybe}\nsed: 1\nseed: -1\n"
    )
    found = fails(file=file, sets=["train.clip=[1", "foo", "report.html=1.5"])
    heads = [text.splitlines()[0] for text in found]
    assert heads == [
        "--set train.clip: the value must be YAML",
        "--set: must be key.path=value",
        "bad.yaml line 10: train.epochs, bad.yaml line 11: train.steps: "
        "at most one of epochs, steps and minutes may be given",
        "bad.yaml line 14: sed: must be a section of the recipe",
        "bad.yaml line 15: seed: must be at least 0 (of everything random: split, initialisation, order, dropout)",
        "bad.yaml line 2: data.colums: must be a field of data",
        "bad.yaml line 3: task.name: must be one of auto, classify, regress, translate, transcribe, language, "
        "forecast, autoencode, gan, diffusion (classes, numbers, texts from texts, the next tokens of a text, what "
        "comes next in a series, codes of rows, rows like them; auto: from the data)",
        "bad.yaml line 3: task.delta: must be greater than 0 "
        "(where the square turns into a line, in units of the (scaled) target)",
        "bad.yaml line 4: model.name: must be the name of a model, or an import path pkg.mod:Name",
        "bad.yaml line 5: optimiser.lr: must be greater than 0 "
        "(learning rate: the length of a step, before the schedule's factor)",
        "bad.yaml line 5: optimiser.momentum: must be a field of the optimiser 'adam'",
        "bad.yaml line 6: schedule.warmup: must be less than 1 "
        "(share of the run in which the rate rises to its base value)",
        "bad.yaml line 8: train.batch_size: must be greater than 0 (rows in one step)",
        "bad.yaml line 9: train.patience: must be a whole number "
        "(evaluations without improvement that end the run; null: never)",
        "bad.yaml line 12: train.monitor: must be the name of a metric",
        "bad.yaml line 13: watch.csv: must be true or false (write metrics.csv beside metrics.jsonl)",
        "report.html: must be true or false (write report.html)",
    ]
    joined = "\n".join(found)
    for close in ("data.columns", "classify", "mlp", "accuracy", "seed"):
        assert f"a spelling mistake. Did you mean '{close}'?" in joined
    assert "it belongs to sgd, rmsprop" in joined
    assert "available: mlp, " in joined


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"optimiser.lr": "0"}, "--lr: must be greater than 0"),
        ({"optimiser.lr": "fast"}, "--lr: must be a number"),
        ({"optimiser.lr": "true"}, "--lr: must be a number"),
        ({"train.epochs": "0"}, "--epochs: must be greater than 0"),
        ({"train.epochs": ".inf"}, "--epochs: must be a finite number"),
        ({"train.batch_size": "0"}, "--batch-size: must be greater than 0"),
        ({"train.batch_size": "2.5"}, "--batch-size: must be a whole number"),
        ({"train.batch_size": "true"}, "--batch-size: must be a whole number"),
        ({"seed": "-1"}, "--seed: must be at least 0"),
        ({"train.minutes": "0"}, "--minutes: must be greater than 0"),
        ({"model.name": "mlpp"}, "--model: must be the name of a model, or an import path pkg.mod:Name"),
        ({"task.name": "regres"}, "--task: must be one of auto, classify, regress"),
    ],
)
def test_flags_are_named_as_typed(flags: dict[str, str], text: str) -> None:
    (found,) = fails(flags=flags)
    assert found.startswith(text)
    assert "found:     " in found


def test_limits_contradict_only_within_one_source(tmp_path: Path) -> None:
    (found,) = fails(flags={"train.epochs": "1", "train.minutes": "2"})
    assert found == (
        "--epochs, --minutes: at most one of epochs, steps and minutes may be given\n"
        "  found:     epochs = 1, minutes = 2"
    )
    file = tmp_path / "r.yaml"
    file.write_text("train: {epochs: 30}\n")
    draft = build(file=file, flags={"train.minutes": "2"})
    assert draft.limit == "train.minutes" and draft.minutes == 2.0
    assert draft.notes == ("train.epochs = 30 of r.yaml gives way to --minutes.",)


def test_a_flag_and_a_set_must_agree() -> None:
    (found,) = fails(flags={"optimiser.lr": "0.1"}, sets=["optimiser.lr=0.2"])
    assert found == "--set optimiser.lr: must not contradict another value\n  found:     0.2, and --lr says 0.1"
    assert build(flags={"optimiser.lr": "0.1"}, sets=["optimiser.lr=0.1"]).get("optimiser.lr") == 0.1


def test_unknown_keys_at_any_level() -> None:
    (found,) = fails(sets=["trian.epochs=3"])
    assert found.startswith("trian.epochs: must be a key of the recipe")
    assert "Did you mean 'train.epochs'?" in found
    (found,) = fails(sets=["train.epohcs=3"])
    assert "Did you mean 'train.epochs'?" in found
    (found,) = fails(sets=["model.hiden=[3]"])
    assert found.startswith("model.hiden: must be a field of model") and "'model.hidden'" in found
    (found,) = fails(sets=["optimizer.lr=3"])
    assert "Did you mean 'optimiser.lr'?" in found
    (found,) = fails(sets=["help.me=3"])
    assert "Did you mean" not in found and "schedule.name" not in found
    assert "do:        learnloop fit --set help   # every key" in found and "schedule.*" in found
    (found,) = fails(sets=["train=3"])
    assert found.startswith("train: must be a mapping of the fields of train")
    (found,) = fails(sets=["data.columns.zip=categry"])
    assert found.startswith("--set data.columns: must be one of number, category") or "categry" in found


def test_large_learning_rates_are_legal_but_said() -> None:
    (note,) = build(flags={"optimiser.lr": "1000"}).notes
    assert note == "--lr = 1000 is very large: training will most likely diverge (usual: 0.0001 to 0.1)."
    assert build(flags={"optimiser.lr": "1"}, sets=["optimiser.name=adadelta"]).notes == ()
    assert build(flags={"optimiser.lr": "0.1"}).notes == ()


def test_fields_are_checked_while_the_component_is_open() -> None:
    assert build(sets=["model.hidden=[8]", "optimiser.momentum=0.9", "task.delta=2"]).get("model.hidden") == [8]
    (found,) = fails(sets=["optimiser.momentum=2"])
    assert found.startswith("optimiser.momentum: must be less than 1")


def test_rules_over_several_fields() -> None:
    (found,) = fails(sets=["optimiser.name=sgd", "optimiser.nesterov=true"])
    assert found.startswith("optimiser.nesterov: nesterov needs momentum > 0")
    build(sets=["optimiser.name=sgd", "optimiser.nesterov=true", "optimiser.momentum=0.9"])


def test_another_component_drops_the_fields_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("model: {name: mlp, hidden: [8]}\noptimiser: {name: sgd, momentum: 0.9}\n")
    draft = build(file=file, flags={"model.name": "linear"}, sets=["optimiser.name=sgd"])
    assert draft.get("model.hidden") is None
    assert draft.get("optimiser.momentum") == 0.9


def test_a_config_is_as_good_as_its_name_and_fields() -> None:
    draft = build(objects={"model": MLPConfig(hidden=(8,)), "data": [1]}, origin="argument")
    assert draft.get("model.name") == "mlp" and draft.get("model.hidden") == (8,)
    assert draft.objects == {"data": [1]}


def test_a_relative_path_is_looked_for_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("x,y\n1,2\n")
    file = tmp_path / "r.yaml"
    file.write_text("data: {path: mine.csv}\n")
    assert build(file=file).get("data.path") == str(tmp_path / "mine.csv")


def test_import_paths() -> None:
    (found,) = fails(flags={"model.name": "nowhere.nets:Net"})
    assert "nowhere" in found and "PYTHONPATH=. learnloop fit" in found
    assert build(flags={"model.name": "torch.nn:Linear"}, sets=["model.options.in_features=4"]).get(
        "model.options"
    ) == {"in_features": 4}


def test_every_key_is_in_a_section() -> None:
    keys = all_keys()
    assert len(keys) == len(set(keys))
    assert {key.split(".")[0] for key in keys} == {*ORDER, "seed", "out"}
    assert {"train.epochs", "task.loss", "model.hidden", "optimiser.lr", "task.delta"} <= set(keys)


def test_errors_are_recipe_errors() -> None:
    with pytest.raises(RecipeError):
        build(sets=["train.epochs=0"])
