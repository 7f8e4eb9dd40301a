"""`learnloop explain`: topics, networks from YAML, runs; what it prints, writes and refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.cli.main import run
from learnloop.explain.table import TOPICS

NETWORK = """
title: One unit
inputs: {rain: 1, wind: 2}
layers:
  - activation: sigmoid
    units: {stay: {weights: [0.5, 0.25], bias: -1}}
target: 1
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unit.yaml").write_text(NETWORK, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    size, age = rng.normal(size=120), rng.normal(size=120)
    frame = pd.DataFrame({"size": size, "age": age, "kind": np.where(size + age > 0, "big", "small")})
    frame.to_csv(folder / "things.csv", index=False)
    settings = ["--set", "model.hidden=[3]", "--set", "plan=plain", "--set", "report.baselines=false"]
    command = ["fit", str(folder / "things.csv"), "-t", "kind", "-m", "mlp", "--epochs", "2", "--out"]
    assert run([*command, str(folder / "run"), *settings, "--set", "watch.progress=off"]) == 0
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    found = run(["explain", *arguments])
    out, err = capsys.readouterr()
    assert found == code, f"{out}\n{err}"
    return out, err


def last_json(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


def test_spam_gives_the_numbers_of_the_book(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out, err = call(capsys, "spam")
    assert err == "" and "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80
    for sum_, result in (
        ("0.5*1 + (-0.2)*0 + 0.3*1", "0.8"),
        ("0.4*1 + 0.1*0 + (-0.5)*1", "-0.1"),
        ("0.7*0.8 + 0.2*0", "0.56"),
        ("1 / (1 + e^(-0.56))", "0.6365"),
    ):
        assert re.search(rf"= {re.escape(sum_)}\n +=  ?{re.escape(result)}\b", out), sum_


def test_json_is_the_contract(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out, _ = call(capsys, "spam", "--json")
    assert out.count("\n") == 1
    found = last_json(out)
    assert list(found) == ["title", "values"] and found["title"] == "Is it spam?"
    numbers = np.concatenate([np.ravel(value) for value in found["values"].values()])
    for expected in (0.8, -0.1, 0.56, 1 / (1 + np.exp(-0.56))):
        assert np.isclose(numbers, expected, rtol=0, atol=1e-12).any(), expected


def test_html_writes_a_page_and_prints_where(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out, err = call(capsys, "spam", "--html", "spam.html")
    assert (out, err) == ("spam.html\n", "")
    page = Path("spam.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "0.6365" in page and "<svg" in page
    found = last_json(call(capsys, "spam", "--html", "two.html", "--json")[0])
    assert found["page"] == "two.html" and Path("two.html").read_text(encoding="utf-8") == page
    _, err = call(capsys, "spam", "--html", "no/such/folder.html", code=2)
    assert err.startswith("--html no/such/folder.html: must be a file that can be written\n  found:     ")


def test_a_larger_step_in_spam_moves_the_weights_further(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    usual, _ = call(capsys, "spam")
    large, _ = call(capsys, "spam", "--lr", "1")
    assert "0.7 - 0.1*(-0.2908)" in usual and "0.7 - 1*(-0.2908)" in large
    other, _ = call(capsys, "spam", "--target", "0")
    assert "0.6365 - 0" in other and "0.6365 - 1" not in other
    assert large.rpartition("Next:")[2] == usual.rpartition("Next:")[2]


def test_without_what_it_lists_the_topics(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out, err = call(capsys)
    lines = out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "basics", "training", "vision", "sequences", "generative", "more",
    ]  # fmt: skip
    listed = [line.split(maxsplit=1) for line in lines if line.startswith(" ")]
    assert listed == [[name, topic.title] for name, topic in TOPICS.items()]
    assert err.startswith("learnloop explain TOPIC; or a YAML file")
    found = last_json(call(capsys, "--json")[0])
    assert [row["topic"] for row in found] == list(TOPICS)
    assert set(found[0]) == {"topic", "group", "title", "aliases"}
    assert next(row["aliases"] for row in found if row["topic"] == "pool") == ["pooling", "max_pool"]


def test_an_alias_shows_its_topic(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert call(capsys, "convolution")[0] == call(capsys, "conv")[0]


def test_a_network_from_yaml(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out, _ = call(capsys, "unit.yaml")
    assert out.startswith("One unit\n") and "0.5*1 + 0.25*2" in out
    assert "dL/d" in out
    changed, _ = call(capsys, "unit.yaml", "--target", "0", "--lr", "2")
    assert " - 2*" in changed and " - 2*" not in out


def test_a_trained_run_on_its_own_row_and_on_one_of_yours(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    own, _ = call(capsys, "run")
    assert "size" in own and "age" in own and "dL/d" in own
    first, third = (last_json(call(capsys, "run", "things.csv", "--row", row, "--json")[0]) for row in ("0", "2"))
    assert first["values"] != third["values"] and set(first["values"]) == set(third["values"])
    given, _ = call(capsys, "run", "size=0.5", "age=-0.25", "--target", "small", "--lr", "0.5")
    assert "0.5" in given and "small" in given
    call(capsys, "run", "size=0.5", "age=-0.25", "--html", "run.html")
    assert "<svg" in Path("run.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["adan"],
            "adan: must be a topic, a YAML file of a small network, or a run\n"
            "  found:     there is no such file, and no topic or run of that name\n"
            "  probably:  a spelling mistake. Did you mean 'adam'?\n"
            "  do:        learnloop explain   # lists the topics\n"
            "  or:        learnloop runs\n"
            "  available: adam, ",
        ),
        (["convolutoin"], "Did you mean 'convolution'?"),
        (["unti.yaml"], "Did you mean 'unit.yaml'?\n"),
        (["unti.yaml"], "  available: unit.yaml, "),
        (
            ["data.csv"],
            "data.csv: must be a topic, a YAML file of a small network, or a run\n"
            "  found:     a .csv file\n"
            "  probably:  data needs a network that was trained on it\n"
            "  do:        learnloop fit data.csv --model mlp --out my-run\n"
            "  or:        learnloop explain my-run data.csv",
        ),
        (
            ["adam", "--lr", "0.1"],
            "--lr: is for a network from YAML, or a run\n"
            "  found:     adam is a topic, which brings its own numbers\n"
            "  do:        learnloop explain adam\n",
        ),
        (["adam", "data.csv", "--row", "1", "--lr", "2"], "INPUT, --row, --lr: is for a run\n"),
        (["spam", "data.csv"], "INPUT: is for a run\n"),
        (["unit.yaml", "--row", "1"], "--row: is for a run\n  found:     unit.yaml is a network from YAML"),
        (["spam", "--lr", "-1"], "--lr: must be a finite number above 0\n  found:     -1"),
        (["spam", "--lr", "fast"], "--lr: must "),
        (["empty"], "empty: must be a run folder, or the name of a run"),
    ],
)
def test_explain_refuses(capsys: pytest.CaptureFixture[str], here: Path, arguments: list[str], text: str) -> None:
    (here / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (here / "empty").mkdir()
    out, err = call(capsys, *arguments, code=2)
    assert text in err and "Traceback" not in err and out == ""


def test_names_of_runs_are_proposed(capsys: pytest.CaptureFixture[str], here: Path, own_home: Path) -> None:
    folder = own_home / "runs" / "flowers"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("{}", encoding="utf-8")
    _, err = call(capsys, "flower", code=2)
    assert "Did you mean 'flowers'?" in err and "  available: flowers, " in err
    _, err = call(capsys, "flowers", code=2)  # it is found, and is no finished run
    assert "Did you mean" not in err and "must be a topic" not in err


def test_a_topic_goes_before_a_folder_of_its_name(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "adam").mkdir()
    out, err = call(capsys, "adam")
    assert out.splitlines()[0] and err == (
        "note: adam is also a file or folder here; for that one: learnloop explain ./adam\n"
    )
    _, err = call(capsys, "./adam", code=2)
    assert err.startswith("./adam: must be a run folder")


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys\nfrom learnloop.cli.main import run\n"
        f"code = run({list(arguments)})\n"
        "found = [name for name in ('torch', 'numpy', 'matplotlib', 'rich') if name in sys.modules]\n"
        "print(found, code, file=sys.stderr)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["explain"], "[] 0"),
        (["explain", "adam"], "['numpy', 'rich'] 0"),
        (["explain", "spam", "--json"], "['numpy'] 0"),
        (["explain", "spam", "--html", os.devnull], "['numpy'] 0"),  # no curves: no matplotlib
    ],
)
def test_a_topic_starts_without_torch(arguments: list[str], loaded: str) -> None:
    done = program(*arguments)
    assert done.stderr.splitlines()[-1] == loaded and done.stdout
