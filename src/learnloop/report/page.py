"""`write_report`: a run folder becomes one self-contained page. No network, no scripts, under 2 MB."""

from __future__ import annotations

from pathlib import Path

from learnloop.report import sections
from learnloop.report.load import RunView, load_run
from learnloop.report.text import esc, page


def style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def report_html(run: RunView, folder: str) -> str:
    """The whole page. folder: the run's path as it should stand in commands to paste."""
    body = "\n".join(
        (
            sections.header(run),
            sections.tiles(run),
            sections.baseline_table(run),
            sections.findings(run),
            sections.learning(run),
            sections.classes(run),
            sections.numbers(run),
            sections.worst(run),
            sections.next_steps(run, folder),
            sections.data(run),
            sections.reproduce(run),
            f"<footer>learnloop {esc(run.report.get('version', ''))} · run {esc(run.name)}</footer>",
        )
    )
    return page(f"{run.name}: {run.report['asked']['data']}", style(), body)


def write_report(folder: Path) -> Path:
    """Write report.html from report.json, metrics.jsonl and recipe.yaml of the run; returns its path.

    Raises RunError when the folder holds no finished run or cannot be written.
    """
    folder = Path(folder)
    text = report_html(load_run(folder), str(folder))
    path = folder / "report.html"
    unfinished = folder / ".report.html.part"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path
