"""`compare`: runs side by side, curves on one picture and metrics with intervals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learnloop.report.compare import compare_page, compare_text, comparison, write_comparison
from learnloop.report.load import RunView, load_run
from learnloop.runs.folder import RunFolder
from learnloop.verbs.run import Run


class Comparison:
    """What `compare` found: prints as a table, shows itself as a page in a notebook."""

    def __init__(self, views: Sequence[RunView]) -> None:
        self._views = list(views)

    @property
    def table(self) -> dict[str, Any]:
        """JSON-able: runs, metrics, intervals, notes."""
        return comparison(self._views)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page (.html) or the picture of the curves (.png, .svg)."""
        return write_comparison(self._views, Path(path))

    def __str__(self) -> str:
        return compare_text(self._views)

    def _repr_html_(self) -> str:
        return compare_page(self._views)


def compare(*runs: Run | str | os.PathLike[str]) -> Comparison:
    """Two or more runs. Raises RunError for one that does not exist or has not got as far as its measures."""
    return Comparison([load_run(run.path if isinstance(run, Run) else RunFolder.find(run).path) for run in runs])
