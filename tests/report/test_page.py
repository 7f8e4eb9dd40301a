"""The page is whole, closed, escaped, self-contained and small; comparison and card show the same figures."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from learnloop.errors import RunError
from learnloop.report.card import run_html
from learnloop.report.compare import compare_page, compare_text, comparison, write_comparison
from learnloop.report.figures import confusion_figure, curves_figure, svg
from learnloop.report.load import RunView, load_run
from learnloop.report.page import report_html, write_report
from learnloop.report.sections.measured import learning
from learnloop.report.sections.mistakes import worst
from learnloop.report.sections.remedies import again
from learnloop.report.text import duration, number, score, score_range

VOID = {"meta", "img", "br", "path", "use", "rect", "link"}


class Closed(HTMLParser):
    """Notes tags that are not closed in order, and everything that would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.fetched: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.fetched += [
            str(v) for k, v in attrs if k in ("src", "href") and not str(v).startswith(("data:image/", "#"))
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes"])
def test_report_is_whole_and_self_contained(run_folders: dict[str, Path], name: str) -> None:
    path = write_report(run_folders[name])
    text = path.read_text()
    page = Closed(text)
    assert path.name == "report.html" and not page.open and not page.wrong and not page.fetched
    assert len(text) < 400_000 and "script" not in page.seen
    assert not [url for url in re.findall(r"https?://[^\"'<) ]+", text) if "www.w3.org" not in url]
    report = json.loads((run_folders[name] / "report.json").read_text())
    test = report["evaluation"]["test"]
    for metric in test["intervals"]:
        assert score(metric, test["metrics"][metric]) in text
        assert score_range(metric, test["intervals"][metric]) in text
    for heading in (
        "earn its keep",
        "What was found",
        "How it learnt",
        "Hardest rows" if name == "breast-cancer" else "Worst mistakes",
        "What to do next",
        "Reproduce it",
    ):
        assert heading in text
    for other in report["baselines"]:
        assert other["title"] in text
    figures = {"digits": 5, "breast-cancer": 6, "diabetes": 4}[name]
    assert page.seen.count("svg") == figures
    assert not re.search(r"(fill|stroke): #(?!000000|fff)[0-9a-f]{6}", text), "every colour follows the scheme"
    assert (page.seen.count("img") == 12) == (name == "digits")
    ids = re.findall(r'<path id="([^"]+)"', text)
    assert ids, "markers and clip paths are referenced by id"


def test_mistakes_come_first_and_rows_say_of_what(run_folders: dict[str, Path]) -> None:
    run = load_run(run_folders["breast-cancer"])
    rows = [
        {"row": 41, "inputs": {"Age": None}, "target": "a", "prediction": "a", "probability": 0.5, "loss": 0.7},
        {"row": 7, "inputs": {"Age": 3}, "target": "a", "prediction": "b", "probability": 0.6, "loss": 0.5},
    ]
    text = worst(RunView("r", {**run.report, "worst": rows}, []))
    assert "Hardest rows" in text and "1 mistake first, then 1 that came out right, but barely" in text
    assert text.index(">7<") < text.index(">41<") and "<th>Test row</th>" in text
    assert "<em>Age</em> missing" in text and "None" not in text
    only = worst(RunView("r", {**run.report, "worst": rows[1:]}, []))
    assert "Worst mistakes" in only and "barely" not in only


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("learnloop fit digits --out digits", "learnloop fit digits --out NEW_RUN"),
        ("learnloop fit a.csv --out='my run' -t y", "learnloop fit a.csv --out=NEW_RUN -t y"),
        ("learnloop fit a.csv -o x", "learnloop fit a.csv -o NEW_RUN"),
        ("learnloop fit a.csv", "learnloop fit a.csv"),
    ],
)
def test_a_command_to_paste_makes_a_new_run(command: str, shown: str) -> None:
    assert again(command) == shown


def test_passes_are_said_once(run_folders: dict[str, Path]) -> None:
    run = load_run(run_folders["breast-cancer"])
    facts = {**run.report["training"], "passes": 30.0}
    by_passes = {**facts, "stopped": "the limit was reached: 30 passes over the data"}
    assert learning(RunView("r", {**run.report, "training": by_passes}, [])).count("asses over the data") == 1
    by_time = {**facts, "stopped": "the limit was reached: 2 minutes"}
    assert "<dt>Passes over the data</dt><dd>30</dd>" in learning(RunView("r", {**run.report, "training": by_time}, []))


def test_no_two_runs_of_a_picture_look_alike() -> None:
    figure = curves_figure({f"run {k}": [(0, k), (1, k)] for k in range(24)}, "loss")
    lines = figure.axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 24
    assert lines[0].get_linestyle() != lines[5].get_linestyle(), "the two blues"
    assert lines[1].get_linestyle() != lines[4].get_linestyle(), "the two oranges"


def test_same_run_same_bytes(run_folders: dict[str, Path]) -> None:
    run = load_run(run_folders["digits"])
    assert report_html(run, "r") == report_html(run, "r")


