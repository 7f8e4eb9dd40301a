"""What the run is worth: its headline, the figures on rows never trained on, the network beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from learnloop.report.load import RunView
from learnloop.report.text import duration, esc, number, score, score_range, section, table, title
from learnloop.scores.names import METRICS, headline


def header(run: RunView) -> str:
    asked = run.report["asked"]
    verbs = {"classify": "Classify", "labels": "Label", "translate": "Write", "forecast": "Forecast"}
    verbs |= {"autoencode": "Encode", "gan": "Make more of", "diffusion": "Make more of"}
    what = verbs.get(run.task, "Predict")
    target = ", ".join(asked.get("target", []))
    parts = [*_made(run), str(run.report.get("created", "")).replace("T", " ")]
    verdict = run.report.get("verdict", "")
    return (
        f"<h1>{_heading(what, target, asked['data'])}</h1>"
        f'<p class="soft">{" · ".join(esc(part) for part in parts if part)}</p>'
        + (f'<div class="verdict">{esc(verdict)}</div>' if verdict else "")
    )


def _made(run: RunView) -> list[str]:
    """What answers, and what training it took, if any."""
    asked, training = run.report["asked"], run.report["training"]
    trained = [
        f"{number(training.get('parameters', 0))} parameters",
        f"{number(training.get('steps', 0))} steps in {duration(training.get('seconds', 0.0))}",
    ]
    if run.task != "forecast":
        return [asked["model"], *trained]
    found = run.report.get("forecast", {})
    steps = f"{found.get('horizon', '?')} steps ahead"
    if not run.trained:
        return [str(found.get("title", asked["model"])), steps, "no network was trained"]
    network = [] if found.get("served") == found.get("network") else [f"beside it the network {found.get('network')}"]
    return [str(found.get("title", asked["model"])), steps, *network, *trained]


def _heading(what: str, target: str, data: str) -> str:
    if what in ("Encode", "Make more of"):
        return f"{what} {esc(data)}"
    return f"{what} <em>{esc(target)}</em> in {esc(data)}" if target else f"Continue {esc(data)}"


def tiles(run: RunView) -> str:
    """The headline figures on rows never trained on, each with its interval."""
    evaluation = run.evaluation()
    if not evaluation:
        return ""
    made = run.report.get("generative") or {}
    unit = "" if made else ", ".join(run.report["asked"].get("target", []))
    cells = []
    for name in headline(run.task):
        if name not in evaluation["metrics"]:
            continue
        pair = evaluation.get("intervals", {}).get(name)
        meaning = METRICS[name].meaning
        scale = f" (unit of {esc(unit)})" if METRICS[name].scale == "unit" and unit and len(unit) < 30 else ""
        cells.append(
            f'<div class="tile" title="{esc(meaning)}"><div class="name">{esc(title(name))}{scale}</div>'
            f'<div class="value">{esc(score(name, evaluation["metrics"][name]))}</div>'
            f'<div class="range">{esc(score_range(name, pair) or "no interval")}</div></div>'
        )
    part = "test" if "test" in run.report["evaluation"] else "validation"
    if run.task == "forecast":
        return f'<div class="tiles">{"".join(cells)}</div>{_of_forecasts(run)}'
    if made.get("judge"):
        count = made.get("samples", {}).get("rows", 0)
        said = f"Of {count:,} pictures that it made, beside {evaluation['rows']:,} {part} pictures never trained on."
        return f'<div class="tiles">{"".join(cells)}</div><p class="soft">{esc(said)}</p>'
    what = "characters" if run.task == "language" else "rows"
    drawn = "text" if what == "characters" else "rows"
    notes = "".join(f'<p class="soft">{esc(note)}</p>' for note in evaluation.get("notes", []))
    return (
        f'<div class="tiles">{"".join(cells)}</div><p class="soft">On {evaluation["rows"]:,} {part} {what} '
        "that were never "
        "trained on. Below each figure its 95 % bootstrap interval: what another draw of test "
        f"{drawn} could have given.</p>{notes}"
    )


def _of_forecasts(run: RunView) -> str:
    """What the figures of a forecasting run are means of."""
    evaluation, found = run.evaluation(), run.report.get("forecast", {})
    count = evaluation["rows"]
    several = "series" if found.get("series", 1) > 1 else "windows"
    notes = "".join(f'<p class="soft">{esc(note)}</p>' for note in evaluation.get("notes", []))
    return (
        f'<p class="soft">Means over {count:,} forecast{"s" if count != 1 else ""} of {found.get("horizon", "?")} '
        "steps that nothing was chosen or fitted by. Below each figure its 95 % bootstrap interval: what other "
        f"{several} could have given.</p>{notes}"
    )


def baseline_table(run: RunView) -> str:
    """The network beside the baselines: values, intervals on one scale, and what they cost."""
    evaluation, others = run.evaluation(), run.report.get("baselines", [])
    if not evaluation or not others or run.task == "forecast":  # its methods have a table of their own
        return ""
    network = {
        "title": f"Network ({run.report['asked']['model']})",
        "metrics": evaluation["metrics"],
        "intervals": evaluation.get("intervals", {}),
        "seconds": run.report["training"].get("seconds"),
    }
    names = [name for name in headline(run.task) if name in evaluation["metrics"]]
    first, rows = names[0], [network, *others]
    # The constant answer is usually far off: it would squeeze the others into one point.
    near = [row for row in rows if row.get("name") not in ("majority", "mean")]
    shown = near if len(near) > 1 else rows
    ends = [v for row in shown for v in (*row["intervals"].get(first, ()), row["metrics"].get(first)) if v is not None]
    low, high = min(ends), max(ends)
    axis = (
        f'<span class="ends"><span>{esc(score(first, low))}</span><span>{esc(title(first))}, 95 %</span>'
        f"<span>{esc(score(first, high))}</span></span>"
    )
    body = [
        [
            f"<strong>{esc(row['title'])}</strong>" if row is network else esc(row["title"]),
            f"{esc(score(first, row['metrics'].get(first)))}"
            f'<br><span class="soft">{esc(score_range(first, row["intervals"].get(first)))}</span>',
            strip(row["metrics"].get(first), row["intervals"].get(first), low, high, row is network),
            *(esc(score(name, row["metrics"].get(name))) for name in names[1:]),
            duration(row["seconds"]) if row.get("seconds") is not None else "",
        ]
        for row in rows
    ]
    head = ["", esc(title(first)), axis, *(esc(title(name)) for name in names[1:]), "Time"]
    notes = "".join(f'<p class="soft">{esc(row["title"])}: {esc(row["note"])}</p>' for row in others if row.get("note"))
    numeric = [1, *range(3, len(head))]
    return section("Does the network earn its keep?", table(head, body, numeric=numeric), notes)


def strip(value: float | None, pair: Sequence[float] | None, low: float, high: float, ours: bool) -> str:
    if value is None:
        return ""
    width = (high - low) or 1.0
    if value < low or value > high:
        way = "‹ off the scale" if value < low else "off the scale ›"
        return f'<div class="soft" style="text-align:{"left" if value < low else "right"}">{way}</div>'

    def place(v: float) -> float:
        return 3 + 94 * (min(max(v, low), high) - low) / width

    bar = ""
    if pair:
        bar = f'<i style="left:{place(pair[0]):.1f}%;width:{place(pair[1]) - place(pair[0]):.1f}%"></i>'
    return f'<div class="strip{"" if ours else " other"}">{bar}<b style="left:{place(value):.1f}%"></b></div>'
