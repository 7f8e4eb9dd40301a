"""The page of an explanation: complete, self-contained, well formed, and drawn so that nothing covers anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from learnloop.errors import RunError
from learnloop.explain.html.formula import formula
from learnloop.explain.html.labels import Box, Line, place
from learnloop.explain.page import html, write
from learnloop.explain.walk import Block, Curves, Edge, Equation, Grid, Network, Node, Say, Section, Table, Walk
from tests.explain.made_up import STEPS, WALK, WEIGHTS

VOID = ("meta", "br", "img", "hr", "input", "link")
SVG = "{http://www.w3.org/2000/svg}"
PAGE = html(WALK)


class Reader(HTMLParser):
    """Checks that tags nest; keeps their attributes, and the text of the body."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def page_of(*blocks: Block) -> str:
    return html(Walk("t", [Section("s", blocks)]))


def svgs(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(_named(found)) for found in re.findall(r"<svg\b.*?</svg>", page, re.DOTALL)]


def _named(svg: str) -> str:
    """HTML needs no namespace on an inline SVG; the XML parser does."""
    return svg if "xmlns=" in svg else svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)


def drawing(block: Block) -> ElementTree.Element:
    """The first drawing of a block's page."""
    return svgs(page_of(block))[0]


def number_of(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def texts(svg: ElementTree.Element) -> list[str]:
    return ["".join(found.itertext()) for found in svg.iter(f"{SVG}text")]


def test_tags_nest_and_every_drawing_is_well_formed() -> None:
    reader = read(PAGE)
    assert [tag for tag, _ in reader.tags if tag in ("h1", "main", "style", "title")].count("h1") == 1
    assert len(svgs(PAGE)) == 2 + 4 + 4 + 3  # the network twice, two keys each, four grids, three panels


def test_the_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    reader = read(PAGE)
    assert {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed", "img", "image"} == set()
    for tag, given in reader.tags:
        for name, value in given.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "action", "data"):
                assert str(value).startswith("#"), (tag, name, value)
    style = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    assert style and not re.search(r"@import|url\((?!#)|https?:", " ".join(style))


def test_texts_are_escaped() -> None:
    assert "<b>not bold</b>" not in PAGE and "&lt;b&gt;not bold&lt;/b&gt;" in PAGE
    assert "<title>A small network, &lt;number&gt; by number</title>" in PAGE
    evil = '<script>alert("x")</script>&'
    array = np.eye(2)
    page = html(
        Walk(
            evil,
            [
                Section(
                    evil,
                    [
                        Say(f"{evil} `{evil}`"),
                        Equation(evil, evil, 1.0, evil),
                        Grid(evil, array, (evil, evil), (evil, evil), note=evil),
                        Grid(evil, np.ones((30, 30)), (evil,) * 30, (evil,) * 30),
                        Table([evil], [[evil], [f"{evil} `{evil}`"]], note=evil),
                        Network([evil, evil], [[Node(evil, 1.0, evil)], [Node(evil)]], [Edge(0, 0, 0, 1.0)], note=evil),
                        Curves(evil, evil, evil, {evil: (STEPS, STEPS), "b": (STEPS, STEPS)}, note=evil),
                    ],
                )
            ],
            source=evil,
            next=[evil],
        )
    )
    assert "<script" not in page and "&&" not in page
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)") > 20
    read(page)
    svgs(page)


def test_everything_of_a_walk_is_there() -> None:
    text = read(PAGE).text
    for expected in (
        *("A small network, <number> by number", "The picture", "The sums", "Pictures", "Along the way"),
        *("what the first unit collects", "Two weights have no gradient here.", "Rows are units."),
        *("The fast one is done after 20 steps.", "Both from the same start.", "learnloop explain adam"),
        *("Made up for this test <by hand>", "−1.25·10", "a_rather_long_name_of_a_rule"),
    ):
        assert expected in text, expected


