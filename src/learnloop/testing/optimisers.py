"""`check_optimiser`: what every optimiser must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.optimisers import check_optimiser
    check_optimiser(MyConfig(lr=0.01))
    check_optimiser(lambda net: TorchStepper(torch.optim.Adamax(p for p in net.parameters() if p.requires_grad)))

Each check raises AssertionError with what was expected and what was found; `check_optimiser` runs all and
reports all.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.errors import RunError
from learnloop.optim.stepper import Stepper
from learnloop.seeds import torch_stream
from learnloop.testing.optimiser_case import Bowl, Mixed, OptimiserCase
from learnloop.testing.suite import difference, run_checks, through_file

BOWL_STEPS = 400


def check_optimiser(optimiser: Any, *, only: Collection[str] = (), fresh_process: bool = False) -> None:
    """Run the checks on an optimiser; AssertionError names every one that failed and why.

    optimiser      a config with `build(net, *, fused) -> Stepper`, or a function `net -> Stepper`
    only           names of CHECKS to run; empty = all (`fresh_process` only when that is True)
    fresh_process  also build and step in another process (about 2 s; for a Config): the same weights, and
                   torch._dynamo is not imported, which costs a small run more than its training
    """
    checks = {name: check for name, check in CHECKS.items() if name != "fresh_process" or fresh_process or only}
    run_checks(_title(optimiser), checks, OptimiserCase(optimiser), only)


def _title(optimiser: Any) -> str:
    return type(optimiser).__name__ if hasattr(optimiser, "build") else getattr(optimiser, "__name__", repr(optimiser))


# --- what it learns ---------------------------------------------------------------------------------------------


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
    first = _loss(net, 0).item()
    for _ in range(150):
        _step(net, stepper, 0)
    last = _loss(net, 0).item()
    assert last < 0.8 * first, f"a small network's loss went from {first:.4g} to {last:.4g} in 150 steps"


def check_moves_all(case: OptimiserCase) -> None:
    """Every tensor with a gradient moves, whatever its shape, and stays finite."""
    net, stepper = case.start()
    before = _weights(net)
    for turn in range(3):
        _step(net, stepper, turn)
    after = _weights(net)
    still = [name for name in _trainable(net) if torch.equal(before[name], after[name])]
    assert not still, f"tensors with a gradient do not move: {', '.join(f'{n} {list(after[n].shape)}' for n in still)}"
    wild = [name for name, tensor in after.items() if not bool(tensor.isfinite().all())]
    assert not wild, f"not finite after 3 steps: {', '.join(wild)}"


# --- what it leaves alone ---------------------------------------------------------------------------------------


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
        F.cross_entropy(net(_batch(turn)[0]), _batch(turn)[1]).backward()
        stepper.step()
    now = net.state_dict()
    moved = [name for name, tensor in held.items() if not torch.equal(tensor, now[name])]
    assert not moved, f"frozen, and moved nevertheless: {', '.join(moved)}"


def check_no_gradient(case: OptimiserCase) -> None:
    """A tensor without a gradient is left alone, its state and step count too; no gradients at all move
    nothing.
    """
    net, stepper = case.start()
    before = _weights(net)
    stepper.step()
    moved = [name for name, tensor in _weights(net).items() if not torch.equal(tensor, before[name])]
    assert not moved, f"a step without any gradients moves {', '.join(moved)}"
    net, stepper = case.start()
    _step(net, stepper, 0)
    held = net.sometimes.detach().clone()
    for turn in range(1, 4):
        _step(net, stepper, turn, whole=False)
    assert torch.equal(net.sometimes, held), "a tensor whose grad is None moves"
    late = _move_alone(net.sometimes, stepper)
    other, fresh = case.start()
    _step(other, fresh, 0)
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
    _loss(net, 0, whole=False).backward()
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


# --- the learning rate ------------------------------------------------------------------------------------------


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
        before = _weights(net)
        _step(net, stepper, 0)
        after = _weights(net)
        moves[scale] = {name: after[name] - before[name] for name in _trainable(net)}
    moved = [name for name, move in moves[0.0].items() if bool((move != 0).any())]
    assert not moved, f"at scale 0 a step moves {', '.join(moved)}"
    for name, whole in moves[1.0].items():
        off = float((2 * moves[0.5][name] - whole).abs().max())
        most = float(whole.abs().max())
        assert off <= 0.01 * most + 1e-6, f"at half the rate {name} does not move half as far: off by {off / most:.0%}"


# --- the same again ---------------------------------------------------------------------------------------------


def check_seed(case: OptimiserCase) -> None:
    """Same network, same batches, same weights, whatever torch's global generator holds; it draws nothing."""
    ends = []
    for number in (1, 2):
        torch.manual_seed(number)
        drawn = torch.get_rng_state()
        net, stepper = case.start()
        for turn in range(4):
            _step(net, stepper, turn)
        assert torch.equal(drawn, torch.get_rng_state()), "it draws from torch's global generator"
        ends.append(_weights(net))
    different = difference(ends[0], ends[1])
    assert not different, f"two runs of 4 steps on the same batches differ in {different}"


