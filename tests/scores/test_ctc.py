"""The CTC loss is -log of the sum over all alignments."""

from __future__ import annotations

import math

import pytest
import torch

from learnloop.scores.ctc import CTCConfig, ctc_nats
from tests.nn.test_ctc import random_scores, sums

Y = torch.tensor([[1, 2, 0], [2, 2, 0], [1, 0, 0], [1, 2, 1]])


def test_the_loss_is_the_negative_log_of_the_sum_over_alignments() -> None:
    scores = random_scores(4, 5, 3, 1.0)
    nats = ctc_nats(scores, Y)
    for row, y, value in zip(scores.log_softmax(2), Y, nats):
        text = tuple(int(code) for code in y if code)
        assert float(value) == pytest.approx(-math.log(sums(row)[text]), rel=1e-5)


def test_the_mean_is_over_rows_of_nats_a_code_and_weights_count_in_proportion() -> None:
    scores, loss = random_scores(4, 5, 3, 1.0), CTCConfig.model_validate({}).build()
    each = ctc_nats(scores, Y) / torch.tensor([2, 2, 1, 3])
    assert torch.allclose(loss(scores, Y, None), each.mean())
    weight = torch.tensor([1.0, 0.0, 3.0, 0.0])
    assert torch.allclose(loss(scores, Y, weight), (each[0] + 3 * each[2]) / 4)
    assert torch.allclose(loss(scores, Y, 7 * weight), loss(scores, Y, weight))


def test_sure_blanks_behind_the_end_change_neither_loss_nor_gradient() -> None:
    scores = random_scores(4, 5, 3, 1.0)
    behind = torch.full((4, 6, 3), -1e4)
    behind[..., 0] = 0.0
    short, long = scores.clone().requires_grad_(), torch.cat([scores, behind], 1).requires_grad_()
    loss = CTCConfig.model_validate({}).build()
    (a,), (b,) = (torch.autograd.grad(loss(x, Y, None), x) for x in (short, long))
    assert torch.allclose(loss(short, Y, None), loss(long, Y, None), rtol=1e-6)
    assert torch.allclose(a, b[:, :5], atol=1e-6) and float(b[:, 5:].abs().max()) < 1e-6


def test_bfloat16_is_summed_in_float32() -> None:
    scores = random_scores(4, 5, 3, 1.0).bfloat16()
    assert torch.equal(ctc_nats(scores, Y), ctc_nats(scores.float(), Y))


def test_a_text_that_needs_more_frames_has_no_probability() -> None:
    assert float(ctc_nats(random_scores(1, 2, 3, 1.0), torch.tensor([[2, 2]]))[0]) == math.inf
