"""`Count`: how far a long piece of work has come, on stderr. What is over at once shows nothing; `silent` nothing at
all.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

SILENT = 2.0
"""Seconds in which nothing is shown."""
_LINE_EVERY, _LIVE_EVERY = 10.0, 0.2
_SILENT_NOW: ContextVar[bool] = ContextVar("silent", default=False)


@contextmanager
def silent(asked: bool = True) -> Iterator[None]:
    """Counts that are begun within show nothing, where that is asked for: readers know nothing of the recipe."""
    before = _SILENT_NOW.set(asked or _SILENT_NOW.get())
    try:
        yield
    finally:
        _SILENT_NOW.reset(before)


class Count:
    """`decoding images: 12,300 of 100,000 (12 %), 2,950 a second, about 30 s left`.

    One line that is rewritten on a terminal, a line every 10 s elsewhere. `add` may be called by several threads.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        stream: TextIO | None = None,
        live: bool | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what, self.total, self.done = what, total, 0
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty() if live is None else live
        self._shown = not _SILENT_NOW.get()
        self._now = now
        self._began = now()
        self._next = self._began + SILENT
        self._width = 0
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return self._now() - self._began

    def add(self, count: int) -> None:
        """`count` more are done."""
        with self._lock:
            self.done += count
            if self._shown and self._now() >= self._next and self.done < self.total:
                self._next = self._now() + (_LIVE_EVERY if self._live else _LINE_EVERY)
                self._write(self._line())

    def end(self, text: str = "") -> None:
        """Close the line; `text` is said instead where the work took long enough to be shown."""
        if self._shown and self.seconds >= SILENT and text:
            self._write(text)
            self._width = self._width or 1
        if self._live and self._width:
            self._stream.write("\n")
            self._stream.flush()

    def _line(self) -> str:
        pace = self.done / max(self.seconds, 1e-9)
        left = _spoken((self.total - self.done) / max(pace, 1e-9))
        share = 100 * self.done // self.total
        return f"{self.what}: {self.done:,} of {self.total:,} ({share} %), {pace:,.0f} a second, about {left} left"

    def _write(self, text: str) -> None:
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
