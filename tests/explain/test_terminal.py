"""Explanations in a terminal: no line too long, nothing that needs colour, every number there."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from learnloop.explain.terminal import lines, show
from learnloop.explain.walk import Block, Curves, Edge, Equation, Grid, Network, Node, Section, Table, Walk
from tests.explain.made_up import STEPS, WALK, WEIGHTS


class Stream(io.StringIO):
    """A stream in the encoding of an old terminal."""

    encoding = "ascii"


def printed(walk: Walk, width: int = 80, terminal: bool = False, stream: io.StringIO | None = None) -> str:
    stream = io.StringIO() if stream is None else stream
    console = Console(file=stream, width=width, force_terminal=terminal, color_system="truecolor" if terminal else None)
    show(walk, console)
    return stream.getvalue()


def drawn(*blocks: Block, width: int = 80) -> list[str]:
    """The lines of these blocks, without the headings."""
    found = [line.plain.rstrip() for line in lines(Walk("t", [Section("s", blocks)]), width)]
    return found[5:]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    found = printed(WALK, width).splitlines()
    assert len(found) > 100
    assert [line for line in found if len(line) > width] == []


def test_long_names_are_wrapped_or_cut() -> None:
    name = "a name that goes on and on " * 5
    nodes = [Node(name, 0.5, name), Node(name, -0.25, name)]
    line = (STEPS, STEPS)
    found = drawn(
        Grid(name, np.eye(2), (name, name), (name, name)),
        Network([name] * 3, [nodes] * 3, [Edge(0, 0, 1, 0.5, 0.1), Edge(1, 1, 1, -0.5, 0.1)]),
        Curves(name, name, name, {name: line, f"{name}2": line}, note=name),
        Table([name, name], [[name, 1.0], [name * 3, 2.0]]),
        Equation(name, name, 1.0, name),
        width=60,
    )
    assert [line for line in found if len(line) > 60] == []


def test_a_wide_terminal_gets_lines_that_can_be_followed() -> None:
    assert max(len(line) for line in printed(WALK, 220).splitlines()) <= 100


def test_a_pipe_gets_the_same_text_without_colour_codes() -> None:
    piped, coloured = printed(WALK), printed(WALK, terminal=True)
    assert "\x1b" not in piped
    assert len(re.findall(r"\x1b\[[0-9;]*48;2;", coloured)) > 100  # cells with a ground of their own
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == piped


def test_an_ascii_terminal_gets_the_same_drawing_in_its_own_characters() -> None:
    found, usual = printed(WALK, stream=Stream()), printed(WALK)
    assert found.isascii() and "?" not in found
    assert [len(line) for line in found.splitlines()] == [len(line) for line in usual.splitlines()]


def test_everything_of_a_walk_is_there() -> None:
    text = printed(WALK)
    for place, section in enumerate(WALK.sections, 1):
        assert f"\n{place}. {section.title}\n" in text
    assert text.startswith("A small network, <number> by number\n")
    assert "Source: Made up for this test <by hand>" in text
    assert text.endswith("Next:\n  learnloop explain adam\n  learnloop explain conv --html conv.html\n")
    for note in ("Two weights have no gradient here.", "Rows are units.", "done after 20 steps.", "the same start."):
        assert note in text


def test_formula_numbers_and_result_stand_behind_one_column_of_equals_signs() -> None:
    found = drawn(
        Equation("z_1 = w_1 . x + b_1", "0.5*1 + 0.3*1", 0.8, "the first sum"),
        Equation("dL/dz = yhat - y", "", -0.3635),
    )
    assert found == [
        "    z_1 = w_1 . x + b_1",
        "        = 0.5*1 + 0.3*1",
        "        = 0.8    the first sum",
        "",
        "  dL/dz = yhat - y",
        "        = -0.3635",
    ]


def test_an_update_keeps_its_sign_and_a_name_needs_no_formula() -> None:
    found = drawn(
        Equation("w := w - lr * dL/dw", "0.7 - 0.1*2", 0.5), Equation("L before", "", 0.25), Equation("L", "3", 3)
    )
    assert found == [
        "         w := w - lr * dL/dw",
        "            = 0.7 - 0.1*2",
        "            = 0.5",
        "",
        "  L before  = 0.25",
        "",
        "         L  = 3",  # the number is not said twice
    ]


def test_long_sums_break_before_an_operator_and_lose_nothing() -> None:
    numbers = " + ".join(f"{k / 7:.4g}*{k / 3:.4g}" for k in range(1, 40))
    found = drawn(Equation("z = w . x", numbers, 1.0), width=60)
    sums = found[1:-1]
    assert len(sums) > 5 and all(line.startswith("      + ") for line in sums[1:])
    assert " ".join(line.strip(" ") for line in sums) == f"= {numbers}"


def test_matrices_stand_in_rows() -> None:
    assert drawn(Equation("W = u v^T", "", WEIGHTS, "two units")) == [
        "  W = u v^T",
        "    = [[ 0.5, -0.2,  0.3]",
        "       [ 0.4,  0.1, -0.5]]    two units",
    ]


def test_a_marked_cell_stands_in_brackets() -> None:
    block = Grid("x", np.array([[1.0, -2.5], [3.0, 4.0]]), ("a", "b"), ("u", "v"), frozenset({(0, 1)}))
    assert drawn(block) == ["x  [2 x 2]", "        u     v", "  a     1 [-2.5]", "  b     3     4"]


def test_a_grid_wider_than_the_terminal_is_folded_and_complete() -> None:
    values = np.arange(30.0) / 8
    found = drawn(Grid("long", values), width=60)
    assert found[0] == "long  [30]" and len(found) > 3
    assert [float(number) for line in found[1:] for number in line.split()] == pytest.approx(list(values), rel=1e-3)


def test_a_large_grid_is_a_picture_that_needs_no_colour() -> None:
    values = np.linspace(-1, 1, 400).reshape(20, 20)
    found = drawn(Grid("image", values, marked=frozenset({(0, 1)})))
    assert len(found) == 22
    assert found[1].startswith("  -█[]-█") and found[20].endswith("████")
    assert found[21] == "  from -1 to 1; heavier is larger, - is negative, [] is marked"


def test_what_does_not_fit_is_said() -> None:
    found = drawn(Grid("wide", np.ones((4, 200))), width=60)
    assert found[-1] == "  the first 58 of 200 columns"


def test_grounds_tell_the_sign_and_the_size() -> None:
    text = printed(Walk("t", [Section("s", [Grid("g", np.array([1.0, 0.5, 0.0, -1.0]))])]), terminal=True)
    grounds = [tuple(map(int, found)) for found in re.findall(r"48;2;(\d+);(\d+);(\d+)m", text)]
    assert grounds == [(0, 114, 178), (124, 180, 212), (247, 247, 247), (213, 94, 0)]


def test_a_network_shows_its_units_and_its_strongest_weights() -> None:
    nodes = [Node(f"x{k}", k / 10) for k in range(12)]
    edges = [Edge(0, k, 0, (-1) ** k * k / 10) for k in range(12)]
    found = drawn(Network(["input", "sum"], [nodes, [Node("z", -0.6, "off")]], edges))
    assert found[0].split() == ["input", ">", "sum"]
    assert found[1].split() == ["(x0", "0", ")", "(z", "-0.6", ")"]
    assert found[12].split() == ["(x11", "1.1", ")"]
    heading = found.index("weights input > sum, the 8 largest of 12")
    listed = [line.split()[:4] for line in found[heading + 1 :]]
    assert listed == [[f"x{k}", ">", "z", f"{(-1) ** k * k / 10:.4g}"] for k in range(11, 3, -1)]
    assert "░" in found[heading + 1] and "█" in found[heading + 2]  # the sign is in the bar too


def test_a_network_wider_than_the_terminal_goes_on_below() -> None:
    titles = [f"layer number {k}" for k in range(8)]
    found = drawn(Network(titles, [[Node("u", 1.0)] for _ in titles], []), width=60)
    assert max(len(line) for line in found) <= 60
    assert [title for line in found for title in re.findall(r"layer number \d", line)] == titles


def test_a_gradient_stands_behind_its_weight() -> None:
    found = drawn(Network(["a", "b"], [[Node("p")], [Node("q")]], [Edge(0, 0, 0, 2.0, -0.25)]))
    assert found[-1].split()[:4] == ["p", ">", "q", "2"] and found[-1].split()[-2:] == ["gradient", "-0.25"]


def rows_of(found: list[str]) -> list[str]:
    """What is drawn between the axes."""
    return [re.split("[┤│]", line)[1] for line in found if "┤" in line or "│" in line]


def test_a_curve_rises_where_its_values_do() -> None:
    found = drawn(Curves("up", "step", "loss", {"one": (STEPS, STEPS)}))
    assert found[:2] == ["up", "loss"]
    body = rows_of(found)
    starts = [min(k for k, mark in enumerate(row) if mark != " ") for row in body]
    assert starts == sorted(starts, reverse=True) and starts[-1] == 0
    assert found[2].split("┤")[0].strip() == "40" and found[13].split("┤")[0].strip() == "1"
    assert found[-1].split() == ["1", "step", "40"]


def test_curves_are_told_apart_by_letters() -> None:
    found = drawn(Curves("two", "x", "y", {"high": (STEPS, STEPS + 50), "low": (STEPS, STEPS)}))
    body = rows_of(found)
    rows = {letter: [k for k, row in enumerate(body) if letter in row] for letter in "ab"}
    assert max(rows["a"]) < min(rows["b"])
    assert found[-1] == "  a high   b low"


def test_points_stand_alone_under_their_letter() -> None:
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 0.0])
    curves = Curves("t", "x", "y", {"line": (x, y), "samples": (x, 2 - y)}, points=frozenset({"samples"}))
    body = rows_of(drawn(curves))
    assert sum(row.count("b") for row in body) == 3
    assert body[0].startswith("b") and body[0].endswith("b") and body[-1].strip(" ⠁⠂⠄⡀⢀⠠⠐⠈").count("b") <= 1
    plain = rows_of(drawn(Curves("t", "x", "y", {"samples": (x, y)}, points=frozenset({"samples"}))))
    assert sum(mark != " " for row in plain for mark in row) == 3


def test_a_log_axis_draws_a_shrinking_curve_as_a_straight_line() -> None:
    values = 0.5**STEPS
    body = rows_of(drawn(Curves("t", "x", "y", {"y": (STEPS, values)}, log_y=True)))
    firsts = np.array([min(k for k, mark in enumerate(row) if mark != " ") for row in body])
    steps = np.diff(firsts)
    assert steps.min() >= 5 and steps.max() <= 7  # 70 characters over 11 rows
    found = drawn(Curves("t", "x", "y", {"y": (STEPS, values)}, log_y=True))
    assert found[1] == "y (log scale)" and found[2].startswith("     0.5 ┤") and found[13].startswith("9.09e-13 ┤")


def test_curves_leave_out_what_is_not_finite() -> None:
    values = np.array([1.0, np.nan, 3.0, np.inf])
    found = drawn(Curves("t", "x", "y", {"y": (np.arange(4.0), values)}))
    assert found[2].split("┤")[0].strip() == "3"
    assert (
        drawn(Curves("t", "x", "y", {"y": (np.arange(2.0), np.zeros(2) - 1)}, log_y=True))[-1]
        == "no finite values to draw"
    )


def test_a_level_curve_has_room() -> None:
    found = drawn(Curves("t", "x", "y", {"y": (np.arange(4.0), np.full(4, 2.0))}))
    assert found[2].split("┤")[0].strip() == "3" and found[13].split("┤")[0].strip() == "1"


def test_tables_align_numbers_right_and_wrap_texts() -> None:
    block = Table(["rule", "loss"], [["sgd", 0.25], ["a longer name " * 8, -1234.0]], note="Both.")
    found = drawn(block, width=60)
    assert all(len(line) <= 60 for line in found)
    assert {len(line) for line in (found[0], found[2], found[3])} == {60}  # the column of numbers ends at the edge
    assert found[2].endswith("0.25") and found[3].endswith("-1234")
    assert " ".join(" ".join(line.removesuffix("-1234").split()) for line in found[3:-1]).count("a longer name") == 8
    assert found[-1] == "Both."


def test_blocks_are_set_apart_and_equations_in_a_row_belong_together() -> None:
    found = printed(WALK).splitlines()
    for heading in ("W  [2 x 3]", "a row  [3]", "One line", "Then a long one."):
        assert found[found.index(heading) - 1] == ""
    together = found[found.index("    z_1 = w_1 . x + b_1") : found.index("Then a long one.")]
    assert len([line for line in together if line.startswith("        = ")]) == 8
