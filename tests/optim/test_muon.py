"""Muon: which tensors it moves, and that it equals torch.optim.Muon where that exists."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from learnloop.optim.muon import hidden, orthogonalise
from learnloop.optim.muon_config import MuonConfig
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.rules import decays, trainable


def chosen(net: nn.Module) -> dict[str, str]:
    kinds = hidden([entry for entry in trainable(net) if decays(*entry)])
    return {name: kinds[id(p)] for name, p in net.named_parameters() if id(p) in kinds}


class Members(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 6, 4))
        self.bias = nn.Parameter(torch.zeros(3, 4))


def test_hidden_matrices_and_filters_only() -> None:
    cnn = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv1d(8, 4, 3), Members(), nn.Embedding(7, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2),
    )  # fmt: skip
    assert chosen(cnn) == {
        "2.weight": "filter",
        "4.weight": "filter",
        "5.weight": "batch",
        "7.weight": "matrix",
    }
    cnn[7].muon_exclude = True
    cnn[5].muon_exclude = ("weight",)
    assert chosen(cnn) == {"2.weight": "filter", "4.weight": "filter"}
    cnn[0].muon_exclude = False  # the first layer that learns is no input layer where a fixed one stands before it
    assert chosen(cnn) == {"0.weight": "filter", "2.weight": "filter", "4.weight": "filter"}
    assert chosen(nn.Linear(3, 2)) == {}


@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_matrices_move_as_in_torch_bit_for_bit(adjust: str, nesterov: bool) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 12), nn.Linear(12, 12), nn.Linear(12, 6), nn.Linear(6, 2))
    theirs = [ours[i].weight.detach().clone().requires_grad_() for i in (1, 2, 3)]
    config = MuonConfig(lr=0.03, weight_decay=0.1, adjust=adjust, nesterov=nesterov, precision="bfloat16")
    stepper = config.build(ours)
    reference = torch.optim.Muon(theirs, lr=0.03, weight_decay=0.1, nesterov=nesterov, adjust_lr_fn=adjust)
    assert stepper.describe() == "muon on 3 tensors (300 parameters), adamw on 7 tensors (86 parameters)"
    for turn in range(20):
        generator = torch.Generator().manual_seed(turn)
        for p in ours.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        for p, i in zip(theirs, (1, 2, 3)):
            p.grad = ours[i].weight.grad.clone()
        stepper.step()
        reference.step()
    for p, i in zip(theirs, (1, 2, 3)):
        assert torch.equal(p, ours[i].weight)


def test_the_rest_moves_by_adamw() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 7), nn.Linear(7, 2))
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 7), nn.Linear(7, 2))
    stepper = OPTIMISERS["muon"](other_lr=0.01, weight_decay=0.0).build(ours)
    rest = [p for name, p in theirs.named_parameters() if name != "1.weight"]
    reference = torch.optim.AdamW(rest, lr=0.01, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for turn in range(5):
        generator = torch.Generator().manual_seed(turn)
        for p, q in zip(ours.parameters(), theirs.parameters()):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        stepper.step()
        reference.step()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        assert torch.equal(p, q) == (name != "1.weight")


def test_the_rest_can_move_by_sgd_that_takes_its_share_of_each_weight() -> None:
    """Vectors 64 times faster; the decay of a step at the full rate is the same share of matrices and vectors."""
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 7), nn.Linear(7, 2))
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 7), nn.Linear(7, 2))
    config = MuonConfig(other="sgd", other_lr=0.01, other_vectors=64.0, weight_decay=0.004, decay_all=True)
    stepper = config.build(ours)
    assert stepper.describe() == "muon on 1 tensors (49 parameters), sgd on 5 tensors (65 parameters)"
    rest = {name: p for name, p in theirs.named_parameters() if name != "1.weight"}
    reference = torch.optim.SGD(
        [
            {"params": [p for p in rest.values() if p.ndim == 2], "lr": 0.01, "weight_decay": 0.004 / 0.01},
            {"params": [p for p in rest.values() if p.ndim == 1], "lr": 0.64, "weight_decay": 0.004 / 0.64},
        ],
        momentum=0.85,
        nesterov=True,
    )
    for turn in range(5):
        generator = torch.Generator().manual_seed(turn)
        for p, q in zip(ours.parameters(), theirs.parameters()):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        stepper.step()
        reference.step()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        assert torch.allclose(p, q, rtol=1e-5, atol=1e-7) == (name != "1.weight")


def test_newton_schulz_brings_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((8, 20), (20, 8), (3, 8, 20), (3, 20, 8)):
        found = torch.linalg.svdvals(orthogonalise(torch.randn(shape), 5, torch.float32))
        assert found.min() > 0.6 and found.max() < 1.3


def test_a_batch_of_matrices_is_the_matrices_one_by_one() -> None:
    torch.manual_seed(0)
    members = nn.Sequential(nn.Linear(2, 2), Members(), nn.Linear(2, 2))
    batch = members[1].weight
    singles = [nn.Linear(6, 4, bias=False) for _ in range(3)]
    plain = nn.Sequential(nn.Linear(2, 2), *singles, nn.Linear(2, 2))
    with torch.no_grad():
        for i, single in enumerate(singles):
            single.weight.copy_(batch[i].T)
    config = MuonConfig(precision="float32")
    one, other = config.build(members), config.build(plain)
    for _ in range(5):
        batch.grad = torch.randn(batch.shape)
        for i, single in enumerate(singles):
            single.weight.grad = batch.grad[i].T.clone()
        one.step()
        other.step()
    for i, single in enumerate(singles):
        torch.testing.assert_close(batch[i].T, single.weight, rtol=1e-4, atol=1e-5)


def test_a_filter_is_its_flattened_matrix() -> None:
    torch.manual_seed(0)
    cnn = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 1, 1))
    flat = nn.Sequential(nn.Linear(2, 2), nn.Linear(27, 4, bias=False), nn.Linear(2, 2))
    with torch.no_grad():
        flat[1].weight.copy_(cnn[1].weight.flatten(1))
    one, other = MuonConfig().build(cnn), MuonConfig().build(flat)
    for _ in range(5):
        cnn[1].weight.grad = torch.randn(4, 3, 3, 3)
        flat[1].weight.grad = cnn[1].weight.grad.flatten(1).clone()
        one.step()
        other.step()
    assert torch.equal(cnn[1].weight.flatten(1), flat[1].weight)


def test_unit_rows_keep_the_length_and_only_that() -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 8, 3), Members(), nn.Linear(4, 4), nn.Linear(4, 2))
    twin = copy.deepcopy(net)
    settings = {"lr": 0.2, "precision": "float32", "weight_decay": 0.0}
    steppers = [MuonConfig(unit_rows=on, **settings).build(one) for one, on in ((net, True), (twin, False))]
    for one in (net, twin):
        for p in one.parameters():
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
    for stepper in steppers:
        stepper.step()
    for i in (1, 3):  # the filter and the hidden matrix
        moved, free = net[i].weight, twin[i].weight
        rows = moved.flatten(1)
        assert float(rows.detach().square().sum()) == pytest.approx(len(rows), rel=1e-5)
        assert torch.allclose(moved / moved.norm(), free / free.norm(), atol=1e-6)
    members = net[2].weight.detach()  # [members, in, out]: each by itself
    assert members.square().sum((1, 2)).tolist() == pytest.approx([4.0] * 3, rel=1e-5)
    for i in (0, 4):  # AdamW's
        assert torch.equal(net[i].weight, twin[i].weight)
