"""Text networks in a whole run: what they start from, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

import learnloop as ll
from learnloop.errors import DataError
from learnloop.nn.bayes import BayesLinear

QUIET = {"report.baselines": False, "report.html": False, "watch.progress": "off", "data.columns": {"text": "text"}}


@pytest.fixture
def reviews() -> pd.DataFrame:
    """Texts that a pair of words decides: 'not good' and 'bad' against 'good' and 'not bad'."""
    rows = [
        (f"the {thing} is {said}", label)
        for thing in ("film", "plot", "music", "start", "end", "joke", "scene", "actor")
        for said, label in (("good", "+"), ("not bad", "+"), ("not good", "-"), ("bad", "-"))
    ]
    return pd.DataFrame(rows * 4, columns=["text", "label"])


def test_the_network_of_a_run_starts_from_the_training_part(reviews: pd.DataFrame, tmp_path: Path) -> None:
    settings = {**QUIET, "model.embedding": 0, "plan.name": "plain"}
    run = ll.fit(reviews, target="label", model="bow", epochs=20, out=tmp_path / "run", seed=0, set=settings)
    layer = next(module for module in run.bundle.net.modules() if isinstance(module, BayesLinear))
    assert int((layer.prints >= 0).sum()) > 10  # pairs of words that came twice
    good = layer.ratio[layer.places(torch.tensor(run.bundle.encoder.sole.tokens.encode("not good"))[None])[0, -1]]
    assert good.abs().max() > 2
    assert run.metrics["test"]["accuracy"] == 1.0
    asked = ["the music is not good", "the actor is not bad", "the end is bad", "the joke is good"]
    assert list(run.predict(pd.DataFrame({"text": asked}))["prediction"]) == ["-", "+", "-", "+"]


def test_words_found_in_a_file_of_vectors_are_said(
    reviews: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 0 0\nbad -1 0 0\nnot 0 1 0\nsea 9 9 9\n")
    settings = {**QUIET, "model.vectors": str(path), "model.tune_vectors": False, "model.hidden": 4}
    run = ll.fit(reviews, target="label", model="lstm", steps=2, out=tmp_path / "run", seed=0, set=settings)
    assert (
        "Vectors of 3 of 13 words were found in vectors.txt; 10 are not among them, such as" in capsys.readouterr().err
    )
    weight = run.bundle.net.front.embedding.weight
    code = int(run.bundle.encoder.sole.tokens.encode("bad")[0])
    assert weight.shape[1] == 3 and weight[code].tolist() == [-1.0, 0.0, 0.0]
    path.unlink()
    again = ll.load(tmp_path / "run").bundle
    assert again.net.front.embedding.weight[code].tolist() == [-1.0, 0.0, 0.0]


def test_a_damaged_file_of_vectors_ends_the_run_before_training(reviews: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 0 0\nbad -1 0\n")
    settings = {**QUIET, "model.vectors": str(path)}
    with pytest.raises(DataError, match=r"line 2 of vectors.txt must hold a word and 3 numbers"):
        ll.fit(reviews, target="label", model="textcnn", steps=2, out=tmp_path / "run", set=settings)


def test_fewer_rows_are_held_out_where_few_choose_well_enough(reviews: pd.DataFrame, tmp_path: Path) -> None:
    rows = pd.concat([reviews] * 40, ignore_index=True)  # 5,120
    held_out = {}
    for model in ("bow", "textcnn"):
        settings = {**QUIET, "plan.name": "plain"}
        run = ll.fit(rows, target="label", model=model, steps=1, out=tmp_path / model, seed=0, set=settings)
        held_out[model] = run.report["data"]["rows"]["validation"]
    assert held_out == {"bow": 400, "textcnn": 614}  # 500 / 5,120 and 15 % of what the test part leaves