def test_contents_lead_to_the_sections_of_a_long_walk_only() -> None:
    reader = read(PAGE)
    ids = [given["id"] for _, given in reader.tags if "id" in given and str(given["id"])[0].isdigit()]
    links = [given["href"] for tag, given in reader.tags if tag == "a"]
    assert ids == ["1-the-picture", "2-the-sums", "3-pictures", "4-along-the-way"]
    assert links[:4] == [f"#{name}" for name in ids]
    assert "<nav" in PAGE and "<nav" not in page_of(Say("short"))


def test_every_drawing_says_what_it_shows() -> None:
    for svg in svgs(PAGE):
        if svg.get("aria-hidden") == "true":
            continue
        assert svg.get("role") == "img" and svg.get("aria-label")
        assert svg.findtext(f"{SVG}title") and svg.findtext(f"{SVG}desc")
    network = svgs(PAGE)[0]
    assert network.findtext(f"{SVG}title") == "A network. input: 3, hidden: ReLU: 2, output: 1"
    assert "input: free 1, win 0, offer 1. hidden: ReLU: H1 0.8, H2 -0.1" in str(network.findtext(f"{SVG}desc"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("z = w . x + b", "<i>z</i> = <i>w</i> · <i>x</i> + <i>b</i>"),
        ("0.5*1 + (-0.2)*0", "0.5·1 + (−0.2)·0"),
        ("z_1 z1 R2", "<i>z</i><sub>1</sub> <i>z</i><sub>1</sub> <i>R</i><sup>2</sup>"),
        ("h_{t-1}", "<i>h</i><sub><i>t</i>−1</sub>"),
        ("W_hh h", "<i>W</i><sub>hh</sub> <i>h</i>"),
        ("dL/dyhat", "<i>dL</i>/<i>dy\u0302</i>"),
        ("C~_t", "<i>C\u0303</i><sub><i>t</i></sub>"),
        ("beta_1^t", "<i>β</i><sub>1</sub><sup><i>t</i></sup>"),
        ("x^2 + e^(-0.56)", "<i>x</i><sup>2</sup> + <i>e</i><sup>−0.56</sup>"),
        ("e^z_j / e^z1", "<i>e</i><sup><i>z</i><sub><i>j</i></sub></sup> / <i>e</i><sup><i>z</i><sub>1</sub></sup>"),
        ("0.25 ** 10, dm_hat2", "0.25<sup>10</sup>, <i>dm\u0302</i><sub>2</sub>"),
        ("Adam's f'", "Adam&#x27;s <i>f</i>′"),
        ("e^-z[spam]", "<i>e</i><sup>−<i>z</i>[spam]</sup>"),
        ("e^-|z| (2)", "<i>e</i><sup>−|<i>z</i>|</sup> (2)"),
        ("decay^floor(t / s) (2)", "decay<sup>floor(<i>t</i> / <i>s</i>)</sup> (2)"),
        ("dz_C~ + max_a' Q", "<i>dz</i><sub><i>C\u0303</i></sub> + max<sub><i>a</i>′</sub> <i>Q</i>"),
        ("sqrt(v) sum_i sum(x)", "√(<i>v</i>) ∑<sub><i>i</i></sub> sum(<i>x</i>)"),
        ("1.2e-05", "1.2·10<sup>−5</sup>"),
        ("z[h1.12] + ... 58 terms that add", "<i>z</i>[<i>h</i><sub>1.12</sub>] + … 58 terms that add"),
        ("a -> b, a >= 2, a != 3", "<i>a</i> → <i>b</i>, <i>a</i> ≥ 2, <i>a</i> ≠ 3"),
        ("cross-entropy of 3 x 4", "cross-entropy of 3 × 4"),
        ("Q*(s, a) y_(t-4)", "<i>Q</i><sup>*</sup>(<i>s</i>, <i>a</i>) <i>y</i><sub><i>t</i>−4</sub>"),
        ("log_softmax(z)", "log_softmax(<i>z</i>)"),
        ("f'(z) < 1 & <b>", "<i>f</i>′(<i>z</i>) &lt; 1 &amp; &lt;<i>b</i>&gt;"),
    ],
)
def test_formulas_are_set_as_mathematics(written: str, expected: str) -> None:
    assert formula(written) == expected


