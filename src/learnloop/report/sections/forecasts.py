"""A run that forecasts series: methods side by side, examples, errors by the step ahead, intervals, odd values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.figures import svg
from learnloop.report.forecast_figure import by_step_figure, example_figure
from learnloop.report.load import RunView
from learnloop.report.sections.worth import strip
from learnloop.report.text import duration, esc, number, score, score_range, section, table, title
from learnloop.scores.names import headline

MOST_LINES = 5
_NOT_CALIBRATED = "Past windows were too few to calibrate them: they are what the served forecaster itself claims."
_CALIBRATED = {
    "series": "As wide as the errors of {rows} past forecasts say, step by step, in the scale of each series.",
    "interval": "What the served forecaster claims, stretched to hold what they promise of {rows} past forecasts.",
}


def methods(run: RunView) -> str:
    """Every forecaster on the windows that chose nothing, the served one marked; and on the past ones that chose."""
    found = run.report.get("forecast", {})
    rows = found.get("table", [])
    if not rows:
        return ""
    first = found["metric"]
    others = [name for name in headline("forecast") if name != first and any(name in _test(row) for row in rows)]
    values = [_test(row).get(first) for row in rows] + [
        side for row in rows for side in row["test"]["intervals"].get(first, ())
    ]
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    axis = (
        f'<span class="ends"><span>{esc(score(first, low))}</span><span>{esc(title(first))}, 95 %</span>'
        f"<span>{esc(score(first, high))}</span></span>"
    )
    head = ["", esc(title(first)), axis, "Difference", *(_broken(title(name)) for name in others)]
    head.append(f"{esc(title(first))}<br>before")
    body = [_method(row, first, others, low, high) for row in rows]
    windows = found.get("windows", {})
    return section(
        "Which forecasts best?",
        table(head, body, numeric=[1, 3, *range(4, len(head))]),
        f'<p class="soft">The figures are of {_windows(windows.get("test"))} at the end, which nothing was chosen by; '
        f"{esc(title(first))} before is that of {_windows(windows.get('validation'))} before them, which methods are "
        "chosen by. Difference: to what is served, in bold where it is more than luck at 95 %.</p>",
        f"<p>{esc(found['sentence'])}</p>" if found.get("sentence") else "",
    )


def _method(row: Mapping[str, Any], first: str, others: Sequence[str], low: float, high: float) -> list[str]:
    value, pair = _test(row).get(first), row["test"]["intervals"].get(first)
    share = row.get("share") or 0.0
    badge = ' <span class="badge">served</span>' if row["served"] else ""
    more = [f"{100 * share:.0f} % of the ensemble"] if 0 < share < 1 else []
    more += [duration(row["seconds"])] if row.get("seconds") is not None else []
    part = f'<br><span class="soft">{" · ".join(more)}</span>' if more else ""
    name = esc(row["title"])
    return [
        (f"<strong>{name}</strong>" if row["served"] else name) + badge + part,
        f'{esc(score(first, value))}<br><span class="soft">{esc(score_range(first, pair))}</span>',
        strip(value, pair, low, high, row["served"]),
        _difference(row["test"].get("behind")),
        *(esc(score(each, _test(row).get(each))) for each in others),
        esc(score(first, row["metrics"].get(first))),
    ]


def _test(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(row["test"]["metrics"])


def _difference(behind: Mapping[str, Any] | None) -> str:
    """+0.12, in bold where its interval leaves out zero."""
    if behind is None:
        return ""
    low, high = behind.get("low"), behind.get("high")
    text = _signed(behind["value"])
    if low is None or high is None:
        return text
    between = f'<br><span class="soft">{_signed(low)} – {_signed(high)}</span>'
    return (f"<strong>{text}</strong>" if low > 0 or high < 0 else text) + between


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")


def _broken(heading: str) -> str:
    """In two lines where it is long: the table is wide."""
    return esc(heading).replace("Coverage ", "Coverage<br>")


def _windows(count: int | None) -> str:
    if count is None:
        return "the windows"
    return "the window" if count == 1 else f"the {count} windows"


def examples(run: RunView) -> str:
    """The newest window of some series: what was known, forecast, and became true."""
    found = run.report.get("forecast", {})
    shown = found.get("examples", [])
    if not shown:
        return ""
    narrow = ' style="max-width:640px"' if len(shown) == 1 else ""  # alone it would fill the page
    drawn = "".join(
        f"<figure{narrow}>{svg(example_figure(one, legend=place == 0), _spoken(one))}</figure>"
        for place, one in enumerate(shown)
    )
    many = found.get("series", 1) > len(shown)
    order = " From the one that was forecast best to the one forecast worst." if many else ""
    level = shown[0].get("level")
    band = f" The shaded band is the interval of {100 * level:g} %." if level is not None else ""
    return section(
        "Forecasts beside what became true",
        f'<div class="figures">{drawn}</div>',
        f'<p class="soft">The newest window held out, forecast from the values before it alone.{band}{order}</p>',
    )


def _spoken(one: Mapping[str, Any]) -> str:
    name = one["id"] or one["variable"]
    return f"{name}: forecast and truth from {one['times'][0]} to {one['times'][-1]}"


def ahead(run: RunView) -> str:
    """How the error grows with the step ahead, and whether intervals hold what they promise."""
    found = run.report.get("forecast", {})
    if not found:
        return ""
    parts = [f"<div>{part}</div>" for part in (_by_step(found), _coverage(found)) if part]
    return section("How far ahead, and how sure", f'<div class="figures">{"".join(parts)}</div>' if parts else "")


def _by_step(found: Mapping[str, Any]) -> str:
    curves = {name: values for name, values in found.get("by_step", {}).items() if name not in ("metric", "steps")}
    steps = found.get("by_step", {}).get("steps", [])
    if len(steps) < 2 or found["served"] not in curves:
        return ""
    wanted = [found["served"], "seasonal_naive", "ets", found.get("network", ""), *curves]
    names = [name for name in dict.fromkeys(wanted) if name in curves][:MOST_LINES]
    titles = {row["name"]: row["title"] for row in found["table"]}
    shown = {_short(titles.get(name, name)): curves[name] for name in names}
    figure = by_step_figure(steps, shown, title(found["by_step"]["metric"]))
    return f"<figure>{svg(figure, 'Error by the step ahead')}</figure>"


def _short(name: str) -> str:
    return "The ensemble" if name.startswith("The ensemble") else name


def _coverage(found: Mapping[str, Any]) -> str:
    """Promised and found shares."""
    calibration = found.get("calibration", {})
    shares = calibration.get("coverage", {})
    if not shares:
        return ""
    rows = [
        [f"{100 * float(level):g} %", esc(score("coverage_90", value)), _off(float(level), value)]
        for level, value in shares.items()
    ]
    kind = calibration.get("kind", "none")
    how = _CALIBRATED[kind].format(rows=f"{calibration['rows']:,}") if kind in _CALIBRATED else _NOT_CALIBRATED
    notes = "".join(f'<p class="soft">{esc(note)}</p>' for note in calibration.get("notes", []))
    return (
        "<h3>Intervals: promised and found</h3>"
        + table(["Promised", "Found", ""], rows, numeric=(0, 1))
        + f'<p class="soft">Found: the share of values in the windows held out. {esc(how)}</p>{notes}'
    )


def _off(level: float, value: float) -> str:
    if abs(value - level) <= 0.05:
        return "as promised, within 5 points"
    return "too wide here" if value > level else "too narrow here"


def odd(run: RunView) -> str:
    """Values outside of the interval that was forecast for them."""
    found = run.report.get("forecast", {})
    told, rows = found.get("anomalies_told", ""), found.get("anomalies", [])
    if not told and not rows:
        return ""
    several, variables = found.get("series", 1) > 1, len({row["variable"] for row in rows}) > 1
    head = [*(["Series"] if several else []), *(["Variable"] if variables else [])]
    head += ["Time", "Value", "Interval", "Beyond it, in half widths"]
    body = [
        [
            *([esc(row["id"])] if several else []),
            *([esc(row["variable"])] if variables else []),
            esc(row["time"]),
            number(row["value"]),
            f"{number(row['lower'])} – {number(row['upper'])}",
            number(row["distance"], 3) if row["distance"] is not None else "no width",
        ]
        for row in rows
    ]
    start = len(head) - 3
    return section(
        "Values out of the ordinary",
        f"<p>{esc(told)}</p>" if told else "",
        table(head, body, numeric=(start, start + 1, start + 2)) if body else "",
    )


def treated(run: RunView) -> str:
    """What was taken out of the values before a network saw them."""
    told = run.report.get("forecast", {}).get("stationary_told", [])
    return section("What the network saw", "".join(f"<p>{esc(sentence)}</p>" for sentence in told)) if told else ""
