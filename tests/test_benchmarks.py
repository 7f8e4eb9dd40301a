"""The benchmark scripts: their smallest modes end well, and their judgements follow from the figures."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def load(name: str, monkeypatch: pytest.MonkeyPatch, folder: str = ".") -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    return importlib.import_module(name)


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_loop_measures_learnloop_beside_a_loop_with_its_plan(tmp_path: Path) -> None:
    out = tmp_path / "loop.json"
    ended = script(
        "loop.py", "--cases", "mlp", "--loads", "quiet", "--contestants", "learnloop,same-plan", "--rounds", 1,
        "--steps", 10, "--passes", 3, "--out", out,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    course = json.loads(out.read_text())["courses"][0]
    assert course["failed"] == {}
    assert list(course["contestants"]) == ["learnloop", "same-plan"]
    for found in course["contestants"].values():
        assert found["ms"] > 0 and len(found["passes_ms"][0]) == 2
        assert found["accuracy"][0] > 0.5  # 30 steps on 10 classes: it did learn
    assert "| hand-written PyTorch, same Plan |" in ended.stdout


def test_loop_refuses_names_that_it_does_not_know() -> None:
    ended = script("loop.py", "--contestants", "learnlop")
    assert ended.returncode == 2
    assert "--contestants: learnlop not among learnloop, same-plan" in ended.stderr


def course(monkeypatch: pytest.MonkeyPatch, **rounds: list[float]) -> tuple[ModuleType, Any]:
    loop = load("loop", monkeypatch)
    made = loop.Course("cnn", "quiet")
    for name, figures in rounds.items():
        lines = [{"ms": ms, "rows_s": 128e3 / ms, "version": "1", "passes_ms": [ms], "accuracy": 1.0} for ms in figures]
        made.rounds[name.replace("_", "-")] = lines
    return loop, made


def test_ratios_are_taken_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    _, made = course(monkeypatch, learnloop=[1.0, 10.0, 2.0], plain=[3.0, 20.0, 8.0])
    assert made.ratio("plain") == (3.0, 2.0, 4.0)


def test_loop_judges_both_kinds_of_target(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, made = course(monkeypatch, learnloop=[1.0], same_plan=[0.95], plain=[2.5], keras_jax=[3.9])
    assert [(line["target"], line["measured"], line["met"]) for line in loop.judge([made])] == [
        ("cnn, quiet: learnloop at most 1.03 times same-plan", 1.053, False),
        ("cnn, quiet: plain at least 2 times learnloop", 2.5, True),
        ("cnn, quiet: keras-jax at least 4 times learnloop", 3.9, False),
    ]


def test_a_contestant_that_fails_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, made = course(monkeypatch, learnloop=[1.0])
    trace = "Traceback (most recent call last):\n  File x\nImportError: no torchvision beside this torch\n\n"
    made.failed["fastai"] = loop._reason(trace)
    assert "| fastai | - | - | - | - | ImportError: no torchvision beside this torch |" in loop.results_table(made)


def test_the_busy_process_lives_as_long_as_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = load("loop", monkeypatch)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remember(*given: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*given, **more))
        return started[-1]

    monkeypatch.setattr(loop.subprocess, "Popen", remember)
    with loop.busy_process("busy"):
        assert started[0].poll() is None
    assert started[0].poll() is not None
    with loop.busy_process("quiet"):
        assert len(started) == 1


def test_all_torch_contestants_have_the_declared_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    work = load("work", monkeypatch, "rivals")
    for case, expected in work.PARAMETERS.items():
        net = work.torch_net(case)
        assert sum(p.numel() for p in net.parameters()) == expected
        x, y = work.data(case, 1)
        assert len(x) == len(y) == work.BATCH[case]


def test_a_contestant_with_other_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    work = load("work", monkeypatch, "rivals")
    given = type("Given", (), {"case": "mlp", "passes": 2, "steps": 1})()
    marks = work.Marks()
    marks.times = [0.0, 1.0]
    with pytest.raises(SystemExit, match="5 parameters, expected 17226: not the same network"):
        work.report(marks, given, version="", parameters=5, accuracy=1.0)
    marks.times = [0.0]
    with pytest.raises(SystemExit, match="1 passes were seen, expected 2"):
        work.report(marks, given, version="", parameters=17226, accuracy=1.0)


def test_run_measures_the_child_and_frees_it_of_thread_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = load("shared", monkeypatch)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ran = shared.run([sys.executable, "-c", "import os; print(os.environ.get('OMP_NUM_THREADS'))"])
    assert ran.code == 0 and ran.stdout == "None\n"
    assert ran.cpu > 0 and ran.wall > 0
    assert shared.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2).code == -9


def test_the_peak_is_that_of_the_child_when_the_parent_is_small() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); from shared import run; "
        "print(run([sys.executable, '-c', 'held = bytearray(80_000_000)']).peak)"
    )
    peak = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 80e6 < peak < 130e6


def test_quality_runs_the_command_and_judges_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "quality.json"
    short = [part for value in ("train.steps=2", "report.html=false", "model.name=linear") for part in ("--set", value)]
    ended = script("quality.py", "--only", "digits", "--seeds", "3", *short, "--out", out)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())["cases"]["digits"]
    assert found["runs"][0]["seed"] == 3 and found["runs"][0]["steps"] == 2
    assert found["goals"][0]["median"] == found["runs"][0]["test"]["accuracy"]
    assert found["goals"][0]["met"] is False  # two steps of a linear model do not reach it
    assert "linear" in found["runs"][0]["baselines"]


def test_quality_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    quality = load("quality", monkeypatch)
    below = quality.Goal("rmse", most=0.45, unit=10.0)
    beats = quality.Goal("rmse", most=0.0, unit=10.0, beat="boosting")
    case = quality.Case("x", (), (below, beats), 5)
    runs = [
        {"test": {"rmse": value}, "baselines": {"boosting": {"rmse": 4.3}}, "wall_s": wall}
        for value, wall in ((4.0, 9.0), (4.4, 1.0), (9.0, 2.0))
    ]
    lines = quality.judge(case, [*runs, {"failed": "exit code 1"}])
    found = [(round(line["median"], 9), line["met"]) for line in lines]
    assert found == [(0.44, True), (0.44, False), (2.0, True)]


def test_start_measures_commands(tmp_path: Path) -> None:
    out = tmp_path / "start.json"
    ended = script("start.py", "--repeats", 1, "--no-fit", "--out", out)
    assert ended.returncode == 0, ended.stderr
    commands = {one["name"]: one for one in json.loads(out.read_text())["commands"]}
    assert list(commands) == ["learnloop --help", "python -c pass", "import learnloop", "import torch"]
    assert commands["import learnloop"]["wall_s"] < commands["import torch"]["wall_s"]


def test_memory_measures_a_fit_on_its_file(tmp_path: Path) -> None:
    out = tmp_path / "memory.json"
    quick = [part for value in ("report.html=false", "report.baselines=false") for part in ("--set", value)]
    ended = script("memory.py", "--rows", 500, "--steps", 2, "--model", "linear", *quick, "--out", out)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())
    assert found["steps"] == 2 and found["rows"] == 500
    assert 50e6 < found["peak"] < 4e9 and found["met"]


def test_the_large_file_has_twenty_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = load("memory", monkeypatch)
    path = tmp_path / "x.csv"
    monkeypatch.setattr(memory, "_CHUNK", 40)
    memory.write_csv(path, 100)
    lines = path.read_text().splitlines()
    assert len(lines) == 101
    assert len(lines[0].split(",")) == 20 and lines[0].endswith(",y")


def test_folders_measures_decoding_and_a_fit(tmp_path: Path) -> None:
    out = tmp_path / "folders.json"
    quick = [part for value in ("report.html=false", "report.baselines=false") for part in ("--set", value)]
    ended = script("folders.py", "--images", 200, "--size", 8, *quick, "--out", out)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())
    names = [line["name"] for line in found["commands"]]
    assert names == ["inspect, first time", "inspect, again", "fit, one pass"]
    assert all(50e6 < line["anonymous"] <= line["resident"] < 4e9 for line in found["commands"])
    assert found["met"] and found["commands"][2]["training_s"] > 0


def test_the_folder_holds_every_kind_of_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = load("folders", monkeypatch)
    monkeypatch.setattr(folders, "GREY", 3)
    monkeypatch.setattr(folders, "TURNED", 4)
    monkeypatch.setattr(folders, "TRANSPARENT", 10)
    monkeypatch.setattr(folders, "CUT", 7)
    for label in range(folders.CLASSES):
        (tmp_path / f"class{label}").mkdir()
    for number in range(10):
        folders._make_one(tmp_path, number)
    from learnloop.data.read import read

    data = read(tmp_path, corrupt="skip", image_size=16)
    said = " ".join(data.notes)
    assert len(data) == 9 and "class6/000006.jpg (truncated)" in said
    for kind in ("grey", "turned as their EXIF data says", "transparent (laid on white)"):
        assert kind in said


def test_outliers_measures_both_kinds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outliers = load("outliers", monkeypatch)
    run_folder = tmp_path / "run"
    made = script_fit("digits", run_folder)
    assert made.returncode == 0, made.stderr
    monkeypatch.setattr(outliers, "_TEST", 0)
    monkeypatch.setattr(outliers, "_TURNS", 1)
    found = outliers.measure(run_folder / "bundle", "digits", "digits", 100)
    assert found["auroc"] == 0.5 and found["flagged_familiar"] == found["flagged_strange"] < 0.2


def script_fit(data: str, out: Path) -> subprocess.CompletedProcess[str]:
    quick = [part for value in ("report.html=false", "report.baselines=false") for part in ("--set", value)]
    command = [
        sys.executable,
        "-m",
        "learnloop",
        "fit",
        data,
        "--model",
        "cnn",
        "--steps",
        "20",
        "--out",
        str(out),
        *quick,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
