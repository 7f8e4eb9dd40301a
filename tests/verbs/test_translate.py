"""Texts from texts, from the file to the report."""

from __future__ import annotations

import datetime
import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.bundle.bundle import Bundle
from learnloop.data.read import read
from learnloop.errors import DataError, RecipeError, RunError, UserError
from learnloop.nn.beam import decode
from learnloop.recipe.build import build
from learnloop.report.page import write_report
from learnloop.verbs.prepare import prepare
from learnloop.verbs.rehearsal import Rehearsal, usual_tokens
from learnloop.verbs.run import Run
from learnloop.verbs.training import build_net

QUIET = {"plan.threads": 1, "plan.dtype": "float32", "watch.progress": "off"}
TINY = ["model.width=8", "model.heads=2", "model.inner=8", "train.batch_size=16"]
FORMS = ("%d.%m.%Y", "%d %B %Y", "%m/%d/%Y")
WORDS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs"}


def dates(rows: int, seed: int = 0) -> pd.DataFrame:
    draw = random.Random(seed)
    days = [datetime.date(1970, 1, 1) + datetime.timedelta(days=draw.randrange(18000)) for _ in range(rows)]
    return pd.DataFrame({"date": [d.strftime(draw.choice(FORMS)) for d in days], "iso": [str(d) for d in days]})


def numbers(rows: int, seed: int = 0) -> pd.DataFrame:
    """Counted words in two languages."""
    draw = random.Random(seed)
    texts = [draw.choices(list(WORDS), k=draw.randint(4, 9)) for _ in range(rows)]
    return pd.DataFrame(
        {"en": [" ".join(text) for text in texts], "de": [" ".join(WORDS[word] for word in text) for text in texts]}
    )


def tiny(**values: Any) -> dict[str, Any]:
    return {**QUIET, "model.width": 8, "model.heads": 2, "model.inner": 8, "train.batch_size": 16, **values}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Dates, well learnt."""
    return ll.fit(
        dates(1500),
        target="iso",
        task="translate",
        model="seq2seq",
        epochs=10,
        out=tmp_path_factory.mktemp("dates") / "run",
        set={
            **QUIET,
            "model.hidden": 64,
            "model.embedding": 32,
            "optimiser.lr": 0.015,
            "train.batch_size": 32,
            "data.validation": 0.1,
        },
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A Transformer after a few steps: what is said about a poor one."""
    return ll.fit(
        numbers(160),
        target="de",
        steps=4,
        out=tmp_path_factory.mktemp("numbers") / "run",
        set=tiny(**{"target.tokens": "words", "text.tokens": "words", "target.lower": True, "decode.beam": 2}),
    )


def test_dates_become_iso_dates(run: Run) -> None:
    assert run.metrics["test"]["exact_match"] >= 0.99
    new = dates(300, seed=1)
    said = run.predict(new[["date"]])
    assert list(said.columns) == ["prediction"]
    assert (said["prediction"] == new["iso"]).mean() >= 0.99
    assert run.bundle.records([{"date": "24.07.2004"}]) == [{"prediction": "2004-07-24"}]
    assert run.evaluate(new).metrics["exact_match"] >= 0.99


def test_the_task_is_inferred_from_texts(counted: Run) -> None:
    asked = counted.report["asked"]
    assert (asked["task"], asked["model"]) == ("translate", "translator")


def test_one_row_alone_is_answered_as_in_the_batch(run: Run, counted: Run) -> None:
    for each, rows in ((run, dates(40, seed=2)), (counted, numbers(20, seed=2))):
        together = each.predict(rows)["prediction"].tolist()
        alone = [each.predict(rows.iloc[[row]])["prediction"][0] for row in range(len(rows))]
        assert together == alone


def test_a_bundle_remembers_how_it_decodes_and_what_it_answered(counted: Run, tmp_path: Path) -> None:
    facts = json.loads((counted.folder.bundle / "bundle.json").read_text(encoding="utf-8"))
    assert facts["decode"] == {"beam": 2, "length_penalty": 0.6, "longest": None}
    bundle = Bundle.load(counted.folder.bundle)
    assert bundle.task.decoding == (15, 2, 0.6)  # type: ignore[attr-defined]
    assert bundle.target.longest == 10
    copy = tmp_path / "bundle"
    shutil.copytree(counted.folder.bundle, copy)
    exam = json.loads((copy / "probe.json").read_text(encoding="utf-8"))
    exam["answers"]["texts"] = ["something else"] * len(exam["answers"]["texts"])
    (copy / "probe.json").write_text(json.dumps(exam), encoding="utf-8")
    with pytest.raises(RunError, match="must give the answers of its own probe.json\n  found:     8 of 8 texts differ"):
        Bundle.load(copy)


def test_no_rows_have_no_answers(counted: Run) -> None:
    rows = counted.bundle.outputs(read(numbers(3), target="de").take(np.zeros(0, np.int64)))
    assert rows["texts"].shape == (0,)


def test_baselines_are_the_source_itself_and_the_nearest_source(run: Run) -> None:
    copy, nearest = run.report["baselines"]
    assert (copy["name"], nearest["name"]) == ("copy", "nearest")
    assert copy["metrics"]["exact_match"] == 0
    assert 20 < nearest["metrics"]["chrf"] < 90
    assert "Take the network: it is better than Nearest source (TF-IDF)" in run.report["verdict"]


