"""`fit` of one long text: what it infers, writes and refuses; resumed bit for bit; what the commands say of it."""

from __future__ import annotations

import builtins
import io
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learnloop as ll
from learnloop.bundle.language import LanguageBundle
from learnloop.cli.main import run as command
from learnloop.errors import ManyErrors, RunError, UserError
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted, job_of
from learnloop.verbs.language import wants_language
from learnloop.verbs.run import Run

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "to", "mat", "hat", "red", "big"]
SMALL: dict[str, dict[str, Any]] = {
    **{
        name: {"model.hidden": 12, "model.layers": 1, "model.embedding": 8, "model.window": 16}
        for name in ("rnn", "lstm", "gru")
    },
    "gpt": {"model.width": 16, "model.layers": 1, "model.heads": 2, "model.context": 16},
}
PLAIN = {"plan.name": "plain", "report.html": False, "train.batch_size": 4}


def words(count: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    found = rng.choice(WORDS, count)
    return " ".join(word + ("\n" if n % 9 == 8 else "") for n, word in enumerate(found))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "input.txt"
    path.write_text(words(900))
    return path


def fit(data: object, out: Path, model: str = "lstm", steps: int = 6, **more: Any) -> Run:
    settings = {**PLAIN, **SMALL[model], **more.pop("set", {})}
    return ll.fit(data, out=out, model=model, steps=steps, set=settings, progress="off", **more)


def weights(run: Run) -> bytes:
    return (run.path / "bundle" / "model.safetensors").read_bytes()


def stop_at_three(event: Event) -> None:
    """Ends the run the way Ctrl-C does."""
    if event.kind == "train" and event.step >= 3:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("model", LANGUAGE_MODELS)
def test_a_run_resumed_is_the_run_that_was_not_cut(model: str, text: Path, tmp_path: Path) -> None:
    more = {"train.average": 0.9}
    whole = fit(text, tmp_path / "whole", model, set=more)
    with pytest.raises(Interrupted, match="learnloop fit --resume"):
        fit(text, tmp_path / "cut", model, watchers=[stop_at_three], set=more)
    rows = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert 3 <= max(row["step"] for row in rows) < 6, "it was not cut in the middle"
    resumed = ll.fit(resume=tmp_path / "cut", progress="off")
    assert weights(resumed) == weights(whole)
    assert whole.history.drop(columns="seconds").equals(resumed.history.drop(columns="seconds"))
    assert (resumed.path / "samples.jsonl").read_text() == (whole.path / "samples.jsonl").read_text()
    assert resumed.generate("the ", 40, seed=3) == whole.generate("the ", 40, seed=3)


def test_samples_and_evaluations_do_not_touch_what_is_learnt(text: Path, tmp_path: Path) -> None:
    often = fit(text, tmp_path / "often", steps=8, set={"train.evaluate_every": 1, "model.dropout": 0.2})
    seldom = fit(text, tmp_path / "seldom", steps=8, set={"train.evaluate_every": 8, "model.dropout": 0.2})
    losses = [run.history.query("kind == 'train'")["loss"].tolist() for run in (often, seldom)]
    assert losses[0] == losses[1] and len(losses[0]) == 8


def test_a_text_is_recognised_and_the_run_says_what_was_decided(text: Path, tmp_path: Path) -> None:
    found = ll.fit(text, out=tmp_path / "run", steps=2, set={**PLAIN, **SMALL["lstm"]}, progress="off")
    recipe = (found.path / "recipe.yaml").read_text()
    assert re.search(r"name: language +# inferred: one long text, no table", recipe)
    assert re.search(r"name: lstm +# inferred: the default for texts to continue", recipe)
    assert re.search(r"clip: 1.0 +# suggested by lstm", recipe)
    assert re.search(r"tokens: characters +# inferred", recipe) and re.search(r"lower: false", recipe)
    report = found.report
    assert report["asked"]["task"] == "language" and report["asked"]["target"] == []
    rows = report["data"]["rows"]
    assert rows == {"train": round(0.9 * len(text.read_text())), "validation": rows["validation"], "test": 0}
    assert sum(rows.values()) == len(text.read_text())
    assert [row["name"] for row in report["baselines"]] == [f"{n}-gram" for n in range(1, 7)]
    assert report["training"]["parameters"] == sum(p.numel() for p in found.writer.net.parameters())
    again = ll.fit(found.path / "recipe.yaml", out=tmp_path / "again", progress="off")
    assert weights(again) == weights(found), "the resolved recipe does not give the run again"


def test_figures_are_those_of_the_bundle_on_the_last_tenth(text: Path, tmp_path: Path) -> None:
    found = fit(text, tmp_path / "run", steps=10)
    whole = text.read_text()
    held_out = whole[round(0.9 * len(whole)) :]
    nats = LanguageBundle.load(found.path / "bundle").nats(held_out)
    assert found.metrics["validation"]["nats_per_char"] == pytest.approx(nats.mean(), rel=1e-5)
    assert found.evaluate().metrics == found.metrics["validation"]
    assert found.evaluate(words(300, seed=5)).rows == len(words(300, seed=5)) - 1
    assert set(found.summary()["metrics"]["validation"]) == {
        "nats_per_char",
        "bits_per_char",
        "nats_per_token",
        "perplexity",
    }


def test_a_test_part_is_held_out_where_one_is_asked_for(text: Path, tmp_path: Path) -> None:
    found = fit(text, tmp_path / "run", set={"data.test": 0.2, "data.validation": 0.1})
    length = len(text.read_text())
    assert found.report["data"]["rows"]["test"] == round(0.2 * length)
    assert list(found.metrics) == ["validation", "test"]
    assert "70 % are trained on, then 10 % validation, then 20 % test" in found.report["data"]["split"]


def test_byte_pairs_are_scored_by_the_character(text: Path, tmp_path: Path) -> None:
    found = fit(text, tmp_path / "run", "gpt", set={"text.tokens": "bpe", "text.vocabulary": 300})
    figures = found.metrics["validation"]
    a_token = figures["nats_per_token"] / figures["nats_per_char"]
    held_out = text.read_text()[round(0.9 * len(text.read_text())) :]
    tokens = found.writer.tokens.encode(held_out)
    assert a_token == pytest.approx(len(held_out) / len(tokens), rel=0.02) and a_token > 1.5
    assert len(found.generate("the", 30)) == 30


def test_a_network_that_learns_a_text_by_heart_is_found_out(tmp_path: Path) -> None:
    """The text is one long line over and over, and ends in pieces of it: whoever learns the line copies it."""
    rng = np.random.default_rng(0)
    line = "".join(rng.permutation(list("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ!?")))
    path = tmp_path / "line.txt"
    pieces = [line[start : start + 12] for start in rng.integers(0, len(line) - 12, 24)]
    path.write_text(line * 40 + "".join(pieces))
    more = {"model.hidden": 48, "train.batch_size": 16, "optimiser.lr": 0.02, "model.dropout": 0.0}
    found = fit(path, tmp_path / "run", steps=200, set=more)
    names = [finding["name"] for finding in found.report["findings"]]
    assert "copies_text" in names
    row = found.report["samples"][0]
    assert row["copied"]["characters"] >= 50 and row["copied"]["text"] in path.read_text() and row["usual"] < 25


def test_what_a_text_has_no_use_for_is_refused_all_at_once(text: Path, tmp_path: Path) -> None:
    with pytest.raises(ManyErrors) as caught:
        ll.fit(
            text, task="language", target="y", out=tmp_path / "run", set={"data.group": "g", "augment.flip": "random"}
        )
    message = str(caught.value)
    assert message.startswith("3 mistakes:")
    for key in ("data.target", "data.group", "augment.flip"):
        assert f"{key}: is for data with rows; the task language reads one text" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"text.tokens": "words"}, "text.tokens: must be characters or bpe: words do not say what stands between them"),
        ({"data.validation": 0.6, "data.test": 0.5}, "must leave text to train on: data.validation + data.test < 1"),
        ({"data.validation": 0.001}, "data.validation: must hold out at least 50 characters\n  found:     3 of 3,408"),
        ({"model.window": 100_000}, "must hold more tokens than one window (100000)"),
        ({"model.heads": 2}, "must be a field of the language model 'lstm'"),
        ({"task.loss": "mse"}, "must be the loss of the task language"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    settings: dict[str, Any], expected: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        ll.fit(text, task="language", model="lstm", steps=2, out=tmp_path / "run", set={**PLAIN, **settings})
    assert expected in str(caught.value)


def test_texts_without_anything_to_learn_are_refused(tmp_path: Path) -> None:
    for name, content, expected in (
        ("short.txt", "To be.\n", "must hold at least 1,000 characters to learn from\n  found:     7 characters"),
        ("same.txt", "a" * 5000, "must hold at least two different tokens"),
        ("blank.txt", "\n \n" * 900, "must hold a text"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(UserError) as caught:
            ll.fit(tmp_path / name, task="language", out=tmp_path / "run")
        assert expected in str(caught.value)
    with pytest.raises(UserError, match="must be a text, or the path of one"):
        ll.fit([1, 2], task="language")


def test_a_text_that_has_changed_is_not_resumed_on(text: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit(text, tmp_path / "cut", watchers=[stop_at_three])
    text.write_text(words(901))
    with pytest.raises(RunError, match="needs the text that the run was begun on"):
        ll.fit(resume=tmp_path / "cut", progress="off")


def test_a_text_in_memory_is_as_good_as_a_file(text: Path, tmp_path: Path) -> None:
    one = fit(text, tmp_path / "file", task="language")
    other = ll.fit(
        text.read_text(), out=tmp_path / "memory", task="language", model="lstm", steps=6, progress="off",
        set={**PLAIN, **SMALL["lstm"]},
    )  # fmt: skip
    assert weights(one) == weights(other)


def test_tables_stay_tables(tmp_path: Path) -> None:
    from learnloop.recipe.build import build

    table = tmp_path / "rows.txt"
    table.write_text("a,b\n" + "1,2\n" * 50)
    prose = tmp_path / "prose.txt"
    prose.write_text(words(300))

    def job(**flags: Any) -> str:
        return job_of(build(flags={key.replace("__", "."): value for key, value in flags.items()}))

    assert job(data__path=str(table)) == "rows"
    assert job(data__path=str(prose)) == "language"
    assert job(data__path=str(prose), data__target=("x",)) == "rows"
    assert job(data__path=str(table), model__name="gpt") == "language"
    assert job(data__path=str(prose), task__name="classify") == "rows"
    assert not wants_language(build(flags={"data.path": "digits"}))


# --- the commands ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("language")
    (folder / "input.txt").write_text(words(900))
    return fit(folder / "input.txt", folder / "run", "gpt", steps=12, set={"report.html": True})


def test_generate_streams_the_same_text_as_python(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--prompt", "the ", "--length", "50", "--seed", "4", "--top-k", "5", "--top-p", "0.9"]
    assert command(["generate", str(finished.path), *flags, "--temperature", "0.7"]) == 0
    expected = finished.generate("the ", 50, temperature=0.7, top_k=5, top_p=0.9, seed=4)
    assert capsys.readouterr().out == f"the {expected}\n"
    assert command(["generate", str(finished.path), *flags, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["prompt"] == "the " and found["text"] == finished.generate("the ", 50, top_k=5, top_p=0.9, seed=4)


def test_without_a_prompt_a_terminal_is_asked_and_anything_else_gets_a_text(
    finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["generate", str(finished.path), "--length", "20"]) == 0
    assert len(capsys.readouterr().out) == 21
    lines = iter(["the cat", "ÄÖ", "the dog", ""])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(builtins, "input", lambda asked: next(lines))
    assert command(["generate", str(finished.path), "--length", "20"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("the cat") and "the dog" in shown.out
    assert "must be made of characters that the training text has" in shown.err


def test_mistakes_of_generate_are_the_users(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["generate", str(finished.path), "--prompt", "Ä", "--length", "0"]) == 2
    error = capsys.readouterr().err
    assert "--length: must be at least 1 character" in error and "found:     'Ä'" in error
    rows = tmp_path / "rows.csv"
    rows.write_text("a,y\n" + "".join(f"{n},{n % 2}\n" for n in range(60)))
    table = ll.fit(rows, target="y", model="linear", steps=2, out=tmp_path / "table", set={"plan.name": "plain"})
    capsys.readouterr()
    assert command(["generate", str(table.path)]) == 2
    error = capsys.readouterr().err
    assert "must be a run that continues texts (task language)" in error and "learnloop predict" in error
    assert command(["predict", str(finished.path), "a=1"]) == 2
    assert f"learnloop generate {finished.path}" in capsys.readouterr().err


def test_evaluate_measures_another_text(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.txt"
    other.write_text(words(400, seed=9))
    assert command(["evaluate", str(finished.path), str(other), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["nats_per_char"] == pytest.approx(finished.evaluate(other).metrics["nats_per_char"])
    assert found["metrics"]["nats_per_char"] != finished.metrics["validation"]["nats_per_char"]
    low, high = found["intervals"]["nats_per_char"]
    assert low < found["metrics"]["nats_per_char"] < high


def test_the_page_shows_what_was_written_and_what_it_shares(finished: Run) -> None:
    page = (finished.path / "report.html").read_text()
    for piece in ("Continue ", "What it writes", "Temperature 0.5", "While it learnt", "Step 12 (100 % of the run)"):
        assert piece in page
    assert "6-gram, Kneser-Ney" in page and "Nats a character" in page and "learnloop generate" in page
    assert "Class by class" not in page and "learnloop predict" not in page
    rows = [json.loads(line) for line in (finished.path / "samples.jsonl").read_text().splitlines()]
    assert {row["temperature"] for row in rows} == {0.5, 0.8, 1.0} and rows[0]["step"] == 0


def test_runs_and_compare_know_such_runs(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["compare", str(finished.path), str(finished.path)]) == 0
    assert "Nats a character" in capsys.readouterr().out
    assert command(["report", str(finished.path)]) == 0
    assert "Run(" in repr(finished) and "Nats a character" in finished._repr_html_()


def test_models_shows_the_fields_of_gpt(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["models", "gpt"]) == 0
    shown = capsys.readouterr().out
    assert "model.context" in shown and "most tokens that the next one is predicted from" in shown


def test_check_says_what_would_be_done(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = str(finished.path.parent / "input.txt")
    assert command(["fit", text, "--check", "--model", "lstm", "--set", "model.window=32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and found["task"] == "language" and found["model"] == "lstm"


def test_of_a_long_text_enough_is_held_out_and_byte_pairs_are_the_tokens() -> None:
    from learnloop.recipe.build import build
    from learnloop.recipe.language import choose_language

    short = choose_language(build(flags={"task.name": "language"}), 1_000_000)
    assert (short.validation, short.text.tokens) == (0.1, "characters")
    long = choose_language(build(flags={"task.name": "language"}), 100_000_000)
    assert (long.validation, long.text.tokens) == (0.01, "bpe")
    assert long.origins["data.validation"] == "inferred: 1,000,000 characters are enough to choose by"
    asked = choose_language(build(flags={"task.name": "language"}, sets=["data.validation=0.2"]), 100_000_000)
    assert (asked.validation, asked.origins["data.validation"]) == (0.2, "--set")
