"""README.md of a bundle that forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learnloop.data import frequency as freq
from learnloop.data.newer import stamp_text
from learnloop.data.panel import Panel
from learnloop.models.classical.table import METHODS


def card(about: Mapping[str, Any], panel: Panel) -> str:
    """about: bundle.json. Says what answers, how it was measured, what it holds of the data, and where it ends."""
    facts, weights = about["facts"], about["weights"]
    metrics = [f"| {name} | {value:.4g} |" for name, value in dict(facts.get("metrics", {})).items()]
    titles = {name: METHODS[name].title if name in METHODS else name for name in weights}
    names = [f"| {titles[name]} | {100 * share:.0f} % |" for name, share in weights.items()]
    levels = ", ".join(f"{100 * level:g} %" for level in about["levels"])
    ends = {stamp_text(times[-1:], panel.zone)[0] for times in panel.times}
    end = ends.pop() if len(ends) == 1 else f"{min(ends)} at the earliest, {max(ends)} at the latest"
    many = f"{len(panel):,} series" if len(panel) > 1 else "one series"
    targets = ", ".join(panel.variables[: panel.targets])
    return "\n".join(
        [
            f"# Forecasts of {targets} in {Path(panel.name).name}",
            "",
            f"Made by learnloop from {many}, {freq.words(panel.frequency)}, known up to {end}. "
            f"Seed {facts.get('seed', '?')}.",
            "",
            "## What answers",
            "| | share |",
            "|---|--:|",
            *names,
            *(["", str(facts["verdict"])] if facts.get("verdict") else []),
            "",
            "## Use",
            "```python",
            "from learnloop.bundle.forecast import ForecastBundle",
            'bundle = ForecastBundle.load("bundle")',
            f"bundle.predict(horizon={about['horizon']})   # [{{'time', 'forecast', 'lower', 'upper'}}, ...]",
            'bundle.predict(bundle.newer("newer_rows.csv").panel)   # with newer rows behind the end',
            "```",
            "",
            "## Measured on steps that nothing was fitted to",
            "| metric | value |",
            "|---|--:|",
            *(metrics or ["| not measured | |"]),
            "",
            "## Limits",
            f"The figures hold for up to {about['horizon']} steps ahead, and for series that go on as they did. "
            + (f"The intervals promise to hold {levels} of the true values. " if levels else "It has no intervals. ")
            + "series.safetensors holds the series themselves: pass the bundle on only where the data may go.",
            "",
        ]
    )
