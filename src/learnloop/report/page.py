"""`write_report`: a run folder becomes one self-contained page. No network, no scripts, under 2 MB."""

from __future__ import annotations

from pathlib import Path

from learnloop.report.load import RunView, load_run
from learnloop.report.sections.codes import anomalies, codes
from learnloop.report.sections.confused import confused, suspects
from learnloop.report.sections.data import data
from learnloop.report.sections.forecasts import ahead, examples, methods, odd, treated
from learnloop.report.sections.generative import copied, hidden, judged, makes, players
from learnloop.report.sections.inside import layers, looked
from learnloop.report.sections.measured import classes, learning, numbers
from learnloop.report.sections.mistakes import worst
from learnloop.report.sections.remedies import findings, next_steps, reproduce
from learnloop.report.sections.translations import translations
from learnloop.report.sections.views import views
from learnloop.report.sections.words import words
from learnloop.report.sections.worth import baseline_table, header, tiles
from learnloop.report.sections.written import written
from learnloop.report.text import esc, page


def style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def report_html(run: RunView, folder: str) -> str:
    """The whole page. folder: the run's path as it should stand in commands to paste."""
    body = "\n".join(
        (
            header(run),
            tiles(run),
            baseline_table(run),
            methods(run),
            examples(run),
            ahead(run),
            odd(run),
            views(run),
            makes(run),
            judged(run),
            codes(run),
            anomalies(run),
            findings(run),
            treated(run),
            learning(run),
            players(run),
            copied(run),
            hidden(run),
            classes(run),
            numbers(run),
            translations(run),
            worst(run),
            written(run),
            words(run),
            confused(run),
            suspects(run),
            looked(run),
            layers(run),
            next_steps(run, folder),
            data(run),
            reproduce(run),
            f"<footer>learnloop {esc(run.report.get('version', ''))} · run {esc(run.name)}</footer>",
        )
    )
    return page(f"{run.name}: {run.report['asked']['data']}", style(), body)


def write_report(folder: Path) -> Path:
    """Write report.html from report.json, metrics.jsonl, recipe.yaml and inside.json of the run; returns its path.

    Raises RunError when the folder holds no finished run or cannot be written.
    """
    folder = Path(folder)
    text = report_html(load_run(folder), str(folder))
    path = folder / "report.html"
    unfinished = folder / ".report.html.part"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path
