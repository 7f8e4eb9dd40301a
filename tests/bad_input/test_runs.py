"""Run folders and bundles: wrong, damaged, not writable, full; interruptions. Nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import learnloop as ll
from learnloop.errors import DiskError
from learnloop.runs import atomic
from tests.bad_input.conftest import FAST, Call, good

RESUME = "do:        learnloop fit --resume"


def new_rows(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    good(3).drop(columns="y").to_csv(path, index=False)
    return path


@pytest.mark.parametrize("change", ["gone", "empty", "cut", "noise"])
@pytest.mark.parametrize("name", ["bundle.json", "model.safetensors", "transforms.safetensors", "probe.json"])
def test_a_damaged_bundle(call: Call, trained: Path, tmp_path: Path, name: str, change: str) -> None:
    path = trained / "bundle" / name
    data = path.read_bytes()
    noise = np.random.default_rng(0).bytes(100)
    path.unlink()
    if change != "gone":
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "noise": noise}[change])
    _, err = call("predict", trained, new_rows(tmp_path))
    assert name in err and "found:" in err and "probably:" in err and f"{RESUME} {trained}" in err
    call("fit", "--resume", trained, code=0)
    call("predict", trained, tmp_path / "new.csv", code=0)


def test_a_bundle_with_other_numbers_fails_its_exam(call: Call, trained: Path, tmp_path: Path) -> None:
    path = trained / "bundle" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 0x5F
    path.write_bytes(bytes(data))
    _, err = call("predict", trained, new_rows(tmp_path))
    assert "must give the answers of its own probe.json" in err and "probabilities differ" in err


@pytest.mark.parametrize("content", [b"", b'{"format": 1, "as', b"\xff\xfe\x00", b"[1]", b'{"format": 1}'])
def test_a_damaged_report(call: Call, trained: Path, tmp_path: Path, content: bytes) -> None:
    (trained / "report.json").write_bytes(content)
    for command in (["evaluate", trained], ["report", trained], ["compare", trained, trained]):
        _, err = call(*command)
        assert f"{trained}/report.json: must be " in err and f"{RESUME} {trained}" in err
    out, _ = call("runs", tmp_path, code=0)
    assert "damaged report" in out
    call("predict", trained, new_rows(tmp_path), code=0)
    call("fit", "--resume", trained, code=0)
    call("evaluate", trained, code=0)


def test_a_damaged_journal_and_recipe(call: Call, trained: Path) -> None:
    (trained / "metrics.jsonl").write_bytes(b"\xff\xfe not json\n{}\n")
    _, err = call("report", trained)
    assert "metrics.jsonl: must hold one JSON object a line\n  found:     line 1:" in err and "mv " in err
    call("evaluate", trained, code=0)
    (trained / "metrics.jsonl").unlink()
    (trained / "recipe.yaml").write_bytes(b"\xff\xfe\x00")
    call("report", trained, code=0)
    _, err = call("fit", "--resume", trained)
    assert "recipe.yaml: must be as it was when the run was begun" in err and "its checksum differs" in err


@pytest.mark.parametrize("name", ["environment.json", "plan.json"])
@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff"])
def test_damaged_notes_of_a_run_stop_a_resume_with_words(call: Call, trained: Path, name: str, content: bytes) -> None:
    (trained / name).write_bytes(content)
    _, err = call("fit", "--resume", trained)
    assert f"{name}: must be readable JSON" in err and "copy this file once more" in err


def test_the_newest_checkpoint_is_damaged(call: Call, trained: Path) -> None:
    newest = sorted((trained / "checkpoints").glob("*.safetensors"))[-1]
    before = (trained / "bundle" / "model.safetensors").read_bytes()
    newest.write_bytes(newest.read_bytes()[:-30])
    shutil.rmtree(trained / "bundle")
    _, err = call("fit", "--resume", trained, code=0)
    assert f"checkpoint {newest.name} is damaged" in err and "using the one before it" in err
    assert (trained / "bundle" / "model.safetensors").read_bytes() == before
    for path in (trained / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"")
    shutil.rmtree(trained / "bundle")
    _, err = call("fit", "--resume", trained)
    assert "must hold at least one intact checkpoint" in err and "start again" in err


def test_a_finished_run_can_be_resumed_twice(call: Call, trained: Path) -> None:
    before = (trained / "bundle" / "model.safetensors").read_bytes()
    for _ in range(2):
        _, err = call("fit", "--resume", trained, code=0)
        assert "has finished: there is nothing left to resume" in err
    assert (trained / "bundle" / "model.safetensors").read_bytes() == before
    _, err = call("fit", "--resume", trained, "--epochs", "99")
    assert "--resume: continues a run as it was begun; its recipe cannot be changed\n  found:     --epochs" in err


def test_folders_that_are_no_run(call: Call, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for command in (["predict", tmp_path / "other", "x"], ["evaluate", tmp_path / "other"], ["report", "nowhere"]):
        _, err = call(*command)
        assert "must be a run folder, or the name of a run" in err and "do:        learnloop runs" in err
    for nothing in (None, 3, "", []):
        with pytest.raises(ll.errors.RunError, match="must be a run folder, or the name of a run"):
            ll.Run.open(nothing)  # type: ignore[arg-type]
    with pytest.raises(ll.errors.RunError, match="there is no bundle.json"):
        ll.Bundle.load("/nowhere")
    (tmp_path / "other" / "mine.txt").write_text("precious")
    for more in ([], ["--overwrite"]):
        _, err = call("fit", "iris", "--out", tmp_path / "other", "-m", "linear", *FAST, *more)
        assert "must be a new folder, an empty one, or that of an earlier run" in err
        assert "learnloop never deletes what it did not make" in err
    assert (tmp_path / "other" / "mine.txt").read_text() == "precious"
    _, err = call("fit", "iris", "--out", trained, "-m", "linear", *FAST)
    assert "must not hold a run already" in err and "--overwrite" in err


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        (errno.EACCES, ["must be writable", "the folder belongs to another user", "--out DIR"]),
        (errno.EROFS, ["must be writable", "mounted read-only"]),
        (errno.ENOSPC, ["needs room on the disk", "the disk is full", "what was saved before is intact"]),
    ],
)
def test_a_run_folder_that_cannot_be_written(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, texts: list[str]
) -> None:
    """Permissions mean nothing to root, so the operating system's answer is given by hand."""
    mkdir = Path.mkdir

    def refuse(path: Path, *arguments: object, **options: object) -> None:
        if path.name == "closed":
            raise OSError(number, os.strerror(number), str(path))
        mkdir(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)
    _, err = call("fit", "iris", "-m", "linear", "--steps", "2", "--out", tmp_path / "closed", *FAST)
    assert all(text in err for text in texts), err


