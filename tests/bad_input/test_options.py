"""Options and recipes with mistakes: all at once, with what is available and what to type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.conftest import Call

Csv = Callable[..., Path]


def test_a_recipe_with_several_mistakes(call: Call, csv: Csv) -> None:
    text = "data: {path: data.csv, taget: y}\nmodel: {name: mpl}\ntrain: {epochs: -1, batch_size: x}\nseeed: 3\n"
    _, err = call("fit", "--check", csv(text, name="recipe.yaml"))
    assert err.startswith("5 mistakes:\n")
    for part in (
        "recipe.yaml line 1: data.taget: must be a field of data",
        "Did you mean 'data.target'?",
        "recipe.yaml line 2: model.name: must be the name of a model",
        "Did you mean 'mlp'?",
        "recipe.yaml line 3: train.epochs: must be greater than 0",
        "recipe.yaml line 3: train.batch_size: must be a whole number",
        "Did you mean 'seed'?",
    ):
        assert part in err, part


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "must hold a recipe\n  found:     nothing but white space"),
        ("data:\n\tpath: x", "a tab was used to indent; use spaces"),
        ("- 1", "a recipe must be a mapping of sections\n  found:     a list"),
        ("seed: 1\nseed: 2", "seed: must be given once\n  found:     in line 1 and again in line 2"),
        (b"\x00\x01", "must be YAML\n  found:     a character that no text holds"),
        (b"a: \xf6", "must be a readable text file in UTF-8"),
        ("[" * 3000, "found:     brackets nested too deep"),
        ("a: &a [*a]", "must be YAML"),
    ],
)
def test_files_that_are_no_recipe(call: Call, csv: Csv, text: object, part: str) -> None:
    _, err = call("fit", "--check", csv(text, name="recipe.yaml"))
    assert part in err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--minutes", "0"], "--minutes: must be greater than 0"),
        (["--minutes", "nan"], "--minutes: must be a finite number"),
        (["--lr", "inf"], "--lr: must be a finite number"),
        (["--lr", "-1"], "--lr: must be greater than 0"),
        (["--batch-size", "0"], "--batch-size: must be greater than 0"),
        (["--epochs", "1", "--steps", "3"], "at most one of epochs, steps and minutes may be given"),
        (["--set", "task.label_smoothing=1.5"], "task.label_smoothing: must be less than 1"),
        (["--set", "train.monitor=rmse"], "train.monitor: must be a figure that is known while training"),
        (["--set", "task.loss=mse"], "task.loss: must be a loss for classes"),
        (["--set", "train.epochs"], "--set: must be key.path=value"),
        (["--model", "cnn"], "--model: must be a model for tables\n  found:     'cnn' takes images"),
        (["--model", "mlp", "--set", "model.hidden=[10000000, 10000000]"], "memory: must hold the data"),
    ],
)
def test_values_out_of_range(fit: Call, csv: Csv, options: list[str], part: str) -> None:
    _, err = fit(csv(), *options)
    assert part in err


def test_batch_normalisation_on_one_row(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(), "--model", "mlp", "--set", "model.batch_norm=true", "--batch-size", "1")
    assert "--batch-size: must be at least 2 for a network with batch normalisation" in err


@pytest.mark.parametrize("options", [["--epochs", "0.1"], ["--minutes", "0.005"], ["--batch-size", "100000"]])
def test_little_and_much_end_well(fit: Call, csv: Csv, options: list[str]) -> None:
    out, _ = fit(csv(), *options, code=0)
    assert "accuracy" in out


def test_commands_and_options_that_do_not_exist(call: Call, csv: Csv, tmp_path: Path) -> None:
    for arguments, part in (
        (["fti"], "Did you mean 'fit'?"),
        (["fit", "x", "--targt", "y"], "Did you mean '--target'?"),
        (["models", "mlpp"], "Did you mean 'mlp'?"),
        (["data", "digit"], "Did you mean 'digits'?"),
        (["fit", "a.csv", "b.csv"], "learnloop fit: takes one of these at a time\n  found:     also b.csv"),
        (["inspect", csv(), "--out", tmp_path / "page.gif"], "must end in .html, or be a folder\n  found:     .gif"),
    ):
        _, err = call(*arguments)
        assert part in err
