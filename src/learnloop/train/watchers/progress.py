"""Live progress on stderr: one line that is rewritten on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from learnloop.train.events import Event

_PLAIN_EVERY = 10.0
_LIVE_EVERY = 0.1


def duration(seconds: float) -> str:
    """75 -> "1:15", 3675 -> "1:01:15"."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    minutes, last = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{last:02d}" if hours else f"{minutes}:{last:02d}"


def _spent(seconds: float) -> str:
    """Short times to a tenth of a second: "0:00" would say that nothing was done."""
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


class LineProgress:
    """Share done, step, training loss, the last validation metrics, time left. `live`: rewrite one line with \\r."""

    def __init__(self, *, live: bool, monitor: str, stream: TextIO | None = None) -> None:
        self._live = live
        self._monitor = monitor
        self._stream = stream or sys.stderr
        self._shown = 0.0
        self._width = 0
        self._train = ""
        self._validation = ""
        self._seconds_at_start = 0.0
        self._fraction_at_start = 0.0

    def __call__(self, event: Event) -> None:
        if event.kind == "start":
            self._seconds_at_start, self._fraction_at_start = event.seconds, event.fraction
        elif event.kind == "note":
            self._end_line()
            self._stream.write(event.text + "\n")
        elif event.kind == "train":
            self._train = f"loss {event.scalars['loss']:.4g}"
            self._show(event)
        elif event.kind == "validation":
            shown = [f"{name} {value:.4g}" for name, value in event.scalars.items()]
            self._validation = "validation " + " ".join(shown)
            self._show(event)
        elif event.kind == "end":
            self._show(event, always=True)
            self._end_line()
        self._stream.flush()

    def _show(self, event: Event, always: bool = False) -> None:
        now = time.monotonic()
        if not always and now - self._shown < (_LIVE_EVERY if self._live else _PLAIN_EVERY):
            return
        self._shown = now
        parts = [f"{event.fraction:4.0%}", f"step {event.step}/{event.total}", self._train, self._validation]
        done = event.fraction - self._fraction_at_start
        if event.kind == "end":
            broken = event.text.startswith(("interrupted", "ended by"))
            parts.append(f"{_spent(event.seconds)} {'so far' if broken else 'in all'}")
        elif done > 0.01:
            spent = event.seconds - self._seconds_at_start
            parts.append(f"{duration(spent * (1 - event.fraction) / done)} left")
        text = "  ".join(part for part in parts if part)
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")

    def _end_line(self) -> None:
        if self._live and self._width:
            self._stream.write("\n")
            self._width = 0


class RichProgress:
    """A rich progress bar with live loss, metric and time left, for terminals."""

    def __init__(self, *, monitor: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._monitor = monitor
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(bar_width=24),
            TextColumn("step {task.fields[step]}"),
            TextColumn("{task.fields[train]}"),
            TextColumn("{task.fields[validation]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=False,
        )
        self._task = self._bar.add_task("fit", total=1.0, step="0", train="", validation="")
        self._started = False

    def __call__(self, event: Event) -> None:
        if event.kind == "start":
            self._bar.start()
            self._started = True
        elif event.kind == "note":
            self._bar.console.print(event.text, markup=False, highlight=False)
        elif event.kind == "train":
            self._bar.update(
                self._task,
                completed=event.fraction,
                step=f"{event.step}/{event.total}",
                train=f"loss {event.scalars['loss']:.4g}",
            )
        elif event.kind == "validation":
            name = self._monitor
            shown = {"loss": event.scalars["loss"], name: event.scalars.get(name, event.scalars["loss"])}
            extra = next((key for key in event.scalars if key not in shown), None)
            if extra is not None:
                shown[extra] = event.scalars[extra]
            text = " ".join(f"{key} {value:.4g}" for key, value in shown.items())
            self._bar.update(self._task, completed=event.fraction, validation=f"validation {text}")
        elif event.kind == "end" and self._started:
            self._bar.update(self._task, completed=event.fraction, step=f"{event.step}/{event.total}")
            self._bar.stop()
            self._started = False


def choose_progress(kind: str, monitor: str) -> LineProgress | RichProgress | None:
    """ "auto": rich on a terminal, one rewritten line in a notebook, plain lines elsewhere; "rich", "line", "off"."""
    if kind == "off":
        return None
    if kind == "rich" or (kind == "auto" and sys.stderr.isatty()):
        return RichProgress(monitor=monitor)
    notebook = "ipykernel" in sys.modules
    return LineProgress(live=notebook or (kind == "line" and sys.stderr.isatty()), monitor=monitor)
