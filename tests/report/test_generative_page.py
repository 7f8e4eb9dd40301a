"""The sections of a report on a network that makes data, and the pictures that they show."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from learnloop.contracts import X, Y
from learnloop.report.load import RunView
from learnloop.report.page import report_html
from learnloop.report.sections.codes import anomalies, codes
from learnloop.report.sections.generative import copied, hidden, judged, makes, players
from learnloop.report.sheets import picture_url, rows_of, sheet_url, tiled
from learnloop.verbs.generative_pictures import pictures_of
from tests.bundle.generative_cases import bundle_of, pictures, series, table


def decoded(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def batch(bundle: Any, data: Any) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(values) for key, values in bundle.encoder.apply(data).items()}


def view(generative: dict[str, Any], task: str = "gan", history: list[dict[str, Any]] | None = None) -> RunView:
    asked = {"command": "learnloop fit digits", "data": "digits", "target": ["label"], "task": task, "model": "m"}
    training = {"steps": 40, "seconds": 1.0, "parameters": 5, "best_step": 40, "monitor": "", "plan": ""}
    metrics = {"fid_classifier": 3.25, "mae": 0.25}
    report = {
        "asked": {**asked, "seed": 0},
        "data": {"rows": {"train": 9, "validation": 3, "test": 4}, "split": "", "schema": [], "notes": []},
        "training": training,
        "evaluation": {"test": {"task": task, "rows": 4, "metrics": metrics, "intervals": {}, "curves": {}}},
        "findings": [],
        "generative": {"kind": ["sampler"], **generative},
    }
    return RunView("run", report, history or [])


# --- sheets


def test_a_sheet_holds_each_picture_in_its_place() -> None:
    shown = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 4, 3), np.uint8)
    sheet = tiled(shown, 3)
    assert sheet.shape == (2 * 4 + 2, 3 * 3 + 2 * 2, 1)
    assert (sheet[6:, 5:8] == 4).all() and (sheet[6:, 10:] == 255).all() and (sheet[4:6] == 255).all()
    assert tiled(shown, 5, scale=2).shape == (8, 5 * 6 + 4 * 2, 1)
    assert tiled(np.zeros((2, 2, 4, 4), np.uint8)).shape[-1] == 1, "of two channels the first is shown"


def test_lines_of_other_sizes_and_depths_become_one_sheet() -> None:
    small, large = np.full((2, 1, 2, 2), 7, np.uint8), np.zeros((2, 3, 4, 4), np.uint8)
    both = rows_of(small, large)
    assert both.shape == (4, 3, 4, 4) and (both[:2] == 7).all()
    assert decoded(sheet_url(both, 2)).shape[2] == 3
    assert max(decoded(picture_url(np.zeros((1, 200, 100), np.uint8))).shape) == 48, "large pictures are made smaller"


# --- what is shown


@pytest.mark.parametrize("name", ["vae", "dense_gan"])
def test_samples_neighbours_and_the_mix_are_those_of_the_bundle(name: str) -> None:
    data = pictures()
    bundle = bundle_of(name, data)
    held_out = batch(bundle, data)
    made = bundle.generate(64, seed=3)
    assert isinstance(made, np.ndarray)
    train = {X: torch.from_numpy(made[[5, 2]].copy())}  # two of the samples themselves are in the training part
    found = pictures_of(bundle, train, held_out, seed=3)
    assert found["samples"]["sheet"] == sheet_url(made, 16)
    assert found["neighbours"][2]["distance"] == 0 and found["neighbours"][2]["row"] == 1
    assert found["neighbours"][0]["distance"] > 0
    mix = found["hidden"]
    assert sum(row["real"] for row in mix) == 12 and len(mix) == 24
    real = {picture_url(picture) for picture in held_out[X].numpy()}
    assert all((row["picture"] in real) == row["real"] for row in mix)
    assert [row["real"] for row in mix] != sorted((row["real"] for row in mix), reverse=True)
    assert ("reconstructions" in found) == (name == "vae")
    again = pictures_of(bundle, train, held_out, seed=3, samples=made)
    assert again == found, "samples that were made already give the same pictures"


def test_a_told_network_shows_a_column_for_each_class() -> None:
    bundle = bundle_of("vae", pictures(), class_conditional=True)
    found = pictures_of(bundle, batch(bundle, pictures()), batch(bundle, pictures()))
    assert found["samples"]["heads"] == ["cat", "dog", "owl"] and found["samples"]["columns"] == 3


def test_codes_of_two_numbers_show_their_square_and_other_networks_none() -> None:
    bundle = bundle_of("deep_autoencoder", pictures(), code=2)
    found = pictures_of(bundle, batch(bundle, pictures()), batch(bundle, pictures()))
    assert set(found) == {"reconstructions", "grid", "interpolation"}
    assert found["interpolation"]["between"] == "held-out pictures"
    denoising = bundle_of("denoising_autoencoder", pictures())
    found = pictures_of(denoising, batch(denoising, pictures()), batch(denoising, pictures()))
    assert found["reconstructions"]["lines"] == ["held out", "corrupted", "what it makes of the corrupted one"]
    assert "grid" not in found


def test_rows_and_series_are_shown_in_their_own_units() -> None:
    data = table()
    bundle = bundle_of("vae", data)
    found = pictures_of(bundle, batch(bundle, data), batch(bundle, data), rows=data)
    truth, made = found["reconstructions"]["rows"][1]
    assert truth["age"] == data.frame["age"].iloc[1] and truth["weight"] is not None and set(made) == set(truth)
    assert pd.Timestamp(found["samples"]["rows"][0]["since"]).year in range(2015, 2027)
    bundle = bundle_of("vae", series())
    found = pictures_of(bundle, batch(bundle, series()), batch(bundle, series()))
    assert [len(row["truth"]) for row in found["reconstructions"]["series"]] == [7, 8, 9, 10, 11, 12]
    page = makes(view({"pictures": found}))
    assert page.count("<svg") == 2


def test_pictures_from_pictures_stand_above_those_that_are_wanted() -> None:
    data = pictures()
    for name, lines in (("pix2pix", ["source", "made of it", "wanted"]), ("cyclegan", ["source", "made of it"])):
        bundle = bundle_of(name, data)
        held_out = batch(bundle, data)
        found = pictures_of(bundle, held_out, {**held_out, Y: 255 - held_out[X]})
        assert found["translated"]["lines"] == lines
        assert ("back" in found) == (name == "cyclegan")
        assert decoded(found["translated"]["sheet"]).shape == (len(lines) * 48 + (len(lines) - 1) * 2, 10 * 48 + 9 * 2)


# --- the page


def test_the_page_shows_what_is_there_and_hides_the_answers() -> None:
    url = picture_url(np.zeros((1, 4, 4), np.uint8))
    found = {
        "pictures": {
            "samples": {"sheet": url, "columns": 4},
            "neighbours": [{"sample": url, "neighbour": url, "distance": 0.125, "row": 17}],
            "hidden": [{"picture": url, "real": True}, {"picture": url, "real": False}],
        },
        "measures": {"fid_classifier": 3.25, "coverage": 0.75},
        "judge": {"kind": "classifier", "accuracy": 0.9931},
        "histogram": {"a<b": 0.25, "c": 0.75},
        "classes_in_data": {"a<b": 0.5, "c": 0.5},
        "alarms": [{"name": "mode_collapse", "step": 20, "text": "spread 0.01", "remedy": "lower the learning rate"}],
        "samples": {"rows": 2000},
    }
    rows = [{"kind": "train", "step": s, "loss": 1.0 / s, "discriminator_loss": 1.0, "real": 0.7} for s in (1, 2, 3)]
    run = view(found, history=rows)
    assert "Not chosen" in makes(run) and "off by 0.125" in copied(run)
    page = judged(run)
    assert "FID by classifier" in page and "75.0 %" in page and "0.9931" in page and "a&lt;b" in page
    assert re.search(r"<details><summary>The answers</summary><p>Real: 1\.<br>Made: 2\.</p></details>", hidden(run))
    told = players(run)
    assert "mode collapse" in told and "lower the learning rate" in told and told.count("<svg") == 2
    whole = report_html(run, "runs/mine")
    assert "<h1>Make more of digits</h1>" in whole and "learnloop generate runs/mine --count 64" in whole
    assert "Of 2,000 pictures that it made, beside 4 test pictures never trained on." in whole
    assert "<script" not in whole and "unit of label" not in whole


def test_codes_and_anomalies_stand_beside_pca() -> None:
    curve = {"fpr": [0.0, 0.1, 1.0], "tpr": [0.0, 0.9, 1.0], "roc_auc": 0.95}
    found = {
        "codes": {
            "points": [[0.0, 1.0, "a"], [1.0, 0.0, "b"]],
            "pca": [[0.5, 0.5, "a"], [1.0, 0.0, "b"]],
            "axes": ["number 1", "number 2"],
            "clusters": {"count": 2, "smallest": 1, "adjusted_rand": 0.5, "purity": 0.75},
        },
        "kl": [1.5, 0.004, 0.2],
        "bound": {"binarise": "dynamic", "likelihood": "bernoulli", "k": 50, "log_likelihood": -88.25, "rows": 400},
        "columns": [{"name": "a<b", "mse": 0.5, "explained": 0.625}, {"name": "colour", "right": 0.875}],
        "anomalies": {
            "threshold": 0.5,
            "methods": [
                {"title": "The network", "roc_auc": 0.95, "flagged": 0.9},
                {"title": "PCA", "roc_auc": 0.9, "flagged": None},
            ],
            "curves": {"The network": curve, "PCA": curve},
        },
    }
    run = view(found, "autoencode")
    page = codes(run)
    assert page.count("<svg") == 3 and "PCA of the rows" in page
    assert "1 of 3 numbers of the code have collapsed" in page
    assert "0.5000" in page and "75.0 %" in page
    assert "at least -88.25 nats: the mean over 400 rows" in page and "by dynamic binarisation" in page
    assert "a&lt;b" in page and "62.5 %" in page and "87.5 %" in page
    page = anomalies(run)
    assert "IsolationForest" not in page and "The network, AUC 0.950" in page and "90.0 %" in page
    assert "Rows with a score above 0.5000 are flagged" in page


def test_other_runs_have_none_of_these_sections() -> None:
    run = view({})
    run.report.pop("generative")  # type: ignore[attr-defined]
    assert [part(run) for part in (makes, judged, copied, hidden, players, codes, anomalies)] == [""] * 7
