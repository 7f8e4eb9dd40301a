"""The commands, run in this process as `main` runs them. test_cli_process.py starts the real program."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.cli.main import run
from learnloop.cli.predict import _print
from learnloop.verbs.run import Run

FAST = ["--set", "plan=plain", "--set", "report.baselines=false", "--set", "watch.progress=off"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=240), rng.choice(["red", "green"], 240)
    kind = np.where(size + (colour == "red") + 0.2 * rng.normal(size=240) > 0.5, "big", "small")
    frame = pd.DataFrame({"size": size.round(4), "colour": colour, "kind": kind})
    frame.to_csv(folder / "things.csv", index=False)
    frame.drop(columns="kind").head(3).to_csv(folder / "new.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def trained(files: Path) -> Path:
    command = ["fit", str(files / "things.csv"), "--target", "kind", "--model", "linear", "--epochs", "5"]
    assert run([*command, "--lr", "0.05", "--out", str(files / "run"), *FAST]) == 0
    return files / "run"


def call(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    found = run(list(arguments))
    out, err = capsys.readouterr()
    assert found == code, f"{out}\n{err}"
    return out, err


def last_json(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


def test_fit_prints_figures_to_stdout_and_prose_to_stderr(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, err = call(
        capsys, "fit", str(files / "things.csv"), "-t", "kind", "-m", "linear", "--epochs", "1",
        "--out", str(tmp_path / "r"), "--lr", "1000", *FAST,
    )  # fmt: skip
    assert "rows never trained on" in out and "accuracy" in out and f"run: {tmp_path / 'r'}" in out
    data, split = err.splitlines()[:2]
    assert data.startswith("data: ") and data.endswith(": 240 rows; inputs: 1 number and 1 category")
    assert split == "split: train 163, validation 29, test 48, with the same shares of kind"
    assert "task: classify kind (inferred: 2 classes in 'kind')" in err
    assert "--lr = 1000 is very large" in err
    assert "\x1b[" not in out


def test_fit_json_is_the_contract(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(
        capsys,
        "fit",
        str(files / "things.csv"),
        "-t",
        "kind",
        "-m",
        "linear",
        "--steps",
        "7",
        "--json",
        *FAST,
    )
    found = last_json(out)
    assert {"run", "task", "model", "seconds", "steps", "metrics"} <= set(found)
    assert (found["task"], found["model"], found["steps"]) == ("classify", "linear", 7)
    assert set(found["metrics"]) == {"validation", "test"}
    assert 0 <= found["metrics"]["test"]["accuracy"] <= 1
    assert (Path(found["run"]) / "report.html").exists()
    listed, _ = call(capsys, "runs", "--json")
    assert [row["path"] for row in last_json(listed)] == [found["run"]]
    table, _ = call(capsys, "runs")
    assert table.splitlines()[0].split() == ["run", "started", "task", "model", "result"]
    assert "linear" in table and "accuracy" in table
    name = Path(found["run"]).name
    assert last_json(call(capsys, "evaluate", name, "--json")[0])["metrics"] == found["metrics"]["test"]
    _, err = call(capsys, "evaluate", name[:-1], code=2)
    assert err.startswith(f"{name[:-1]}: must be a run folder, or the name of a run") and f"available: {name}" in err


def test_a_recipe_file_gives_the_same_run_again(
    trained: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, _ = call(capsys, "fit", str(trained / "recipe.yaml"), "--out", str(tmp_path / "again"), "--json")
    first = json.loads((trained / "report.json").read_text())["evaluation"]["test"]["metrics"]
    assert last_json(out)["metrics"]["test"] == first


def test_check_trains_nothing(trained: Path, capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    out, err = call(capsys, "fit", "--check", str(trained / "recipe.yaml"))
    assert out.startswith("ok: task classify, model linear, loss cross_entropy, optimiser ")
    assert "epochs 5" in out and "things.csv: 240 rows" in err
    found = last_json(call(capsys, "fit", "--check", str(trained / "recipe.yaml"), "--json")[0])
    assert found["ok"] is True and sum(found["rows"].values()) == 240
    assert not (own_home / "runs").exists()


def test_evaluate(trained: Path, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "evaluate", str(trained), str(files / "things.csv"))
    assert out.splitlines()[0] == "240 rows" and "accuracy" in out
    found = last_json(call(capsys, "evaluate", str(trained), str(files / "things.csv"), "--json")[0])
    low, high = found["intervals"]["accuracy"]
    assert low <= found["metrics"]["accuracy"] <= high


def test_predict_takes_files_pairs_json_and_standard_input(
    trained: Path, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = pd.read_csv(files / "new.csv")
    from_file = last_json(call(capsys, "predict", str(trained), str(files / "new.csv"), "--json")[0])
    assert [set(row) for row in from_file] == [{"prediction", "probability", "probabilities"}] * 3
    assert set(from_file[0]["probabilities"]) == {"big", "small"}
    assert from_file[0]["probability"] == max(from_file[0]["probabilities"].values())
    rows = new.to_dict("records")
    pairs = [f"{name}={value}" for name, value in rows[0].items()]
    assert last_json(call(capsys, "predict", str(trained), *pairs, "--json")[0]) == from_file[:1]
    texts = [json.dumps(row) for row in rows]
    assert last_json(call(capsys, "predict", str(trained), *texts, "--json")[0]) == from_file
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(texts)))
    assert last_json(call(capsys, "predict", str(trained), "-", "--json")[0]) == from_file
    assert (
        last_json(call(capsys, "predict", str(trained), str(files / "new.csv"), "-n", "2", "--json")[0])
        == from_file[:2]
    )


def test_a_bundle_says_what_it_is(trained: Path) -> None:
    bundle = Run.open(str(trained)).bundle
    assert repr(bundle) == "Bundle(classify kind with linear from size, colour)"


def test_predict_shows_the_likeliest_of_many_classes(capsys: pytest.CaptureFixture[str]) -> None:
    each = {f"probability_{name}": [share] for name, share in zip("abcdefghijkl", [0.1, 0.3, 0.6, *[0.0] * 9])}
    _print(pd.DataFrame({"prediction": ["c"], "probability": [0.6], **each}))
    out = capsys.readouterr().out
    assert re.split(r"\s{2,}", out.splitlines()[0].strip()) == ["row", "prediction", "probability", "next likeliest"]
    assert out.splitlines()[-1].split() == ["0", "c", "0.6", "b", "0.3,", "a", "0.1"]


def test_predict_prints_a_table_and_writes_csv(
    trained: Path, files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, _ = call(capsys, "predict", str(trained), str(files / "new.csv"))
    assert out.splitlines()[0].split() == [
        "row",
        "prediction",
        "probability",
        "probability_big",
        "probability_small",
    ]
    assert len(out.splitlines()) == 4
    target = tmp_path / "answers.csv"
    out, _ = call(capsys, "predict", str(trained), str(files / "new.csv"), "--out", str(target))
    assert out == f"3 rows: {target}\n"
    assert list(pd.read_csv(target).columns)[:2] == ["prediction", "probability"]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (["colour=red", "colour=green"], "colour: must be given once\n  found:     'red' and 'green'"),
        (['{"size": 1'], '{"size": 1: must be JSON: an object, or a list of objects\n  found:     Expecting'),
        (["[1, 2]"], "[1, 2]: must be JSON: an object, or a list of objects\n  found:     no object"),
        (
            ["size=1", "nothing.csv"],
            "size=1: inputs must all be files, all be JSON rows, or all be name=value",
        ),
        (["siz=1", "colour=red"], "size: Did you mean 'siz'?\n  do:        size=...   # instead of siz"),
        (
            ["size=1", "shade=3"],
            "the values given: must have the column that the model was trained on\n  found:     no colour\n"
            "  probably:  a column was dropped or renamed\n"
            "  do:        colour=...   # or colour= when its value is not known: it counts as missing",
        ),
        (['{"size": 1}'], 'do:        "colour": null   # when its value is not known: it counts as missing'),
    ],
)
def test_predict_refuses(trained: Path, capsys: pytest.CaptureFixture[str], inputs: list[str], text: str) -> None:
    _, err = call(capsys, "predict", str(trained), *inputs, code=2)
    assert text in err and "Traceback" not in err


def test_report_and_compare(trained: Path, files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = trained / "report.html"
    page.unlink()
    assert call(capsys, "report", str(trained))[0] == f"{page}\n"
    assert page.exists()
    picture = tmp_path / "both.html"
    out, _ = call(capsys, "compare", str(trained), str(trained), "--out", str(picture))
    assert "linear" in out and picture.exists()
    found = last_json(call(capsys, "compare", str(trained), str(trained), "--json")[0])
    assert len(found["runs"]) == 2
    _, err = call(capsys, "compare", str(trained), code=2)
    assert err.startswith("learnloop compare: needs at least two runs")
    _, err = call(capsys, "compare", str(trained), str(trained), "-o", "x.gif", code=2)
    assert err.startswith("--out x.gif: must end in .html, .png or .svg")


def test_inspect(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, _ = call(capsys, "inspect", str(files / "things.csv"), "-t", "kind")
    assert "colour" in out and "category" in out
    found = last_json(call(capsys, "inspect", str(files / "things.csv"), "-t", "kind", "--json")[0])
    assert found["rows"] == 240 and found["page"] is None
    changed = last_json(call(capsys, "inspect", str(files / "things.csv"), "--set", "data.ignore=[size]", "--json")[0])
    assert next(field["role"] for field in changed["fields"] if field["name"] == "size") == "ignore"
    page = tmp_path / "page.html"
    call(capsys, "inspect", str(files / "things.csv"), "--out", str(page))
    assert page.read_text().lstrip().lower().startswith("<!doctype html")
    _, err = call(capsys, "inspect", str(files / "things.csv"), "--set", "train.epochs=1", code=2)
    assert err.startswith("--set train.epochs=1: must be a value of the data or augment section here")


def test_models(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [row["name"] for row in last_json(call(capsys, "models", "--json")[0])]
    assert {"perceptron", "linear", "mlp", "tabular", "lenet5", "cnn"} <= set(names)
    out, _ = call(capsys, "models")
    parts = re.split(r"--task \w+\n", out)
    assert [line.split()[0] for part in parts for line in part.strip().splitlines()[1:]] == names
    assert len(parts) == 6 and {"nhits", "lstm", "theta"} <= {line.split()[0] for line in parts[2].splitlines()}
    assert {"pix2pix", "dcgan"} <= {line.split()[0] for line in parts[4].splitlines()}
    assert re.search(r"cyclegan +two heaps of images", parts[4]) and re.search(r"vae +image, series, table", parts[3])
    out, err = call(capsys, "models", "vae")
    assert "model.binarise" in out and "Kingma and Welling 2014" in err
    out, err = call(capsys, "models", "dlinear")
    assert "model.average" in out and "Zeng, Chen, Zhang and Xu 2023" in err
    out, err = call(capsys, "models", "theta")
    assert "Assimakopoulos and Nikolopoulos 2000" in err and "model." not in out
    out, _ = call(capsys, "models", "lenet5", "--input", "1x32x32", "--outputs", "10")
    assert "61,706" in out
    _, err = call(capsys, "models", "lenet5", "--input", "1x3x3")
    assert "lenet5: images of 3 x 3 are enlarged (bilinear, which adds no detail) to 32 x 32" in err
    _, err = call(capsys, "fit", "digits", "--model", "lenet5", "--check")
    assert "note: lenet5: images of 8 x 8 are enlarged" in err
    found = last_json(call(capsys, "models", "mlp", "--set", "model.hidden=[5]", "--json", "--outputs", "3")[0])
    assert found["config"]["hidden"] == [5] and found["outputs"] == 3
    out, err = call(capsys, "models", "linear", "--data", str(files / "things.csv"), "-t", "kind")
    assert "Linear" in out and "1 number and 1 category, 2 outputs" in err
    _, err = call(capsys, "models", "mlpp", code=2)
    assert "Did you mean 'mlp'?" in err
    _, err = call(capsys, "models", "mlp", "--input", "0x3", code=2)
    assert err.startswith("--input: must be channels x height x width of an image")


def test_tasks_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [row["name"] for row in last_json(call(capsys, "tasks", "--json")[0])]
    rows, making = ["classify", "regress", "translate", "transcribe"], ["autoencode", "gan", "diffusion"]
    assert tasks == [*rows, "language", "forecast", *making]
    assert "cross_entropy" in call(capsys, "tasks")[0]
    entries = {row["name"]: row for row in last_json(call(capsys, "data", "--json")[0])}
    assert {"digits", "mnist", "adult"} <= set(entries) and entries["digits"]["needs"] == "nothing"
    assert "20,640" in call(capsys, "data")[0]
    assert "income" in call(capsys, "data", "adult")[0]
    assert entries["m4_hourly"]["task"] == "forecast" and entries["m4_hourly"]["rows"] is None
    assert "forecasts 48 steps" in call(capsys, "data", "m4_hourly")[0]
    _, err = call(capsys, "data", "digit", code=2)
    assert err.startswith("digit: must be a name in the catalog") and "Did you mean 'digits'?" in err


def test_a_run_that_is_called_like_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fit digits --out digits`: as RUN the name is the folder, as data it is the catalog's set."""
    monkeypatch.chdir(tmp_path)
    again = "note: digits is the catalog's data set: the folder digits is a run, which holds no data."
    quick = ["--model", "linear", "--epochs", "1", *FAST]
    _, err = call(capsys, "fit", "digits", "--out", "digits", *quick)
    assert again not in err and (tmp_path / "digits" / "report.json").exists()
    out, err = call(capsys, "predict", "digits", "digits", "--rows", "3", "--json")
    assert again in err and len(last_json(out)) == 3
    out, err = call(capsys, "evaluate", "digits", "digits", "--json")
    assert 0.3 < last_json(out)["metrics"]["accuracy"] <= 1
    _, err = call(capsys, "fit", "digits", "--out", "second", *quick)
    assert again in err and "1,797 rows" in err
    _, err = call(capsys, "fit", "second", "--out", "third", *quick, code=2)
    assert err.startswith("second: must be data\n  found:     the folder of a run")
    (tmp_path / "iris").mkdir()  # a folder that is no run goes before the catalog
    _, err = call(capsys, "inspect", "iris", code=2)
    assert err.startswith("iris: ") and "class" in err