@pytest.mark.parametrize("name", ["bundle.json", "report.json", "findings.json"])
def test_a_disk_that_fills_after_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    replace = os.replace
    settings = {"plan.name": "plain", "plan.threads": 1, "report.baselines": False, "watch.progress": "off"}

    def full(source: object, target: object) -> None:
        if Path(str(target)).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(atomic.os, "replace", full)
    out = tmp_path / "run"
    with pytest.raises(DiskError, match=r"needs room on the disk[\s\S]*learnloop fit --resume"):
        ll.fit(good(), target="y", model="linear", steps=3, out=out, set=settings)
    assert not list(out.rglob("*.part")), "half-written files are left"
    monkeypatch.setattr(atomic.os, "replace", replace)
    resumed = ll.fit(good(), resume=out)
    whole = ll.fit(good(), target="y", model="linear", steps=3, out=tmp_path / "whole", set=settings)
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (resumed, whole)]
    assert weights[0] == weights[1] and resumed.metrics == whole.metrics


SLOW = """
import signal, sys, time
import learnloop.{module} as module
from learnloop.cli.main import main
def wait(*_, **__):
    print("ready", flush=True)
    time.sleep(60)
module.{name} = wait
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("module", "name"), [("data.opening", "_open_path"), ("verbs.fit", "baselines")])
def test_interrupted_before_training(tmp_path: Path, number: int, module: str, name: str) -> None:
    """While the data is read, and while the baselines are fitted: 130 and a sentence."""
    good().to_csv(tmp_path / "data.csv", index=False)
    command = ["fit", str(tmp_path / "data.csv"), "-t", "y", "-m", "linear", "--steps", "3", "--set", "plan=plain"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(module=module, name=name), *command, "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err


def test_standard_output_that_is_full_or_closed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "learnloop", "data"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and "needs room on the disk" in done.stderr and "Traceback" not in done.stderr
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m learnloop data >&-"], capture_output=True, text=True, timeout=60
    )
    assert closed.returncode == 0 and closed.stderr == ""


Csv = Callable[..., Path]


def test_prediction_with_other_columns(call: Call, trained: Path, csv: Csv) -> None:
    rows = good(3).drop(columns="y")
    _, err = call("predict", trained, csv(rows.drop(columns="a")))
    assert "must have the column that the model was trained on\n  found:     no a" in err
    assert "probably:  a column was dropped or renamed" in err and "df['a'] = None" in err
    _, err = call("predict", trained, csv(rows.rename(columns={"colour": "color"})))
    assert "colour: Did you mean 'color'?" in err and "df = df.rename(columns={'color': 'colour'})" in err
    _, err = call("predict", trained, csv(rows, a="tall"))
    assert "column a: must hold numbers\n  found:     'tall' in row 1" in err
    _, err = call("predict", trained, csv(rows, a=np.inf))
    assert "column a: must hold finite numbers" in err and "--set" not in err
    _, err = call("predict", trained, csv(rows.head(0)))
    assert "column names only: a, b, colour" in err
    _, err = call("predict", trained, csv(rows, name="one.csv"), csv(rows, name="two.csv"))
    assert "several inputs must all be pictures or folders of pictures" in err
    _, err = call("evaluate", trained, csv(rows))
    assert "found:     no y\n  probably:  the target is needed to evaluate" in err
    _, err = call("evaluate", trained, csv(good(), y="maybe"))
    assert "must hold labels that the model was trained on\n  found:     'maybe' in 80 rows" in err


def test_a_missing_value_in_json_is_missing(call: Call, trained: Path) -> None:
    out, _ = call("predict", trained, '{"a": null, "b": 2, "colour": "red"}', "--json", code=0)
    assert json.loads(out.splitlines()[-1])[0]["prediction"] in ("yes", "no")


def test_prediction_of_objects(trained: Path) -> None:
    run, rows = ll.Run.open(trained), good(3).drop(columns="y")
    assert len(run.predict(rows.iloc[0])) == 1  # a row of a frame
    with pytest.raises(ll.errors.SchemaError, match="expected 3 values in each row\n  found:     found 2"):
        run.predict(np.zeros((2, 2)))
    with pytest.raises(ll.errors.DataError, match="must have at least one row and one column\n  found:     0 rows x 3"):
        run.predict(rows.head(0))
