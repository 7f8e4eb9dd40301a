"""Scores of texts: against sacreBLEU, against a plain edit distance, by hand."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from learnloop.errors import DataError
from learnloop.scores.distance import edit_distances
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.paired import paired_difference
from learnloop.scores.text_terms import bleu_of, bleu_terms, chrf_of, chrf_terms, shared_grams
from learnloop.scores.texts import MISSING, SHORT, evaluate_texts, evaluate_transcripts, metrics_of, terms_of

WORDS = ["der", "die", "das", "ein", "Mann", "Frau", "Hund", "läuft", "über", "Straße", "rote", "und", "in", ",", "."]


def corpus(rows: int, right: float, seed: int = 0) -> tuple[list[str], list[str]]:
    """True texts, and the same with some words exchanged, left out or added."""
    draw = random.Random(seed)
    truths, predictions = [], []
    for _ in range(rows):
        words = draw.choices(WORDS, k=draw.randint(1, 30))
        said = [word if draw.random() < right else draw.choice(WORDS) for word in words]
        said = [word for word in said if draw.random() < 0.95] or words[:1]
        truths.append(" ".join(words))
        predictions.append(" ".join(said))
    return truths, predictions


def levenshtein(a: Sequence[int], b: Sequence[int]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


def test_edit_distances_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(0)
    sides = [[rng.integers(0, 4, rng.integers(0, 14)).astype(np.int32) for _ in range(400)] for _ in range(2)]
    assert edit_distances(*sides).tolist() == [levenshtein(a, b) for a, b in zip(*sides)]


def test_edit_distances_of_long_and_short_pairs_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnloop.scores.distance._CELLS", 60)
    rng = np.random.default_rng(1)
    sides = [[rng.integers(0, 3, size).astype(np.int32) for size in rng.permutation(30)] for _ in range(2)]
    assert edit_distances(*sides).tolist() == [levenshtein(a, b) for a, b in zip(*sides)]


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("right", [0.9, 0.3, 0.0])
def test_sums_of_terms_give_sacrebleus_figures(right: float, lower: bool) -> None:
    truths, predictions = corpus(120, right)
    predictions = [text.upper() if row % 3 == 0 else text for row, text in enumerate(predictions)]
    bleu, chrf = BLEU(lowercase=lower), CHRF(lowercase=lower)
    terms, columns = terms_of(truths, predictions, lower=lower)
    found = metrics_of(terms.sum(0, keepdims=True), columns)
    assert found["bleu"][0] == pytest.approx(bleu.corpus_score(predictions, [truths]).score, abs=1e-9)
    assert found["chrf"][0] == pytest.approx(chrf.corpus_score(predictions, [truths]).score, abs=1e-9)


def test_smoothing_and_brevity_are_sacrebleus_too() -> None:
    truths = ["a b c d e f g h", "a b c d e"]
    for predictions in (["a b x d y f z h", "e d c b a"], ["a b c d", "a b"], ["a b c d e f g h a b c d", "a b c d e"]):
        sums = bleu_terms(truths, predictions, lambda text: text).sum(0, keepdims=True)
        expected = BLEU(tokenize="none").corpus_score(predictions, [truths]).score
        assert bleu_of(sums)[0] == pytest.approx(expected, abs=1e-9)
    nothing = bleu_terms(truths, ["x x x x x", "y y y y"], lambda text: text).sum(0, keepdims=True)
    assert bleu_of(nothing)[0] == 0


def test_shared_grams_are_counted_as_often_as_both_have_them() -> None:
    first = [np.array([1, 1, 1, 2], np.int32), np.array([5], np.int32), np.array([], np.int32)]
    second = [np.array([1, 1, 3], np.int32), np.array([5, 5], np.int32), np.array([1], np.int32)]
    assert shared_grams(first, second, 1).tolist() == [[4, 3, 2], [1, 2, 1], [0, 1, 0]]
    assert shared_grams(first, second, 2).tolist() == [[3, 2, 1], [0, 1, 0], [0, 0, 0]]


def test_rates_are_edits_of_all_texts_over_the_length_of_the_truth() -> None:
    found = evaluate_texts(["ab cd", "x"], ["ab d", "xyz"]).metrics
    assert found["cer"] == pytest.approx((1 + 2) / (5 + 1))
    assert found["wer"] == pytest.approx((1 + 1) / (2 + 1))
    assert found["exact_match"] == 0


def test_figures_come_with_intervals_and_signatures() -> None:
    truths, predictions = corpus(300, 0.8)
    found = evaluate_texts(truths, predictions, ["de"])
    for name in ("bleu", "chrf", "exact_match", "cer", "wer"):
        low, high = found.intervals[name]
        assert low < found.metrics[name] < high
    assert found.task == "translate"
    assert any("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in note for note in found.notes)
    assert "case:lc" in evaluate_texts(truths, predictions, lower=True).curves["signatures"]["bleu"]
    assert Evaluation.from_json(found.to_json()) == found


def test_an_interval_is_as_wide_as_resampling_the_rows_makes_it() -> None:
    truths, predictions = corpus(200, 0.7)
    low, high = evaluate_texts(truths, predictions).intervals["bleu"]
    terms, columns = terms_of(truths, predictions)
    rng = np.random.default_rng(5)
    sums = np.stack([terms[rng.integers(0, 200, 200)].sum(0) for _ in range(2000)])
    drawn = metrics_of(sums, columns)["bleu"]
    expected = np.quantile(drawn, [0.025, 0.975])
    assert abs(np.array([low, high]) - expected).max() < 0.15 * (expected[1] - expected[0])


def test_all_right_is_no_certainty() -> None:
    found = evaluate_texts(["a b c d e"] * 50, ["a b c d e"] * 50)
    assert found.metrics["bleu"] == pytest.approx(100)
    assert found.metrics["exact_match"] == 1
    assert found.intervals == {"exact_match": (pytest.approx(0.025 ** (1 / 50)), 1.0)}


def test_bleu_of_single_words_is_left_out() -> None:
    found = evaluate_texts(["one", "two", "three"], ["one", "two", "tree"])
    assert "bleu" not in found.metrics
    assert found.notes[0] == SHORT
    assert found.metrics["chrf"] > 0
    assert "by_length" not in found.curves


def test_capitals_do_not_count_where_texts_are_lower_case() -> None:
    assert evaluate_texts(["Ein Mann läuft ."], ["ein mann läuft ."], lower=True).metrics["exact_match"] == 1
    assert evaluate_texts(["Ein Mann läuft ."], ["ein mann läuft ."]).metrics["exact_match"] == 0


def test_buckets_hold_the_rows_of_their_length() -> None:
    truths, predictions = corpus(400, 0.8)
    buckets = evaluate_texts(truths, predictions).curves["by_length"]
    assert [bucket["low"] for bucket in buckets] == [1, 10, 15, 20, 30]
    for bucket in buckets:
        last = bucket["high"] or 99
        rows = [row for row, text in enumerate(truths) if bucket["low"] <= len(text.split()) <= last]
        assert bucket["rows"] == len(rows)
        expected = BLEU().corpus_score([predictions[row] for row in rows], [[truths[row] for row in rows]]).score
        assert bucket["bleu"] == pytest.approx(expected, abs=1e-9)
        assert bucket["interval"][0] < bucket["bleu"] < bucket["interval"][1]


def test_without_sacrebleu_the_other_figures_are_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    found = evaluate_texts(["a b c d", "e f"], ["a b c d", "e"])
    assert set(found.metrics) == {"exact_match", "cer", "wer"}
    assert found.notes == [MISSING]


def test_transcripts_have_error_rates_only() -> None:
    found = evaluate_transcripts(["one two three", "four"], ["one too three", "four"])
    assert found.metrics == {"wer": 1 / 4, "cer": 1 / 17, "exact_match": 0.5}
    assert found.task == "transcribe"


def test_as_many_predictions_as_truths() -> None:
    with pytest.raises(DataError, match="at least one\n  found:     1 true texts and 2 predictions"):
        evaluate_texts(["a"], ["a", "b"])
    with pytest.raises(DataError, match="0 true texts and 0 predictions"):
        evaluate_texts([], [])


def test_the_better_of_two_is_told_from_the_same_rows() -> None:
    truths, good = corpus(300, 0.85)
    _, bad = corpus(300, 0.5)
    y, a, b = (np.array([*texts, None], object)[:-1] for texts in (truths, good, bad))
    difference = paired_difference("translate", y, a, b)
    expected = BLEU().corpus_score(good, [truths]).score - BLEU().corpus_score(bad, [truths]).score
    assert difference.value == pytest.approx(expected, abs=1e-9)
    assert difference.metric == "bleu"
    assert difference.low < expected < difference.high
    assert difference.clear
    other = paired_difference("translate", y, a, a, metric="chrf")
    assert (other.metric, other.value, other.clear) == ("chrf", 0.0, False)
    assert paired_difference("transcribe", y, a, b).value < 0


def test_chrf_of_short_texts_takes_the_orders_that_are_there() -> None:
    sums = chrf_terms(["ab"], ["ab"]).sum(0, keepdims=True)
    assert chrf_of(sums)[0] == pytest.approx(100)
    assert chrf_of(chrf_terms(["ab"], ["xy"]))[0] == 0
