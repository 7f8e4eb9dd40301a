"""Folders of pictures end to end: a changed folder is not resumed, and decoding can be silent."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import learnloop as ll
from learnloop.data import progress
from learnloop.errors import RunError
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Cats are dark, dogs are light."""
    rng = np.random.default_rng(0)
    for name, low in (("cat", 0), ("dog", 150)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(low, low + 100, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


def fit(data: Path, out: Path, **more: Any) -> ll.Run:
    settings = {**FAST, **more.pop("settings", {})}
    return ll.fit(str(data), model="linear", batch_size=8, out=out, **{"steps": 6, "set": settings, **more})


def interrupted(pets: Path, out: Path) -> Path:
    def stop(event: Event) -> None:
        if event.kind == "train" and event.step >= 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        fit(pets, out, steps=100_000, watchers=[stop], settings={"train.log_every": 1})
    return out


def test_a_run_on_a_folder_that_changed_is_not_continued(pets: Path, tmp_path: Path) -> None:
    run = interrupted(pets, tmp_path / "run")
    image = pets / "cat" / "3.png"
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(image)  # as many rows as before
    with pytest.raises(RunError) as caught:
        ll.fit(resume=run)
    assert str(caught.value) == (
        f"--resume {run}: needs the data that the run was begun on\n"
        f"  found:     {pets} has changed since (24 rows now)\n"
        f"  do:        learnloop fit {pets} --out <new folder>"
    )


def test_a_run_on_a_folder_that_did_not_change_is_continued(pets: Path, tmp_path: Path) -> None:
    run = interrupted(pets, tmp_path / "run")

    def stop(event: Event) -> str | None:
        return "enough" if event.step >= 5 else None

    assert 5 <= ll.fit(resume=run, watchers=[stop]).report["training"]["steps"] < 100_000


@pytest.mark.parametrize("shown", ["line", "off"])
def test_progress_off_silences_the_decoding_of_a_folder(
    shown: str, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SILENT", 0.0)  # as where it takes long
    fit(pets, tmp_path / "run", settings={"watch.progress": shown})
    said = capsys.readouterr().err
    assert ("looking at images" in said, "images decoded in" in said) == (shown == "line", shown == "line")
