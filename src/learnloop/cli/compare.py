"""`learnloop compare`: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from learnloop.cli import show
from learnloop.errors import RunError


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="run folders, or names of runs")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="write the curves: .html, .png or .svg"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Lay runs side by side, figures and curves.

    --out writes their curves on one picture.
    """
    if len(runs) < 2:
        raise RunError("learnloop compare", "needs at least two runs", found=runs[0], do="learnloop runs")
    if out is not None and Path(out).suffix not in (".html", ".png", ".svg"):
        raise RunError(f"--out {out}", "must end in .html, .png or .svg", do="--out compare.html")

    from learnloop.report.compare import compare_text, comparison, write_comparison
    from learnloop.report.load import load_run
    from learnloop.runs.folder import RunFolder

    views = [load_run(RunFolder.find(name).path) for name in runs]
    found = comparison(views)
    path = None
    if out is not None:
        try:
            path = write_comparison(views, Path(out))
        except OSError as error:
            raise RunError(f"--out {out}", "must be a file that can be written", found=str(error)) from None
    if json:
        show.as_json({**found, "page": None if path is None else str(path)})
        return
    print(compare_text(views))
    if path is not None:
        print(path)