def check_resumes(case: OptimiserCase) -> None:
    """n steps = n/2 + save + load into a stepper, new or used, + n/2, bit for bit; the scale comes back too."""
    for half in (0, 1, 5):
        net, stepper = case.start()
        stepper.set_scale(0.7)
        _turns(net, stepper, 0, half)
        state, weights = through_file(stepper.state_dict()), _all(net)
        rate = stepper.learning_rate
        _turns(net, stepper, half, half + 5)
        for used in (0, 2):
            other, again = case.start(seed=3)
            _turns(other, again, 20, 20 + used)  # a state must also overwrite a stepper that has been used
            other.load_state_dict(weights)
            again.load_state_dict(through_file(state))
            assert again.learning_rate == rate, (
                f"after load_state_dict the learning rate is {again.learning_rate:g}, saved was {rate:g}"
            )
            changed = difference(state, through_file(again.state_dict()))
            assert not changed, f"the state changes on its way through load_state_dict: {changed}"
            _turns(other, again, half, half + 5)
            different = difference(_all(net), _all(other))
            assert not different, (
                f"resumed after {half} of {half + 5} steps, {different} differs: something is not in state_dict"
            )


def check_foreign_state(case: OptimiserCase) -> None:
    """The state of another network is refused with a RunError."""
    net, stepper = case.start()
    _turns(net, stepper, 0, 2)
    other = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2))
    strange = case.build(other)
    other(torch.ones(4, 3)).sum().backward()
    strange.step()
    try:
        stepper.load_state_dict(through_file(strange.state_dict()))
    except RunError:
        return
    raise AssertionError("the state of another network is loaded without a RunError")


# --- how it computes --------------------------------------------------------------------------------------------


def check_fused(case: OptimiserCase) -> None:
    """fused=True and fused=False give the same weights up to rounding."""
    if not hasattr(case.optimiser, "build"):
        return
    ends = []
    for fused in (True, False):
        net, stepper = case.start(fused=fused)
        _given(net, stepper, 4)
        ends.append(_weights(net))
    _close(ends[0], ends[1], "with fused=True")


def check_layout(case: OptimiserCase) -> None:
    """Filters in channels_last and gradients that lie otherwise in memory give the same weights up to
    rounding.
    """
    plain, stepper = case.start()
    _given(plain, stepper, 4)
    net = Mixed()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _given(net, case.build(net), 4)
    _close(_weights(net), _weights(plain), "with filters in channels_last and contiguous gradients")


