"""The sections of inside.json: what they say, that they escape it, and that they take damage well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from learnloop.errors import RunError
from learnloop.report.load import RunView, load_run
from learnloop.report.page import report_html, write_report
from learnloop.report.recall import MOST, recall_figure
from learnloop.report.sections.confused import confused, suspects
from learnloop.report.sections.inside import layers, looked

from .test_page import Closed

DOT = "data:image/png;base64,iVBORw0KGgo="


def facts(name: str = "cat", other: str = "dog", picture: str = DOT) -> dict[str, Any]:
    row = {"row": 4321, "file": None, "image": picture, "target": name, "prediction": other, "probability": 0.9}
    cam = {**row, "target_probability": 0.0123, "said": picture, "true": None, "right": False}
    right = {**row, "prediction": name, "target_probability": 0.9, "said": picture, "true": None, "right": True}
    way = {"truth": name, "prediction": other, "rows": 1234, "of": 5000, "pictures": [row]}
    back = {"truth": other, "prediction": name, "rows": 0, "of": 10, "pictures": []}
    layer = {"layer": name, "shape": [32, 14, 15], "shown": 12, "picture": picture}
    return {
        "format": 1,
        "confused": [{"rows": 1234, "ways": [way, back]}],
        "filters": {"layer": name, "shape": [64, 3, 5, 6], "shown": 64, "learnt": True, "picture": picture},
        "maps": {**row, "layers": [layer]},
        "cam": {"layer": name, "shape": [96, 3, 4], "rows": [right, cam]},
        "suspects": {"looked_at": 6000, "rows": 50000, "worst": [{**row, "loss": 3.2}]},
        "notes": [],
    }


def view(run: RunView, inside: dict[str, Any]) -> RunView:
    return RunView(run.name, run.report, run.history, run.recipe, inside)


@pytest.fixture
def run(run_folders: dict[str, Path]) -> RunView:
    return load_run(run_folders["digits"])


def test_what_is_said(run: RunView) -> None:
    shown = view(run, facts())
    text = confused(shown)
    assert "<strong>cat</strong> taken for <strong>dog</strong>: 1,234 of 5,000" in text
    assert (
        "<strong>dog</strong> taken for <strong>cat</strong>: 0 of 10" in text
        and 'title="row 4321, 90.0\u00a0% sure"' in text
    )
    text = suspects(shown)
    assert (
        "among 6,000 of 50,000 training rows" in text
        and "row 4,321" in text
        and "labelled <strong>cat</strong>" in text
    )
    text = looked(shown)
    assert "96 maps have 3 x 4 places" in text and "nothing speaks for it" in text and "for cat" in text
    assert 'true <strong>cat</strong> <span class="soft">1.2\u00a0%</span>' in text
    text = layers(shown)
    assert "64 filters of 5 x 6." in text and "red, green and blue" in text and "not learnt" not in text
    assert "cat: 12 of 32 maps of 14 x 15" in text
    page = Closed(report_html(shown, "r"))
    assert not page.wrong and not page.open and not page.fetched


def test_a_file_is_named_and_all_rows_are_said_to_be_all(run: RunView) -> None:
    inside = facts()
    inside["suspects"] |= {"looked_at": 50000}
    inside["suspects"]["worst"][0]["file"] = "tulips/17.jpg"
    text = suspects(view(run, inside))
    assert "among all 50,000 training rows" in text and "tulips/17.jpg" in text


def test_filters_say_when_they_are_a_mean_or_fixed(run: RunView) -> None:
    inside = facts()
    inside["filters"] |= {"shape": [200, 24, 3, 3], "learnt": False}
    text = layers(view(run, inside))
    assert "the mean over its 24 channels" in text and "not learnt" in text and "the first 64 of them" in text


def test_everything_is_escaped_and_only_pictures_of_the_page_are_shown(run: RunView) -> None:
    evil = '<script>alert("x")</script>&'
    inside = facts(evil, evil, "https://example.org/a.png") | {"notes": [evil]}
    inside["suspects"]["worst"][0]["file"] = evil
    page = report_html(view(run, inside), "r")
    parsed = Closed(page)
    assert "<script>" not in page and "&lt;script&gt;" in page and not parsed.wrong and not parsed.fetched
    assert "example.org" not in page


def test_nothing_inside_is_no_section(run: RunView) -> None:
    empty = {"format": 1, "confused": [], "filters": None, "maps": None, "cam": None, "notes": []}
    for inside in ({}, empty, empty | {"cam": {"layer": "a", "shape": [1, 2, 2], "rows": []}}):
        shown = view(run, inside)
        assert confused(shown) + suspects(shown) + looked(shown) + layers(shown) == ""
    assert "cannot be" in layers(view(run, empty | {"notes": ["It cannot be."]}))


def test_a_damaged_file_is_refused(run_folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("report.json", "metrics.jsonl"):
        (tmp_path / name).write_bytes((run_folders["digits"] / name).read_bytes())
    (tmp_path / "inside.json").write_text(json.dumps(facts()))
    assert "Grad-CAM" in write_report(tmp_path).read_text()
    (tmp_path / "inside.json").write_text('{"format": 1, ')
    with pytest.raises(RunError, match=r"must be readable JSON of format 1\n  found:     Expecting property name"):
        load_run(tmp_path)
    (tmp_path / "inside.json").write_text('{"format": 9}')
    with pytest.raises(RunError, match=r"found:     format 9\n.*\n  do:        mv .*inside.json"):
        load_run(tmp_path)


def test_recall_is_drawn_from_the_lowest_up() -> None:
    rows = [{"name": f"c{k}", "recall": k / 40, "support": 10} for k in range(40)][::-1]
    figure = recall_figure([*rows, {"name": "absent", "recall": 0.0, "support": 0}])
    assert figure is not None
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"c{k}" for k in range(MOST)] and axes.get_ylim()[0] > axes.get_ylim()[1], "the lowest on top"
    assert list(axes.get_lines()[0].get_xdata()) == [k / 40 for k in range(MOST)]
    assert "25 classes that are missed most" in axes.get_title(loc="left")
    assert recall_figure([{"name": "a", "recall": 0.0, "support": 0}]) is None
