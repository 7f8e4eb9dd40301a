"""Training with augmentation on: resumed bit for bit, mixed labels through every loss, prediction untouched by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learnloop as ll
from learnloop.errors import RecipeError
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
    "model.widths": [8, 8],
    "model.stem": 8,
}
EVERYTHING = {
    "augment": ["rotation", "zoom", "brightness", "hue", "noise", "erase", "mixup", "cutmix", "policy"],
    "augment.flip": "alternate",
}


def photos(rows: int = 60, classes: int = 3, side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Class k has its bright square in corner k."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 120, (rows, side, side, 3)).astype(np.uint8)
    y = np.arange(rows) % classes
    for image, k in zip(x, y):
        image[8 * k : 8 * k + 8] = 250
    return x, np.array(["cat", "dog", "owl"])[y]


def fit(out: Path | None, *, settings: dict[str, Any] | None = None, **more: Any) -> ll.Run:
    return ll.fit(photos(), model="cnn", epochs=4, batch_size=10, out=out, set={**FAST, **(settings or {})}, **more)


def weights(run: ll.Run) -> bytes:
    return (run.path / "bundle" / "model.safetensors").read_bytes()


def test_interrupted_and_resumed_equals_undisturbed_with_everything_on(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        import os
        import signal

        if event.kind == "train" and event.step >= 7:
            os.kill(os.getpid(), signal.SIGINT)

    settings = {**EVERYTHING, "train.log_every": 1}
    whole = fit(tmp_path / "whole", settings=settings)
    with pytest.raises(Interrupted):
        fit(tmp_path / "cut", settings=settings, watchers=[stop])
    again = ll.fit(photos(), resume=tmp_path / "cut")
    assert weights(whole) == weights(again)
    assert whole.history.drop(columns="seconds").equals(again.history.drop(columns="seconds"))
    assert weights(fit(tmp_path / "none", settings={"augment": "none", "train.log_every": 1})) != weights(whole)


def test_prediction_is_not_augmented(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", settings=EVERYTHING)
    x, _ = photos()
    together = run.predict(x[:7])["probability"].to_numpy()
    alone = np.concatenate([run.predict(x[row : row + 1])["probability"].to_numpy() for row in range(7)])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert np.array_equal(run.predict(x[:7])["probability"].to_numpy(), together)


def test_the_recipe_of_a_run_says_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(tmp_path / "run")
    said = capsys.readouterr().err
    assert "augment: flip alternate, crop 2, fill reflect (suggested by cnn)" in said
    text = (run.path / "recipe.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("  crop:"))
    assert line.split("#")[0].split() == ["crop:", "2"] and line.endswith("# suggested by cnn")


@pytest.mark.parametrize("loss", ["cross_entropy", "kl"])
def test_mixed_labels_go_through_the_losses_of_probabilities(loss: str, tmp_path: Path) -> None:
    run = fit(tmp_path / "run", settings={"augment": ["mixup", "cutmix"], "task.loss": loss})
    assert np.isfinite(run.history["loss"]).all() and run.bundle.classes == ["cat", "dog", "owl"]


def test_mixed_labels_of_two_classes_with_one_output_and_weights(tmp_path: Path) -> None:
    x, y = photos()
    rows = y != "owl"
    settings = {**FAST, "augment": ["mixup"], "task.loss": "binary_cross_entropy", "task.class_weights": "balanced"}
    run = ll.fit((x[rows], y[rows]), model="cnn", epochs=4, batch_size=10, out=tmp_path / "run", set=settings)
    assert run.metrics["test"]["accuracy"] >= 0.5 and np.isfinite(run.history["loss"]).all()


def test_numbers_are_mixed_and_not_mirrored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, _ = photos()
    settings = {**FAST, "augment": "light", "augment.mixup": 0.2}
    run = ll.fit(
        (x, np.arange(60) % 3 * 1.5), task="regress", model="cnn", epochs=4, out=tmp_path / "run", set=settings
    )
    assert "not mirrored: the target is a number" in capsys.readouterr().err
    assert np.isfinite(run.metrics["test"]["rmse"])


def test_mixup_with_hinge_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mixup makes probabilities(.|\n)*task.loss=cross_entropy"):
        fit(tmp_path / "run", settings={"augment": ["mixup"], "task.loss": "hinge"})
    assert not (tmp_path / "run").exists()
