"""Losses equal torch's or a sum worked out by hand; wrong labels get a clear text."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from learnloop.errors import DataError, RecipeError
from learnloop.scores.losses import LOSSES

OF_ROWS = [name for name in LOSSES if name != "ctc"]
"""tests/scores/test_ctc.py has the one that takes sequences."""
O = torch.tensor([[1.5, -0.3, 0.2], [0.1, 2.0, -1.0], [-0.7, 0.4, 0.9], [0.0, 0.0, 0.0]])
CLASSES = torch.tensor([0, 1, 1, 2])
ONE_HOT = nn.functional.one_hot(CLASSES, 3).float()
NUMBERS = torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.5, -1.0], [1.0, 1.0, 1.0], [0.5, -2.0, 0.0]])
WEIGHT = torch.tensor([1.0, 0.0, 2.0, 1.0])


def target(name: str) -> Tensor:
    return {"cross_entropy": CLASSES, "hinge": CLASSES, "binary_cross_entropy": ONE_HOT, "kl": ONE_HOT}.get(
        name, NUMBERS
    )


def test_parity_with_torch() -> None:
    same = torch.testing.assert_close
    same(LOSSES["mse"]().build()(O, NUMBERS, None), nn.MSELoss()(O, NUMBERS))
    same(LOSSES["mae"]().build()(O, NUMBERS, None), nn.L1Loss()(O, NUMBERS))
    same(LOSSES["huber"](delta=0.7).build()(O, NUMBERS, None), nn.HuberLoss(delta=0.7)(O, NUMBERS))
    c = (1.0, 2.0, 0.5)
    for y in (CLASSES, ONE_HOT):
        ours = LOSSES["cross_entropy"](label_smoothing=0.1, class_weights=c).build()(O, y, None)
        same(ours, nn.CrossEntropyLoss(weight=torch.tensor(c), label_smoothing=0.1)(O, y))
    ours = LOSSES["binary_cross_entropy"](pos_weights=c).build()(O, ONE_HOT, None)
    same(ours, nn.BCEWithLogitsLoss(pos_weight=torch.tensor(c))(O, ONE_HOT))
    p = torch.softmax(NUMBERS, 1)
    same(LOSSES["kl"]().build()(O, p, None), nn.KLDivLoss(reduction="batchmean")(torch.log_softmax(O, 1), p))
    same(LOSSES["quantile"]().build()(O, NUMBERS, None), nn.L1Loss()(O, NUMBERS) / 2)


def test_worked_by_hand() -> None:
    uniform = torch.zeros(2, 4)
    assert LOSSES["cross_entropy"]().build()(uniform, torch.tensor([0, 3]), None).item() == pytest.approx(math.log(4))
    smooth = LOSSES["binary_cross_entropy"](label_smoothing=0.2).build()
    # sigmoid(log 3) = 3/4, and a label of 1 becomes 0.9
    found = smooth(torch.tensor([[math.log(3)]]), torch.tensor([1]), None).item()
    assert found == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))
    hinge = LOSSES["hinge"]().build()
    # margins: 1 - 1.5 + 0.2 < 0; 1 - 2 + 0.1 < 0; 1 - 0.4 + 0.9 = 1.5; 1
    assert hinge(O, CLASSES, None).item() == pytest.approx((1.5 + 1) / 4)
    assert hinge(O, ONE_HOT, None).item() == pytest.approx((1.5 + 1) / 4)
    for y in ([1, 0], [1, -1]):
        assert hinge(torch.tensor([[0.25], [0.5]]), torch.tensor(y), None).item() == pytest.approx((0.75 + 1.5) / 2)
    pinball = LOSSES["quantile"](taus=(0.1, 0.9)).build()
    # one target 2, quantiles 1 and 4: errors 1 and -2 -> 0.1 * 1 and 0.1 * 2
    assert pinball(torch.tensor([[1.0, 4.0]]), torch.tensor([2.0]), None).item() == pytest.approx((0.1 + 0.2) / 2)
    huber = LOSSES["huber"](delta=2.0).build()
    assert huber(torch.tensor([[5.0], [1.0]]), torch.zeros(2), None).item() == pytest.approx((2 * (5 - 1) + 0.5) / 2)


@pytest.mark.parametrize("name", OF_ROWS)
def test_weights_are_repetitions(name: str) -> None:
    """Weights 1, 0, 2, 1: row 1 left out and row 2 twice. Scaling all weights changes nothing."""
    loss, y = LOSSES[name]().build(), target(name)
    rows = torch.tensor([0, 2, 2, 3])
    weighted = loss(O, y, WEIGHT)
    assert weighted.shape == ()
    torch.testing.assert_close(weighted, loss(O[rows], y[rows], None))
    torch.testing.assert_close(weighted, loss(O, y, WEIGHT * 7))
    torch.testing.assert_close(loss(O, y, torch.ones(4)), loss(O, y, None))


def test_class_weights_and_row_weights_together() -> None:
    loss = LOSSES["cross_entropy"](class_weights=(1.0, 3.0, 0.5), label_smoothing=0.1).build()
    rows = torch.tensor([0, 2, 2, 3])
    torch.testing.assert_close(loss(O, CLASSES, WEIGHT), loss(O[rows], CLASSES[rows], None))


@pytest.mark.parametrize("name", OF_ROWS)
def test_gradients_equal_finite_differences(name: str) -> None:
    loss, y = LOSSES[name]().build(), target(name)
    outputs = O.double().requires_grad_()
    with torch.no_grad():
        outputs += 0.013 * torch.arange(12.0).reshape(4, 3)  # away from kinks
    if y.is_floating_point():
        y = y.double()
    assert torch.autograd.gradcheck(lambda o: loss(o, y, WEIGHT.double()), outputs)


@pytest.mark.parametrize("name", OF_ROWS)
def test_half_precision_outputs_are_summed_in_float32(name: str) -> None:
    loss, y = LOSSES[name]().build(), target(name)
    half = O.bfloat16()
    assert loss(half, y, None).dtype == torch.float32
    torch.testing.assert_close(loss(half, y, None), loss(half.float(), y, None))


def test_shapes_that_would_broadcast_are_refused() -> None:
    for name in ("mse", "mae", "huber", "binary_cross_entropy", "quantile"):
        loss = LOSSES[name]().build()
        column = torch.tensor([[0.0], [1.0], [3.0]])
        assert loss(column, torch.tensor([0.0, 1.0, 0.0]), None).shape == ()
        with pytest.raises(DataError, match=r"must have the shape of the outputs, \[4, 3\]\n  found:     \[4\]"):
            loss(O, torch.zeros(4), None)
    one = LOSSES["mse"]().build()(torch.ones(3, 1), torch.ones(3), None)
    assert one.item() == 0.0


def test_constants_are_checked() -> None:
    with pytest.raises(RecipeError, match=r"loss.class_weights: must have one value for each of the 3 outputs"):
        LOSSES["cross_entropy"](class_weights=(1.0, 2.0)).build()(O, CLASSES, None)
    with pytest.raises(ValidationError, match="class_weights must be finite, at least 0, and not all 0"):
        LOSSES["cross_entropy"](class_weights=(1.0, -2.0))
    with pytest.raises(ValidationError, match="taus must rise and lie between 0 and 1"):
        LOSSES["quantile"](taus=(0.9, 0.1))
    with pytest.raises(ValidationError, match="less than 1"):
        LOSSES["cross_entropy"](label_smoothing=1.0)
