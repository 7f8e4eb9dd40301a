"""Linear models of texts: the n-grams they see, their weights against scikit-learn's, all kinds of targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from learnloop.contracts import TOKENS
from learnloop.verbs import text_fitters
from learnloop.verbs.baselines import baselines
from learnloop.verbs.fitters import OutOfTime, first_guess
from learnloop.verbs.text_fitters import Grams, nbsvm, tfidf

ROWS, WORDS, TIME = 120, 30, 12
RANDOM = np.random.default_rng(0)


def codes(rows: int = ROWS) -> np.ndarray:
    tokens = RANDOM.integers(4, 4 + WORDS, (rows, TIME))
    return np.where(np.arange(TIME) < RANDOM.integers(1, TIME + 1, rows)[:, None], tokens, 0).astype(np.int32)


def nothing() -> None:
    pass


def written(tokens: np.ndarray) -> list[str]:
    return [" ".join(f"w{code}" for code in row if code) for row in tokens.tolist()]


def test_n_grams_are_counted_within_a_text() -> None:
    tokens = np.array([[4, 5, 4, 5, 0], [5, 4, 5, 0, 0], [4, 6, 0, 0, 0]], np.int32)
    grams = Grams.of(tokens, 3, nothing)
    # words 4, 5, 6; pairs 45 and 54 and the triple 545 come more than once, 454 and 46 do not
    assert grams.count(tokens).toarray().tolist() == [[2, 2, 0, 2, 1, 1], [1, 2, 0, 1, 1, 1], [1, 0, 1, 0, 0, 0]]


def test_words_that_were_never_seen_are_left_out() -> None:
    grams = Grams.of(np.array([[4, 5], [4, 5]], np.int32), 2, nothing)
    assert grams.count(np.array([[4, 9, 5], [9, 9, 9]], np.int32)).toarray().tolist() == [[1, 1, 0], [0, 0, 0]]
    assert grams.count(np.zeros((2, 1), np.int32)).toarray().tolist() == [[0, 0, 0]] * 2


def test_tfidf_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    train, new, seen = codes(), codes(20), {}

    def keep(x: Any, y: np.ndarray, *rest: Any) -> Any:
        seen["train"] = x.toarray()
        return lambda given: seen.setdefault("new", given.toarray())[:, 0]

    monkeypatch.setattr(text_fitters, "_logistic", keep)
    _, predict, _ = tfidf({TOKENS: train}, RANDOM.integers(0, 2, ROWS), "classify", 2, 0, nothing)
    predict({TOKENS: new})
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    vectors.fit(written(train))
    often = {gram for gram in vectors.vocabulary_ if " " not in gram or _times(gram, train) > 1}
    kept = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+", vocabulary=sorted(often))
    kept.fit(written(train))
    for name, tokens in (("train", train), ("new", new)):
        ours, theirs = seen[name], kept.transform(written(tokens)).toarray()
        assert np.allclose(np.sort(ours, axis=1), np.sort(theirs, axis=1))
        assert np.allclose(ours @ seen["train"].T, theirs @ kept.transform(written(train)).toarray().T)


def _times(gram: str, tokens: np.ndarray) -> int:
    return sum((f" {text} ").count(f" {gram} ") for text in written(tokens))


@pytest.mark.parametrize("fitter", [tfidf, nbsvm])
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_found_by_their_words(fitter: Any, classes: int) -> None:
    y = np.arange(ROWS) % classes
    tokens, new = codes(), codes(30)
    tokens[:, 0], new[:, 0] = 4 + WORDS + y, 4 + WORDS + np.arange(30) % classes
    _, predict, _ = fitter({TOKENS: tokens}, y, "classify", classes, 0, nothing)
    p = predict({TOKENS: new})
    assert p.shape == (30, classes) and np.allclose(p.sum(axis=1), 1) and (p.argmax(1) == np.arange(30) % classes).all()


def test_labels_and_numbers() -> None:
    y = RANDOM.integers(0, 2, (ROWS, 2))
    tokens = np.concatenate([4 + WORDS + y, codes()], axis=1).astype(np.int32)
    tokens[:, 1] += 2
    for fitter in (tfidf, nbsvm):
        p = fitter({TOKENS: tokens}, y, "labels", 2, 0, nothing)[1]({TOKENS: tokens})
        assert ((p > 0.5) == y).mean() > 0.95
    values = y @ np.array([[10.0, 0.0], [1.0, 5.0]])
    found = tfidf({TOKENS: tokens}, values, "regress", 2, 0, nothing)[1]({TOKENS: tokens})
    assert found.shape == (ROWS, 2) and np.corrcoef(found[:, 0], values[:, 0])[0, 1] > 0.9


def test_one_class_in_the_rows_at_hand_is_answered() -> None:
    p = nbsvm({TOKENS: codes()}, np.zeros(ROWS, np.int64), "classify", 2, 0, nothing)[1]({TOKENS: codes(3)})
    assert p.tolist() == [[1.0, 0.0]] * 3


def test_a_fit_that_takes_too_long_is_ended() -> None:
    def late() -> None:
        raise OutOfTime

    with pytest.raises(OutOfTime):
        nbsvm({TOKENS: codes()}, RANDOM.integers(0, 2, ROWS), "classify", 2, 0, late)


def test_baselines_of_texts() -> None:
    y = RANDOM.integers(0, 2, ROWS)
    inputs = {TOKENS: codes()}
    found = baselines(inputs, y, {"test": (inputs, y)}, "class", ["a", "b"])
    assert [one.name for one in found] == ["majority", "tfidf", "nbsvm"]
    values = RANDOM.normal(size=(ROWS, 1))
    assert [one.name for one in baselines(inputs, values, {"test": (inputs, values)}, "numbers", ["v"])] == [
        *("mean", "tfidf"),
    ]
    assert first_guess("nbsvm", inputs, ROWS, 2) == 2 * first_guess("nbsvm", inputs, ROWS // 2, 2) > 0
