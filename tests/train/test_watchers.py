"""Watchers: what they write and show, and what they say when a library is missing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from learnloop.errors import MissingExtraError
from learnloop.train.events import Event
from learnloop.train.watchers.progress import LineProgress, choose_progress, duration
from learnloop.train.watchers.tensorboard import TensorBoardWriter


def _event(kind: str, step: int, **scalars: float) -> Event:
    return Event(kind, step, step * 8, step / 10, step / 100, 100, scalars)  # type: ignore[arg-type]


def test_missing_tensorboard_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        TensorBoardWriter(tmp_path)
    text = str(caught.value)
    assert "needs the optional library tensorboard" in text and "pip install 'learnloop[tensorboard]'" in text


def _read_back(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of the event files in `folder`, as TensorBoard shows it."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra: .[tensorboard]"
    )
    found = reader.EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(row.step, row.value) for row in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_files_hold_every_scalar_by_step(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra: .[tensorboard]")
    writer = TensorBoardWriter(tmp_path)
    writer(_event("start", 0))
    for step in (10, 20):
        writer(_event("train", step, loss=1 / step, lr=0.5))
    writer(_event("validation", 20, loss=0.25))
    writer(_event("end", 20))
    assert _read_back(tmp_path) == {
        "train/loss": [(10, pytest.approx(0.1)), (20, pytest.approx(0.05))],
        "train/lr": [(10, 0.5), (20, 0.5)],
        "validation/loss": [(20, 0.25)],
    }


def test_a_resumed_run_takes_back_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra: .[tensorboard]")
    first = TensorBoardWriter(tmp_path)
    first(_event("train", 10, loss=1.0))
    state = first.state_dict()
    first(_event("train", 20, loss=9.0))  # after the checkpoint; then the process is killed
    first._writer.close()
    again = TensorBoardWriter(tmp_path)
    again.load_state_dict(state)
    again(_event("train", 15, loss=0.5))
    again(_event("end", 15))
    assert _read_back(tmp_path) == {"train/loss": [(10, 1.0), (15, 0.5)]}


def test_one_line_is_rewritten_and_never_leaves_a_tail() -> None:
    stream = io.StringIO()
    progress = LineProgress(live=True, monitor="loss", stream=stream)
    progress(_event("start", 0))
    progress(_event("train", 10, loss=1234.5))
    progress._shown = 0.0
    progress(_event("train", 20, loss=1.0))
    progress(_event("end", 100))
    lines = stream.getvalue().split("\r")
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")
    assert len(lines[-1].rstrip("\n")) >= len(lines[-2].rstrip()), "the rest of a longer line is overwritten"
    assert "10%" in lines[1] and "step 10/100" in lines[1] and "loss 1234" in lines[1]


def test_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = choose_progress("auto", "loss")
    assert isinstance(progress, LineProgress)
    for event in (_event("start", 0), _event("train", 1, loss=2.0), _event("end", 100)):
        progress(event)
    assert "\r" not in capsys.readouterr().err
    assert choose_progress("off", "loss") is None


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3675, "1:01:15")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
