"""What test-time views were worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.text import esc, score, section


def views(run: RunView) -> str:
    """Figures with and without views side by side; nothing where none were asked for."""
    found = run.report.get("views")
    return section("Several views of each picture", f"<p>{esc(views_sentence(found))}</p>") if found else ""


def views_sentence(found: Mapping[str, Any]) -> str:
    """Figures without and with views, and whether their difference is more than chance, in words."""
    metric, difference = found["metric"], found["difference"]
    verdict = "a difference beyond chance" if difference["clear"] else "within what chance does"
    low, high = (score(metric, difference[end]) for end in ("low", "high"))
    return (
        f"Mean over {found['count']} views of each picture ({found['views']}): {metric} "
        f"{score(metric, found['seen']['value'])} instead of {score(metric, found['plain']['value'])}; "
        f"the difference on the same pictures is {score(metric, difference['value'])} [{low} to {high}], {verdict}."
    )
