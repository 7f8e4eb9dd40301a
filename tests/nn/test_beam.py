"""Decoding against the enumeration of every text."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from learnloop.contracts import BEGIN, END, PADDING
from learnloop.nn.beam import beam_search, decode, greedy
from learnloop.nn.decoding import DecoderState, shifted

CODES, LIMIT = 7, 4
A, B, C = 4, 5, 6


class Table:
    """p(next | last two codes, row), drawn once: a decoder whose every text can be looked at."""

    def __init__(self, rows: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.logits = 2 * torch.randn(rows, CODES, CODES, CODES, generator=generator)
        self.kept: list[int] = []

    def begin(self, source: Tensor, width: int) -> DecoderState:
        rows = source[:, 0].long().repeat_interleave(width)
        return DecoderState({"row": rows}, {"before": torch.full_like(rows, BEGIN)})

    def step(self, codes: Tensor, state: DecoderState) -> Tensor:
        self.kept.append(len(codes))
        logits = self.logits[state.fixed["row"], state.moving["before"], codes]
        state.moving["before"] = codes
        state.position += 1
        return logits

    def log_probability(self, row: int, text: tuple[int, ...]) -> float:
        total, before, last = 0.0, BEGIN, BEGIN
        for code in text:
            logits = self.logits[row, before, last].clone()
            logits[[0, 1, 2]] = -math.inf
            total += float(torch.log_softmax(logits, 0)[code])
            before, last = last, code
        return total

    def best(self, row: int, alpha: float) -> list[int]:
        """The best of all texts that end within LIMIT codes."""
        texts = [(*words, END) for length in range(LIMIT) for words in itertools.product((A, B, C), repeat=length)]
        score = {t: self.log_probability(row, t) / ((5 + len(t)) / 6) ** alpha for t in texts}
        return list(max(texts, key=score.__getitem__))


def sources(rows: int) -> Tensor:
    return torch.arange(rows)[:, None]


def cut(line: Tensor) -> list[int]:
    return [int(code) for code in line if code != PADDING]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_the_tree_finds_the_best_text(alpha: float) -> None:
    table = Table(rows=40, seed=1)
    found = beam_search(table, sources(40), limit=LIMIT, beam=64, length_penalty=alpha)
    assert [cut(line) for line in found] == [table.best(row, alpha) for row in range(40)]


def test_a_length_penalty_makes_longer_texts_win() -> None:
    table = Table(rows=200, seed=2)
    short, long = (beam_search(table, sources(200), limit=LIMIT, beam=64, length_penalty=alpha) for alpha in (0.0, 2.0))
    assert (long != PADDING).sum() > (short != PADDING).sum()
    assert ((long != PADDING).sum(1) >= (short != PADDING).sum(1)).all()


def test_greedy_takes_the_likeliest_next_code_each_time() -> None:
    table = Table(rows=30, seed=3)
    for row, line in enumerate(greedy(table, sources(30), limit=LIMIT)):
        said: list[int] = []
        while len(said) < LIMIT and END not in said:
            choices = (END, A, B, C)
            said.append(max(choices, key=lambda code: table.log_probability(row, (*said, code))))
        assert cut(line) == said


@pytest.mark.parametrize("beam", [1, 2, 3])
def test_a_row_is_answered_as_if_it_were_alone(beam: int) -> None:
    table = Table(rows=50, seed=4)
    together = decode(table, sources(50), limit=LIMIT, beam=beam, length_penalty=0.6)
    alone = [decode(table, sources(50)[row : row + 1], limit=LIMIT, beam=beam, length_penalty=0.6) for row in range(50)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("beam", [1, 3])
def test_rows_that_are_done_are_not_computed_any_further(beam: int) -> None:
    table = Table(rows=64, seed=5)
    table.logits[:48, A:, A:, END] = 50.0  # at the third code 48 rows are done
    table.logits[48:, ..., END] = -torch.inf
    found = decode(table, sources(64), limit=10, beam=beam, length_penalty=0.0)
    assert table.kept == [64 * beam] * 3 + [16 * beam] * 7
    assert all(END in line for line in found[:48].tolist())
    assert not any(END in line for line in found[48:].tolist())


def test_a_text_that_never_ends_stops_at_the_limit() -> None:
    table = Table(rows=3, seed=6)
    table.logits[..., END] = -torch.inf
    for beam in (1, 4):
        found = decode(table, sources(3), limit=LIMIT, beam=beam, length_penalty=0.6)
        assert found.shape == (3, LIMIT)
        assert ((found >= A) & (found <= C)).all()


def test_codes_that_stand_for_no_text_are_never_said() -> None:
    table = Table(rows=20, seed=7)
    table.logits[..., :3] = 50.0
    for beam in (1, 4):
        found = decode(table, sources(20), limit=LIMIT, beam=beam, length_penalty=0.0)
        texts = [cut(line) for line in found]
        assert all(code >= END for text in texts for code in text)
        assert all(END not in text[:-1] for text in texts)


def test_the_decoder_is_shown_the_target_one_step_late() -> None:
    assert shifted(torch.tensor([[5, 6, END], [4, END, PADDING]])).tolist() == [[BEGIN, 5, 6], [BEGIN, 4, END]]