def test_sentences_keep_their_code_and_get_true_minus_signs() -> None:
    page = page_of(Say("from -1 to 1.007e-09, x-2, 3-4, `-1` and [-0.5, 2] & 5"))
    expected = "from −1 to 1.007·10<sup>−9</sup>, x-2, 3-4, <code>-1</code> and [−0.5, 2] &amp; 5"
    assert f"<p>{expected}</p>" in page
    assert "<td class=n>−3</td>" in page_of(Table(["n"], [[-3]]))


def test_sentences_get_powers_and_minus_signs_between_words() -> None:
    page = page_of(Say("2^4 = 16, sin^2 + cos^2, x^-1, 1.5^n - b, the loss -V and up-to-date `w^2 - 1`"))
    expected = (
        "2<sup>4</sup> = 16, sin<sup>2</sup> + cos<sup>2</sup>, x<sup>−1</sup>, 1.5<sup>n</sup> − b, the loss −V"
        " and up-to-date <code>w^2 - 1</code>"
    )
    assert f"<p>{expected}</p>" in page


def test_notes_heads_and_names_are_set_as_sentences_are() -> None:
    table = page_of(Table(["w^2"], [[1]], note="up to 1.9e+44 and -1"))
    assert "<th class=n>w<sup>2</sup></th>" in table and "up to 1.9·10<sup>44</sup> and −1" in table
    grid = page_of(Grid("A^T", np.ones((2, 2)), note="[-1, 0]"))
    assert "<b>A<sup>T</sup></b>" in grid and "<figcaption>[−1, 0]</figcaption>" in grid
    curves = page_of(Curves("t", "x", "y", {"a": (STEPS, STEPS)}, note="-2.056 at last"))
    assert "<figcaption>−2.056 at last</figcaption>" in curves
    nodes = [[Node("x1", 1.0, "z = -1")], [Node("h", 1.0, "h = [-1, 0]")], [Node("y", 1.0)]]
    network = page_of(Network(["a", "b", "c"], nodes, [Edge(0, 0, 0, 1.0), Edge(1, 0, 0, 1.0)], note="b = -1.5"))
    assert ">z = −1</text>" in network and ">h = [−1, 0]</text>" in network and "b = −1.5" in network


def test_numbers_with_a_blank_among_them_are_still_numbers() -> None:
    page = page_of(Table(["n", "smaller by"], [[2, ""], [4, 2.29]]))
    assert "<td class=n></td>" in page and "<td class=n>2.29</td>" in page


def test_only_a_table_too_broad_for_a_phone_says_swipe() -> None:
    narrow = page_of(Table(["epoch", "row", "w1", "w2", "b"], [[1, "[0, 0]", 1, 0, -1]]))
    assert '<div class="sideways">' not in narrow
    broad = page_of(
        Table(["steps", "activations", "gradients", "parameters", "x"], [[1, 1.234e-10, 1.234e-10, "a b", 1]])
    )
    assert '<div class="sideways">' in broad
    words = page_of(Table(["start", "what it says"], [["x", "many short words that a cell breaks into lines"]]))
    assert '<div class="sideways">' not in words


def test_an_equation_has_three_parts_in_order() -> None:
    page = page_of(Equation("z = w . x", "0.5*1 + 0.3*1", 0.8, "the sum"))
    parts = re.findall(r'<div class="(formula|numbers|result)[^"]*">(.*?)</div>', page)
    assert [kind for kind, _ in parts] == ["formula", "numbers", "result"]
    assert parts[1][1] == "0.5·1 + 0.3·1"
    assert parts[2][1] == '<b>0.8</b> <span class="meaning">the sum</span>'
    assert 'class="numbers' not in page_of(Equation("z = 3", "3", 3.0))  # not said twice


def test_results_of_all_sizes() -> None:
    assert "<b>[0.8, −0.1]</b>" in page_of(Equation("a", "", np.array([0.8, -0.1])))
    matrix = page_of(Equation("W", "", WEIGHTS))
    assert re.findall(r"<td>(.*?)</td>", matrix) == ["0.5", "−0.2", "0.3", "0.4", "0.1", "−0.5"]
    large = page_of(Equation("W", "", np.arange(100.0).reshape(4, 25)))
    assert "[0, 1, 2, 3, 4, 5, 6, 7, …]" in large and "4 × 25 numbers" in large


