"""Pooling over steps leaves padding out."""

from __future__ import annotations

import torch

from learnloop.nn.pooling import AttentionPooling, masked_max, masked_mean

X = torch.tensor([[[1.0, -5.0], [3.0, -2.0], [9.0, 9.0]], [[-4.0, -1.0], [9.0, 9.0], [9.0, 9.0]]])
LENGTH = torch.tensor([2, 1])


def test_the_maximum_and_the_mean_are_over_the_steps_that_are_there() -> None:
    assert masked_max(X, LENGTH).tolist() == [[3.0, -2.0], [-4.0, -1.0]]
    assert masked_mean(X, LENGTH).tolist() == [[2.0, -3.5], [-4.0, -1.0]]


def test_a_mean_in_low_precision_is_summed_in_float32() -> None:
    x = torch.ones(1, 1001, 1, dtype=torch.bfloat16)  # 1001 is no bfloat16
    assert masked_mean(x, torch.tensor([1001])).item() == 1.0


def test_attention_shares_add_up_to_one_over_the_steps_that_are_there() -> None:
    torch.manual_seed(0)
    pool = AttentionPooling(2)
    share = pool.weights(X, LENGTH)
    assert torch.allclose(share.sum(1), torch.ones(2)) and share[1].tolist() == [1.0, 0.0, 0.0]
    y = pool(X, LENGTH)
    assert torch.allclose(y[0], share[0, 0] * X[0, 0] + share[0, 1] * X[0, 1]) and torch.allclose(y[1], X[1, 0])


def test_what_is_infinite_behind_the_end_does_no_harm() -> None:
    x = X.clone()
    x[1, 1:] = float("inf")
    for pooled in (masked_max(x, LENGTH), masked_mean(x, LENGTH), AttentionPooling(2)(x, LENGTH)):
        assert bool(pooled.isfinite().all())
