"""`learnloop report`: the page of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from learnloop.cli import show


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Write the report of a run again; print where it is."""
    from learnloop.verbs.report import report as verb

    path = verb(run).resolve()
    if json:
        show.as_json({"report": str(path)})
    else:
        print(path)
    if open_:
        import webbrowser

        if not webbrowser.open(path.as_uri()):
            show.prose("no browser could be opened here")