def test_the_report_shows_examples_and_where_the_network_looked(run: Run) -> None:
    examples = run.report["translations"]
    assert len(examples) == 10
    attention = examples[0]["attention"]
    assert "".join(attention["source"]) == examples[0]["source"]
    assert "".join(attention["target"]) == examples[0]["prediction"]
    weights = np.array(attention["weights"])
    assert weights.shape == (len(attention["target"]), len(attention["source"]))
    assert np.allclose(weights.sum(1), 1, atol=0.01)
    page = write_report(run.path).read_text(encoding="utf-8")
    assert "Where it looked" in page
    assert examples[0]["source"] in page
    assert "Write <em>iso</em>" in page


def test_the_report_shows_bleu_by_length_and_its_signature(counted: Run) -> None:
    evaluation = counted.report["evaluation"]["test"]
    assert "case:lc" in evaluation["curves"]["signatures"]["bleu"]
    page = write_report(counted.path).read_text(encoding="utf-8")
    assert "tok:13a|smooth:exp" in page
    worst = counted.report["worst"][0]
    assert set(worst) >= {"target", "prediction", "inputs", "loss"}


def test_a_recipe_gives_the_same_run_again(counted: Run, tmp_path: Path) -> None:
    rows = numbers(160)
    table = tmp_path / "numbers.csv"
    rows.to_csv(table, index=False)
    sets = tiny(**{"target.tokens": "words", "report.baselines": False, "report.html": False})
    first = ll.fit(table, target="de", steps=6, out=tmp_path / "a", set=sets)
    second = ll.fit(tmp_path / "a" / "recipe.yaml", out=tmp_path / "b")
    assert first.metrics == second.metrics
    assert first.history["loss"].tolist() == second.history["loss"].tolist()


def message(data: pd.DataFrame, **options: Any) -> str:
    sets = options.pop("set", {})
    with pytest.raises(UserError) as caught:
        ll.fit(data, steps=1, set={**QUIET, **sets}, **options)
    return str(caught.value)


def test_the_rehearsal_writes_no_more_than_the_trained_network_will(tmp_path: Path, monkeypatch: Any) -> None:
    limits: list[int] = []

    def seen(decoder: Any, source: Any, *, limit: int, beam: int, length_penalty: float) -> Any:
        limits.append(limit)
        return decode(decoder, source, limit=limit, beam=beam, length_penalty=length_penalty)

    monkeypatch.setattr("learnloop.tasks.translate.decode", seen)
    rows = numbers(400)
    rows.loc[0, ["en", "de"]] = ["one " * 60, "eins " * 60]  # one answer is ten times as long as the others
    prepared = prepare(build(flags={"data.target": "de", "train.minutes": 1.0}, objects={"data": rows}, sets=TINY))
    Rehearsal(prepared, build_net(prepared), {}, tmp_path, time.monotonic)
    assert 5 <= usual_tokens(prepared) <= 12
    assert set(limits) == {usual_tokens(prepared)}


def test_a_target_that_is_no_text_is_refused() -> None:
    rows = numbers(30).assign(length=range(30))
    said = message(rows[["en", "length"]], target="length", task="translate")
    assert "must hold texts to be written\n  found:     a column of kind number" in said
    assert "--set data.columns.length=text" in said
    with pytest.raises(DataError, match="translate writes one text: there must be one target\n  found:     2 targets"):
        read(rows, target=("en", "de"), task="translate")


def test_numbers_can_be_spelt_where_the_user_says_so() -> None:
    rows = pd.DataFrame({"n": range(40), "word": [f"number {row} in words" for row in range(40)]})
    data = read(rows, target="word", task="translate")
    assert (data.schema["n"].kind, data.frame["n"].iloc[7]) == ("text", "7")
    data = read(rows, target="n", task="translate", columns={"n": "text"})
    assert data.schema["n"].kind == "text"


def test_a_source_that_is_no_text_is_refused() -> None:
    rows = numbers(60).assign(a=np.linspace(0, 1, 60), b=np.linspace(1, 5, 60))
    said = message(rows[["a", "b", "de"]], target="de", task="translate")
    assert "translate needs a column of texts to read\n  found:     'a' is a number, 'b' is a number" in said


def test_empty_texts_are_refused_by_their_rows() -> None:
    rows = numbers(40)
    rows.loc[6, "en"] = "  "
    assert "column en: must hold a text in every row" in message(rows, target="de", task="translate")


def test_a_model_that_writes_is_for_texts_and_writing_needs_one() -> None:
    table = pd.DataFrame({"a": np.linspace(0, 1, 40), "y": np.linspace(0, 2, 40) ** 2})
    assert "must be a model for tables" in message(table, target="y", model="translator")
    said = message(numbers(40), target="de", task="translate", model="mlp")
    assert "must be a model for texts that become texts" in said
    assert "available: translator, seq2seq" in said


def test_sections_about_writing_are_for_writing() -> None:
    table = pd.DataFrame({"a": np.linspace(0, 1, 40), "y": np.linspace(0, 2, 40) ** 2})
    assert "decode.beam: is for texts to be written" in message(table, target="y", set={"decode.beam": 2})
    said = message(numbers(40), target="de", set={"task.class_weights": "balanced"})
    assert "task.class_weights: is for classes\n  found:     texts that are written" in said


def test_a_beam_must_have_a_width() -> None:
    with pytest.raises(RecipeError, match="decode.beam: must be at least 1"):
        ll.fit(numbers(40), target="de", steps=1, set={"decode.beam": 0})
