"""Which words moved the answers: in words.json, in the report, in predict, and only where it was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.cli.main import run as command
from learnloop.report.sections.words import coloured
from learnloop.verbs.words import pieces_of

SETTINGS = {"model.word_dropout": 0.0, "plan.name": "plain", "report.baselines": False, "model.explain": True}


def reviews() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    good, bad, rest = ["fine", "lovely"], ["dull", "awful"], ["the", "film", "is", "a", "long", "story"]
    rows = []
    for _ in range(240):
        liked = bool(rng.integers(2))
        words = list(rng.choice(rest, 6)) + [str(rng.choice(good if liked else bad))]
        rows.append({"review": " ".join(rng.permutation(words)) + " .", "liked": "yes" if liked else "no"})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> ll.Run:
    out = tmp_path_factory.mktemp("words") / "run"
    return ll.fit(reviews(), target="liked", model="bow", epochs=8, seed=0, out=out, progress="off", set=SETTINGS)


def test_the_telling_words_are_found_and_nothing_else(fitted: ll.Run) -> None:
    found = json.loads(fitted.folder.words.read_text())
    top = {label: {word for word, weight, _ in words[:2] if weight > 0} for label, words in found["words"].items()}
    assert top == {"yes": {"fine", "lovely"}, "no": {"dull", "awful"}}
    for row in found["rows"]:
        heaviest = max(row["pieces"], key=lambda piece: piece[1])[0]
        assert heaviest in {"yes": ("fine", "lovely"), "no": ("dull", "awful")}[row["prediction"]]


def test_pieces_join_to_the_text_and_weights_to_the_score(fitted: ll.Run) -> None:
    texts = ["a fine story", "The  film is awful ."]
    bundle = fitted.bundle
    from learnloop.data.conform import conform

    data = conform(pd.DataFrame({"review": texts}), bundle.about.schema)
    answers = bundle.answers(data)["probabilities"]
    pieces = pieces_of(bundle, data, answers.argmax(1))
    assert pieces is not None
    for text, row in zip(texts, pieces):
        assert "".join(piece for piece, _ in row) == text
    empty = bundle.answers(conform(pd.DataFrame({"review": ["zzz"]}), bundle.about.schema))["probabilities"][0]
    for row, p in zip(pieces, answers):
        said = int(p.argmax())
        margin = np.log(p[said] / p[1 - said]) - np.log(empty[said] / empty[1 - said])
        assert abs(sum(weight for _, weight in row) - margin) < 0.35 * abs(margin), "up to what `zzz` itself says"


def test_the_report_colours_them_and_says_how(fitted: ll.Run) -> None:
    page = (fitted.path / "report.html").read_text()
    assert "Which words moved the answers" in page and '<mark class="for"' in page and "Integrated gradients" in page
    assert coloured([["<b>", 2.0], [" ", 0.0], ["x", -1.0]]) == (
        '<mark class="for" style="--a:0.62" title="+2">&lt;b&gt;</mark> '
        '<mark class="against" style="--a:0.31" title="-1">x</mark>'
    )


def test_predict_shows_them_where_the_run_or_the_user_asks(
    fitted: ll.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["predict", str(fitted.path), "review=a lovely dull film"]) == 0
    said = capsys.readouterr()
    assert "row 0: " in said.out and "lovely[" in said.out and "dull[" in said.out and "spoke for" in said.err
    assert command(["predict", str(fitted.path), "review=a lovely film", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert dict(row["words"])["lovely"] > max(abs(weight) for word, weight in row["words"] if word != "lovely")
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": np.arange(60) % 2})
    plain = ll.fit(table, target="y", model="linear", steps=5, out=tmp_path / "plain", progress="off")
    assert command(["predict", str(plain.path), "x=3", "--explain"]) == 2
    assert "--explain: is for models that read one text" in capsys.readouterr().err
