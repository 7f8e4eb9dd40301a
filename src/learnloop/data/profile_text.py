"""A profile as plain text for the terminal: sentences first, then aligned tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from learnloop.data.profile_series import series_text
from learnloop.data.profile_words import text_lines

MEASURES = {"roc_auc": "AUC", "balanced_accuracy": "balanced accuracy", "r2": "R²"}
_MOST_FIELDS = 60
_MOST_CLASSES = 20
_MOST_ALONE = 10


def profile_text(facts: dict[str, Any], width: int = 100) -> str:
    """Lines of at most about `width` characters, without colours."""
    blocks = [
        [headline(facts)],
        _warnings(facts, width),
        *[_target(target, width) for target in facts["targets"]],
        _fields(facts, width),
        _alone(facts, width),
        *[_images(row) for row in facts["images"]],
        *[text_lines(row, width) for row in facts["texts"]],
        *[series_text(row) for row in facts["series"]],
        _sentences("Set aside", [f"{f['name']}: {f['why']}" for f in aside(facts)], width),
        _sentences("Notes", [*facts["notes"], *facts["sampled"]], width),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(facts: dict[str, Any]) -> str:
    return f"{facts['name']}: {size(facts)}"


def size(facts: dict[str, Any]) -> str:
    """Rows, parts and columns in words."""
    parts = facts["parts"]
    split = "" if not parts else " (" + ", ".join(f"{part} {rows:,}" for part, rows in parts.items()) + ")"
    columns = f"{facts['columns']:,} column{'' if facts['columns'] == 1 else 's'}"
    return f"{facts['rows']:,} rows{split}, {columns}"


def aside(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Fields that are neither inputs nor targets."""
    return [field for field in facts["fields"] if field["role"] not in ("input", "target")]


def figure(value: Any) -> str:
    """A number with four significant digits, without an exponent where that is short; dates and None as
    text.
    """
    if value is None:
        return "-"
    if not isinstance(value, int | float):
        return str(value)
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def mean_of(field: dict[str, Any]) -> float | None:
    """The mean; 0 where it is only what rounding left of a column that was centred."""
    mean, spread = field["mean"], field["std"]
    return 0.0 if mean is not None and spread is not None and abs(mean) < 1e-12 * spread else mean


def values_of(field: dict[str, Any]) -> str:
    """What the values of a column are, in one short line."""
    if field["kind"] == "date" and field.get("min") is not None:
        return " .. ".join(field[key].removesuffix(" 00:00:00") for key in ("min", "median", "max"))
    if field["kind"] == "constant":
        return ""
    if field.get("histogram") and field.get("min") is not None:
        text = f"{figure(field['min'])} .. {figure(field['median'])} .. {figure(field['max'])}"
        return f"{text}   mean {figure(mean_of(field))} ± {figure(field['std'])}" if "mean" in field else text
    rows = field.get("top", [])
    if field["kind"] in ("text", "id"):
        return f"e.g. {rows[0]['value']!r}" if rows else ""
    return ", ".join(f"{row['value']} {row['share']:.0%}" for row in rows[:4])


def _warnings(facts: dict[str, Any], width: int) -> list[str]:
    if not facts["warnings"]:
        return ["Nothing stands out: no leak, no constant or repeated column, no repeated row."]
    lines = []
    for row in facts["warnings"]:
        mark = "! " if row["severity"] == "warning" else "- "
        lines += textwrap.wrap(row["text"], width, initial_indent=mark, subsequent_indent="  ")
    return lines


def _target(target: dict[str, Any], width: int) -> list[str]:
    if target["task"] == "regress":
        return [f"Target {target['name']} (number): {values_of(target)}"]
    rows = target["classes"][:_MOST_CLASSES]
    largest = max((row["share"] for row in rows), default=1.0)
    bars = [
        [
            row["value"],
            f"{row['count']:,}",
            f"{row['share']:.1%}",
            "█" * max(1, round(24 * row["share"] / largest)),
        ]
        for row in rows
    ]
    more = target["distinct"] - len(rows)
    lines = [f"Target {target['name']} ({target['distinct']} classes)", *table(bars, "<>><", width)]
    return [*lines, f"  ... and {more} more"] if more > 0 else lines


def _fields(facts: dict[str, Any], width: int) -> list[str]:
    fields = facts["fields"][:_MOST_FIELDS]
    rows = [
        [
            "column",
            "kind",
            "role",
            "missing",
            "distinct",
            "values (min .. median .. max   mean ± std, or most frequent)",
        ]
    ]
    for field in fields:
        missing = f"{field['missing_share']:.1%}" if field["missing"] else ""
        distinct = "" if field["distinct"] is None else f"{field['distinct']:,}"
        rows.append([field["name"], field["kind"], field["role"], missing, distinct, values_of(field)])
    lines = table(rows, "<<<>><", width)
    more = len(facts["fields"]) - len(fields)
    return [*lines, f"  ... and {more} more columns"] if more > 0 else lines


def _alone(facts: dict[str, Any], width: int) -> list[str]:
    rows = facts["alone"][:_MOST_ALONE]
    if not rows:
        return []
    measure, chance = MEASURES[rows[0]["measure"]], rows[0]["chance"]
    title = f"What each column predicts of {rows[0]['target']} alone ({measure}, 5-fold; chance {chance:.2f})"
    span = max(1e-9, 1.0 - chance)
    bars = [
        [row["column"], f"{row['score']:.3f}", "█" * round(24 * max(0.0, row["score"] - chance) / span)] for row in rows
    ]
    more = len(facts["alone"]) - len(rows)
    return [title, *table(bars, "<><", width), *([f"  ... and {more} more columns"] if more > 0 else [])]


def _images(row: dict[str, Any]) -> list[str]:
    mean = ", ".join(f"{value:.3f}" for value in row["mean"])
    std = ", ".join(f"{value:.3f}" for value in row["std"])
    return [
        f"Images {row['name']}: {row['count']:,} of {row['width']} x {row['height']} pixels, "
        f"{row['channels']} channel{'' if row['channels'] == 1 else 's'}; mean {mean}, std {std} (0 to 1)"
    ]


def _sentences(title: str, sentences: list[str], width: int) -> list[str]:
    if not sentences:
        return []
    lines = [title]
    for sentence in sentences:
        lines += textwrap.wrap(sentence, width, initial_indent="- ", subsequent_indent="  ")
    return lines


def table(rows: Sequence[Sequence[str]], align: str, width: int) -> list[str]:
    """Rows as aligned lines; the last column is cut at `width`, the others at a quarter of it."""
    most = min(28, width // 4)
    cells = [[_cut(cell, most) for cell in row[:-1]] + [row[-1]] for row in rows]
    widths = [max((len(row[position]) for row in cells), default=0) for position in range(len(align) - 1)]
    left = 2 + sum(length + 2 for length in widths)
    lines = []
    for row in cells:
        padded = [f"{cell:{side}{length}}" for cell, side, length in zip(row, align, widths)]
        lines.append(("  " + "  ".join([*padded, _cut(row[-1], max(12, width - left))])).rstrip())
    return lines


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
