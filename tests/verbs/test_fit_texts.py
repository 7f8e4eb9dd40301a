"""Texts from data to bundle: what is said, resumed to the bit, and answers that depend on their own text alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import learnloop as ll
from learnloop.data.buckets import BucketSource
from learnloop.errors import RecipeError
from learnloop.recipe.build import build
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted
from learnloop.verbs.prepare import describe, prepare
from learnloop.verbs.training import _some_batch, build_source

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "watch.progress": "off",
    "report.html": False,
    "model.hidden": 8,
    "model.embedding": 8,
}
GOOD, BAD, OTHER = ("moving", "funny", "great"), ("dull", "boring", "flat"), ("film", "a", "the", "plot", "was", "it")


def reviews(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Texts of 1 to 40 words; what they say of the film is in one word of them."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(rows):
        label = int(rng.integers(2))
        words = [*rng.choice(OTHER, rng.integers(0, 40)), rng.choice(GOOD if label else BAD)]
        texts.append(" ".join(rng.permutation(words)))
        labels.append(("bad", "good")[label])
    return pd.DataFrame({"text": texts, "label": labels})


def fit(out: Path, **more: Any) -> ll.Run:
    settings = {**FAST, "report.baselines": False, **more.pop("set", {})}
    return ll.fit(reviews(), target="label", out=out, set=settings, model="gru", **{"batch_size": 16, **more})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ll.Run:
    return fit(tmp_path_factory.mktemp("texts") / "run", epochs=8, lr=0.03, set={"report.baselines": True})


def test_the_recipe_says_how_texts_were_read(run: ll.Run) -> None:
    recipe = (run.path / "recipe.yaml").read_text()
    section = recipe.partition("\ntext:\n")[2].partition("\ntask:")[0]
    names = {line.split(":")[0].strip() for line in section.splitlines()}
    assert names >= {"tokens", "vocabulary", "length", "lower", "least"}
    assert "  tokens: words                               # inferred: from the training part" in section
    again = prepare(build(file=run.path / "recipe.yaml", objects={"data": reviews()}))
    assert again.spec == run.bundle.encoder.spec


def test_linear_models_of_n_grams_stand_beside_the_network(run: ll.Run) -> None:
    found = {row["name"]: row["metrics"]["accuracy"] for row in run.report["baselines"]}
    assert set(found) == {"majority", "tfidf", "nbsvm"} and min(found["tfidf"], found["nbsvm"]) > 0.9


def test_an_answer_depends_on_its_own_text_alone(run: ll.Run) -> None:
    rows = reviews(60, seed=1)
    together = run.predict(rows)
    alone = pd.concat([run.predict(rows.iloc[[place]]) for place in range(len(rows))], ignore_index=True)
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = run.predict(rows.iloc[order])
    assert np.allclose(together["probability_good"], alone["probability_good"], atol=1e-6)
    assert np.allclose(together["probability_good"].to_numpy()[order], shuffled["probability_good"], atol=1e-6)
    assert together["probability_good"].std() > 0.01  # answers that are all alike would show nothing


def test_many_rows_are_answered_in_their_order(run: ll.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = reviews(70, seed=2)
    whole = run.predict(rows)
    monkeypatch.setattr("learnloop.bundle.bundle._ROWS_SORTED", 32)
    monkeypatch.setattr("learnloop.bundle.bundle._STEPS_A_BATCH", 64)
    cut = run.predict(rows)
    assert np.allclose(whole["probability_good"], cut["probability_good"], atol=1e-6)


def test_interrupted_and_resumed_equals_undisturbed(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.kind == "train" and event.step >= 5:
            raise KeyboardInterrupt

    whole = fit(tmp_path / "whole", steps=12, set={"train.log_every": 1})
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        fit(tmp_path / "cut", steps=12, set={"train.log_every": 1}, watchers=[stop])
    again = ll.fit(reviews(), resume=tmp_path / "cut")
    weights = [(one.path / "bundle" / "model.safetensors").read_bytes() for one in (whole, again)]
    assert weights[0] == weights[1]


def test_what_is_said_before_training() -> None:
    draft = build(flags={"data.target": ["label"]}, objects={"data": reviews()}, origin="argument")
    said = describe(prepare(draft))
    assert said[0].startswith("data: the data frame: 240 rows; inputs: texts of up to ")
    assert "tokens (words), vocabulary 16" in said[0]


def test_steps_are_timed_on_a_batch_of_usual_length() -> None:
    draft = build(flags={"data.target": ["label"]}, objects={"data": reviews()}, origin="argument")
    prepared = prepare(draft)
    source = build_source(prepared, prepared.tensors["train"], 16)
    assert isinstance(source, BucketSource)
    timed = _some_batch(prepared, 16)["tokens"]
    assert torch.equal(timed, source.typical()["tokens"]) and not torch.equal(timed, source.batch(0)["tokens"])


def test_sections_of_other_inputs_are_refused() -> None:
    table = pd.DataFrame({"x": np.arange(60.0) % 7, "y": np.arange(60) % 2})
    with pytest.raises(
        RecipeError, match=r"text.length: is for texts\n  found:     a table\n  do:        leave it out"
    ):
        prepare(build(flags={"data.target": ["y"]}, sets=["text.length=3"], objects={"data": table}))
    with pytest.raises(RecipeError, match=r"data.image_size: is for images\n  found:     texts"):
        prepare(build(flags={"data.target": ["label"]}, sets=["data.image_size=8"], objects={"data": reviews()}))
