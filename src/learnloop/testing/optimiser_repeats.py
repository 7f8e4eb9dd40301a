"""Checks of optimisers: the same again after a restart, in another process, by other kernels, in another layout."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from learnloop.config import Config
from learnloop.errors import RunError
from learnloop.testing.fresh import declared, in_fresh_process, rebuilt
from learnloop.testing.optimiser_case import (
    Mixed,
    OptimiserCase,
    check_close,
    given_steps,
    one_step,
    state_of,
    turns,
    weights_of,
)
from learnloop.testing.suite import difference, through_file


def check_seed(case: OptimiserCase) -> None:
    """Same network, same batches, same weights, whatever torch's global generator holds; it draws nothing."""
    ends = []
    for number in (1, 2):
        torch.manual_seed(number)
        drawn = torch.get_rng_state()
        net, stepper = case.start()
        for turn in range(4):
            one_step(net, stepper, turn)
        assert torch.equal(drawn, torch.get_rng_state()), "it draws from torch's global generator"
        ends.append(weights_of(net))
    different = difference(ends[0], ends[1])
    assert not different, f"two runs of 4 steps on the same batches differ in {different}"


def check_resumes(case: OptimiserCase) -> None:
    """n steps = n/2 + save + load into a stepper, new or used, + n/2, bit for bit; the scale comes back too."""
    for half in (0, 1, 5):
        net, stepper = case.start()
        stepper.set_scale(0.7)
        turns(net, stepper, 0, half)
        state, weights = through_file(stepper.state_dict()), state_of(net)
        rate = stepper.learning_rate
        turns(net, stepper, half, half + 5)
        for used in (0, 2):
            other, again = case.start(seed=3)
            turns(other, again, 20, 20 + used)  # a state must also overwrite a stepper that has been used
            other.load_state_dict(weights)
            again.load_state_dict(through_file(state))
            assert again.learning_rate == rate, (
                f"after load_state_dict the learning rate is {again.learning_rate:g}, saved was {rate:g}"
            )
            changed = difference(state, through_file(again.state_dict()))
            assert not changed, f"the state changes on its way through load_state_dict: {changed}"
            turns(other, again, half, half + 5)
            different = difference(state_of(net), state_of(other))
            assert not different, (
                f"resumed after {half} of {half + 5} steps, {different} differs: something is not in state_dict"
            )


def check_foreign_state(case: OptimiserCase) -> None:
    """The state of another network is refused with a RunError."""
    net, stepper = case.start()
    turns(net, stepper, 0, 2)
    other = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2))
    strange = case.build(other)
    other(torch.ones(4, 3)).sum().backward()
    strange.step()
    try:
        stepper.load_state_dict(through_file(strange.state_dict()))
    except RunError:
        return
    raise AssertionError("the state of another network is loaded without a RunError")


def check_fused(case: OptimiserCase) -> None:
    """fused=True and fused=False give the same weights up to rounding."""
    if not hasattr(case.optimiser, "build"):
        return
    ends = []
    for fused in (True, False):
        net, stepper = case.start(fused=fused)
        given_steps(net, stepper, 4)
        ends.append(weights_of(net))
    check_close(ends[0], ends[1], "with fused=True")


def check_layout(case: OptimiserCase) -> None:
    """Filters in channels_last and gradients that lie otherwise in memory give the same weights up to
    rounding.
    """
    plain, stepper = case.start()
    given_steps(plain, stepper, 4)
    net = Mixed()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    given_steps(net, case.build(net), 4)
    check_close(weights_of(net), weights_of(plain), "with filters in channels_last and contiguous gradients")


def check_fresh_process(case: OptimiserCase) -> None:
    """In another process: the same weights after two steps, and torch._dynamo is not imported."""
    if not isinstance(case.optimiser, Config):
        return
    found = in_fresh_process(fingerprint_of, declared(case.optimiser), "step")
    assert not found["dynamo"], "two steps import torch._dynamo, which takes more than a second"
    here = fingerprint(case)
    assert found["sum"] == here, f"two steps end at {here!r} here and at {found['sum']!r} in a fresh process"


def fingerprint_of(given: dict[str, Any]) -> dict[str, Any]:
    """What a fresh process does in `check_fresh_process`."""
    torch.set_num_threads(1)
    found = fingerprint(OptimiserCase(rebuilt(given)))
    return {"sum": found, "dynamo": "torch._dynamo" in sys.modules}


def fingerprint(case: OptimiserCase) -> str:
    """The exact sum of all weights after two steps along given gradients."""
    net, stepper = case.start()
    given_steps(net, stepper, 2)
    return float(sum(tensor.double().sum() for tensor in weights_of(net).values())).hex()
