"""Loss scaling: it changes what float16 rounds away and nothing else, and overflow costs a step, not a run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import learnloop as ll
from learnloop.errors import NonFiniteError, RunError
from learnloop.optim.average import WeightAverage
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import Plan
from learnloop.optim.scaling import LossScaling
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import NonFiniteStep, Updater
from learnloop.runs.checkpoint import Checkpoints
from learnloop.scores.losses import LOSSES
from learnloop.seeds import seed_torch
from learnloop.tasks.classify import Classify
from learnloop.train.events import Event
from learnloop.train.fit import Rhythm
from learnloop.verbs.fit import Interrupted
from tests.train.toys import loop, net, rows

FLOAT16 = Plan(threads=1, dtype="float16")


def updater_of(module: nn.Module, scaling: LossScaling | None, *, average: float = 0.0, **more: Any) -> Updater:
    return Updater(
        OPTIMISERS["adam"](lr=0.05).build(module),
        SCHEDULES["constant"]().build(),
        average=WeightAverage(module, average) if average else None,
        scaling=scaling,
        **more,
    )


def line(scaling: LossScaling | None = None, **more: Any) -> tuple[nn.Linear, Updater]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    return layer, updater_of(layer, scaling, **more)


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def overflow(layer: nn.Linear) -> Tensor:
    """A loss of 0 whose gradient is infinite: the root at 0."""
    return layer(torch.zeros(1, 3)).sub(layer.bias.detach()).square().sqrt().sum()


def gradients(module: nn.Module, factor: float, plan: Plan, scaling: LossScaling | None) -> list[Tensor]:
    """Those of `factor` times the mean square of the outputs."""
    module.zero_grad()
    x = torch.randn(32, 5, generator=torch.Generator().manual_seed(1))
    with plan.autocast():
        loss = factor * module(x).float().square().mean()
    if scaling is None:
        loss.backward()
    else:
        scaling.backward(loss)
        scaling.unscale([p.grad for p in module.parameters() if p.grad is not None])
    return [p.grad for p in module.parameters() if p.grad is not None]


def dense() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))


def test_scaled_gradients_are_the_unscaled_ones() -> None:
    assert same(gradients(dense(), 1.0, Plan(), LossScaling()), gradients(dense(), 1.0, Plan(), None))
    exact = gradients(dense(), 1.0, Plan(), None)
    for grad, expected in zip(gradients(dense(), 1.0, FLOAT16, LossScaling(start=256.0)), exact, strict=True):
        torch.testing.assert_close(grad, expected, rtol=0.01, atol=0.002 * float(expected.abs().max()))


def test_small_gradients_that_float16_loses_are_kept() -> None:
    exact = gradients(dense(), 1e-7, Plan(), None)
    lost = gradients(dense(), 1e-7, FLOAT16, None)
    assert not any(grad.any() for grad in lost) and all(grad.any() for grad in exact)
    for grad, expected in zip(gradients(dense(), 1e-7, FLOAT16, LossScaling(start=2.0**24)), exact, strict=True):
        torch.testing.assert_close(grad, expected, rtol=0.01, atol=0.002 * float(expected.abs().max()))


def test_a_float16_loss_that_overflows_when_scaled_has_its_gradient() -> None:
    weight = torch.ones(1, requires_grad=True)
    scaling = LossScaling(start=2.0**15)
    scaling.backward((3 * weight).half().sum())
    assert weight.grad is not None and scaling.unscale([weight.grad]) == 3 * 2.0**15
    assert weight.grad.tolist() == [3.0]


@pytest.mark.parametrize("more", [{}, {"clip": 0.1}, {"accumulate": 3}, {"l1": 0.02}, {"average": 0.5}])
def test_without_float16_the_weights_are_those_without_scaling(more: dict[str, Any]) -> None:
    plain, scaled = line(**more), line(LossScaling(start=2.0**10, grow_after=2), **more)
    x = torch.randn(12, 4, 3, generator=torch.Generator().manual_seed(2))
    for layer, updater in (plain, scaled):
        for batch in x:
            updater.step((layer(batch) - 1).square().mean())
    assert same(weights(plain[0]), weights(scaled[0]))
    assert scaled[1].scaling is not None and scaled[1].scaling.scale == 2.0**10 * 2 ** (
        2 if "accumulate" in more else 6
    )
    if plain[1].average and scaled[1].average:
        assert same(plain[1].average.state_dict()["average"], scaled[1].average.state_dict()["average"])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_overflow_skips_the_update_and_halves_the_scale(accumulate: int) -> None:
    scaling = LossScaling()
    layer, updater = line(scaling, clip=1.0, l1=0.1, average=0.9, accumulate=accumulate)
    for _ in range(accumulate):
        updater.step(layer(torch.ones(1, 3)).square().sum())
    assert (scaling.scale, scaling.good, scaling.skipped) == (65536, 1, 0)
    before, held = weights(layer), updater.state_dict()
    steps, count = str(held["stepper"]), held["average"]["count"]
    for index in range(accumulate):  # one bad batch among good ones is enough
        updater.step(overflow(layer) if index == 0 else layer(torch.ones(1, 3)).square().sum())
    assert (scaling.scale, scaling.good, scaling.skipped) == (32768, 0, 1)
    assert same(weights(layer), before) and all(p.grad is None for p in layer.parameters())
    assert str(updater.state_dict()["stepper"]) == steps and updater.state_dict()["average"]["count"] == count == 1
    for _ in range(accumulate):
        updater.step(layer(torch.ones(1, 3)).square().sum())
    assert not same(weights(layer), before) and all(tensor.isfinite().all() for tensor in weights(layer))


def test_the_scale_doubles_after_enough_good_updates_in_a_row() -> None:
    scaling = LossScaling(start=8.0, grow_after=3, most=32.0)
    good, bad = [torch.ones(2)], [torch.tensor([1.0, torch.nan])]
    seen = []
    for grads in [good] * 2 + [bad] + [good] * 9:
        scaling.unscale([grad.clone() for grad in grads])
        seen.append(scaling.scale)
    assert seen == [8, 8, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32]
    for _ in range(3):
        scaling.unscale([torch.ones(2)])
    assert (scaling.scale, scaling.good, scaling.skipped) == (32, 0, 1)


def test_a_gradient_that_no_scale_helps_is_refused() -> None:
    scaling = LossScaling()
    layer, updater = line(scaling)
    before = weights(layer)
    for _ in range(16):
        updater.step(overflow(layer))
    assert scaling.scale == 1
    with pytest.raises(NonFiniteStep, match=r"the norm of the gradient \(in float16, at every loss scale down to 1\)"):
        updater.step(overflow(layer))
    assert same(weights(layer), before) and all(p.grad is None for p in layer.parameters())


def test_a_loss_that_is_not_finite_is_refused_at_once() -> None:
    scaling = LossScaling()
    layer, updater = line(scaling)
    with pytest.raises(NonFiniteStep, match="the loss is nan"):
        updater.step(layer(torch.full((1, 3), torch.nan)).sum())
    assert (scaling.scale, scaling.skipped) == (65536, 0)


def test_what_is_said_at_the_end() -> None:
    scaling = LossScaling(start=4.0)
    updater = line(scaling)[1]
    assert scaling.remark() == "" and updater.remarks() == line()[1].remarks() == ()
    scaling.unscale([torch.tensor([torch.inf])])
    assert scaling.remark() == "1 step was skipped because a float16 gradient overflowed (loss scale 2 at the end)"
    scaling.unscale([torch.tensor([torch.nan])])
    assert scaling.remark().startswith("2 steps were skipped because a float16 gradient overflowed (loss scale 1 ")
    assert updater.remarks() == (scaling.remark(),)


# --- state ------------------------------------------------------------------------------------------------------


def test_checkpoints_from_before_float16_load_and_other_precisions_are_refused() -> None:
    layer, updater = line()
    updater.step(layer(torch.ones(1, 3)).square().sum())
    old = updater.state_dict()
    assert old.pop("scaling") is None
    line()[1].load_state_dict(old)
    with pytest.raises(RunError) as caught:
        line(LossScaling())[1].load_state_dict(old)
    assert str(caught.value).splitlines()[:2] == [
        "checkpoint: must be of a run in float16, as its plan is",
        "  found:     no loss scale in it",
    ]
    with pytest.raises(RunError) as caught:
        updater.load_state_dict(line(LossScaling())[1].state_dict())
    assert str(caught.value).splitlines()[:2] == [
        "checkpoint: must be of a run in float32 or bfloat16, as its plan is",
        "  found:     the loss scale of a run in float16",
    ]


def toy(scaling: LossScaling, *, accumulate: int = 1) -> Classify:
    """A task in float16 with everything on that an update can have."""
    seed_torch(3, "init")
    body = net()
    updater = updater_of(body, scaling, average=0.9, clip=1.0, l1=1e-4, accumulate=accumulate)
    seed_torch(3, "train")
    return Classify(body, ("x",), LOSSES["cross_entropy"]().build(), plan=FLOAT16, updater=updater)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_with_skipped_steps_resumes_bit_for_bit(accumulate: int, tmp_path: Path) -> None:
    # the scale begins far too large and grows every four updates, so that it is found and lost again all the time
    def start() -> Classify:
        return toy(LossScaling(start=2.0**24, grow_after=4), accumulate=accumulate)

    class Killed(BaseException):
        pass

    def kill(event: Event) -> None:
        if event.kind == "checkpoint" and event.step >= 13:
            raise Killed

    rhythm = Rhythm(log_every=1, evaluate_every=50, checkpoint_seconds=0.0)
    whole = loop(start(), tmp_path / "whole", steps=27, rhythm=rhythm)
    whole.run()
    with pytest.raises(Killed):
        loop(start(), tmp_path / "cut", steps=27, rhythm=rhythm, watchers=(kill,)).run()
    torch.manual_seed(999)
    again = loop(start(), tmp_path / "cut", steps=27, rhythm=rhythm)
    again.resume()
    assert again.step == 13  # in the middle of an accumulation, where there is one
    found = again.task.updater.state_dict()["scaling"]  # type: ignore[attr-defined]
    assert found["skipped"] > 0 and found["scale"] < 2.0**24
    again.run()
    one, other = whole.task.state_dict()["updater"], again.task.state_dict()["updater"]
    assert one["scaling"] == other["scaling"] and one["scaling"]["skipped"] > found["skipped"]
    assert same(list(whole.task.weights().values()), list(again.task.weights().values()))
    assert same(one["average"]["average"], other["average"]["average"])


def test_a_run_whose_gradients_stay_infinite_ends_in_the_usual_error(tmp_path: Path) -> None:
    task = toy(LossScaling(start=4.0))
    task.net[0].weight.register_hook(lambda grad: grad * torch.inf)
    with pytest.raises(NonFiniteError) as caught:
        loop(task, tmp_path, data=rows()).run()
    assert "the norm of the gradient (in float16, at every loss scale down to 1) was " in str(caught.value)
    assert "at step 3 (training rows" in str(caught.value) and "--set plan.dtype=float32" in str(caught.value)


def test_a_float16_fit_resumes_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 200, (60, 8, 8, 1)).astype(np.uint8)
    y = np.array(["dark", "light"])[np.arange(60) % 2]
    x[1::2] += 50

    def stop(event: Event) -> None:
        if event.kind == "train" and event.step >= 5:
            os.kill(os.getpid(), signal.SIGINT)

    settings = {
        "plan.name": "plain", "plan.threads": 1, "plan.dtype": "float16", "report.baselines": False,
        "report.html": False, "watch.progress": "off", "train.log_every": 1, "model.stem": 8, "model.widths": [8, 8],
    }  # fmt: skip
    fixed = {"model": "cnn", "steps": 10, "batch_size": 10}
    whole = ll.fit((x, y), out=tmp_path / "whole", set=settings, **fixed)
    with pytest.raises(Interrupted):
        ll.fit((x, y), out=tmp_path / "cut", set=settings, watchers=[stop], **fixed)
    again = ll.fit((x, y), resume=tmp_path / "cut")
    one, other = ((run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, again))
    assert one == other
    assert whole.history.drop(columns="seconds").equals(again.history.drop(columns="seconds"))
    loaded = Checkpoints(again.path / "checkpoints").load()
    assert loaded is not None and loaded.state["task"]["updater"]["scaling"]["good"] > 0
    assert json.loads((again.path / "plan.json").read_text())["dtype"] == "float16"
    float32 = ll.fit((x, y), out=tmp_path / "float32", set={**settings, "plan.dtype": "float32"}, **fixed)
    assert (float32.path / "bundle" / "model.safetensors").read_bytes() != one


def test_a_fit_says_once_how_many_steps_were_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plan, "loss_scaling", lambda self: LossScaling(start=2.0**40))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)).astype(np.float32), np.array(["no", "yes"])[np.arange(60) % 2]
    settings = {"plan.name": "plain", "plan.threads": 1, "plan.dtype": "float16", "report.baselines": False}
    ll.fit((x, y), model="mlp", steps=25, batch_size=10, out=tmp_path / "run", set=settings)
    said = [line for line in capsys.readouterr().err.splitlines() if "because a float16 gradient overflowed" in line]
    assert len(said) == 1 and said[0].startswith("note: ") and " steps were skipped " in said[0]


def test_float32_steps_know_nothing_of_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Updater, "_scaled_backward")
    layer, updater = line()
    before = weights(layer)
    updater.step(layer(torch.ones(1, 3)).square().sum())
    assert not same(weights(layer), before)