def test_everything_from_data_is_escaped(run_folders: dict[str, Path]) -> None:
    evil = '<script>alert("x")</script>&$a$'
    run = load_run(run_folders["breast-cancer"])
    report = json.loads(json.dumps(run.report).replace("malignant", "EVIL").replace("mean radius", "EVIL"))
    report["asked"] |= {"data": evil, "target": [evil], "model": evil, "command": evil}
    report["data"] |= {"split": evil, "notes": [evil]}
    report["verdict"] = evil
    finding = {"name": "n", "title": evil, "text": evil, "severity": "warning", "evidence": {}}
    report["findings"] = [{**finding, "remedy": {"text": evil, "changes": {evil: evil}}}]
    text = json.dumps(report).replace("EVIL", json.dumps(evil)[1:-1])
    bad = RunView(evil, json.loads(text), run.history, evil)
    for page in (report_html(bad, evil), compare_page([bad, bad]), run_html(bad.report)):
        assert "<script>" not in page and "&lt;script&gt;" in page
        assert not Closed(page).wrong


def test_a_run_without_baselines_history_findings_or_test(run_folders: dict[str, Path]) -> None:
    run = load_run(run_folders["diabetes"])
    validation = {"validation": run.report["evaluation"]["validation"]}
    bare = {
        **run.report,
        "baselines": [],
        "findings": [],
        "worst": [],
        "verdict": "",
        "evaluation": validation,
    }
    text = report_html(RunView("bare", bare, []), "bare")
    assert "validation rows that were never trained on" in text and "Nothing that needs mending" in text
    assert "earn its keep" not in text and not Closed(text).wrong
    nothing = {**bare, "evaluation": {}}
    assert not Closed(report_html(RunView("nothing", nothing, []), "nothing")).wrong
    assert "this run" in run_html(nothing)


def test_labels_and_many_classes_and_odd_names() -> None:
    many = [[(i * j) % 3 for j in range(60)] for i in range(60)]
    drawing = svg(confusion_figure(many, [f"class number {k}" for k in range(60)]), "Confusion")
    assert len(drawing) < 600_000 and drawing.count("<svg") == 1
    odd = svg(confusion_figure([[3, 1], [0, 2]], ["$x_", "a\nb & <c>"]), "odd")
    assert "<c>" not in odd and "&lt;c&gt;" in odd


def test_damaged_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"must be the folder of a finished run\n  found:     no report.json in it"):
        write_report(tmp_path)
    (tmp_path / "report.json").write_text('{"format": 1, ')
    with pytest.raises(RunError, match="must be readable JSON"):
        load_run(tmp_path)
    (tmp_path / "report.json").write_text('{"format": 7}')
    with pytest.raises(RunError, match="must be of format 1\n  found:     7"):
        load_run(tmp_path)
    (tmp_path / "report.json").write_text('{"format": 1, "asked": {}, "data": {}, "training": {}, "evaluation": {}}')
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\nbroken\n{"step": 2}\n')
    with pytest.raises(RunError, match="line 2: 'broken'"):
        load_run(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "lo')
    assert load_run(tmp_path).history == [{"step": 1}]


def test_comparison(run_folders: dict[str, Path], tmp_path: Path) -> None:
    digits, cancer, diabetes = (load_run(run_folders[name]) for name in ("digits", "breast-cancer", "diabetes"))
    found = comparison([digits, digits])
    assert found["metrics"] == ["accuracy", "f1_macro", "roc_auc", "log_loss"]
    assert [row["name"] for row in found["runs"]] == ["digits (1)", "digits (2)"] and found["notes"] == []
    text = compare_text([digits, cancer])
    assert "different data: breast-cancer, digits. Their figures do not compare." in text
    lines = text.splitlines()
    accuracy = digits.report["evaluation"]["test"]["metrics"]["accuracy"]
    assert lines[1].startswith("digits") and f"{100 * accuracy:.1f} %" in lines[1]
    assert text.count("*") >= len(found["metrics"])
    page = compare_page([digits, cancer])
    assert not Closed(page).wrong and page.count("<svg") == 2 and len(page) < 400_000
    with pytest.raises(RunError, match="must be runs of one task"):
        comparison([digits, diabetes])
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".html", b"<!doctype")):
        path = write_comparison([diabetes, diabetes], tmp_path / f"c{suffix}")
        assert path.read_bytes().startswith(start)


def test_card_shows_network_and_baselines(run_folders: dict[str, Path]) -> None:
    report = load_run(run_folders["digits"]).report
    card = run_html(report)
    assert "linear (this run)" in card and "HistGradientBoosting" in card and report["verdict"][:40] in card
    assert not Closed(card).wrong and len(card) < 8000


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (score("accuracy", 0.9724), "97.2 %"),
        (score("accuracy", 0.99981), "99.98 %"),
        (score("accuracy", 1.0), "100.0 %"),
        (score("roc_auc", 0.5), "0.5000"),
        (score("rmse", 48123.4), "48,123"),
        (score("log_loss", 0.03917), "0.0392"),
        (score("f1", None), "–"),
        (score_range("accuracy", (0.951, 0.974)), "95.1 – 97.4 %"),
        (number(1234567), "1,234,567"),
        (number(float("nan")), "not finite"),
        (duration(0.016), "16 ms"),
        (duration(200), "3 min 20 s"),
        (duration(7300), "2 h 1 min"),
    ],
)
def test_values_as_people_write_them(shown: str, expected: str) -> None:
    assert shown == expected
