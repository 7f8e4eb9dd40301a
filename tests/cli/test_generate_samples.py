"""`learnloop generate`, `predict` and `evaluate` with runs that make data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from learnloop.cli.main import run
from learnloop.verbs.run import Run
from tests.bundle.generative_cases import pictures, run_of, series, table

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained runs, and new data of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    run_of(folder / "gan", "dense_gan", pictures())
    run_of(folder / "told", "vae", pictures(), class_conditional=True)
    run_of(folder / "coder", "deep_autoencoder", pictures(), threshold=0.05)
    run_of(folder / "rows", "vae", table(), threshold=0.5)
    run_of(folder / "series", "vae", series())
    run_of(folder / "pairs", "pix2pix", pictures())
    run_of(folder / "heaps", "cyclegan", pictures())
    table(6).frame.drop(columns="kind").to_csv(folder / "new.csv", index=False)
    x = pictures(5).arrays["image"][..., 0]
    np.savez(folder / "new.npz", x=x)
    np.savez(folder / "both.npz", x=x, y=255 - x)
    (folder / "photos").mkdir()
    for place, picture in enumerate(x):
        Image.fromarray(picture).save(folder / "photos" / f"{place}.png")
    return folder


def call(capsys: Capture, *arguments: object, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    found = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert found == code, f"{out}\n{err}"
    return out, err


def last_json(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_samples_are_a_sheet_and_single_files(runs: Path, capsys: Capture, tmp_path: Path) -> None:
    out, _ = call(capsys, "generate", runs / "gan", "--count", 5, "--seed", 7, "--out", tmp_path / "s")
    assert out == f"5 pictures: {tmp_path / 's' / 'sheet.png'}\n"
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert names == [*(f"0000{place}.png" for place in range(1, 6)), "sheet.png"]
    made = Run.open(runs / "gan").make(5, 7)
    assert np.array_equal(pixels(tmp_path / "s" / "00004.png"), made[3, 0])  # type: ignore[index, call-overload]
    height, width = pixels(tmp_path / "s" / "sheet.png").shape
    assert (height, width) == (2 * 48 + 2, 3 * 48 + 2 * 2), "each pixel three times, three pictures in a line"


def test_without_a_folder_samples_go_into_the_run_and_json_says_where(runs: Path, capsys: Capture) -> None:
    out, _ = call(capsys, "generate", runs / "told", "--count", 2, "--class", "dog", "--json")
    found = last_json(out)
    folder = runs / "told" / "samples" / "count-2-seed-0-class-dog"
    assert found["out"] == str(folder) and found["sheet"] == str(folder / "sheet.png")
    assert (found["count"], found["seed"], found["class"]) == (2, 0, "dog")
    assert all(Path(name).is_file() for name in found["files"]) and len(found["files"]) == 2
    made = Run.open(runs / "told").make(2, 0, "dog")
    assert np.array_equal(pixels(Path(found["files"][1])), made[1, 0])  # type: ignore[index, call-overload]


def test_ways_between_and_sums_are_one_line(runs: Path, capsys: Capture, tmp_path: Path) -> None:
    call(capsys, "generate", runs / "gan", "--interpolate", 4, "--out", tmp_path / "way")
    assert pixels(tmp_path / "way" / "sheet.png").shape == (48, 4 * 48 + 3 * 2)
    call(capsys, "generate", runs / "gan", "--arithmetic", "3 - 1 + 7", "--out", tmp_path / "sum")
    assert len(list((tmp_path / "sum").glob("0*.png"))) == 4


def test_rows_are_a_table_in_the_units_of_the_data(runs: Path, capsys: Capture) -> None:
    out, _ = call(capsys, "generate", runs / "rows", "--count", 3, "--seed", 1)
    assert out.split()[:5] == ["age", "weight", "colour", "member", "since"]
    frame = pd.read_csv(runs / "rows" / "samples" / "count-3-seed-1" / "samples.csv")
    assert list(frame.columns) == ["age", "weight", "colour", "member", "since"] and len(frame) == 3
    out, _ = call(capsys, "generate", runs / "rows", "--count", 3, "--seed", 1, "--json")
    assert [row["age"] for row in last_json(out)["rows"]] == frame["age"].tolist()
    call(capsys, "generate", runs / "series", "--count", 2)
    steps = pd.read_csv(runs / "series" / "samples" / "count-2-seed-0" / "samples.csv")
    assert list(steps.columns) == ["series", "step", "value_1", "value_2"] and len(steps) == 24


def test_wishes_that_cannot_be_are_told_at_once(runs: Path, capsys: Capture) -> None:
    _, err = call(capsys, "generate", runs / "gan", "--count", 0, "--interpolate", 1, code=2)
    assert "--count: must be at least 1 sample\n  found:     0" in err
    assert "--interpolate: must be at least 2 samples: both ends" in err
    assert "--interpolate says that itself" in err
    _, err = call(capsys, "generate", runs / "gan", "--interpolate", 3, "--arithmetic", "1 + 2", code=2)
    assert "--interpolate: is one wish, --arithmetic another" in err
    _, err = call(capsys, "generate", runs / "told", "--class", "bird", code=2)
    assert "--class bird: must be a class that the network was trained with" in err and "available: " in err
    _, err = call(capsys, "generate", runs / "gan", "--prompt", "once", code=2)
    assert "--prompt: is for runs that continue texts\n  found:     a run of the task gan" in err
    _, err = call(capsys, "generate", runs / "pairs", code=2)
    assert "pix2pix: must be a network that can generate" in err


def test_codes_and_scores_of_rows(runs: Path, capsys: Capture, tmp_path: Path) -> None:
    out, err = call(capsys, "predict", runs / "coder", runs / "new.npz", "--json")
    rows = last_json(out)
    expected = Run.open(runs / "coder").predict(pictures(5).arrays["image"])
    assert len(rows) == 5 and set(rows[0]) == {"codes", "score", "anomaly"}
    assert rows[2]["codes"] == pytest.approx(expected.iloc[2, :3].tolist(), abs=1e-6)
    assert [row["anomaly"] for row in rows] == expected["anomaly"].tolist()
    flagged = int(expected["anomaly"].sum())
    assert f"{flagged} of 5 rows have a score above 0.05: anomalies" in err
    out, _ = call(capsys, "predict", runs / "coder", runs / "photos")
    assert out.split()[:6] == ["row", "file", "code_1", "code_2", "code_3", "score"] and "0.png" in out
    call(capsys, "predict", runs / "rows", runs / "new.csv", "--rows", 2, "--out", tmp_path / "codes.csv")
    assert len(pd.read_csv(tmp_path / "codes.csv")) == 2
    out, _ = call(capsys, "predict", runs / "rows", "age=30", "weight=70", "colour=red", "member=True",
                  "since=2020-05-01", "--json")  # fmt: skip
    assert len(last_json(out)) == 1


def test_reconstructions_go_into_a_folder(runs: Path, capsys: Capture, tmp_path: Path) -> None:
    call(capsys, "predict", runs / "coder", runs / "new.npz", "--out", tmp_path / "back")
    names = {path.name for path in (tmp_path / "back").iterdir()}
    assert names == {"codes.csv", "sheet.png", *(f"0000{place}.png" for place in range(1, 6))}
    made = Run.open(runs / "coder").maker.reconstruct(pictures(5).arrays["image"])
    assert np.array_equal(pixels(tmp_path / "back" / "00002.png"), made[1, 0])  # type: ignore[index, call-overload]
    call(capsys, "predict", runs / "rows", runs / "new.csv", "--out", tmp_path / "rows")
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {"codes.csv", "reconstructed.csv"}
    _, err = call(capsys, "predict", runs / "coder", runs / "new.npz", "--out", tmp_path / "codes.xlsx", code=2)
    assert "must be a table or a folder\n  found:     .xlsx" in err


def test_pictures_from_pictures_go_into_a_folder(runs: Path, capsys: Capture, tmp_path: Path) -> None:
    out, _ = call(capsys, "predict", runs / "pairs", runs / "photos", "--out", tmp_path / "made")
    assert out == f"5 pictures: {tmp_path / 'made'}\n"
    made = Run.open(runs / "pairs").maker.translate(pictures(5).arrays["image"])
    assert np.array_equal(pixels(tmp_path / "made" / "00003.png"), made[2, 0])
    out, _ = call(capsys, "predict", runs / "pairs", runs / "new.npz", "--rows", 2, "--json")
    rows = last_json(out)
    assert len(rows) == 2 and rows[0]["shape"] == [1, 16, 16] and rows[0]["picture"].startswith("data:image/png;")
    back, _ = call(capsys, "predict", runs / "heaps", runs / "new.npz", "--back", "--json")
    there, _ = call(capsys, "predict", runs / "heaps", runs / "new.npz", "--json")
    assert last_json(back)[0] != last_json(there)[0], "the other way is another network"


def test_what_a_run_cannot_answer_is_told(runs: Path, capsys: Capture) -> None:
    _, err = call(capsys, "predict", runs / "gan", runs / "new.npz", code=2)
    assert "dense_gan: must be a network that encodes rows, or makes pictures from pictures" in err
    assert f"learnloop generate {runs / 'gan'} --count 64" in err
    _, err = call(capsys, "predict", runs / "coder", runs / "new.npz", "--back", code=2)
    assert "--back: is for runs that make pictures from pictures" in err
    _, err = call(capsys, "predict", runs / "coder", runs / "new.npz", "--views", "mirror", code=2)
    assert "--views: is of no use here" in err
    _, err = call(capsys, "predict", runs / "coder", "--horizon", 3, code=2)
    assert "--horizon: is for runs that forecast series" in err
    with pytest.raises(Exception, match="must be a run on rows") as caught:
        _ = Run.open(runs / "gan").bundle
    assert "found:     a run that makes data (task gan)" in str(caught.value)


def test_evaluation_measures_rows_and_pairs(runs: Path, capsys: Capture) -> None:
    x = pictures(5).arrays["image"][..., 0].astype(float)
    out, _ = call(capsys, "evaluate", runs / "coder", runs / "new.npz", "--json")
    made = Run.open(runs / "coder").maker.reconstruct(pictures(5).arrays["image"])
    error = np.mean(((made[:, 0] - x) / 255) ** 2)  # type: ignore[index, call-overload]
    metrics = last_json(out)["metrics"]
    assert list(metrics) == ["mse"] and metrics["mse"] == pytest.approx(error, abs=2e-3)  # half a grey level
    out, _ = call(capsys, "evaluate", runs / "rows", runs / "new.csv", "--json")
    found = last_json(out)["metrics"]
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"])
    out, _ = call(capsys, "evaluate", runs / "pairs", runs / "both.npz", "--json")
    made = Run.open(runs / "pairs").maker.translate(pictures(5).arrays["image"])[:, 0]
    off = (made - (255 - x)) / 255
    found = last_json(out)["metrics"]
    assert found["mae"] == pytest.approx(np.abs(off).mean())
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10((off**2).mean((1, 2)))))
    _, err = call(capsys, "evaluate", runs / "pairs", runs / "new.npz", code=2)
    assert "must hold pairs of pictures" in err


def test_samples_are_measured_beside_the_pictures_given(runs: Path, capsys: Capture) -> None:
    many = runs / "many.npz"
    np.savez(many, x=pictures(300).arrays["image"][..., 0])
    out, _ = call(capsys, "evaluate", runs / "gan", many, "--json")
    metrics = last_json(out)["metrics"]
    assert metrics["frechet_pixels"] > 0 and 0 <= metrics["coverage"] <= 1
    again, _ = call(capsys, "evaluate", runs / "gan", many, "--json")
    assert last_json(again)["metrics"] == metrics
    found = Run.open(runs / "gan").evaluate(many)
    assert found.rows == 300 and "principal components are those of the pictures given" in found.notes[1]
