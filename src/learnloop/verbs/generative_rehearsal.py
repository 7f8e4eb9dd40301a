"""How long a run that makes data takes from its last step to its report, rehearsed before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import torch
from torch import nn

from learnloop.contracts import X, Y
from learnloop.models.generative.config import Coder, Mapper, Sampler
from learnloop.optim.plan import Plan
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.judge import Judge
from learnloop.verbs.watched_samples import fixed_noise, passes_of, watched_count

_TIMED_ROWS, _TIMED_SAMPLES = 256, 50


def seconds_after(prepared: GenerativePrepared, net: nn.Module, plan: Plan, judge: Judge | None) -> float:
    """Seconds from the last step to the report, rehearsed with the network as it is now: samples are made and judged,
    held-out rows encoded, and their likelihood estimated. In eval mode nothing random is drawn."""
    net.eval()
    with torch.inference_mode():
        total = _sampling(prepared, net, plan, judge) if judge is not None else 0.0
        if isinstance(net, Coder):
            total += _coding(prepared, net, plan)
    net.train()
    return total


def _sampling(prepared: GenerativePrepared, net: nn.Module, plan: Plan, judge: Judge) -> float:
    rows = prepared.tensors[prepared.last][X][:_TIMED_SAMPLES].to(plan.device)
    samples = prepared.generate.samples
    real = prepared.pictures(prepared.last)[:_TIMED_SAMPLES].cpu()
    if isinstance(net, Mapper):
        making, count = _seconds(lambda: net.translate(rows)), len(rows)
        samples = min(samples, len(prepared.tensors[prepared.last][X]))
    else:
        classes = len(prepared.classes) if prepared.labelled else 0
        noise, label = fixed_noise(net, _TIMED_SAMPLES, 0, classes, plan.device)
        sampler = cast(Sampler, net)
        making, count = _seconds(lambda: sampler.generate(noise, label)), _TIMED_SAMPLES
    judging = _seconds(lambda: judge.features(real)) / len(real)
    held_out = min(len(prepared.pictures(prepared.last)), samples)
    watched = watched_count(passes_of(net))  # the last evaluation comes when the time is over
    return (samples + watched) * making / count + (2 * samples + held_out + watched) * judging


def _coding(prepared: GenerativePrepared, net: nn.Module, plan: Plan) -> float:
    coder = cast(Coder, net)
    some = {key: tensor[:_TIMED_ROWS].to(plan.device) for key, tensor in prepared.tensors[prepared.last].items()}
    inputs, label = [some[key] for key in prepared.spec.keys], some.get(Y)
    a_row = _seconds(lambda: coder.terms(*inputs, label=label)) / len(inputs[0])
    rows = sum(len(batch[X]) for name, batch in prepared.tensors.items() if name != "train")
    found = 3 * a_row * rows
    if hasattr(net, "log_likelihood"):
        codes = coder.encode(*inputs)
        a_code = _seconds(lambda: coder.decode(codes, label)) / len(codes)
        found += a_code * prepared.generate.shots * len(prepared.tensors[prepared.last][X])
    return found


def _seconds(what: Callable[[], object]) -> float:
    what()
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
