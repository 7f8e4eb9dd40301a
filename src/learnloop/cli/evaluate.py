"""`learnloop evaluate`: how good a run is on its test part or on other data."""

from __future__ import annotations

from typing import Annotated

import typer

from learnloop.cli import show
from learnloop.cli.results import show_evaluation


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="rows with the target; series: newer rows; default: the held-out part"),
    ] = None,
    views: Annotated[
        str,
        typer.Option(metavar="VIEWS", help="pictures: mean over mirror, shifts or mirror+shifts, and what it is worth"),
    ] = "none",
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Measure a run on its held-out rows, or on DATA.

    DATA must hold the target; of a run on series in time it holds rows behind the end of its data, and each window of
    them is forecast from what was known before it. With --views the answers are means over several views of each
    picture, and the figures without them stand beside.
    """
    from learnloop.scores.names import headline
    from learnloop.verbs.evaluate import evaluate as verb
    from learnloop.verbs.run import Run

    if views != "none":
        gain = Run.open(run).gain(views, data)  # type: ignore[arg-type]
        found = gain.seen.to_json()
        if json:
            metrics = {"metrics": found["metrics"], "intervals": found.get("intervals", {})}
            show.as_json({**metrics, "views": gain.to_json()})
            return
        names = [name for name in headline(found["task"]) if name in found["metrics"]]
        show_evaluation(found, names, found.get("rows"))
        print(gain.sentence())
        return
    found = verb(run, data).to_json()
    if found["task"] == "forecast":  # what was filled in, and on how many windows it was measured
        for note in found["notes"]:
            show.prose(f"note: {note}")
    if json:
        show.as_json({"metrics": found["metrics"], "intervals": found.get("intervals", {})})
        return
    names = [name for name in headline(found["task"]) if name in found["metrics"]]
    show_evaluation(found, names, found.get("rows"))
