"""Classes that are taken for each other, and training rows whose labels are doubtful: of runs on pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.sections.picture import image, percent, sure
from learnloop.report.text import esc, number, section

Facts = Mapping[str, Any]


def confused(run: RunView) -> str:
    """The pairs of classes with the most mistakes between them, with pictures each way."""
    pairs = run.inside.get("confused") or []
    if not pairs:
        return ""
    part = "test" if "test" in run.report["evaluation"] else "validation"
    said = f"The classes that were most often taken for each other in the {part} rows, with the surest mistakes."
    body = "".join(f'<div class="pair">{"".join(map(_way, pair["ways"]))}</div>' for pair in pairs)
    return section("Most confused", f'<p class="soft">{said}</p>', body)


def _way(way: Facts) -> str:
    names = f"<strong>{esc(way['truth'])}</strong> taken for <strong>{esc(way['prediction'])}</strong>"
    often = f"{number(way['rows'])} of {number(way['of'])}"
    images = "".join(
        image(row["image"], f"row {row['row']}, {percent(row['probability'])} sure") for row in way["pictures"]
    )
    return f'<figure><figcaption>{names}: {often}</figcaption><div class="thumbs">{images}</div></figure>'


def suspects(run: RunView) -> str:
    """The training rows that the network contradicts most."""
    found = run.inside.get("suspects") or {}
    if not found.get("worst"):
        return ""
    looked, every = found["looked_at"], found["rows"]
    of = "all" if looked == every else f"{number(looked)} of"
    text = (
        f"The rows with the highest loss among {of} {number(every)} training rows: the network still contradicts what "
        "it was shown. Labels that are wrong are likely to be among them; so are odd pictures and hard ones. Rows are "
        "counted from 0 in the data as they were read."
    )
    cards = f'<div class="worst">{"".join(map(_suspect, found["worst"]))}</div>'
    return section("Likely label errors in training", f'<p class="soft">{text}</p>', cards)


def _suspect(row: Facts) -> str:
    where = f"row {number(row['row'])}"
    return (
        f"<div>{image(row['image'], where)}labelled <strong>{esc(row['target'])}</strong>"
        f"<br>said <strong>{esc(row['prediction'])}</strong>{sure(row['probability'])}"
        f'<br><span class="soft">{esc(row["file"] or where)}</span></div>'
    )
