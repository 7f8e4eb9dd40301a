"""What `inspect` found in series, as sentences and tables for the terminal; the page says the same sentences."""

from __future__ import annotations

import textwrap
from typing import Any

from learnloop.data.profile_text import figure, table


def series_text(facts: dict[str, Any], width: int = 100) -> str:
    """Lines of at most about `width` characters, without colours."""
    shown = [line for text in (*sentences(facts), bar_sentence(facts)) for line in wrapped(text, width)]
    blocks = [
        [f"{facts['name']}: {headline(facts)}"],
        shown,
        ["Stationarity", *table([("test", "null hypothesis", "statistic", "p", ""), *tests(facts)], "<<>><", width)]
        if facts["stationarity"]
        else [],
        ["The error to beat", *table([("forecast", "MAE", "sMAPE"), *bar(facts)], "<><", width)],
        ["Farthest values", *table([("time", "value", "expected", "distance"), *far(facts)], "<>><", width)]
        if facts["outliers"]["count"]
        else [],
        ["How it was read", *[line for note in facts["notes"] for line in wrapped(note, width)]],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="- ", subsequent_indent="  ")


def headline(facts: dict[str, Any]) -> str:
    """Series, steps, span and step in words."""
    steps = facts["steps"]
    span = f"{facts['from']} to {facts['to']}, {facts['step']}"
    if facts["series"] == 1:
        more = f", {len(facts['variables'])} variables" if len(facts["variables"]) > 1 else ""
        return f"one series of {steps['shown']:,} steps{more}, {span}"
    return (
        f"{facts['series']:,} series of {steps['shortest']:,} to {steps['longest']:,} steps; shown is "
        f"{facts['shown']} ({steps['shown']:,} steps, {span})"
    )


def sentences(facts: dict[str, Any]) -> list[str]:
    """What was found, most useful first; one sentence or two each."""
    values = facts["values"]
    rows = [
        f"{facts['variable']}: {figure(values['min'])} .. {figure(values['median'])} .. {figure(values['max'])}, "
        f"mean {figure(values['mean'])}, standard deviation {figure(values['std'])}."
    ]
    rows.append(season_sentence(facts))
    found = facts["stationarity"]
    rows.append(found["meaning"] if found else "Too few values to test whether the series is stationary.")
    transform = facts["transform"]
    names = " + ".join(transform["names"]) or "nothing"
    rows.append(f"series.stationary=auto would do: {names}. {sentence('; '.join(transform['why']))}")
    wave = facts["cycle"]
    if wave:
        rows.append(f"A cycle of about {wave['steps']:,} steps holds {wave['share']:.0%} of what is not season.")
    else:
        rows.append("No cycle beyond the season stands out from noise of the same smoothness.")
    rows.append(break_sentence(facts))
    out = facts["outliers"]
    if out["count"]:
        rows.append(f"{out['count']:,} values ({out['share']:.1%}) lie more than 4 robust deviations from {out['of']}.")
    else:
        rows.append(f"No value lies more than 4 robust deviations from {out['of']}.")
    return rows


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def season_sentence(facts: dict[str, Any]) -> str:
    strength = facts["strength"]
    if not facts["seasons"]:
        return f"No season. The trend explains {strength['trend']:.0%} of the values."
    if all(one["correlation"] <= one["bound"] for one in facts["seasons"]):
        first = facts["seasons"][0]
        return (
            f"The season of {first['steps']} steps that was given does not show in this series (correlation "
            f"{first['correlation']:.2f}, by chance below {first['bound']:.2f})."
        )
    parts = [
        f"{one['steps']} steps (correlation {one['correlation']:.2f}, by chance below {one['bound']:.2f})"
        for one in facts["seasons"]
    ]
    return (
        f"Season of {' and '.join(parts)}. It explains {strength['season']:.0%} of what the trend leaves, the trend "
        f"{strength['trend']:.0%} of what the season leaves."
    )


def break_sentence(facts: dict[str, Any]) -> str:
    breaks = facts["breaks"]
    if not breaks["found"]:
        return str(breaks["why"])
    shown = [f"{one['time']} ({figure(one['before'])} to {figure(one['after'])})" for one in breaks["found"][:5]]
    more = len(breaks["found"]) - len(shown)
    return (
        f"The {breaks['of']} jumps at {', '.join(shown)}{f' and {more} more times' if more > 0 else ''}. A model "
        "trained across a break learns a mean of two worlds."
    )


def bar_sentence(facts: dict[str, Any]) -> str:
    bar = facts["bar"]
    best = min((name for name in ("naive", "seasonal_naive") if name in bar), key=lambda name: bar[name]["mae"])
    what = "the value of one season ago" if best == "seasonal_naive" else "the last value"
    steps = f"{bar['horizon']} step{'' if bar['horizon'] == 1 else 's'} ahead"
    return (
        f"The bar to beat: {what}, carried forward, errs by {figure(bar[best]['mae'])} ({steps}, "
        f"{bar['origins']} origins in the last third)."
    )


def tests(facts: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """(test, null hypothesis, statistic, p, what it says) of each test."""
    found = facts["stationarity"]
    rows = []
    for name, around in (("", "constant"), ("_trend", "line")):
        for test, null in (("adf", "unit root"), ("kpss", "stationary")):
            row = found[test + name]
            p = row["p"]
            text = (
                "<= 0.01" if test == "kpss" and p <= 0.01 else ">= 0.1" if test == "kpss" and p >= 0.1 else f"{p:.3f}"
            )
            says = "rejected" if p < 0.05 else "not rejected"
            rows.append((test.upper(), f"{null}, {around}", f"{row['statistic']:.2f}", text, says))
    return rows


def bar(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    names = {"naive": "naive: last value", "seasonal_naive": f"seasonal naive: {facts['season']} ago"}
    return [
        (names[name], figure(facts["bar"][name]["mae"]), f"{facts['bar'][name]['smape']:.2f}")
        for name in names
        if name in facts["bar"]
    ]


def far(facts: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (row["time"], figure(row["value"]), figure(row["expected"]), f"{row['score']:+.1f} deviations")
        for row in facts["outliers"]["farthest"]
    ]
