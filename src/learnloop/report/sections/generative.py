"""What a network that makes data makes, what is left of rows that pass through it, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.generative_figures import histogram_figure, players_figure, series_figure
from learnloop.report.load import RunView
from learnloop.report.sections.measured import figures
from learnloop.report.sections.picture import image
from learnloop.report.text import esc, facts, number, score, section, table, title
from learnloop.scores.names import METRICS

Facts = Mapping[str, Any]


def makes(run: RunView) -> str:
    """Samples, pictures from pictures, what is left of rows, ways between, and the square of 2-D codes."""
    shown = _pictures(run)
    return section(
        "What it makes",
        _group(shown.get("samples"), "Samples", "Not chosen: the first ones of the run's seed."),
        _group(shown.get("translated"), "Pictures from pictures", "Held-out pictures, which it was not trained on."),
        _group(shown.get("back"), "The other way", ""),
        _group(shown.get("reconstructions"), "What is left of rows", "Held-out rows, through their codes and back."),
        _group(shown.get("interpolation"), "From one to another", _between(shown.get("interpolation", {}))),
        _group(shown.get("grid"), "The square of codes", _square(shown.get("grid", {}))),
    )


def judged(run: RunView) -> str:
    """The measures of what was made, who judged it, and which classes it makes."""
    found = _generative(run)
    measures, histogram = found.get("measures") or {}, found.get("histogram") or {}
    drawn = [(histogram_figure(histogram, found.get("classes_in_data")), "Share of each class")] if histogram else []
    rows = [
        [esc(title(name)), esc(score(name, value)), esc(METRICS[name].meaning if name in METRICS else "")]
        for name, value in measures.items()
        if isinstance(value, int | float)
    ]
    judge = {str(name).replace("_", " "): _fact(value) for name, value in (found.get("judge") or {}).items()}
    return section(
        "How good it is",
        figures(drawn),
        table(["Measure", "Value", "Meaning"], rows, numeric=(1,)) if rows else "",
        "<h3>Who judged</h3>" + facts(judge.items()) if judge else "",
    )


def copied(run: RunView) -> str:
    """Samples beside the training pictures that are nearest to them."""
    rows = _pictures(run).get("neighbours", [])
    if not rows:
        return ""
    cells = "".join(map(_pair, rows))
    said = (
        "Each sample on the left, and on the right the training picture that is nearest to it, pixel by pixel. The "
        "figure is the root mean square difference, white being 1: near 0 the network gives back what it was shown."
    )
    return section("Is it copied?", f'<p class="soft">{said}</p><div class="depths">{cells}</div>')


def hidden(run: RunView) -> str:
    """Real and made pictures in one sheet; the answers stand behind a click."""
    rows = _pictures(run).get("hidden", [])
    if not rows:
        return ""
    thumbs = "".join(_numbered(row, place) for place, row in enumerate(rows, 1))
    real = [str(place) for place, row in enumerate(rows, 1) if row["real"]]
    made = [str(place) for place, row in enumerate(rows, 1) if not row["real"]]
    answers = f"<p>Real: {', '.join(real)}.<br>Made: {', '.join(made)}.</p>"
    said = f"{len(real)} of these were held out of the data, {len(made)} were made. Which are which?"
    return section(
        "Can you tell?",
        f'<p class="soft">{said}</p><div class="thumbs">{thumbs}</div>',
        f"<details><summary>The answers</summary>{answers}</details>",
    )


def players(run: RunView) -> str:
    """Both players along the steps, and what was raised as an alarm."""
    history, alarms = run.history, _generative(run).get("alarms", [])
    kinds = (
        ({"loss": "generator", "discriminator_loss": "discriminator"}, "Losses of both players"),
        ({"real": "of real ones", "fake": "of made ones"}, "What the discriminator says"),
        ({"generator_gradient": "norm of the gradient"}, "Gradient of the generator"),
        ({"spread": "made over real"}, "How far samples lie apart"),
        ({"reconstruction": "reconstruction", "kl": "KL"}, "The two parts of the bound"),
    )
    two = any("discriminator_loss" in row for row in history)
    shown = kinds[:4] if two else kinds[4:]
    both = [players_figure(history, names, heading, alarms) for names, heading in shown]
    drawn = [(figure, heading) for figure, (_, heading) in zip(both, shown) if figure is not None]
    return section("While it learnt", _alarms(alarms), figures(drawn)) if drawn or alarms else ""


def _alarms(alarms: Sequence[Facts]) -> str:
    rows = [
        [esc(str(row["name"]).replace("_", " ")), number(row.get("step", "")), esc(row.get("text", "")),
         esc(row.get("remedy", ""))]
        for row in alarms
    ]  # fmt: skip
    return table(["Alarm", "First at step", "What showed it", "Usual remedy"], rows, numeric=(1,)) if rows else ""


def _generative(run: RunView) -> Facts:
    found: Facts = run.report.get("generative") or {}
    return found


def _pictures(run: RunView) -> Facts:
    shown: Facts = _generative(run).get("pictures") or {}
    return shown


def _group(found: Facts | None, heading: str, said: str) -> str:
    """A sheet, rows of a table, or series, under a heading."""
    if not found:
        return ""
    lines = "; ".join(str(line) for line in found.get("lines", []))
    heads = ", ".join(str(name) for name in found.get("heads", []))
    text = " ".join(
        part for part in (said, f"Lines: {lines}." if lines else "", f"Columns: {heads}." if heads else "") if part
    )
    body = image(found["sheet"], heading, "sheet") if "sheet" in found else ""
    body += _rows(found["rows"]) if found.get("rows") else ""
    body += figures([(series_figure(found["series"]), heading)]) if found.get("series") else ""
    return f"<h3>{esc(heading)}</h3>" + (f'<p class="soft">{esc(text)}</p>' if text else "") + body


def _rows(rows: Sequence[Any]) -> str:
    """Rows that were made, or pairs of a row and what is left of it, one below the other."""
    pairs = [row if isinstance(row, list) else [row] for row in rows]
    names = list(pairs[0][0])
    body = []
    for pair in pairs:
        for place, row in enumerate(pair):
            who = ["held out", "made of it"][place] if len(pair) > 1 else ""
            body.append([*([esc(who)] if len(pair) > 1 else []), *(esc(_cell(row[name])) for name in names)])
    return table([*([""] if len(pairs[0]) > 1 else []), *map(esc, names)], body)


def _cell(value: Any) -> str:
    return "–" if value is None else number(value) if isinstance(value, int | float) else str(value)


def _between(found: Facts) -> str:
    return f"Each line leads from one of two {found['between']} to the other." if found.get("between") else ""


def _square(found: Facts) -> str:
    reach = found.get("reach")
    return f"Codes from −{reach:.2g} to {reach:.2g} in both directions." if reach else ""


def _pair(row: Facts) -> str:
    both = image(row["sample"], "made") + image(row["neighbour"], f"training row {row['row']}")
    said = f'<figcaption class="soft">off by {row["distance"]:.3f}</figcaption>'
    return f'<figure><div class="thumbs">{both}</div>{said}</figure>'


def _numbered(row: Facts, place: int) -> str:
    return f"<figure>{image(row['picture'], f'number {place}')}<figcaption>{place}</figcaption></figure>"


def _fact(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else value