def check_fresh_process(case: OptimiserCase) -> None:
    """In another process: the same weights after two steps, and torch._dynamo is not imported."""
    if not isinstance(case.optimiser, Config):
        return
    kind = type(case.optimiser)
    message = {"class": [kind.__module__, kind.__qualname__], "config": case.optimiser.model_dump(mode="json")}
    code = "import sys, learnloop.testing.optimisers as m; print(m.in_fresh_process(sys.stdin.read()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(message),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"a fresh process cannot step:\n{done.stderr}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["dynamo"], "two steps import torch._dynamo, which takes more than a second"
    here = _fingerprint(case)
    assert found["sum"] == here, f"two steps end at {here!r} here and at {found['sum']!r} in a fresh process"


def in_fresh_process(message: str) -> str:
    """What a fresh process does in `check_fresh_process`."""
    given = json.loads(message)
    module, name = given["class"]
    kind = getattr(importlib.import_module(module), name)
    torch.set_num_threads(1)
    found = _fingerprint(OptimiserCase(kind.model_validate(given["config"])))
    return json.dumps({"sum": found, "dynamo": "torch._dynamo" in sys.modules})


def _fingerprint(case: OptimiserCase) -> str:
    """The exact sum of all weights after two steps along given gradients."""
    net, stepper = case.start()
    _given(net, stepper, 2)
    return float(sum(tensor.double().sum() for tensor in _weights(net).values())).hex()


# --- parts of the checks ----------------------------------------------------------------------------------------


def _batch(turn: int) -> tuple[Tensor, Tensor]:
    """Images [16, 2, 6, 6] and classes [16] that can be told from them."""
    stream = torch_stream(0, "check_optimiser", "batch", turn)
    y = torch.randint(3, (16,), generator=stream)
    x = torch.randn(16, 2, 6, 6, generator=stream)
    x[:, 0, 2:4, 2:4] += 2.0 * (y.float() - 1)[:, None, None]
    return x, y


def _loss(net: Mixed, turn: int, *, whole: bool = True) -> Tensor:
    x, y = _batch(turn)
    return F.cross_entropy(net(x, whole=whole), y)


def _step(net: Mixed, stepper: Stepper, turn: int, *, whole: bool = True) -> None:
    stepper.zero_grad()
    _loss(net, turn, whole=whole).backward()
    stepper.step()


def _turns(net: Mixed, stepper: Stepper, start: int, stop: int) -> None:
    """Steps in which `sometimes` takes part only now and then, so that step counts differ between tensors."""
    for turn in range(start, stop):
        _step(net, stepper, turn, whole=turn % 3 == 1)


def _given(net: Mixed, stepper: Stepper, steps: int) -> None:
    """Steps along gradients that are given, so that rounding is not amplified by a network."""
    for turn in range(steps):
        stream = torch_stream(0, "check_optimiser", "given", turn)
        for p in stepper.params:
            p.grad = torch.randn(p.shape, generator=stream)  # contiguous, whatever the layout of p
        stepper.step()


def _trainable(net: nn.Module) -> list[str]:
    return [name for name, p in net.named_parameters() if p.requires_grad]


def _weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def _all(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def _close(found: dict[str, Tensor], expected: dict[str, Tensor], how: str) -> None:
    """Equal to rounding, relative to how far four steps of a usual length lead."""
    for name, tensor in expected.items():
        off = float((found[name] - tensor).abs().max())
        assert off < 1e-5 + 1e-4 * float(tensor.abs().max()), f"{how} the weights of {name} end elsewhere: by {off:.2g}"


CHECKS: dict[str, Callable[[OptimiserCase], None]] = {
    "minimises": check_minimises,
    "learns": check_learns,
    "moves_all": check_moves_all,
    "params": check_params,
    "frozen": check_frozen,
    "no_gradient": check_no_gradient,
    "gradients": check_gradients,
    "scale": check_scale,
    "seed": check_seed,
    "resumes": check_resumes,
    "foreign_state": check_foreign_state,
    "fused": check_fused,
    "layout": check_layout,
    "fresh_process": check_fresh_process,
}
"""Every check by name, in the order in which they run."""
