"""The linear layer that Naive Bayes weighs, against counting by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import torch
from torch import Tensor

from learnloop.contracts import TOKENS, Y
from learnloop.nn.bayes import BayesLinear
from learnloop.nn.ngrams import ngram_keys, prints_of, slots_of

ROWS = torch.tensor(
    [[4, 5, 4, 0], [4, 5, 6, 0], [5, 6, 0, 0], [6, 4, 5, 7], [7, 7, 7, 7], [6, 5, 0, 0]], dtype=torch.int32
)
CLASSES = torch.tensor([0, 0, 1, 0, 1, 1])


def started(y: Tensor = CLASSES, outputs: int = 2, *, orders: int = 2, slots: int = 1 << 12) -> BayesLinear:
    layer = BayesLinear(8, outputs, orders=orders, slots=slots)
    layer.start_from({TOKENS: ROWS, Y: y})
    return layer


def ngrams_of(row: Tensor) -> set[tuple[int, ...]]:
    words = [int(code) for code in row if code]
    return {(word,) for word in words} | set(itertools.pairwise(words))


def kept() -> dict[tuple[int, ...], list[int]]:
    """n-gram -> the classes of the rows with it, of all words and of n-grams in two rows or more."""
    rows = [ngrams_of(row) for row in ROWS]
    found = {gram: [int(label) for label, row in zip(CLASSES, rows) if gram in row] for row in rows for gram in row}
    return {gram: labels for gram, labels in found.items() if len(gram) == 1 or len(labels) > 1}


def place_of(layer: BayesLinear, gram: tuple[int, ...]) -> int:
    places = layer.places(torch.tensor([gram]))[0]
    return int(places[-1] if len(gram) == 2 else places[0])


def test_ratios_are_those_of_counting_by_hand() -> None:
    layer, features = started(), kept()
    # Words without any row, codes 1 to 3, count as well: 1 + 0.
    all_features = len(features) + 4
    total = [sum(Counter(labels)[c] for labels in features.values()) + all_features for c in (0, 1)]
    for gram, labels in features.items():
        p, q = 1 + Counter(labels)[0], 1 + Counter(labels)[1]
        expected = math.log(p / total[0]) - math.log(q / total[1])
        found = layer.ratio[place_of(layer, gram)]
        assert math.isclose(float(found[0]), expected, abs_tol=1e-5), gram
        assert math.isclose(float(found[1]), -expected, abs_tol=1e-5), gram
    assert {(4, 5), (5, 6)} == {gram for gram in features if len(gram) == 2}


def test_ngrams_of_one_row_and_of_none_add_nothing() -> None:
    layer = started()
    for gram in ((5, 4), (6, 4), (3, 7), (7, 6)):
        assert place_of(layer, gram) == 0
    assert int((layer.prints >= 0).sum()) == 2


def test_an_output_is_the_sum_over_what_a_row_holds_once() -> None:
    torch.manual_seed(0)
    layer = started()
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.normal_()
    out = layer(ROWS)
    for row, found in zip(ROWS, out):
        grams = [gram for gram in ngrams_of(row) if gram in kept()]
        places = [place_of(layer, gram) for gram in grams]
        expected = layer.scale * (layer.ratio[places] * layer.weight[places]).sum(0) + layer.bias
        assert torch.allclose(found, expected, atol=1e-6)


def test_two_ngrams_of_one_slot_are_told_apart_and_the_stronger_keeps_it() -> None:
    grid = torch.cartesian_prod(torch.arange(4, 60), torch.arange(4, 60)).int()
    slots = slots_of(ngram_keys(grid, 2)[:, 0], 4)
    strong, weak = grid[slots == 1][:2]
    # The first pair marks a class in all of its rows, the second is in both classes alike.
    rows = torch.stack([strong, strong, strong, weak, weak, weak, weak])
    layer = BayesLinear(60, 2, orders=2, slots=4)
    layer.start_from({TOKENS: rows, Y: torch.tensor([1, 1, 1, 0, 1, 0, 1])})
    assert layer.prints[1] == prints_of(ngram_keys(strong.unsqueeze(0), 2))[0, 0]
    assert place_of(layer, tuple(strong.tolist())) == 61 and place_of(layer, tuple(weak.tolist())) == 0


def test_one_output_stands_for_the_second_of_two_classes() -> None:
    assert torch.allclose(started(outputs=1).ratio[:, 0], started().ratio[:, 1])


def test_of_numbers_a_word_says_the_mean_of_its_rows_drawn_towards_0() -> None:
    y = torch.tensor([[1.5], [0.5], [-1.0], [0.25], [-0.5], [-0.75]])
    layer = started(y, 1, orders=1)
    assert torch.allclose(layer.ratio[6], (0.5 - 1.0 + 0.25 - 0.75) / torch.tensor([4 + 4.0]))


def test_a_usual_text_has_strength_16_whatever_its_length() -> None:
    for slots in (2, 1 << 12):
        layer = started(slots=slots)
        with torch.no_grad():
            layer.weight.copy_(layer.ratio.sign())
        assert math.isclose(layer(ROWS)[:, 0].mean().item(), 16.0, rel_tol=1e-5)


def test_before_the_start_every_ngram_counts_alike() -> None:
    layer = BayesLinear(8, 2, orders=2, slots=64)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    one, two = layer(torch.tensor([[4], [4]]))[0], layer(torch.tensor([[4, 5]]))[0]
    assert torch.allclose(one, torch.tensor([1 / 16] * 2)) and torch.allclose(two, torch.tensor([3 / 16] * 2))
