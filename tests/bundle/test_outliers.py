"""The score of pictures unlike the training pictures: the equation, the bundle, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import learnloop as ll
from learnloop.bundle.bundle import Bundle
from learnloop.bundle.features import features_seen
from learnloop.bundle.outliers import Outliers
from learnloop.cli.main import run as command
from learnloop.data.conform import conform
from learnloop.errors import ModelError, RecipeError, RunError

FAST: dict[str, Any] = {
    "plan.name": "plain", "plan.threads": 1, "report.baselines": False, "report.html": False, "watch.progress": "off",
}  # fmt: skip


def flat(rows: int, seed: int, width: int = 12, inside: int = 3) -> np.ndarray:
    """Features that lie near a plane of `inside` dimensions."""
    random = np.random.default_rng(seed)
    plane = np.linalg.qr(np.random.default_rng(99).normal(size=(width, inside)))[0]
    noise = 0.05 * random.normal(size=(rows, width))
    found: np.ndarray = (random.normal(size=(rows, inside)) @ plane.T + noise + 2.0).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ll.Run:
    """A small network on the digits, with its score and with the gain of views."""
    out = tmp_path_factory.mktemp("outliers") / "run"
    return ll.fit("digits", model="cnn", epochs=4, out=out, set={**FAST, "report.views": "shifts"})


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 8, 8, 1), dtype=np.uint8)


@pytest.mark.parametrize("rows", [200, 2000])
def test_the_score_is_the_share_outside_of_the_principal_subspace(rows: int) -> None:
    width = 400 if rows == 200 else 12  # wider than long, and longer than wide: two ways to the same directions
    train, held = flat(rows, 0, width), flat(500, 1, width)
    found = Outliers.fit(train, held)
    assert found is not None
    assert np.allclose(found.directions.T @ found.directions, np.eye(found.directions.shape[1]), atol=1e-4)
    centred = held[0].astype(float) - train.astype(float).mean(0)
    rest = centred - found.directions @ (found.directions.T @ centred)
    assert found.residual(held[:1])[0] == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(centred), abs=1e-4)
    assert (found.score(held) > 1).mean() == pytest.approx(0.01, abs=0.003)


def test_what_leaves_the_plane_is_flagged() -> None:
    found = Outliers.fit(flat(1000, 0), flat(500, 1))
    assert found is not None and found.directions.shape == (12, 3)
    strange = np.random.default_rng(5).normal(size=(200, 12)) + 2.0
    assert (found.score(strange) > 1).mean() > 0.95


def test_nothing_is_fitted_where_nothing_can_be_told() -> None:
    train, held = flat(300, 0), flat(300, 1)
    assert Outliers.fit(train, held[:99]) is None
    assert Outliers.fit(train[:99], held) is None
    assert Outliers.fit(np.ones_like(train), held) is None
    assert Outliers.fit(np.where(train > 2, np.nan, train), held) is None
    full = np.random.default_rng(0).normal(size=(3000, 2))
    assert Outliers.fit(full, full) is None


def test_features_are_those_before_the_last_linear_layer_and_nothing_changes() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(5, 4)
    before = net(x)
    with features_seen(net) as seen:
        assert torch.equal(net(x), before)
    assert torch.equal(seen[0], net[1](net[0](x)))
    net(x)
    assert len(seen) == 1  # the hook is gone


def test_a_run_tells_noise_from_digits(shared: ll.Run) -> None:
    bundle = shared.bundle
    assert bundle.outliers is not None and bundle.outliers.rows >= 100
    digits = shared.held_out()
    assert bundle.answers(digits)["outlier_score"].mean() < 0.9
    frame = shared.predict(noise(50))
    assert frame["outlier"].mean() > 0.5
    assert (frame["outlier"] == (frame["outlier_score"] > 1)).all()


def test_the_score_changes_no_probability_and_does_not_depend_on_the_batch(shared: ll.Run) -> None:
    bundle, rows = shared.bundle, shared.held_out().take(np.arange(20))
    plain, scored = bundle.outputs(rows), bundle.answers(rows)
    assert set(plain) == {"probabilities"} and (plain["probabilities"] == scored["probabilities"]).all()
    alone = [bundle.answers(rows.take(np.array([row])))["outlier_score"][0] for row in range(20)]
    assert np.allclose(alone, scored["outlier_score"], atol=1e-4)
    assert len(bundle.answers(rows.take(np.arange(0)))["outlier_score"]) == 0


def test_records_carry_the_flag(shared: ll.Run) -> None:
    row = shared.bundle.records(noise(1))[0]
    assert list(row) == ["prediction", "probability", "probabilities", "outlier", "outlier_score"]
    assert row["outlier"] is (row["outlier_score"] > 1)


def test_a_bundle_without_the_file_is_as_before_and_a_damaged_one_is_refused(shared: ll.Run, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shared.bundle.save(copy, conform(noise(4), shared.bundle.about.schema))
    scores = Bundle.load(copy).answers(conform(noise(4), shared.bundle.about.schema))["outlier_score"]
    assert np.allclose(scores, shared.predict(noise(4))["outlier_score"], atol=1e-5)
    (copy / "outliers.safetensors").write_bytes(b"x")
    with pytest.raises(RunError, match="must be an intact bundle\n  found:     outliers.safetensors"):
        Bundle.load(copy)
    (copy / "outliers.safetensors").unlink()
    assert list(Bundle.load(copy).predict(noise(2)).columns[:3]) == ["prediction", "probability", "probability_0"]


def test_the_command_flags_and_names_the_picture(
    shared: ll.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    strange = shared.bundle.answers(conform(noise(50), shared.bundle.about.schema))["outlier_score"]
    Image.fromarray(noise(50)[int(strange.argmax()), ..., 0]).save(tmp_path / "noise.png")
    assert command(["predict", str(shared.path), str(tmp_path / "noise.png"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "1 of 1 picture is unlike the training pictures: its outlier_score is beyond that of 99 % of them" in err
    (row,) = json.loads(out)
    assert row["file"].endswith("noise.png") and row["outlier"] is True and len(row["probabilities"]) == 10
    assert command(["predict", str(shared.path), str(tmp_path / "noise.png")]) == 0
    assert " next likeliest\n" in capsys.readouterr().out


def test_views_are_means_of_the_answers(shared: ll.Run) -> None:
    bundle, rows = shared.bundle, shared.held_out().take(np.arange(10))
    pixels = rows.arrays["image"]
    mirrored = conform(np.ascontiguousarray(pixels[:, :, ::-1]), bundle.about.schema)
    mean = (bundle.outputs(rows)["probabilities"] + bundle.outputs(mirrored)["probabilities"]) / 2
    assert np.allclose(bundle.outputs(rows, "mirror")["probabilities"], mean, atol=1e-6)
    plain = bundle.outputs(rows)["probabilities"]
    for views in ("mirror", "mirror+shifts"):
        known = bundle.outputs(rows, views, plain=plain)["probabilities"]
        assert np.allclose(known, bundle.outputs(rows, views)["probabilities"], atol=1e-6)
    assert (bundle.outputs(rows, "none")["probabilities"] == bundle.outputs(rows)["probabilities"]).all()
    with pytest.raises(ModelError, match="must be a known set of views"):
        bundle.outputs(rows, "mirrors")  # type: ignore[arg-type]


def test_the_gain_of_views_is_stated(shared: ll.Run, capsys: pytest.CaptureFixture[str]) -> None:
    found = shared.report["views"]
    assert found["views"] == "shifts" and found["count"] == 3 and found["metric"] == "accuracy"
    assert found["plain"]["value"] == shared.metrics["test"]["accuracy"]
    difference = found["difference"]
    assert difference["value"] == pytest.approx(found["seen"]["value"] - found["plain"]["value"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    gain = shared.gain("shifts")
    assert json.loads(json.dumps(gain.to_json())) == found
    shared.write_report()
    page = (shared.path / "report.html").read_text(encoding="utf-8")
    assert "Several views of each picture" in page and "Mean over 3 views of each picture (shifts): accuracy" in page
    assert command(["evaluate", str(shared.path), "--views", "mirror", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["metrics"]["accuracy"] == shown["views"]["seen"]["value"]
    assert shown["views"]["plain"]["value"] == shared.metrics["test"]["accuracy"]


def test_views_are_refused_for_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60), "y": ["n", "p"] * 30})
    with pytest.raises(RecipeError, match=r"report\.views: is for images"):
        ll.fit(frame, target="y", model="linear", steps=2, out=tmp_path / "r", set={**FAST, "report.views": "mirror"})
