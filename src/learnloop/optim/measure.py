"""`measure`: choose a Plan by timing real steps of this network, on its own batches, on this machine.

Starting from plain float32, one thing is changed at a time (threads, then layout and precision, then
compilation) and a change is kept only if it is at least 5 % faster than the best so far, so that noise rarely
decides. The time of a way is the least of a few steps: other processes can only add to it (Chen & Revels,
arXiv:1608.04295, section II). bfloat16 must also agree with float32: the loss within 2 % and the gradients'
cosine above 0.98.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from learnloop.contracts import Batch
from learnloop.errors import RunError, UserError
from learnloop.optim import machine
from learnloop.optim.memory import keep_memory
from learnloop.optim.plan import Plan, PlanConfig, Trial, lay_out_filters, thread_counts
from learnloop.optim.wait import bound_wait

GAIN = 0.95
"""A change is kept when it takes at most this share of the time."""
LOSS_AGREES = 0.02
COSINE_AGREES = 0.98
SHARE = 0.03
"""Measuring takes at most this share of the expected run ..."""
LEAST_S, MOST_S = 0.3, 20.0
"""... within these bounds, in seconds, when no `budget_s` is given."""
EACH_S = 0.03
"""Seconds of timed steps for one way; up to ten times that when the budget allows."""
COMPILE_AFTER_S = 600.0
"""Shorter runs are not compiled: torch.compile takes from 20 s to over a minute, and a run must be ten times
that.
"""
BIG = 1 << 16
"""Numbers in a weight from which a product is worth bfloat16."""
FORMAT = 3

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
    budget_s   most seconds to spend; None: 3 % of the expected run, from 0.3 to 20 s. One plain step is
    always taken
    signature  what identifies the model (its configuration); cache  folder of remembered Plans, None to
    remember none Raises RecipeError for a device that is not there; what the network itself raises in plain
    float32 goes through.
    """
    start = options.fixed(bound_wait())
    if options.name == "plain" or not batches:
        return start
    start = replace(start, memory=keep_memory())
    path = None if cache is None else cache / f"{_key(batches, options, signature)}.json"
    known, complaint = _remembered(path)
    if known is not None:
        return replace(known, origin="cached", wait=start.wait, memory=start.memory)
    try:
        search = _Search(copy.deepcopy(net), loss, batches, options, start)
    except (RuntimeError, TypeError) as problem:
        return replace(start, notes=(f"the network cannot be copied, so no step was timed ({problem})",))
    with _undisturbed():
        plan = search.run(steps, seconds, budget_s)
    plan = replace(plan, notes=(*complaint, *plan.notes))
    return plan if path is None else _remember(path, plan)


