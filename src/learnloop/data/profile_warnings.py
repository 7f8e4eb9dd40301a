"""The facts that deserve a sentence, the worst first."""

from __future__ import annotations

from typing import Any

_MEASURES = {"roc_auc": "AUC", "balanced_accuracy": "balanced accuracy", "r2": "R²"}
_MANY_MISSING = 0.5
_IMBALANCE = 10.0
_FEW = 10
_REPEATS = 0.01
_OUTLIERS = 0.01


def warnings(facts: dict[str, Any]) -> list[dict[str, str]]:
    """Sentences about `facts` (see `profile`), `severity` "warning" before "note"."""
    found = [
        *_leaks(facts),
        *_across(facts),
        *_targets(facts),
        *_columns(facts),
        *_twins(facts),
        *_repeats(facts),
        *_images(facts),
    ]
    return sorted(found, key=lambda row: row["severity"] != "warning")


def _warning(name: str, text: str) -> dict[str, str]:
    return {"name": name, "severity": "warning", "text": text}


def _note(name: str, text: str) -> dict[str, str]:
    return {"name": name, "severity": "note", "text": text}


def _leaks(facts: dict[str, Any]) -> list[dict[str, str]]:
    return [
        _warning(
            "leak",
            f"Column {row['column']!r} alone predicts the target {row['target']!r} "
            f"({_MEASURES[row['measure']]} {row['score']:.2f}): is it known before the answer? "
            f"If not, leave it out.",
        )
        for row in facts["leaks"]
    ]


def _across(facts: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for row in facts["repeats"]["across"]:
        a, b = row["parts"]
        rows = f"{_count(row['rows'], 'row')} of the {b} part ({_percent(row['share'])})"
        text = (
            f"{rows} {_is(row['rows'], 'is', 'are')} in the {a} part too, "
            f"the same in every input and target (rows {_pairs(row['examples'])}): "
            f"scores on the {b} part flatter."
        )
        found.append(_warning("across", text) if row["share"] >= _REPEATS else _note("across", text))
    return found


def _targets(facts: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for target in facts["targets"]:
        name = target["name"]
        if target["missing"]:
            found.append(_warning("target", f"The target {name!r} is missing in {_count(target['missing'], 'row')}."))
        if target["task"] == "regress":
            if target["row_number"]:
                found.append(_warning("row_number", target["row_number"]))
            far = target["outliers"]
            if far and far["count"]:
                text = f"The target {name!r} has {_count(far['count'], 'far value')} ({far['rule']})."
                found.append(
                    _note("target", f"{text} They weigh most in a squared error; huber or mae weigh them less.")
                )
            continue
        if target["distinct"] < 2:
            found.append(_warning("target", f"The target {name!r} has one class only: there is nothing to learn."))
            continue
        if target["smallest"] < _FEW:
            rare = target["classes"][-1]["value"] if len(target["classes"]) == target["distinct"] else "the rarest"
            found.append(
                _warning(
                    "rare",
                    f"Class {rare!r} of {name!r} has {_count(target['smallest'], 'row')}: few to measure.",
                )
            )
        if target["imbalance"] >= _IMBALANCE:
            found.append(
                _warning(
                    "imbalance",
                    f"The classes of {name!r} are uneven ({target['imbalance']:.0f} to 1): always answering "
                    f"{target['classes'][0]['value']!r} is {target['majority']:.1%} accurate. "
                    f"Look at f1_macro or pr_auc beside accuracy.",
                )
            )
    return found


def _columns(facts: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    dull = facts["constant"]
    if dull:
        found.append(_note("constant", f"The same value in every row: {_names(dull)}."))
    inputs = [field for field in facts["fields"] if field["role"] == "input"]
    codes = [field for field in inputs if f"--set data.columns.{field['name']}=" in field["why"]]
    found += [_note("codes", f"Column {field['name']!r}: {field['why']}") for field in codes[:8]]
    for field in inputs:
        if field.get("infinite"):
            found.append(
                _warning("infinite", f"Column {field['name']!r} has {_count(field['infinite'], 'infinite value')}.")
            )
    gaps = [field for field in inputs if field["missing_share"] >= _MANY_MISSING and field["name"] not in dull]
    if gaps:
        listed = ", ".join(f"{field['name']!r} ({field['missing_share']:.0%})" for field in gaps[:8])
        found.append(_warning("missing", f"More missing than known: {listed}{_more(gaps)}."))
    far = [field for field in inputs if field.get("outliers") and field["outliers"]["share"] >= _OUTLIERS]
    if far:
        listed = ", ".join(f"{field['name']!r} ({field['outliers']['share']:.1%})" for field in far[:8])
        found.append(_note("outliers", f"Far values ({far[0]['outliers']['rule']}): {listed}{_more(far)}."))
    return found


def _twins(facts: dict[str, Any]) -> list[dict[str, str]]:
    target = {row["name"] for row in facts["targets"]}
    says = {
        "identical": "are the same in every row",
        "renamed": "say the same under different values",
        "correlated": "rise and fall together",
    }
    found = []
    for row in facts["twins"][:20]:
        measured = f" (r = {row['r']:.4f})" if row["r"] is not None else ""
        text = f"Columns {row['a']!r} and {row['b']!r} {says[row['how']]}{measured}"
        if {row["a"], row["b"]} & target:
            found.append(_warning("twins", f"{text}, and one of them is the target."))
        else:
            found.append(_note("twins", f"{text}: one of them is enough."))
    if len(facts["twins"]) > 20:
        found.append(_note("twins", f"{len(facts['twins']) - 20} more pairs of columns say the same."))
    return found


def _repeats(facts: dict[str, Any]) -> list[dict[str, str]]:
    repeats, found = facts["repeats"], []
    if repeats["count"]:
        rows = f"{_count(repeats['count'], 'row')} ({_percent(repeats['share'])})"
        text = f"{rows} {_is(repeats['count'], 'repeats', 'repeat')} an earlier row"
        text += f" in every input and target (rows {_pairs(repeats['examples'])})."
        if facts["parts"] is None and repeats["share"] >= _REPEATS:
            text += " A random split puts some on both sides."
        found.append(_note("repeats", text))
    if repeats["conflicts"]:
        number = repeats["conflicts"]
        rows = f"{_count(number, 'row')} ({_percent(number / max(1, facts['rows']))})"
        found.append(
            _note(
                "conflicts",
                f"{rows} {_is(number, 'has', 'have')} the inputs of another row "
                f"but another target: no model can get all of them right.",
            )
        )
    return found


def _images(facts: dict[str, Any]) -> list[dict[str, str]]:
    return [
        _warning(
            "blank",
            f"{_count(row['blank'], 'image')} of {row['looked_at']:,} in {row['name']!r} "
            f"{_is(row['blank'], 'is', 'are')} one flat colour "
            f"(rows {', '.join(map(str, row['blank_examples']))}).",
        )
        for row in facts["images"]
        if row["blank"]
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _is(number: int, singular: str, plural: str) -> str:
    return singular if number == 1 else plural


def _pairs(examples: list[list[int]]) -> str:
    return ", ".join(f"{a} and {b}" for a, b in examples[:3]) + (", ..." if len(examples) > 3 else "")


def _names(names: list[str]) -> str:
    return ", ".join(map(repr, names[:8])) + _more(names)


def _more(rows: list[Any]) -> str:
    return f" and {len(rows) - 8} more" if len(rows) > 8 else ""
