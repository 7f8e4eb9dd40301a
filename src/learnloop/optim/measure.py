"""`measure`: choose a Plan by timing real steps of this network, on its own batches, on this machine.

Starting from plain float32, one thing is changed at a time (threads, then layout and precision, then
compilation) and a change is kept only if it is at least 5 % faster than the best so far, so that noise rarely
decides; 15 % where it computes with fewer digits. The time of a way is the least of a few steps: other processes
can only add to it (Chen & Revels, arXiv:1608.04295, section II). bfloat16, or float16 on GPUs that have tensor cores
for it alone, must also agree with float32 (optim/agreement.py).
"""

from __future__ import annotations

import copy
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from learnloop.contracts import Batch
from learnloop.errors import UserError
from learnloop.optim import machine
from learnloop.optim.agreement import Outcome, disagreement
from learnloop.optim.batches import head, rows_of
from learnloop.optim.memory import keep_memory
from learnloop.optim.plan import DType, Plan, PlanConfig, Trial, lay_out_filters, thread_counts
from learnloop.optim.remember import key_of, remember, remembered
from learnloop.optim.scaling import LossScaling
from learnloop.optim.wait import bound_wait

GAIN = 0.95
"""A change is kept when it takes at most this share of the time."""
FEWER_DIGITS = 0.85
"""One that computes with fewer digits must save more than noise: it also rounds what is learnt."""
SHARE = 0.03
"""Measuring takes at most this share of the expected run ..."""
LEAST_S, MOST_S = 0.3, 20.0
"""... within these bounds, in seconds, when no `budget_s` is given."""
EACH_S = 0.03
"""Seconds of timed steps for one way; up to ten times that when the budget allows."""
LEAST_ROWS = 64
"""Fewer rows of a batch are not timed: norms and precision behave otherwise in small batches."""
STEPS_TIMED = 40
"""About as many plain steps as all ways together take."""
COMPILE_AFTER_S = 600.0
"""Shorter runs are not compiled: torch.compile takes from 20 s to over a minute, and a run must be ten times
that.
"""
BIG = 1 << 16
"""Numbers in a weight from which a product is worth a lower precision ..."""
LONG_MS = 50.0
"""... and milliseconds of a step."""

OUT_OF_TIME = "not tried: the time for measuring was used up"

LossOf = Callable[[nn.Module, Batch], Tensor]


def measure(
    net: nn.Module,
    loss: LossOf,
    batches: Sequence[Batch],
    *,
    options: PlanConfig,
    steps: int | None = None,
    seconds: float | None = None,
    budget_s: float | None = None,
    signature: str = "",
    cache: Path | None = None,
) -> Plan:
    """The fastest way found to compute `loss(net, batch)` and its gradients.

    net        timed as a copy: neither it nor any random state is changed
    loss       called as loss(net, batch); its result is a tensor of no dimensions
    batches    one or a few real batches, on the CPU
    options    what the recipe fixes; only what it leaves open is measured
    steps      length of the coming run, if it is counted in steps;  seconds  if it is limited by time
    budget_s   most seconds to spend; None: 3 % of the expected run, from 0.3 to 20 s. Where they are too few for
               whole batches, some rows are timed and `ms` is theirs, scaled up. A few plain steps are always taken
    signature  what identifies the model (its configuration)
    cache      folder of remembered Plans, None to remember none

    Raises RecipeError for a device that is not there; what the network itself raises in plain float32 goes through.
    """
    start = options.fixed(bound_wait())
    if options.name == "plain" or not batches:
        return start
    start = replace(start, memory=keep_memory())
    path = None if cache is None else cache / f"{key_of(batches, options, signature)}.json"
    known, complaint = remembered(path)
    if known is not None:
        return replace(known, origin="cached", wait=start.wait, memory=start.memory)
    try:
        search = _Search(copy.deepcopy(net), loss, batches, options, start)
    except (RuntimeError, TypeError) as problem:
        return replace(start, notes=(f"the network cannot be copied, so no step was timed ({problem})",))
    with _undisturbed():
        plan = search.run(steps, seconds, budget_s)
    plan = replace(plan, notes=(*complaint, *plan.notes))
    # A short run leaves ways untried for which a longer one has the time.
    whole = not any(trial.ms is None and trial.verdict == OUT_OF_TIME for trial in plan.trials)
    return plan if path is None or not whole else remember(path, plan)


