"""The benchmark scripts on pictures: the same networks for all, goals on views and weights, smallest modes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FOUR = ["learnloop", "plain", "keras-jax", "fastai"]


def load(name: str, monkeypatch: pytest.MonkeyPatch, folder: str = ".") -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    return importlib.import_module(name)


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


# --- loop.py ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["cnn", "cnn3", "resnet18"])
def test_the_rivals_network_is_learnloops(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = load("work", monkeypatch, "rivals")
    learnloop_fit = load("learnloop_fit", monkeypatch, "rivals")
    x, _ = work.data(case, 1)
    ours, inputs = learnloop_fit.build(case, x[:4])
    rival = work.torch_net(case)
    # the rivals get their pictures scaled already
    mine = {name: value for name, value in ours.state_dict().items() if not name.startswith("input.")}
    theirs = rival.state_dict()
    assert [value.shape for value in mine.values()] == [value.shape for value in theirs.values()]
    for value in mine.values():
        if value.dim() == 1:  # as initialised, the norms at the ends of residual branches would switch these off
            value.uniform_(0.5, 1.5)
    rival.load_state_dict(dict(zip(theirs, mine.values())))
    scaled = (inputs.float() - learnloop_fit.SHIFT) / learnloop_fit.SCALE
    with torch.no_grad():
        torch.testing.assert_close(rival.eval()(scaled), ours.eval()(inputs), rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in ours.parameters()) == work.PARAMETERS[case]


def test_pictures_lie_as_each_library_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    work = load("work", monkeypatch, "rivals")
    assert work.data("cnn3", 1)[0].shape == (128, 3, 32, 32)
    assert work.data("cnn3", 1, channels_last=True)[0].shape == (128, 32, 32, 3)
    assert work.data("mlp", 1, channels_last=True)[0].shape == (32, 64)


def test_each_case_has_its_own_contestants(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = load("loop", monkeypatch)
    courses = {(case, load): names for case, load, names in loop.plan_courses(loop.CASES, (), ())}
    assert list(courses) == [*((case, "quiet") for case in loop.CASES), ("mlp", "busy"), ("cnn", "busy")]
    assert courses["resnet18", "quiet"] == courses["cnn3", "quiet"] == FOUR
    assert courses["cnn", "quiet"] == list(loop.CONTESTANTS)
    assert "lightning" not in courses["cnn", "busy"] and "same-plan" in courses["cnn", "busy"]
    asked = loop.plan_courses(["cnn3"], ["busy"], ["hf", "same-plan"])
    assert asked == [("cnn3", "busy", ["same-plan", "hf"])]


def test_pictures_are_held_against_three_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = load("loop", monkeypatch)
    course = loop.Course("resnet18", "quiet")
    for name, ms in (("learnloop", 100.0), ("plain", 210.0), ("keras-jax", 190.0), ("fastai", 200.0)):
        course.rounds[name] = [{"ms": ms}]
    assert [(line["target"], line["met"]) for line in loop.judge([course])] == [
        ("resnet18, quiet: plain at least 2 times learnloop", True),
        ("resnet18, quiet: keras-jax at least 2 times learnloop", False),
        ("resnet18, quiet: fastai at least 2 times learnloop", True),
    ]


def test_loop_reports_images_a_second(tmp_path: Path) -> None:
    out = tmp_path / "loop.json"
    ended = script(
        "loop.py", "--cases", "cnn3", "--contestants", "plain", "--rounds", 1, "--steps", 1, "--passes", 2, "--out", out
    )
    assert ended.returncode == 0, ended.stderr
    course = json.loads(out.read_text())["courses"][0]
    assert course["failed"] == {} and course["load"] == "quiet"
    plain = course["contestants"]["plain"]
    assert plain["rows_s"] == pytest.approx(128e3 / plain["ms"], rel=1e-3)  # rounded to a tenth
    assert "| images a second |" in ended.stdout


# --- quality.py -------------------------------------------------------------------------------------------------


def test_views_and_weights_are_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    quality = load("quality", monkeypatch)
    goals = (
        quality.Goal("accuracy", least=0.9),
        quality.Goal("accuracy with views", least=0.9),
        quality.Goal("weights", most=499_999),
    )
    runs = [
        {
            "test": {"accuracy": plain},
            "views": {"metric": "accuracy", "seen": {"value": seen}},
            "weights": weights,
            "baselines": {"linear": {"accuracy": 0.3}},
        }
        for plain, seen, weights in ((0.88, 0.91, 500_000), (0.89, 0.9, 500_000), (0.95, 0.7, 1))
    ]
    case = quality.Case("x", (), goals, None)
    found = [(line["goal"], line["median"], line["met"]) for line in quality.judge(case, runs)]
    assert found == [
        ("accuracy at least 0.9", 0.89, False),
        ("accuracy with views at least 0.9", 0.9, True),
        ("weights at most 499999", 500_000, False),
    ]
    for run in runs:
        run["views"] = None
    assert quality.judge(case, runs)[1] == {
        "goal": "accuracy with views at least 0.9", "median": None, "values": [], "boosting": None, "met": None,
    }  # fmt: skip


def test_settings_of_the_command_line_replace_those_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    quality = load("quality", monkeypatch)
    case = quality.Case(
        "x", ("mnist", "--minutes", "4.8", "--model", "cnn"), (), 300, settings=("report.views=mirror",)
    )
    assert case.arguments([]) == ["mnist", "--minutes", "4.8", "--model", "cnn", "--set", "report.views=mirror"]
    assert case.arguments(["train.steps=2", "report.views=none"]) == [
        "mnist", "--model", "cnn", "--set", "report.views=none", "--set", "train.steps=2",
    ]  # fmt: skip
    assert case.arguments(["model.name=mlp"])[:3] == ["mnist", "--minutes", "4.8"]


def test_every_case_is_a_command_that_learnloop_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    from learnloop.data.catalog import CATALOG
    from learnloop.recipe.build import build

    quality = load("quality", monkeypatch)
    for name, case in quality.CASES.items():
        data, *flags = case.arguments([])
        assert data in CATALOG, name
        given = dict(zip(flags[::2], flags[1::2]))
        minutes = float(given.get("--minutes", 0))
        # the limit of the command lies within what the case allows, and uses nearly all of it
        assert not minutes or 0.85 * case.seconds < 60 * minutes < case.seconds, name
        build(sets=case.settings)


def test_quality_measures_views_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quality = load("quality", monkeypatch)
    goals = (quality.Goal("accuracy with views", least=0.999), quality.Goal("weights", most=499_999))
    small = quality.Case("small", ("digits", "--model", "linear"), goals, None, settings=("report.views=shifts",))
    monkeypatch.setattr(quality, "CASES", {"small": small})
    out = tmp_path / "quality.json"
    short = [part for value in ("train.steps=2", "report.html=false", "report.baselines=false", "plan.name=plain")
             for part in ("--set", value)]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["quality.py", "--only", "small", "--seeds", "0", *short, "--out", str(out)])
    assert quality.main() == 0
    assert "| small | weights at most 499999 | 650 | 650 |" in capsys.readouterr().out
    found = json.loads(out.read_text())["cases"]["small"]
    run = found["runs"][0]
    assert run["weights"] == 64 * 10 + 10 and run["views"]["count"] == 3
    assert [(line["median"], line["met"]) for line in found["goals"]] == [
        (run["views"]["seen"]["value"], False),  # two steps of a linear model do not reach it
        (650, True),
    ]


# --- outliers.py ------------------------------------------------------------------------------------------------


def test_outliers_from_the_fit_to_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outliers = load("outliers", monkeypatch)
    stream = np.random.default_rng(0)
    noise = tmp_path / "noise.npz"
    np.savez(noise, x=stream.integers(0, 256, (200, 8, 8), dtype=np.uint8), y=np.arange(200) % 10)
    monkeypatch.setattr(outliers, "PAIRS", {"digits": str(noise)})
    monkeypatch.setattr(outliers, "_TEST", 0)
    monkeypatch.setattr(outliers, "_TURNS", 1)
    out = tmp_path / "outliers.json"
    short = [part for value in ("report.html=false", "plan.name=plain", "model.name=cnn") for part in ("--set", value)]
    monkeypatch.setattr(sys, "argv", ["outliers.py", "--steps", "60", "--rows", "150", *short, "--out", str(out)])
    code = outliers.main()
    found = json.loads(out.read_text())
    line = found["pairs"][0]
    assert found["limit"] == ["--steps", "60"] and line["trained_on"] == "digits"
    assert line["auroc"] > 0.9 and line["flagged_strange"] > line["flagged_familiar"]
    assert code == (0 if line["auroc"] >= 0.95 else 1) and found["met"] is (code == 0)
    assert f"| digits | {noise} | {line['auroc']} |" in capsys.readouterr().out