def dense() -> Network:
    """Six units, five, three: every pair joined, no two weights alike, long names, gradients."""
    rng = np.random.default_rng(3)
    sizes = (6, 5, 3)
    layers = [
        [Node(f"unit {layer}{k}", float(rng.normal()), "a note") for k in range(n)] for layer, n in enumerate(sizes)
    ]
    edges = [
        Edge(layer, i, j, float(rng.normal()), float(rng.normal()))
        for layer in range(2)
        for i in range(sizes[layer])
        for j in range(sizes[layer + 1])
    ]
    return Network(["the inputs", "hidden", "output"], layers, edges)


@pytest.mark.parametrize("block", [WALK.sections[0].blocks[1], dense()], ids=["small", "dense"])
@pytest.mark.parametrize("kind", ["broad", "narrow"])
def test_weights_units_and_names_do_not_overlap(block: Network, kind: str) -> None:
    page = page_of(block)
    svg = svgs(page[page.index(f'<div class="{kind}">') :])[0]
    plates = [
        Box(x, y, x + number_of(found, "width"), y + number_of(found, "height"))
        for found in svg.iter(f"{SVG}rect")
        for x, y in [(number_of(found, "x"), number_of(found, "y"))]
    ]
    units = [
        Box(x - r, y - r, x + r, y + r)
        for found in svg.iter(f"{SVG}circle")
        if found.get("class") == "unit"
        for x, y, r in [(number_of(found, "cx"), number_of(found, "cy"), number_of(found, "r"))]
    ]
    assert len(plates) >= 6 and len(units) == sum(len(nodes) for nodes in block.layers)
    assert not any(one.touches(other) for one, other in combinations([*plates, *units], 2))
    _, _, width, height = (float(size) for size in str(svg.get("viewBox")).split())
    assert all(box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height for box in plates + units)
    names = [
        box_of(text)
        for text in svg.iter(f"{SVG}text")
        if "".join(text.itertext())[:6] in ("unit 0", "unit 1", "a note")
    ]
    assert all(box.left >= 0 and box.right <= width and box.bottom <= height for box in names)
    assert not any(name.touches(unit) for name in names for unit in units)


def box_of(text: ElementTree.Element) -> Box:
    """What a text covers, above and below its baseline."""
    size, x, y = number_of(text, "font-size"), number_of(text, "x"), number_of(text, "y")
    length = 0.61 * size * len("".join(text.itertext()))
    left = x - {"start": 0.0, "middle": length / 2, "end": length}[text.attrib["text-anchor"]]
    return Box(left, y - 0.75 * size, left + length, y + 0.2 * size)


def test_what_has_no_room_in_the_picture_stands_in_the_table() -> None:
    page = page_of(dense())
    rows = re.findall(r"<tr><td>(unit \d\d)</td><td>(unit \d\d)</td>", page)
    assert len(set(rows)) == 6 * 5 + 5 * 3
    written = re.search(r"<span>(\d+) of 45 weights are written: the table has all</span>", page)
    assert written is not None
    assert 12 <= int(written[1]) == len(list(svgs(page)[0].iter(f"{SVG}rect"))) <= 18


def test_edges_show_sign_and_size() -> None:
    svg = drawing(Network(["a", "b"], [[Node("p"), Node("q"), Node("r")], [Node("s")]], [
        Edge(0, 0, 0, 2.0), Edge(0, 1, 0, -1.0, 0.5), Edge(0, 2, 0, 0.0),
    ]))  # fmt: skip
    lines = list(svg.iter(f"{SVG}line"))
    assert [line.get("class") for line in lines] == ["edge pos", "edge neg", "edge zero"]
    assert [number_of(line, "stroke-width") for line in lines] == [5.0, 3.0, 1.0]
    assert [line.findtext(f"{SVG}title") for line in lines][1] == "q to s: weight -1, gradient 0.5"
    assert {"2", "−1", "∂ 0.5", "0", "p", "q", "r", "s"} <= set(texts(svg))


