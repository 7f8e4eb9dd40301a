"""Checks of optimisers: what one learns, what it leaves alone, and what the learning rate does."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.optim.stepper import Stepper
from learnloop.testing.optimiser_case import (
    Bowl,
    OptimiserCase,
    batch_of,
    loss_on,
    one_step,
    trainable,
    weights_of,
)

BOWL_STEPS = 400


def check_minimises(case: OptimiserCase) -> None:
    """A convex bowl within 0.2 of the start: the loss falls below 5 % in 400 steps, the rate sinking to 0."""
    bowl = Bowl()
    stepper = case.build(bowl)
    first = bowl.loss().item()
    for step in range(BOWL_STEPS):
        stepper.set_scale(1 - step / BOWL_STEPS)
        stepper.zero_grad()
        bowl.loss().backward()
        stepper.step()
    last = bowl.loss().item()
    assert last < 0.05 * first, f"the loss of a convex bowl went from {first:.4g} to {last:.4g} in {BOWL_STEPS} steps"


def check_learns(case: OptimiserCase) -> None:
    """A small network's loss falls below 0.8 of what it was in 150 steps on one batch."""
    net, stepper = case.start()
    first = loss_on(net, 0).item()
    for _ in range(150):
        one_step(net, stepper, 0)
    last = loss_on(net, 0).item()
    assert last < 0.8 * first, f"a small network's loss went from {first:.4g} to {last:.4g} in 150 steps"


def check_moves_all(case: OptimiserCase) -> None:
    """Every tensor with a gradient moves, whatever its shape, and stays finite."""
    net, stepper = case.start()
    before = weights_of(net)
    for turn in range(3):
        one_step(net, stepper, turn)
    after = weights_of(net)
    still = [name for name in trainable(net) if torch.equal(before[name], after[name])]
    assert not still, f"tensors with a gradient do not move: {', '.join(f'{n} {list(after[n].shape)}' for n in still)}"
    wild = [name for name, tensor in after.items() if not bool(tensor.isfinite().all())]
    assert not wild, f"not finite after 3 steps: {', '.join(wild)}"


def check_params(case: OptimiserCase) -> None:
    """`params` holds each trainable tensor once, in the network's order; `describe` says a sentence."""
    net, stepper = case.start()
    expected = [name for name, p in net.named_parameters() if p.requires_grad]
    names = {id(p): name for name, p in net.named_parameters()}
    found = [names.get(id(p), "a tensor of no network") for p in stepper.params]
    assert found == expected, f"params holds {', '.join(found)}; the network has {', '.join(expected)}"
    text = stepper.describe()
    assert isinstance(text, str) and text and "\n" not in text, f"describe() gives {text!r}, not a sentence"


def check_frozen(case: OptimiserCase) -> None:
    """Frozen parameters and buffers never move, also when a gradient has been left in them."""
    net, stepper = case.start()
    net.eval()  # batch norm's own updates would move buffers
    held = {name: tensor.clone() for name, tensor in net.named_buffers()} | {"frozen": net.frozen.detach().clone()}
    net.frozen.grad = torch.ones_like(net.frozen)
    for turn in range(3):
        F.cross_entropy(net(batch_of(turn)[0]), batch_of(turn)[1]).backward()
        stepper.step()
    now = net.state_dict()
    moved = [name for name, tensor in held.items() if not torch.equal(tensor, now[name])]
    assert not moved, f"frozen, and moved nevertheless: {', '.join(moved)}"


def check_no_gradient(case: OptimiserCase) -> None:
    """A tensor without a gradient is left alone, its state and step count too; no gradients at all move
    nothing.
    """
    net, stepper = case.start()
    before = weights_of(net)
    stepper.step()
    moved = [name for name, tensor in weights_of(net).items() if not torch.equal(tensor, before[name])]
    assert not moved, f"a step without any gradients moves {', '.join(moved)}"
    net, stepper = case.start()
    one_step(net, stepper, 0)
    held = net.sometimes.detach().clone()
    for turn in range(1, 4):
        one_step(net, stepper, turn, whole=False)
    assert torch.equal(net.sometimes, held), "a tensor whose grad is None moves"
    late = _move_alone(net.sometimes, stepper)
    other, fresh = case.start()
    one_step(other, fresh, 0)
    early = _move_alone(other.sometimes, fresh)
    off = float((late - early).abs().max())
    assert off <= 1e-4 * float(early.abs().max()), (
        "the next move of a tensor depends on steps in which its grad was None: "
        f"{late.tolist()} instead of {early.tolist()}"
    )


def _move_alone(p: Tensor, stepper: Stepper) -> Tensor:
    """How far `p` goes in one step in which it alone has a gradient."""
    before = p.detach().clone()
    stepper.zero_grad()
    p.grad = torch.linspace(-1.0, 1.5, p.numel()).view_as(p)
    stepper.step()
    return (p - before).detach()


def check_gradients(case: OptimiserCase) -> None:
    """`zero_grad` leaves None everywhere; `grads` gives those that are there, not copies; `step` keeps them."""
    net, stepper = case.start()
    loss_on(net, 0, whole=False).backward()
    present = [p.grad for p in stepper.params if p.grad is not None]
    found = stepper.grads()
    same = len(found) == len(present) and all(mine is theirs for mine, theirs in zip(found, present))
    assert same, f"grads() gives {len(found)} tensors, not the {len(present)} gradients that are there, in order"
    held = [gradient.clone() for gradient in present]
    stepper.step()
    kept = [p.grad for p in stepper.params if p.grad is not None]
    assert len(kept) == len(held) and all(map(torch.equal, kept, held)), "step() changes the gradients"
    stepper.zero_grad()
    left = [name for name, p in net.named_parameters() if p.grad is not None]
    assert not left, f"after zero_grad these still have a gradient (None is asked for): {', '.join(left)}"


def check_scale(case: OptimiserCase) -> None:
    """`set_scale` multiplies the base rate: learning_rate says so, a half moves half as far, 0 moves nothing."""
    moves = {}
    for scale in (1.0, 0.5, 0.0):
        net, stepper = case.start()
        base = stepper.learning_rate
        assert base > 0, f"the learning rate begins at {base}"
        stepper.set_scale(0.3)  # not the base from then on
        stepper.set_scale(scale)
        rate = stepper.learning_rate
        assert abs(rate - scale * base) < 1e-9 * base, f"at scale {scale:g} of {base:g} the learning rate is {rate:g}"
        before = weights_of(net)
        one_step(net, stepper, 0)
        after = weights_of(net)
        moves[scale] = {name: after[name] - before[name] for name in trainable(net)}
    moved = [name for name, move in moves[0.0].items() if bool((move != 0).any())]
    assert not moved, f"at scale 0 a step moves {', '.join(moved)}"
    for name, whole in moves[1.0].items():
        off = float((2 * moves[0.5][name] - whole).abs().max())
        most = float(whole.abs().max())
        assert off <= 0.01 * most + 1e-6, f"at half the rate {name} does not move half as far: off by {off / most:.0%}"
