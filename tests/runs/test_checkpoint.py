"""Checkpoints survive damage, full disks and kills."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from learnloop.errors import DiskError, RunError
from learnloop.runs import atomic
from learnloop.runs.checkpoint import Checkpoints
from learnloop.runs.journal import Journal, read_journal
from learnloop.runs.pack import pack, unpack


def _state(value: float) -> dict:
    return {
        "step": 3,
        "net": {"weight": torch.full((2, 3), value), "half": torch.ones(2, dtype=torch.bfloat16)},
        "list": [torch.arange(3), None, "text", 1.5, True],
        "array": np.arange(4.0),
        "names": np.array(["a", "b"]),
        "pair": (1, torch.tensor(2.0)),
        "nan": float("nan"),
    }


def test_pack_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    shared = torch.randn(3, 4)
    state = {**_state(0.1), "same": [shared, shared.t(), shared[1:]]}
    (tmp_path / "x").write_bytes(pack(state))
    back = unpack(str(tmp_path / "x"))
    assert torch.equal(back["net"]["weight"], state["net"]["weight"])
    assert back["net"]["half"].dtype == torch.bfloat16
    assert back["list"][1:] == [None, "text", 1.5, True] and torch.equal(back["list"][0], torch.arange(3))
    assert np.array_equal(back["array"], state["array"]) and back["names"].tolist() == ["a", "b"]
    assert isinstance(back["pair"], tuple) and back["nan"] != back["nan"]
    assert torch.equal(back["same"][1], shared.t()) and torch.equal(back["same"][2], shared[1:])


def test_pack_refuses_what_only_a_pickle_could_hold() -> None:
    with pytest.raises(TypeError, match=r"state 'a/b' holds a object; only tensors"):
        pack({"a": {"b": object()}})


def test_newest_good_checkpoint_is_used_and_the_damaged_one_named(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, _state(1.0))
    newest = checkpoints.save(20, _state(2.0))
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    loaded = checkpoints.load()
    assert loaded is not None and loaded.step == 10 and loaded.state["net"]["weight"][0, 0] == 1.0
    assert loaded.skipped == (
        "checkpoint step-00000020.safetensors is damaged (its checksum differs); using the one before it",
    )


@pytest.mark.parametrize("damage", ["truncate", "no_json", "bad_json"])
def test_damage_of_every_kind_is_noticed(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, _state(1.0))
    newest = checkpoints.save(2, _state(2.0))
    if damage == "truncate":
        os.truncate(newest, 50)
    elif damage == "no_json":
        newest.with_suffix(".json").unlink()
    else:
        newest.with_suffix(".json").write_text("{")
    loaded = checkpoints.load()
    assert loaded is not None and loaded.step == 1


def test_all_damaged_is_an_error_that_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    os.truncate(checkpoints.save(1, _state(1.0)), 10)
    with pytest.raises(RunError, match="must hold at least one intact checkpoint"):
        checkpoints.load()


def test_only_the_last_good_ones_are_kept_and_leftovers_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    (tmp_path / ".step-x.part").write_bytes(b"half")
    for step in (1, 2, 3, 4):
        checkpoints.save(step, _state(step))
    assert checkpoints.steps() == [4, 3]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"step-0000000{step}.{kind}" for step in (3, 4) for kind in ("json", "safetensors")
    ]


def test_a_full_disk_leaves_the_old_file_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic.write_bytes(path, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError) as caught:
        atomic.write_bytes(path, b"new")
    assert "needs room on the disk" in str(caught.value) and "what was saved before is intact" in str(caught.value)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_whole_folder_is_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    with atomic.whole_folder(target) as fresh:
        (fresh / "a").write_text("1")
    with pytest.raises(KeyError), atomic.whole_folder(target) as fresh:
        (fresh / "a").write_text("2")
        raise KeyError
    assert (target / "a").read_text() == "1" and [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_journal_rewinds_and_ignores_a_cut_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.append({"step": 1, "loss": 0.5})
    position = journal.position
    journal.append({"step": 2, "loss": float("nan")})
    journal.rewind(position)
    journal.append({"step": 2, "loss": float("inf")})
    journal.close()
    with open(journal.path, "a") as file:
        file.write('{"step": 3, "lo')
    assert read_journal(journal.path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": None}]