def test_units_show_their_values() -> None:
    svg = drawing(Network(["a", "b"], [[Node("p", -0.123456)], [Node("q", 0.5, "off")]], [Edge(0, 0, 0, 1.0)]))
    assert {"−0.1235", "0.5", "p", "q", "off"} <= set(texts(svg))
    circles = [found.get("class") for found in svg.iter(f"{SVG}circle")]
    assert circles == ["unit", "neg", "unit", "pos"]


def test_the_place_with_the_fewest_crossings_is_taken_and_none_where_there_is_no_room() -> None:
    across, down = Line(0, 0, 100, 0), Line(40, -50, 60, 50)
    free = place([across], [(20, 10)], [])
    assert free == [(50, 0)]
    moved = place([across, down], [(20, 10), None], [])
    assert moved[0] is not None and abs(moved[0][0] - 50) > 10 and moved[1] is None
    assert place([across], [(20, 10)], [Box(0, -5, 100, 5)]) == [None]
    first, second = place([across, across], [(60, 10), (60, 10)], [])
    assert first is not None and second is None


def test_cells_are_coloured_by_sign_and_size_and_carry_their_numbers() -> None:
    svg = drawing(Grid("W", WEIGHTS, ("H1", "H2"), ("free", "win", "offer")))
    cells = list(svg.iter(f"{SVG}rect"))
    assert [found.get("class") for found in cells] == [f"cell {'neg' if w < 0 else 'pos'}" for w in WEIGHTS.ravel()]
    strengths = np.array([number_of(found, "fill-opacity") for found in cells])
    np.testing.assert_allclose(strengths, 0.55 * np.abs(WEIGHTS.ravel()) / 0.5, atol=0.0051)  # two decimals
    assert texts(svg) == ["0.5", "−0.2", "0.3", "0.4", "0.1", "−0.5", "H1", "H2", "free", "win", "offer"]


def test_the_frame_goes_around_the_marked_cells_only() -> None:
    svg = drawing(Grid("x", np.zeros((2, 3)), marked=frozenset({(0, 0), (0, 1), (1, 0)})))
    frame = next(found for found in svg.iter(f"{SVG}path") if found.get("class") == "frame")
    cell = next(svg.iter(f"{SVG}rect"))
    width, height = number_of(cell, "width"), number_of(cell, "height")
    sides = re.findall(r"M([\d.]+) ([\d.]+)([hv])([\d.]+)", frame.attrib["d"])
    found = {(round((float(x) - 3) / width), round((float(y) - 3) / height), way) for x, y, way, _ in sides}
    assert found == {
        *((0, 0, "h"), (1, 0, "h"), (1, 1, "h"), (0, 2, "h")),
        *((0, 0, "v"), (0, 1, "v"), (2, 0, "v"), (1, 1, "v")),
    }


def test_a_large_grid_is_a_picture_with_its_values_on_hover() -> None:
    page = page_of(Grid("image", np.linspace(-1, 1, 400).reshape(20, 20)))
    svg = svgs(page)[0]
    assert len(list(svg.iter(f"{SVG}rect"))) == 400
    assert set(texts(svg)) == {"−"} and len(texts(svg)) == 200  # a minus on what is below zero
    assert [rect.findtext(f"{SVG}title") for rect in svg.iter(f"{SVG}rect")][:2] == [
        "row 0, column 0: -1", "row 0, column 1: -0.995",
    ]  # fmt: skip
    assert "From −1 to 1; deeper is larger, blue above zero, orange with a minus below." in page


def test_a_huge_grid_is_cut_and_says_so() -> None:
    page = page_of(Grid("W", np.ones((3, 500))))
    assert page.count('class="cell pos"') == 3 * 96
    assert "Drawn: the first 3 rows and 96 columns." in page


