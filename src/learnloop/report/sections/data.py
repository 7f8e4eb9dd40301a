"""The data: its rows, how they were split, and what was inferred about each field."""

from __future__ import annotations

from learnloop.report.load import RunView
from learnloop.report.text import esc, facts, number, section, table

MOST_FIELDS = 300


def data(run: RunView) -> str:
    facts_of = run.report["data"]
    rows = facts_of.get("rows", {})
    counts = ", ".join(f"{part} {number(n)}" for part, n in rows.items())
    schema = facts_of.get("schema", [])
    body = [
        [
            esc(field["name"]),
            esc(field["kind"]),
            esc(field["role"]),
            number(field.get("missing", 0)),
            esc(", ".join(field.get("categories", [])[:6]) + (" …" if len(field.get("categories", [])) > 6 else "")),
            esc(field.get("why", "")),
        ]
        for field in schema[:MOST_FIELDS]
    ]
    columns = table(["Field", "Kind", "Role", "Missing", "Categories", "Why"], body, numeric=(3,))
    more = f'<p class="soft">The first {MOST_FIELDS} of {len(schema):,}.</p>' if len(schema) > MOST_FIELDS else ""
    notes = "".join(f"<li>{esc(note)}</li>" for note in facts_of.get("notes", []))
    return section(
        "The data",
        facts([("Values" if run.task == "forecast" else "Rows", counts), ("Split", facts_of.get("split"))]),
        f"<ul>{notes}</ul>" if notes else "",
        f"<details><summary>The {len(schema):,} fields and what was inferred about "
        f"them</summary>{columns}{more}</details>"
        if schema
        else "",
    )
