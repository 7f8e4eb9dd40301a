"""Run folders: made, found, protected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from learnloop.errors import RunError
from learnloop.runs.folder import RunFolder, list_runs


def _run(path: Path) -> RunFolder:
    folder = RunFolder.create(path, "x")
    folder.recipe.write_text("seed: 0\n")
    return folder


def test_a_run_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    _run(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path / "a", "x")
    text = str(caught.value)
    assert "must not hold a run already" in text and f"learnloop fit --resume {tmp_path / 'a'}" in text
    assert "--overwrite" in text
    RunFolder.create(tmp_path / "a", "x", overwrite=True)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["notes.txt"], "foreign files stay"


def test_a_folder_that_is_not_a_run_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"x")
    with pytest.raises(RunError, match="learnloop never deletes what it did not make"):
        RunFolder.create(tmp_path / "photos", "x", overwrite=True)
    assert (tmp_path / "photos" / "me.jpg").exists()


def test_unknown_run_names_the_nearest(own_home: Path) -> None:
    _run(own_home / "runs" / "digits-mlp")
    with pytest.raises(RunError) as caught:
        RunFolder.find("digits-mpl")
    assert "available: digits-mlp" in str(caught.value)
    assert RunFolder.find("digits-mlp").path == own_home / "runs" / "digits-mlp"
    assert [run.path.name for run in list_runs()] == ["digits-mlp"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_as_a_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="must be writable"):
        RunFolder.create(tmp_path / "run", "x")
    tmp_path.chmod(0o700)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path / "run", "x")
    assert "must be writable" in str(caught.value) and "choose another folder with --out DIR" in str(caught.value)


def test_dated_names_do_not_collide() -> None:
    first, second = RunFolder.create(None, "my data!"), RunFolder.create(None, "my data!")
    assert first.path != second.path and first.path.name.startswith("my-data-")
