"""What was found, what to do about it, and the command that gives the run again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.text import esc, section

OUT = re.compile(r"(?<!\S)((?:--out|-o)[ =])('[^']*'|\"[^\"]*\"|\S+)")


def again(command: str) -> str:
    """The command with its own run folder, which exists by now, replaced by a new one."""
    return OUT.sub(r"\1NEW_RUN", command)


def findings(run: RunView) -> str:
    rows = run.report.get("findings", [])
    if not rows and not run.trained:  # the checks are of how a network learnt
        return ""
    if not rows:
        return section("What was found", "<p>Nothing that needs mending.</p>")
    return section("What was found", *(_finding(row) for row in rows))


def _finding(row: Mapping[str, Any]) -> str:
    severity = row["severity"] if row["severity"] in ("problem", "warning", "note") else "note"
    mend = row.get("remedy", {})
    changes = " ".join(_set(key, value) for key, value in mend.get("changes", {}).items())
    return (
        f'<div class="finding {severity}"><h3><span class="badge">{severity}</span>{esc(row["title"])}</h3>'
        f"<p>{esc(row['text'])}</p>"
        + (f"<p><strong>Remedy.</strong> {esc(mend['text'])}</p>" if mend.get("text") else "")
        + (f"<pre><code>{esc(changes)}</code></pre>" if changes else "")
        + "</div>"
    )


def _set(key: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"--set {shlex.quote(f'{key}={text}')}"


def next_steps(run: RunView, folder: str) -> str:
    """Commands to paste: the remedies in one go, predict, evaluate elsewhere, compare."""
    asked = run.report["asked"]
    changes: dict[str, Any] = {}
    for row in reversed(run.report.get("findings", [])):  # the gravest finding comes first and wins
        if row["severity"] != "note":
            changes |= row.get("remedy", {}).get("changes", {})
    quoted = shlex.quote(folder)
    steps = []
    if changes:
        flags = " ".join(_set(key, value) for key, value in changes.items())
        steps.append(("Try the remedies above in a new run", f"{again(asked['command'])} {flags}"))
        steps.append(("Then see which of the two is better", f"learnloop compare {quoted} NEW_RUN"))
    if run.task == "language":
        steps.append(("Let it write", f'learnloop generate {quoted} --prompt "..." --temperature 0.8'))
        steps.append(("Measure it on another text", f"learnloop evaluate {quoted} OTHER.txt"))
    elif run.task == "forecast":
        horizon = run.report.get("forecast", {}).get("horizon", 14)
        steps.append(("Forecast from the end of the data", f"learnloop predict {quoted} --horizon {horizon}"))
        steps.append(("Forecast from newer rows", f"learnloop predict {quoted} NEWER.csv --out forecast.png"))
        steps.append(("Measure it on newer rows", f"learnloop evaluate {quoted} NEWER.csv"))
    elif run.report.get("generative"):
        steps += _of_makers(run.report["generative"].get("kind", ()), quoted)
    else:
        steps.append(("Predict new rows", f"learnloop predict {quoted} NEW_DATA"))
        steps.append(("Measure it on other labelled data", f"learnloop evaluate {quoted} OTHER_DATA"))
    return section(
        "What to do next",
        *(f"<p>{esc(text)}:</p><pre><code>{esc(line)}</code></pre>" for text, line in steps),
    )


def _of_makers(kinds: Sequence[str], quoted: str) -> list[tuple[str, str]]:
    """What a network that makes data is good for."""
    steps = []
    if "sampler" in kinds:
        steps.append(("Make more", f"learnloop generate {quoted} --count 64 --seed 7 --out samples/"))
        steps.append(("See what lies between", f"learnloop generate {quoted} --interpolate 10"))
    if "coder" in kinds:
        steps.append(("Encode new rows", f"learnloop predict {quoted} NEW_DATA --out codes.csv"))
    if "mapper" in kinds:
        steps.append(("Make pictures from pictures", f"learnloop predict {quoted} pictures/ --out made/"))
    return [*steps, ("Measure it on other data", f"learnloop evaluate {quoted} OTHER_DATA")]


def reproduce(run: RunView) -> str:
    asked = run.report["asked"]
    recipe = f"<details><summary>recipe.yaml</summary><pre><code>{esc(run.recipe)}</code></pre></details>"
    return section(
        "Reproduce it",
        f"<pre><code>{esc(again(asked['command']))}</code></pre>",
        f'<p class="soft">Seed {esc(asked.get("seed"))}. The resolved recipe holds every setting and where '
        "it came from:</p>"
        if run.recipe
        else "",
        recipe if run.recipe else "",
    )
