"""Inside a network for pictures: Grad-CAM, the first filters, feature maps. Made from inside.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.sections.picture import image, sure
from learnloop.report.text import esc, number, section

Facts = Mapping[str, Any]


def looked(run: RunView) -> str:
    """Grad-CAM: where the network saw the class that it said."""
    found = run.inside.get("cam")
    if not found or not found["rows"]:
        return ""
    maps, height, width = found["shape"]
    text = (
        "Grad-CAM (Selvaraju et al. 2017): light places speak for the class, dark ones do not. Each picture is scaled "
        f"by itself. Seen in layer {found['layer']}, whose {number(maps)} maps have {height} x {width} places: "
        "details finer than that are not to be had. The gradient is taken place by place (Draelos and Carin 2020), "
        "which is the same where a network averages its maps, and does not mix places where it does not."
    )
    right = [row for row in found["rows"] if row["right"]]
    wrong = [row for row in found["rows"] if not row["right"]]
    parts = [f'<p class="soft">{esc(text)}</p>']
    if right:
        parts += ["<h3>Right, drawn by chance</h3>", f'<div class="cams">{"".join(map(_cam_right, right))}</div>']
    if wrong:
        parts += ["<h3>The surest mistakes</h3>", f'<div class="cams wide">{"".join(map(_cam_wrong, wrong))}</div>']
    return section("Where the network looked", *parts)


def _cam_right(row: Facts) -> str:
    return _card(
        [(row["image"], "picture"), (row["said"], f"for {row['prediction']}")],
        f"<strong>{esc(row['prediction'])}</strong>{sure(row['probability'])}",
    )


def _cam_wrong(row: Facts) -> str:
    return _card(
        [
            (row["image"], "picture"),
            (row["said"], f"for {row['prediction']}"),
            (row["true"], f"for {row['target']}"),
        ],
        f"said <strong>{esc(row['prediction'])}</strong>{sure(row['probability'])}, "
        f"true <strong>{esc(row['target'])}</strong>{sure(row['target_probability'])}",
    )


def _card(images: Sequence[tuple[str | None, str]], text: str) -> str:
    shown = "".join(
        f"<span>{image(url, label)}<small>{esc(label)}</small></span>"
        if url
        else f'<span><i class="none">nothing speaks for it</i><small>{esc(label)}</small></span>'
        for url, label in images
    )
    return f'<div><div class="row">{shown}</div>{text}</div>'


def layers(run: RunView) -> str:
    """The first layer's filters, and the maps that one picture makes in three depths."""
    parts = [_filters(run.inside.get("filters")), _maps(run.inside.get("maps"))]
    notes = "".join(f'<p class="soft">{esc(note)}</p>' for note in run.inside.get("notes") or [])
    return section("Inside the network", *parts, notes)


def _filters(found: Facts | None) -> str:
    if not found:
        return ""
    count, channels, height, width = found["shape"]
    few = "" if found["shown"] == count else f", the first {found['shown']} of them"
    kind = {1: "", 3: " Colours are what each filter answers to in red, green and blue."}.get(
        channels, f" Shown is the mean over its {channels} channels."
    )
    made = "" if found["learnt"] else " They are not learnt, but fixed before training."
    text = (
        f"Layer {found['layer']}: {number(count)} filters of {height} x {width}{few}. Grey is zero, light adds, "
        f"dark takes away; each filter is scaled by itself.{kind}{made}"
    )
    return (
        f'<h3>The first filters</h3><p class="soft">{esc(text)}</p>{image(found["picture"], "first filters", "sheet")}'
    )


def _maps(found: Facts | None) -> str:
    if not found or not found["layers"]:
        return ""
    answer = _answer(found)
    head = (
        '<h3>What one picture becomes</h3><p class="soft">The maps that vary most over this picture, in layers ever '
        "deeper: each from its lowest value (dark) to its highest (light). Early maps follow edges and colours and "
        "look like the picture; late ones answer to whole parts of it, and are coarse.</p>"
    )
    first = f'<figure class="maps">{image(found["image"], "the picture")}<figcaption>{answer}</figcaption></figure>'
    sheets = "".join(
        f'<figure class="maps">{image(layer["picture"], "feature maps of " + layer["layer"], "sheet")}'
        f"<figcaption>{esc(layer['layer'])}: {_few(layer)} of {layer['shape'][1]} x {layer['shape'][2]}</figcaption>"
        "</figure>"
        for layer in found["layers"]
    )
    return f'{head}<div class="depths">{first}{sheets}</div>'


def _few(layer: Facts) -> str:
    shown, every = layer["shown"], layer["shape"][0]
    return f"{number(every)} maps" if shown == every else f"{shown} of {number(every)} maps"


def _answer(row: Facts) -> str:
    if isinstance(row["target"], str):
        return f"true {esc(row['target'])}, said {esc(row['prediction'])}{sure(row['probability'])}"
    return f"true {esc(_plain(row['target']))}, said {esc(_plain(row['prediction']))}"


def _plain(value: Any) -> str:
    return ", ".join(_plain(part) for part in value) if isinstance(value, Sequence) else number(value)