def test_all_mistakes_of_a_command_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = call(
        capsys, "fit", "digits", "--lr", "fast", "--epochs", "0", "--seed", "-1", "--model", "cn",
        "--set", "train.patience=0", code=2,
    )  # fmt: skip
    heads = [line for line in err.splitlines() if not line.startswith(" ")]
    assert [head.split(": ")[0] for head in heads] == [
        "5 mistakes:", "--seed", "--model", "--epochs", "train.patience", "--lr",
    ]  # fmt: skip
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["fitt"],
            "learnloop fitt: must be a command\n  found:     'fitt'\n  probably:  a spelling mistake. Did",
        ),
        (["fit", "x", "--epoch", "3"], "--epoch: must be an option of `learnloop fit`"),
        (["fit", "x", "--epoch", "3"], "Did you mean '--epochs'?"),
        (["evaluate"], "learnloop evaluate: needs RUN\n  found:     no RUN"),
        (["predict", "r", "x", "--rows", "z"], "--rows: must "),
        (["fit", "x", "--lr"], "--lr: "),
        ([], "learnloop: needs a command"),
        (["fit"], "DATA: must name the data: a file, a folder or a catalog name\n  found:     nothing"),
        (["runs", "/no/where"], "/no/where: must be a folder of runs"),
        (["fit", "/no/where.yaml"], "/no/where.yaml: must be a recipe file\n  found:     no such file"),
        (["fit", "--resume", "/no/where"], "/no/where: must be a run folder, or the name of a run"),
    ],
)
def test_usage_errors_in_our_words(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    _, err = call(capsys, *arguments, code=2)
    assert text in err and "Traceback" not in err


def test_resume_takes_no_other_settings(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = call(capsys, "fit", "--resume", str(trained), "--lr", "3", code=2)
    assert "--resume: continues a run as it was begun" in err and "--lr" in err


def test_debug_shows_the_traceback_of_a_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--debug", "data", "digit"], ["data", "digit", "--debug"]):
        _, err = call(capsys, *arguments, code=2)
        assert "Traceback" in err and "must be a name in the catalog" in err


def test_our_mistakes_show_their_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnloop.tasks.table.TASKS", None)
    _, err = call(capsys, "tasks", code=1)
    assert "Traceback" in err and "AttributeError" in err
    assert "this is a mistake of ours, not of yours" in err


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("learnloop.verbs.runs.runs", stop)
    _, err = call(capsys, "runs", code=130)
    assert err == "interrupted\n"


def test_no_runs_yet(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "runs")
    assert out == "" and "learnloop fit DATA" in err
    assert last_json(call(capsys, "runs", "--json")[0]) == []


def test_set_help_is_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "fit", "--set", "help")
    assert "| `train.batch_size` |" in out


def test_an_interrupted_fit_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from learnloop.verbs.fit import Interrupted

    def stop(*_: object, **__: object) -> None:
        raise Interrupted(Path("runs/a"), "interrupted by SIGINT at step 3")

    monkeypatch.setattr("learnloop.verbs.fit.fit_draft", stop)
    _, err = call(capsys, "fit", "iris", code=130)
    assert "continue:  learnloop fit --resume runs/a" in err and "Traceback" not in err
