"""`Fit`: the loop. It knows a Source that yields batches and a Task that takes a step, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from learnloop.contracts import Scalars, Source, State, Task
from learnloop.errors import DiskError, LearnloopError, NonFiniteError, RecipeError
from learnloop.optim.updater import NonFiniteStep
from learnloop.runs.checkpoint import Checkpoints
from learnloop.train import nonfinite
from learnloop.train.best import Best
from learnloop.train.events import Event, EventKind, Watcher
from learnloop.train.limits import Limit
from learnloop.train.signals import StopRequest

_CHUNK_SECONDS = 0.1
"""Signals, the clock and time limits are looked at between chunks of steps of about this length."""
_DIVERGED = 1e4
"""A training loss this many times its first value (plus one) is a run that has diverged, also while it is finite."""


def _watcher_failed(watcher: object, event: Event, error: Exception) -> RecipeError:
    name = getattr(watcher, "__name__", type(watcher).__name__)
    return RecipeError(
        f"watcher {name}",
        "must take an Event and not raise",
        found=f"{type(error).__name__}: {error}",
        cause=f"a mistake in it, met at the event {event.kind!r} of step {event.step}",
        do=("correct it and resume the run: its last checkpoint is intact",),
    )


@dataclass(frozen=True)
class Ended:
    """How a run ended. `stopped`: a sentence. `interrupted`: the signal's name, else empty (the run is resumable)."""

    step: int
    seconds: float
    samples: int
    stopped: str
    interrupted: str = ""


@dataclass(frozen=True)
class Rhythm:
    """How often things happen: steps between log rows and evaluations, seconds between checkpoints."""

    log_every: int
    evaluate_every: int
    checkpoint_seconds: float = 30.0


