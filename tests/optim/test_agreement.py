"""When a lower precision is taken for float32's equal."""

from __future__ import annotations

import pytest
import torch

from learnloop.contracts import Batch
from learnloop.optim.agreement import Outcome, disagreement

BATCH = {"x": torch.arange(8.0), "y": torch.zeros(8)}


def outcomes(*, rounding: float, noise: float, loss: float = 1.0) -> object:
    """Gradients (1, 0) in float32, off by `rounding` at a right angle else; the halves of a batch `noise` off."""

    def outcome(dtype: str, batch: Batch) -> Outcome:
        if dtype != "float32":
            return Outcome(loss, torch.tensor([1.0, rounding], dtype=torch.float64))
        half = len(batch["x"]) < 8
        sign = 1.0 if float(batch["x"][0]) == 0 else -1.0
        return Outcome(1.0, torch.tensor([1.0, sign * noise if half else 0.0], dtype=torch.float64))

    return outcome


def test_nearly_the_same_gradient_agrees_without_noise() -> None:
    assert disagreement(outcomes(rounding=0.19, noise=0.0), "bfloat16", BATCH) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(("noise", "agrees"), [(0.9, True), (0.75, True), (0.6, False), (0.0, False)])
def test_rounding_may_be_a_third_of_the_sampling_noise(noise: float, agrees: bool) -> None:
    said = disagreement(outcomes(rounding=0.25, noise=noise), "bfloat16", BATCH)  # type: ignore[arg-type]
    assert (said == "") is agrees
    if not agrees:
        assert said == "its gradient has cosine 0.970 with float32's (more than 0.98)"


def test_no_noise_excuses_a_gradient_that_points_elsewhere() -> None:
    said = disagreement(outcomes(rounding=0.4, noise=100.0), "bfloat16", BATCH)  # type: ignore[arg-type]
    assert said == "its gradient has cosine 0.928 with float32's (more than 0.98)"


def test_another_loss_disagrees_whatever_the_gradient() -> None:
    said = disagreement(outcomes(rounding=0.0, noise=1.0, loss=1.05), "bfloat16", BATCH)  # type: ignore[arg-type]
    assert said == "its loss is 5.0 % off float32's (at most 2 %)"


def test_a_batch_of_one_row_has_no_noise_to_hide_in() -> None:
    one = {key: tensor[:1] for key, tensor in BATCH.items()}

    def outcome(dtype: str, batch: Batch) -> Outcome:
        return Outcome(1.0, torch.tensor([1.0, 0.0 if dtype == "float32" else 0.25], dtype=torch.float64))

    assert disagreement(outcome, "bfloat16", one) == "its gradient has cosine 0.970 with float32's (more than 0.98)"