@dataclass
class _Agreement:
    """Loss and gradients of one batch in float32."""

    loss: float
    gradient: Tensor


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

    def run(self, steps: int | None, seconds: float | None, budget_s: float | None) -> Plan:
        began = time.perf_counter()
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

    def _plain(self, ends: float | None) -> Plan:
        """Time what the recipe fixed, plain in all the rest, with the threads torch would use."""
        here = torch.get_num_threads()
        threads = self._start.threads or (min(here, machine.usable_cores()) if self._start.device == "cpu" else here)
        # compilation, if it was asked for, is not timed here: it would take the whole budget
        plan = replace(self._start, threads=threads, compile=False)
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
        low = options.dtype is None and self._matters() and machine.bf16_in_hardware(best.device)
        if low:
            yield lambda plan: replace(plan, dtype="bfloat16")
        if options.channels_last is None and images:
            yield lambda plan: replace(plan, channels_last=True)
        if low and images and options.channels_last is None:
            yield lambda plan: replace(plan, dtype="bfloat16", channels_last=True)
        if low and options.threads is None and best.device == "cpu":
            # in bfloat16 another number of threads may be best
            for count in thread_counts()[:2]:
                yield lambda plan, count=count: replace(plan, threads=count)  # type: ignore[misc]

    def _matters(self) -> bool:
        """Whether there are convolutions, or products big enough for another precision to matter."""
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
        if any(_same_way(trial, other) for trial in self._trials):
            return best
        if time.perf_counter() + 3 * best.ms / 1000 > self._ends:
            self._note(other, None, "not tried: the time for measuring was used up")
            return best
        try:
            ms = self._time(other, best.ms)
            doubt = self._disagreement(other) if other.dtype != best.dtype and ms <= GAIN * best.ms else ""
        except UserError:
            raise
        except Exception as problem:  # a way that does not work here is no way; plain has already worked
            self._note(other, None, f"failed: {type(problem).__name__}: {str(problem)[:160]}")
            return best
        if doubt:
            self._note(other, ms, f"refused: {doubt}")
            return best
        if ms > GAIN * best.ms:
            self._note(other, ms, "less than 5 % faster than the best before it" if ms <= best.ms else "slower")
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
            if best_ms is not None and tries >= 3 and least * 1000 > 1.5 * best_ms:
                break
        return least * 1000

    def _adopt(self, plan: Plan) -> None:
        """Give the copy the plan's device, layout and threads."""
        if plan.threads:
            torch.set_num_threads(plan.threads)
        lay_out_filters(self._net, last=False)
        replace(plan, compile=False).prepare(self._net)

    def _step(self, plan: Plan, batch: Batch) -> Tensor:
        """Forward and backward; the gradients are left in `p.grad`, which were dropped before."""
        for p in self._net.parameters():
            p.grad = None
        with plan.autocast():
            value = self._loss(self._net, batch)
        value.backward()
        return value.detach()

    def _disagreement(self, plan: Plan) -> str:
        """Why the plan's precision must not be used, or the empty string."""
        exact = self._outcome(replace(plan, dtype="float32"), 0)
        if self._is_random(plan, exact):
            # dropout draws other masks in another precision: compare without it
            self._net.eval()
        try:
            exact = self._outcome(replace(plan, dtype="float32"), 0)
            found = self._outcome(plan, 0)
        finally:
            self._net.train()
        apart = abs(found.loss - exact.loss) / max(abs(exact.loss), 1e-3)
        if not apart <= LOSS_AGREES:
            return f"its loss is {100 * apart:.1f} % off float32's (at most {100 * LOSS_AGREES:.0f} %)"
        cosine = float(torch.nn.functional.cosine_similarity(found.gradient, exact.gradient, dim=0))
        if not cosine > COSINE_AGREES:
            return f"its gradient has cosine {cosine:.3f} with float32's (more than {COSINE_AGREES})"
        return ""

    def _is_random(self, plan: Plan, exact: _Agreement) -> bool:
        return self._outcome(replace(plan, dtype="float32"), 1).loss != exact.loss

    def _outcome(self, plan: Plan, seed: int) -> _Agreement:
        self._adopt(plan)
        torch.manual_seed(seed)
        value = self._step(plan, plan.place(dict(self._batches[0])))
        grads = [p.grad.double().flatten() for p in self._net.parameters() if p.grad is not None]
        return _Agreement(float(value), torch.cat(grads) if grads else torch.zeros(1))

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


def _key(batches: Sequence[Batch], options: PlanConfig, signature: str) -> str:
    """A name for this model on this machine, busy or not, with this torch and batches of this shape."""
    shapes = sorted((name, str(tensor.dtype), list(tensor.shape)) for name, tensor in batches[0].items())
    # what is best beside another busy process is not what is best alone
    here = (machine.signature(), machine.other_load() > 0, torch.__version__, bound_wait())
    parts = [FORMAT, signature, here, shapes, options.model_dump()]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def _remembered(path: Path | None) -> tuple[Plan | None, tuple[str, ...]]:
    """The remembered Plan, if there is a good one, and what to say about a damaged one."""
    if path is None or not path.exists():
        return None, ()
    try:
        return Plan.from_json(json.loads(path.read_text(encoding="utf-8"))), ()
    except (OSError, ValueError, AttributeError, RunError) as problem:
        return None, (f"the remembered plan {path} was damaged ({type(problem).__name__}) and is measured anew",)


def _remember(path: Path, plan: Plan) -> Plan:
    """Write beside, then rename: a reader sees the old file, the new one, or none. A full disk only costs the
    memory.
    """
    kept = replace(plan, notes=())
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
            temporary = file.name
            json.dump(kept.to_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        return replace(plan, notes=(*plan.notes, f"the plan could not be remembered in {path.parent} ({problem})"))
    return plan
