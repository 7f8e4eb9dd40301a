"""The last line of a run: how long it took, and whether that is all."""

from __future__ import annotations

import io

import pytest

from learnloop.train.events import Event
from learnloop.train.watchers.progress import LineProgress


@pytest.mark.parametrize(
    ("seconds", "text", "said"),
    [
        (0.4, "interrupted by SIGINT at step 3", "0.4 s so far"),
        (0.4, "ended by NonFiniteError", "0.4 s so far"),
        (0.4, "the limit was reached: 3 passes over the data", "0.4 s in all"),
        (75.0, "the limit was reached: 3 passes over the data", "1:15 in all"),
        (9.97, "", "0:10 in all"),
    ],
)
def test_the_last_line(seconds: float, text: str, said: str) -> None:
    stream = io.StringIO()
    progress = LineProgress(live=False, monitor="loss", stream=stream)
    progress(Event("start", 0, 0, 0.0, 0.0, 100))
    progress(Event("end", 3, 24, seconds, 0.03, 100, {}, text))
    assert stream.getvalue().splitlines()[-1].endswith(f"step 3/100  {said}")
