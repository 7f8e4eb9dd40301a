"""What a text costs, what two texts share, and what counting alone would reach."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learnloop.errors import DataError
from learnloop.scores.copying import Copies
from learnloop.scores.language import evaluate_text
from learnloop.scores.paired import paired_difference
from learnloop.verbs.baselines import Baseline
from learnloop.verbs.ngrams import NGrams, ngram_baselines
from learnloop.verbs.verdict import verdict


def test_figures_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    nats, characters = rng.exponential(2.0, 4000), rng.integers(1, 6, 4000)
    found = evaluate_text(nats, characters)
    assert found.task == "language" and found.rows == characters.sum()
    assert found.metrics["nats_per_token"] == pytest.approx(nats.mean())
    assert found.metrics["nats_per_char"] == pytest.approx(nats.sum() / characters.sum())
    assert found.metrics["bits_per_char"] == pytest.approx(np.log2(np.e) * nats.sum() / characters.sum())
    assert found.metrics["perplexity"] == pytest.approx(np.exp(nats.mean()))
    low, high = found.intervals["nats_per_token"]
    error = nats.std() / math.sqrt(len(nats))
    assert low < nats.mean() < high
    assert 0.8 * 3.92 * error < high - low < 1.2 * 3.92 * error, "tokens that know nothing of each other: 1.96 errors"


def test_neighbours_that_are_alike_make_the_interval_wider() -> None:
    alike = np.repeat(np.random.default_rng(0).exponential(2.0, 100), 40)
    low, high = evaluate_text(alike, np.ones(4000)).intervals["nats_per_token"]
    assert high - low > 3 * 3.92 * alike.std() / math.sqrt(len(alike))


def test_few_tokens_have_no_interval_and_none_no_figures() -> None:
    found = evaluate_text(np.ones(3), np.ones(3))
    assert found.intervals == {} and "3 tokens are too few" in found.notes[0]
    with pytest.raises(DataError, match="must have at least two tokens to be scored"):
        evaluate_text(np.ones(0), np.ones(0))


def test_two_models_of_one_text_are_compared_on_the_same_blocks() -> None:
    """Where the text is hard it is so for both: the difference is sure though the intervals overlap."""
    rng = np.random.default_rng(0)
    hard = np.repeat(rng.uniform(0.5, 3.0, 100), 50)  # [5000]: some blocks are far harder than others
    first = hard + 0.05 * rng.normal(size=5000)
    second, letters = first + 0.03, np.ones(5000)
    a, b = evaluate_text(first, letters), evaluate_text(second, letters)
    assert a.intervals["nats_per_char"][1] > b.intervals["nats_per_char"][0], "they overlap"
    found = paired_difference("language", letters, first, second)
    assert found.metric == "nats_per_char" and found.clear
    assert found.value == pytest.approx(-0.03) and found.low <= -0.03 <= found.high
    rival = Baseline("6-gram", "6-gram", {"validation": b}, {"validation": second}, 1.0)
    said = verdict("language", a, [rival], y=letters, predictions=first, part="validation")
    assert said.startswith("Take the network: it is better than 6-gram by 0.03 in Nats a character")
    same = paired_difference("language", letters, first, first[::-1].copy())
    assert not same.clear


def longest_by_hand(text: str, source: str) -> int:
    best = 0
    for start in range(len(text)):
        while text[start : start + best + 1] in source and start + best + 1 <= len(text):
            best += 1
    return best


def test_the_longest_common_string_is_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        source = "".join(rng.choice(list("abé"), 300))
        text = "".join(rng.choice(list("abéz"), 40))
        found = Copies(source).longest(text)
        assert found.length == len(found.text) == longest_by_hand(text, source)
        assert found.text in text and source[found.place : found.place + found.length] == found.text


def test_strings_whose_hashes_are_equal_are_not_taken_for_each_other() -> None:
    """Thue-Morse strings of 2^11 letters have equal polynomial hashes modulo 2^64, whatever the odd base."""
    row = [0]
    while len(row) < 1 << 11:
        row += [1 - bit for bit in row]
    one, other = ("".join("ab"[bit ^ flip] for bit in row) for flip in (0, 1))
    found = Copies(one + "x" * 2047).longest(other + "y" * 2047)  # the first length that is tried is theirs
    assert found.length < len(one) and found.text in one and found.text in other


def test_nothing_in_common_is_nothing() -> None:
    assert Copies("abc").longest("xyz").length == 0
    assert Copies("abc").longest("").length == 0
    assert Copies("abc").longest("abc").text == "abc"


TEXT = np.random.default_rng(1).integers(4, 9, 3000)
TEXT[2::3] = (TEXT[0::3] + TEXT[1::3]) % 5 + 9  # every third token, of a kind of its own, follows from those before it


def test_probabilities_of_all_tokens_add_up_to_one() -> None:
    model = NGrams(TEXT, 14)
    for begin in (TEXT[:20], np.array([4, 4, 4, 4, 8, 8, 8]), np.array([0, 0])):  # known, rare and unknown contexts
        sums = sum(np.exp([-nats[-1] for nats in model.nats(np.append(begin, w))]) for w in range(14))
        assert sums == pytest.approx(np.ones(6), abs=1e-9)


def test_a_longer_context_helps_where_there_is_something_in_it() -> None:
    held = np.random.default_rng(2).integers(4, 9, 900)
    held[2::3] = (held[0::3] + held[1::3]) % 5 + 9
    means = [nats.mean() for nats in NGrams(TEXT, 14).nats(held)]
    assert means[0] == pytest.approx(2 / 3 * math.log(15 / 2) + math.log(15) / 3, abs=0.02)
    assert means[1] > means[2] + 0.3
    assert means[2] == pytest.approx(2 / 3 * math.log(5), abs=0.05), "the third one costs nothing, two are drawn of 5"


def test_orders_agree_with_counting_by_hand() -> None:
    """Two orders of a text of 4 tokens: a b a a."""
    codes = np.array([4, 5, 4, 4])
    nats = NGrams(codes, 6).nats(np.array([4, 5]))
    # order 1: c(a) = 3, c(b) = 1: n1 = 1, n2 = 0, D = n1 / (n1 + 2 n2) = 1, held to 0.9; p(b) = 0.1 / 4 + 1.8 / 4 / 6
    assert nats[0][0] == pytest.approx(-math.log(0.1 / 4 + 0.9 * 2 / 4 / 6))
    # below order 2: before a stand b, a (2 kinds), before b stands a (1): D = 1 / 3
    below = (1 - 1 / 3) / 3 + (1 / 3) * 2 / 3 / 6
    # order 2: c(ab) = c(ba) = c(aa) = 1: D = 0.9; behind a: 2 tokens of 2 kinds
    assert nats[1][0] == pytest.approx(-math.log(0.1 / 2 + 0.9 * 2 / 2 * below))


def test_baselines_say_what_they_left_out() -> None:
    parts = {"validation": (TEXT[:400], np.ones(399))}
    long = np.tile(TEXT, 10)
    whole = ngram_baselines(long, parts, 14, seed=0)
    assert [rival.name for rival in whole] == [f"{n}-gram" for n in range(1, 7)]
    assert not whole[0].note and not whole[0].cut_short
    short = ngram_baselines(long, parts, 14, seed=0, seconds=0.0)
    assert "the last 20,000 of 30,000 tokens" in short[0].note and short[0].cut_short
    assert short[5].test.metrics["nats_per_char"] != whole[5].test.metrics["nats_per_char"]