class _Search:
    """One measurement. Owns a copy of the network."""

    def __init__(
        self, net: nn.Module, loss: LossOf, batches: Sequence[Batch], options: PlanConfig, start: Plan
    ) -> None:
        self._net = net.train()
        self._loss = loss
        self._batches = batches
        self._options = options
        self._start = start
        self._trials: list[Trial] = []
        self._ends = float("inf")
        self._each = EACH_S
        self._scale = 1.0
        """Rows of a batch over the rows that are timed."""
        self._scaling: LossScaling | None = None

    def run(self, steps: int | None, seconds: float | None, budget_s: float | None) -> Plan:
        began = time.perf_counter()
        self._shorten(steps, seconds, budget_s)
        best = self._plain(None if budget_s is None else began + budget_s)
        plain_ms = best.ms
        assert plain_ms is not None
        expected = seconds if seconds is not None else None if steps is None else steps * plain_ms / 1000
        if budget_s is None:
            budget_s = min(max(SHARE * (expected or 0.0), LEAST_S), MOST_S)
        self._ends = began + budget_s
        self._each = min(max(budget_s / 30, EACH_S), 10 * EACH_S)
        for change in self._changes(best):
            best = self._better(best, change(best))
        best = self._compile(best, expected, steps)
        return replace(best, plain_ms=plain_ms, origin="measured", fused=True, trials=tuple(self._trials))

    def _shorten(self, steps: int | None, seconds: float | None, budget_s: float | None) -> None:
        """Where steps are long, time them on some rows of each batch: all ways are tried, and their ratios are the
        same. Without this a wide network's only way that was tried in time would be the plain one.
        """
        whole, rows = self._batches, min(rows_of(batch) for batch in self._batches)
        if rows <= LEAST_ROWS:
            return
        self._batches = [head(batch, LEAST_ROWS) for batch in whole]
        try:
            a_row = self._time(self._fixed(), None) / 1000 / LEAST_ROWS
        except Exception:  # own code may need whole batches; what is wrong in both is told by the plain way
            self._batches = whole
            return
        expected = seconds if seconds is not None else (steps or 0) * a_row * rows
        budget = min(max(SHARE * expected, LEAST_S), MOST_S) if budget_s is None else budget_s
        fitting = max(LEAST_ROWS, int(budget / STEPS_TIMED / a_row))
        self._scale = max(1.0, rows / fitting)
        self._batches = whole if fitting >= rows else [head(batch, fitting) for batch in whole]

    def _fixed(self) -> Plan:
        """What the recipe fixed, plain in all the rest, with the threads torch would use."""
        here = torch.get_num_threads()
        threads = self._start.threads or (min(here, machine.usable_cores()) if self._start.device == "cpu" else here)
        # compilation, if it was asked for, is not timed: it would take the whole budget
        return replace(self._start, threads=threads, compile=False)

    def _plain(self, ends: float | None) -> Plan:
        """Time the plain way."""
        plan = self._fixed()
        self._ends = float("inf") if ends is None else ends
        ms = self._time(plan, None)
        self._note(plan, ms, "plain" if self._start.origin == "plain" else "as the recipe set it")
        return replace(plan, ms=ms)

    def _changes(self, best: Plan) -> Iterator[Callable[[Plan], Plan]]:
        """What to try, in the order of what it usually brings."""
        options = self._options
        if options.device is None and best.device != "cpu" and self._small():
            yield lambda plan: replace(plan, device="cpu", threads=1)
        if options.threads is None and best.device == "cpu":
            for count in thread_counts():
                yield lambda plan, count=count: replace(plan, threads=count)  # type: ignore[misc]
        images = any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in self._net.modules())
        low = options.dtype is None and self._matters(best.ms) and _low_precision(best.device) != "float32"
        last = options.channels_last is None and images
        if low and last:  # together first: where time is short, no other way is tried
            yield lambda plan: replace(plan, dtype=_low_precision(plan.device), channels_last=True)
        if low:
            yield lambda plan: replace(plan, dtype=_low_precision(plan.device), channels_last=self._start.channels_last)
        if last:
            yield lambda plan: replace(plan, dtype=self._start.dtype, channels_last=True)
        if low and options.threads is None and best.device == "cpu":
            # in another precision another number of threads may be best
            for count in thread_counts()[:2]:
                yield lambda plan, count=count: replace(plan, threads=count)  # type: ignore[misc]

    def _matters(self, ms: float | None) -> bool:
        """Whether there are convolutions, or products big enough for another precision to matter; where a step takes
        long, there are, whatever the layers look like."""
        if ms is not None and ms >= LONG_MS:
            return True
        for module in self._net.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
                return True
            if isinstance(module, nn.Embedding | nn.EmbeddingBag):
                continue
            if any(p.ndim >= 2 and p.numel() >= BIG for p in module.parameters(recurse=False)):
                return True
        return False

    def _small(self) -> bool:
        """Whether the CPU may beat a GPU, whose launches alone take a fraction of a millisecond a step."""
        return sum(p.numel() for p in self._net.parameters()) < 1_000_000 and not any(
            isinstance(module, nn.Conv2d) for module in self._net.modules()
        )

    def _better(self, best: Plan, other: Plan) -> Plan:
        """`other` if it is worth it, else `best`."""
        assert best.ms is not None
        least, gain = best.ms, GAIN if other.dtype == best.dtype else FEWER_DIGITS
        if any(_same_way(trial, other) for trial in self._trials):
            return best
        if time.perf_counter() + 3 * best.ms / 1000 / self._scale > self._ends:
            self._note(other, None, OUT_OF_TIME)
            return best
        try:
            ms = self._time(other, best.ms)
            doubt = self._disagreement(other) if other.dtype != best.dtype and ms <= gain * best.ms else ""
        except UserError:
            raise
        except Exception as problem:  # a way that does not work here is no way; plain has already worked
            self._note(other, None, f"failed: {type(problem).__name__}: {str(problem)[:160]}")
            return best
        if doubt:
            self._note(other, ms, f"refused: {doubt}")
            return best
        if ms <= gain * best.ms and time.perf_counter() < self._ends:
            # other processes may have disturbed the best one's turn: it is timed again before it is given up
            least = min(least, self._time(best, ms))
            best = replace(best, ms=least)
        if ms > gain * least:
            little = f"less than {100 * (1 - gain):.0f} % faster than the best before it"
            self._note(other, ms, little if ms <= least else "slower")
            return best
        self._note(other, ms, "faster")
        return replace(other, ms=ms)

    def _time(self, plan: Plan, best_ms: float | None) -> float:
        """The least milliseconds of a few steps; given up early when clearly worse than `best_ms`."""
        self._adopt(plan)
        batches = [plan.place(dict(batch)) for batch in self._batches]
        wait = torch.cuda.synchronize if plan.device != "cpu" else _nothing
        least = float("inf")
        tries = 0
        spent = 0.0
        while tries < 3 or (tries < 30 and spent < self._each):
            batch = batches[tries % len(batches)]
            wait()
            began = time.perf_counter()
            self._step(plan, batch)
            wait()
            took = time.perf_counter() - began
            tries += 1
            if tries == 1 and time.perf_counter() < self._ends:
                continue  # the first step also allocates, packs and plans
            spent += took
            least = min(least, took)
            if time.perf_counter() > self._ends:
                break
            if best_ms is not None and tries >= 3 and least * 1000 * self._scale > 1.5 * best_ms:
                break
        return least * 1000 * self._scale

    def _adopt(self, plan: Plan) -> None:
        """Give the copy the plan's device, layout and threads, and its steps the plan's loss scaling."""
        if plan.threads:
            torch.set_num_threads(plan.threads)
        lay_out_filters(self._net, last=False)
        replace(plan, compile=False).prepare(self._net)
        self._scaling = plan.loss_scaling()

    def _step(self, plan: Plan, batch: Batch) -> Tensor:
        """Forward and backward; the gradients are left in `p.grad`, which were dropped before."""
        for p in self._net.parameters():
            p.grad = None
        with plan.autocast():
            value = self._loss(self._net, batch)
        if self._scaling is None:
            value.backward()
        else:  # looking at the gradients and dividing them is part of what this precision costs
            self._scaling.backward(value)
            self._scaling.unscale([p.grad for p in self._net.parameters() if p.grad is not None])
        return value.detach()

    def _disagreement(self, plan: Plan) -> str:
        """Why the plan's precision must not be used, or the empty string."""
        exact = self._outcome(replace(plan, dtype="float32"), 0)
        if self._is_random(plan, exact):
            # dropout draws other masks in another precision: compare without it
            self._net.eval()
        try:
            return disagreement(
                lambda dtype, batch: self._outcome(replace(plan, dtype=dtype), 0, batch), plan.dtype, self._batches[0]
            )
        finally:
            self._net.train()

    def _is_random(self, plan: Plan, exact: Outcome) -> bool:
        return self._outcome(replace(plan, dtype="float32"), 1).loss != exact.loss

    def _outcome(self, plan: Plan, seed: int, batch: Batch | None = None) -> Outcome:
        self._adopt(plan)
        batch = self._batches[0] if batch is None else batch
        value = self._seeded_step(plan, seed, batch)
        # training, too, would skip steps until it has come to a scale that does not overflow
        while self._scaling is not None and self._scaling.good == 0 and not self._scaling.spent:
            value = self._seeded_step(plan, seed, batch)
        grads = [p.grad.double().flatten() for p in self._net.parameters() if p.grad is not None]
        return Outcome(float(value), torch.cat(grads) if grads else torch.zeros(1))

    def _seeded_step(self, plan: Plan, seed: int, batch: Batch) -> Tensor:
        torch.manual_seed(seed)
        return self._step(plan, plan.place(dict(batch)))

    def _compile(self, best: Plan, expected: float | None, steps: int | None) -> Plan:
        """torch.compile where the recipe asks for it, or where it is sure to pay back within the run."""
        if self._options.compile:
            said = (*best.notes, "compiled because the recipe says so: its steps were timed without")
            return replace(best, compile=True, notes=said)
        if self._options.compile is False or expected is None or best.ms is None:
            return best
        left = expected if steps is None else steps * best.ms / 1000
        if left < COMPILE_AFTER_S:
            return best
        other = replace(best, compile=True)
        self._ends = float("inf")
        logging.getLogger("torch._dynamo").setLevel(logging.ERROR)  # its hints are for who writes a network
        try:
            self._adopt(best)
            self._net.compile()
            began = time.perf_counter()
            self._step(best, best.place(dict(self._batches[0])))
            compiling = time.perf_counter() - began
            ms = self._time(best, None)
        except Exception as problem:  # no C++ compiler, an operation it does not know: then not
            self._note(other, None, f"failed: {type(problem).__name__}: {str(problem)[:160]}")
            return best
        pays = ms <= GAIN * best.ms and left > 10 * compiling and left * (1 - ms / best.ms) > 2 * compiling
        self._note(other, ms, f"{'faster' if pays else 'does not pay back'} ({compiling:.0f} s to compile)")
        return replace(other, ms=ms) if pays else best

    def _note(self, plan: Plan, ms: float | None, verdict: str) -> None:
        rounded = None if ms is None else round(ms, 4)
        way = (plan.device, plan.threads, plan.dtype, plan.channels_last, plan.compile)
        self._trials.append(Trial(*way, rounded, verdict))


def _low_precision(device: str) -> DType:
    """What is worth trying beside float32: at most one other precision a device, float32 where there is none."""
    if machine.bf16_in_hardware(device):
        return "bfloat16"
    return "float16" if machine.fp16_in_hardware(device) else "float32"


def _same_way(trial: Trial, plan: Plan) -> bool:
    tried = (trial.device, trial.threads, trial.dtype, trial.channels_last, trial.compile)
    return tried == (plan.device, plan.threads, plan.dtype, plan.channels_last, plan.compile)


def _nothing() -> None:
    """The CPU has no queue to wait for."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put back every random state and the thread count afterwards."""
    threads = torch.get_num_threads()
    state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    gpu_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        if gpu_states:
            torch.cuda.set_rng_state_all(gpu_states)