class Fit:
    """Steps until the limit, with evaluation, best weights, checkpoints and events on the way.

    Everything that changes is in `state_dict`: a run that was interrupted anywhere and resumed gives the same bits as
    one that was not. What is timed (checkpoints, signals) never touches what is learnt.
    """

    def __init__(
        self,
        task: Task,
        source: Source,
        limit: Limit,
        *,
        rhythm: Rhythm,
        validation: Callable[[Task], dict[str, float]] | None = None,
        best: Best | None = None,
        checkpoints: Checkpoints | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self.task = task
        self.source = source
        self.limit = limit
        self.rhythm = rhythm
        self.validation = validation
        self.best = best
        self.checkpoints = checkpoints
        self.watchers = tuple(watchers)
        self.step = 0
        self._seconds_before = 0.0
        self._started = time.monotonic()
        self._saved_at = time.monotonic()
        self._saved_step = -1
        self._scalars: list[Scalars] = []
        self._first_loss = math.nan
        self._stopped = ""
        self._chunk = 1

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> Ended:
        """Train until the limit, early stopping, a watcher or a signal ends it.

        Raises NonFiniteError (the last good weights are in the task), DiskError (the last good checkpoint is on disk).
        """
        try:
            return self._run()
        except BaseException as error:
            with suppress(Exception):  # watchers close their files and bars; what went wrong first is what is told
                self._tell("end", text=f"ended by {type(error).__name__}")
            raise

    def _run(self) -> Ended:
        self._started = time.monotonic()
        self.task.train(True)
        self._tell("start")
        if self.checkpoints is not None and self.step == 0:
            self._save()
        with StopRequest() as stop:
            while not self._stopped and not stop.asked:
                left = self.limit.steps_left(self.step)
                if left == 0:
                    self._stopped = f"the limit was reached: {self.limit.describe()}"
                    break
                self._advance(min(left, self._chunk, self._to_next_event()))
                self._after_chunk(last=self.limit.steps_left(self.step) == 0)
            asked = stop.asked
        if not asked and self.best is not None and self.best.weights is None and self.validation is not None:
            self._evaluate()
        if self.checkpoints is not None and (asked or self._saved_step != self.step or self._stopped):
            self._save()
        text = f"interrupted by {asked} at step {self.step}" if asked else self._stopped
        self._tell("end", text=text)
        return Ended(self.step, self.seconds, self.samples, text, asked)

    def _advance(self, count: int) -> None:
        """`count` steps: the hot path."""
        train_step, progress, fraction = self.task.train_step, self.task.progress, self.limit.fraction
        source, scalars = self.source, self._scalars
        started = time.perf_counter()
        step = self.step
        try:
            for step in range(self.step, self.step + count):
                progress(fraction(step))
                scalars.append(train_step(next(source)))
        except NonFiniteStep as refused:
            self.step = step
            raise self._refused(refused.what, refused.value) from None
        self.step += count
        pace = (time.perf_counter() - started) / count
        self._chunk = max(1, min(int(_CHUNK_SECONDS / max(pace, 1e-7)), 4096))

    def _to_next_event(self) -> int:
        every = (self.rhythm.log_every, self.rhythm.evaluate_every)
        return min(interval - self.step % interval for interval in every)

    def _after_chunk(self, *, last: bool) -> None:
        self.limit.observe(self.step)
        if self.step % self.rhythm.log_every == 0 or last:
            self._log()
        if self.step % self.rhythm.evaluate_every == 0 or last:
            self._evaluate()
        due = time.monotonic() - self._saved_at >= self.rhythm.checkpoint_seconds
        if self.checkpoints is not None and due and not last:
            self._save()

    # --- events -------------------------------------------------------------------------------------------------

    def _log(self) -> None:
        """Means of the steps' scalars since the last row: the only place where they are read from the device."""
        if not self._scalars:
            return
        means = {
            name: torch.stack([scalars[name] for scalars in self._scalars]).mean().item() for name in self._scalars[0]
        }
        if math.isnan(self._first_loss):
            self._first_loss = float(self._scalars[0]["loss"])
        self._scalars.clear()
        loss = means["loss"]
        if not math.isfinite(loss):
            raise self._refused("the loss", loss)
        if loss > _DIVERGED * (abs(self._first_loss) + 1):
            raise self._refused(f"the loss (it began at {self._first_loss:.4g})", loss)
        means["lr"] = self.task.learning_rate
        self._tell("train", means)

    def _evaluate(self) -> None:
        if self.validation is None:
            return
        metrics = self.validation(self.task)
        if self.best is not None:
            self.best.offer(metrics, self.step, self.task)
            self.task.observe(self.best.sign * metrics[self.best.monitor])
            self._stopped = self._stopped or self.best.reason_to_stop() or ""
        self._tell("validation", metrics)

    def _tell(self, kind: EventKind, scalars: dict[str, float] | None = None, text: str = "") -> None:
        event = Event(
            kind,
            self.step,
            self.samples,
            self.seconds,
            self.limit.fraction(self.step),
            self.limit.total(self.step),
            scalars or {},
            text,
        )
        for watcher in self.watchers:
            try:
                reason = watcher(event)
            except LearnloopError:
                raise
            except Exception as error:
                raise _watcher_failed(watcher, event, error) from error
            if reason and kind != "end":
                self._stopped = self._stopped or reason

    @property
    def seconds(self) -> float:
        """Of training, those before a resume included."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def samples(self) -> int:
        return self.step * self.source.batch_size

    # --- what can go wrong --------------------------------------------------------------------------------------

    def _refused(self, what: str, value: float) -> NonFiniteError:
        """Save the last good weights and build the error."""
        position = self.source.state_dict().get("position", self.step + 1)
        rows_of = getattr(self.source, "rows_of", None)
        rows = [] if rows_of is None else [int(row) for row in rows_of(position - 1)]
        batch = self._same_batch(position)
        error_parts: dict[str, Any] = {
            "step": self.step,
            "what": what,
            "value": value,
            "lr": self.task.learning_rate,
        }
        kept = self._keep_good_weights()
        self._tell("note", text=f"{what} is {value} at step {self.step + 1}: the step was refused. {kept}")
        return nonfinite.explain(self.task, batch, rows=rows, kept=kept, **error_parts)

    def _same_batch(self, position: int) -> dict[str, Tensor]:
        """The batch that was refused, taken once more from the source."""
        state = self.source.state_dict()
        self.source.load_state_dict({**state, "position": position - 1})
        return next(self.source)

    def _keep_good_weights(self) -> str:
        """Make sure that finite weights are on disk, and say which."""
        finite = all(
            bool(torch.isfinite(tensor).all())
            for tensor in self.task.weights().values()
            if isinstance(tensor, Tensor) and tensor.is_floating_point()
        )
        if finite and math.isfinite(self._recent_loss()):
            return f"The weights of step {self.step}, before the refused one, are kept"
        if self.best is not None and self.best.weights is not None:
            self.task.load_weights(self.best.weights)
            return f"The best weights, of step {self.best.step}, are kept"
        loaded = None if self.checkpoints is None else self.checkpoints.load()
        if loaded is None:
            return "There are no earlier weights to go back to"
        self.task.load_state_dict(loaded.state["task"])
        return f"The weights of the last checkpoint, step {loaded.step}, are kept"

    def _recent_loss(self) -> float:
        return float(self._scalars[-1]["loss"]) if self._scalars else 0.0

    # --- resume -------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        assert self.checkpoints is not None
        try:
            path = self.checkpoints.save(self.step, self.state_dict())
        except DiskError:
            self._tell("note", text="the checkpoint could not be written; the one before it is intact")
            raise
        self._saved_at, self._saved_step = time.monotonic(), self.step
        self._tell("checkpoint", text=str(path))

    def state_dict(self) -> State:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        return {
            "step": self.step,
            "seconds": self.seconds,
            "stopped": self._stopped,
            "first_loss": self._first_loss,
            "scalars": [dict(scalars) for scalars in self._scalars],
            "task": self.task.state_dict(),
            "source": self.source.state_dict(),
            "limit": self.limit.state_dict(),
            "best": None if self.best is None else self.best.state_dict(),
            "watchers": {type(w).__name__: w.state_dict() for w in self.watchers if hasattr(w, "state_dict")},
            "rng": torch.get_rng_state(),
            "rng_cuda": cuda,
        }

    def load_state_dict(self, state: State) -> None:
        self.step = int(state["step"])
        self._seconds_before = float(state["seconds"])
        self._stopped = state["stopped"]
        self._first_loss = float(state["first_loss"])
        self._scalars = [dict(scalars) for scalars in state["scalars"]]
        self.task.load_state_dict(state["task"])
        self.source.load_state_dict(state["source"])
        self.limit.load_state_dict(state["limit"])
        if self.best is not None and state["best"] is not None:
            self.best.load_state_dict(state["best"])
        for watcher in self.watchers:
            saved = state["watchers"].get(type(watcher).__name__)
            if saved is not None and hasattr(watcher, "load_state_dict"):
                watcher.load_state_dict(saved)
        torch.set_rng_state(state["rng"])
        if state["rng_cuda"]:
            torch.cuda.set_rng_state_all(state["rng_cuda"])
        self._saved_step = self.step

    def resume(self) -> tuple[str, ...]:
        """Load the newest intact checkpoint, if there is one; returns sentences about damaged ones."""
        loaded = None if self.checkpoints is None else self.checkpoints.load()
        if loaded is None:
            return ()
        self.load_state_dict(loaded.state)
        return loaded.skipped
