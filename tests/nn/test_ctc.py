"""Decoding of CTC: greedy and beam, against the sum over all alignments written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from learnloop.nn.ctc import beam, frames_needed, greedy
from learnloop.scores.ctc import ctc_nats


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    """Repeats become one, then blanks go."""
    return tuple(code for code, _ in itertools.groupby(path) if code)


def sums(log_p: Tensor) -> dict[tuple[int, ...], float]:
    """Text -> probability, the sum over all codes^frames alignments of one row [frames, codes]."""
    p = log_p.exp().numpy()
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(p.shape[1]), repeat=p.shape[0]):
        text = collapsed(path)
        found[text] = found.get(text, 0.0) + float(np.prod([p[t, code] for t, code in enumerate(path)]))
    return found


def rows_of(codes: Tensor) -> list[tuple[int, ...]]:
    return [tuple(int(code) for code in row if code) for row in codes]


def random_scores(rows: int, frames: int, codes: int, sharp: float, seed: int = 0) -> Tensor:
    return sharp * torch.randn(rows, frames, codes, generator=torch.Generator().manual_seed(seed))


def test_greedy_takes_the_best_code_of_each_frame_once() -> None:
    best = torch.tensor([[1, 1, 0, 1, 2, 2, 0], [0, 0, 0, 0, 0, 0, 0], [3, 2, 2, 3, 3, 0, 1]])
    scores = torch.nn.functional.one_hot(best, 4).float()
    assert greedy(scores).tolist() == [[1, 1, 2, 0], [0, 0, 0, 0], [3, 2, 3, 1]]


def test_greedy_of_nothing_but_blanks_is_one_column_of_padding() -> None:
    assert greedy(torch.tensor([[[1.0, 0.0]]])).tolist() == [[0]]


@pytest.mark.parametrize("sharp", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("codes", [2, 3, 4])
def test_a_wide_beam_finds_the_text_with_the_largest_sum(codes: int, sharp: float) -> None:
    log_p = random_scores(12, 6, codes, sharp, seed=codes).double().log_softmax(2)
    found = rows_of(beam(log_p, 400))
    for row, text in zip(log_p, found):
        every = sums(row)
        assert every[text] == pytest.approx(max(every.values()))


def test_a_beam_finds_texts_that_greedy_misses() -> None:
    # The best path is three blanks (0.216), but "a" has more paths: 1 - 0.216 - those of "aa".
    p = torch.tensor([[[0.6, 0.4], [0.6, 0.4], [0.6, 0.4]]])
    assert rows_of(greedy(p.log())) == [()]
    assert rows_of(beam(p.log(), 4)) == [(1,)]


def test_repeated_codes_need_a_blank_between_them() -> None:
    apart = torch.tensor([[[0.01, 0.99], [0.98, 0.02], [0.01, 0.99]]]).log()
    together = torch.tensor([[[0.01, 0.99], [0.02, 0.98], [0.01, 0.99]]]).log()
    assert rows_of(beam(apart, 3)) == [(1, 1)]
    assert rows_of(beam(together, 3)) == [(1,)]


def test_a_narrow_beam_is_no_better_than_a_wide_one_and_rows_do_not_matter_to_each_other() -> None:
    log_p = random_scores(40, 12, 5, 1.0).double().log_softmax(2)
    texts = {width: rows_of(beam(log_p, width)) for width in (1, 4, 32)}

    def nats(found: list[tuple[int, ...]]) -> Tensor:
        longest = max(max(map(len, found)), 1)
        y = torch.tensor([[*text, *[0] * (longest - len(text))] for text in found])
        return ctc_nats(log_p, y)

    likelier = [nats(texts[width]).mean() for width in (1, 4, 32)]
    assert likelier[0] > likelier[1] + 0.01 > likelier[2]
    alone = [rows_of(beam(row[None], 4))[0] for row in log_p]
    assert alone == texts[4]


def test_sure_blanks_behind_the_end_change_nothing() -> None:
    scores = random_scores(10, 9, 5, 2.0)
    behind = torch.full((10, 7, 5), -1e4)
    behind[..., 0] = 0.0
    longer = torch.cat([scores, behind], 1)
    assert rows_of(beam(longer, 6)) == rows_of(beam(scores, 6))
    assert rows_of(greedy(longer)) == rows_of(greedy(scores))


def test_frames_needed_counts_codes_and_pairs_alike() -> None:
    codes = np.array([[5, 6, 7, 0], [5, 5, 5, 6], [4, 0, 0, 0], [5, 6, 5, 6]])
    assert frames_needed(codes).tolist() == [3, 6, 1, 4]
    for row, needed in zip(codes, frames_needed(codes)):
        text = tuple(int(code) for code in row if code)
        assert frames_that_say(text) == needed


def frames_that_say(text: tuple[int, ...]) -> int:
    """By trying: the shortest alignment with this text."""
    names = [0, *sorted(set(text))]
    for frames in range(1, 9):
        if any(collapsed(path) == text for path in itertools.product(names, repeat=frames)):
            return frames
    raise AssertionError("not within 8 frames")
