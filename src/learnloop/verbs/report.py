"""`report`: write report.html again from what the run folder holds."""

from __future__ import annotations

import os
from pathlib import Path

from learnloop.verbs.run import Run


def report(run: Run | str | os.PathLike[str]) -> Path:
    """The path of the page. Raises RunError when the run did not get as far as its measures."""
    return (run if isinstance(run, Run) else Run.open(run)).write_report()