def test_curves_have_axes_a_legend_and_lines_that_need_no_colour() -> None:
    lines = {name: (STEPS, STEPS * k) for k, name in enumerate(("first", "second", "_third"), 1)}
    page = page_of(Curves("Loss", "step", "loss (nats)", lines, log_y=True, note="All rise."))
    svg = svgs(page)[0]
    said = [text.strip() for text in texts(svg)]
    assert {"Loss", "step", "loss (nats) (log scale)", "first", "second", "_third"} <= set(said)
    strokes = [found.get("style", "") for found in svg.iter() if "var(--c" in found.get("style", "")]
    for position in (1, 2, 3):
        assert any(f"var(--c{position})" in style for style in strokes)
    dashes = {re.search(r"stroke-dasharray: ([^;]+)", style)[1] for style in strokes if "dasharray" in style}  # type: ignore[index]
    assert len(dashes) == 2 and any("dasharray" not in style for style in strokes)
    assert svg.findtext(f"{SVG}desc") == (
        "loss (nats) against step: first goes from 1 at 1 to 40 at 40; second goes from 2 at 1 to 80 at 40;"
        " _third goes from 3 at 1 to 120 at 40"
    )
    assert "All rise." in page


def test_a_long_title_of_curves_is_broken_into_lines() -> None:
    title = "AND: the border lies between all of the zeros and the one"
    found = [text.strip() for text in texts(drawing(Curves(title, "x", "y", {"a": (STEPS, STEPS)})))]
    assert title not in found and {"AND: the border lies between", "all of the zeros and the one"} <= set(found)


def test_points_are_marks_of_their_own_that_nothing_connects() -> None:
    lines = {"line": (STEPS[:2], STEPS[:2]), "samples": (STEPS[:4], STEPS[:4])}
    joined, alone = (
        drawing(Curves("t", "x", "y", lines, points=points)) for points in (frozenset(), frozenset({"samples"}))
    )

    def dashed(svg: ElementTree.Element) -> int:
        return sum("stroke-dasharray" in found.get("style", "") for found in svg.iter())

    assert dashed(joined) == 2 and dashed(alone) == 0  # the second line, in the picture and in the legend
    assert len([found for found in alone.iter(f"{SVG}use") if "var(--c2)" in found.get("style", "")]) == 5


def test_a_square_picture_shows_a_circle_as_one() -> None:
    angle = np.linspace(0, 2 * np.pi, 49)  # through the four ends of its diameters
    circle = {"circle": (np.cos(angle), np.sin(angle))}

    def sides(svg: ElementTree.Element) -> tuple[float, float]:
        path = next(found for found in svg.iter(f"{SVG}path") if "stroke-width: 1.8" in found.get("style", ""))
        places = np.array(re.findall(r"[ML] (\S+) (\S+)", path.get("d", "")), float)
        width, height = np.ptp(places, axis=0)
        return float(width), float(height)

    width, height = sides(drawing(Curves("t", "x", "y", circle, square=True)))
    assert width == pytest.approx(height, rel=1e-4)
    width, height = sides(drawing(Curves("t", "x", "y", circle)))
    assert width > 1.3 * height


def test_an_axis_that_counts_has_whole_numbers() -> None:
    def ticks(x: np.ndarray) -> set[str]:
        return set(texts(drawing(Curves("t", "round", "y", {"a": (x, -x)}))))

    assert "2.5" not in ticks(np.arange(21.0)) and "5" in ticks(np.arange(21.0))
    assert "0.2" in ticks(np.array([0.0, 1.0]))


def test_curves_take_dollars_as_they_are() -> None:
    svg = drawing(Curves("price in $", "$x$", "$", {"a": (STEPS, STEPS)}))
    assert {"price in $", "$x$", "$"} <= set(texts(svg))


def test_write_returns_the_path_and_refuses_a_place_that_is_not_there(tmp_path: Path) -> None:
    path = write(WALK, tmp_path / "page.html")
    assert path == tmp_path / "page.html" and path.read_text(encoding="utf-8") == PAGE
    with pytest.raises(RunError) as caught:
        write(WALK, tmp_path / "no" / "page.html")
    assert str(caught.value).startswith(
        f"--html {tmp_path}/no/page.html: must be a file that can be written\n  found: "
    )
