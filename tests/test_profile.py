"""profile: each fact on data made to have it, and silence on data that has not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.data.dataset import Dataset
from learnloop.data.profile import profile
from learnloop.data.profile_text import profile_text
from learnloop.data.read import read
from learnloop.data.schema import Field, Schema


def made(frame: pd.DataFrame, target: str | None = "y", part: np.ndarray | None = None, **kinds: Any) -> Dataset:
    fields = []
    for name in frame.columns:
        kind = kinds.get(name, "number" if frame[name].dtype.kind in "fi" else "category")
        role: Any = "target" if name == target else "input"
        fields.append(Field(name, kind, role=role, why=f"Told to be a {kind}."))
    return Dataset("made.csv", Schema(tuple(fields)), frame, part=part)


def clean(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": rng.normal(size=rows),
            "b": rng.uniform(size=rows),
            "c": rng.choice(["x", "y", "z"], rows),
            "y": rng.choice(["no", "yes"], rows),
        }
    )


def field(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in facts["fields"] if row["name"] == name)


def texts(facts: dict[str, Any]) -> list[str]:
    return [row["text"] for row in facts["warnings"]]


def test_clean_data_raises_no_warning_and_is_json() -> None:
    facts = profile(made(clean()))
    assert facts["warnings"] == [] and facts["twins"] == [] and facts["constant"] == [] and facts["leaks"] == []
    assert facts["repeats"] == {"count": 0, "share": 0.0, "examples": [], "conflicts": 0, "across": []}
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert "Nothing stands out" in profile_text(facts)


def test_profile_changes_nothing_and_repeats_itself() -> None:
    frame = clean()
    before = frame.copy(deep=True)
    assert profile(made(frame)) == profile(made(frame))
    pd.testing.assert_frame_equal(frame, before)


def test_facts_of_a_number() -> None:
    frame = clean(100).assign(a=[*range(98), 1000.0, np.nan])
    a = field(profile(made(frame)), "a")
    assert (a["missing"], a["missing_share"], a["distinct"]) == (1, 0.01, 99)
    assert (a["min"], a["median"], a["max"]) == (0.0, 49.0, 1000.0)
    assert a["mean"] == pytest.approx((97 * 98 / 2 + 1000) / 99)
    outliers = a["outliers"]
    assert (outliers["count"], outliers["above"], outliers["below"], outliers["examples"]) == (
        1,
        1,
        0,
        [1000.0],
    )
    assert outliers["rule"] == "more than 3 interquartile ranges below the first or above the third quartile"
    assert sum(a["histogram"]["counts"]) == 98 and a["histogram"]["above"] == 1
    assert "- Far values" in profile_text(profile(made(frame)))


def test_whole_numbers_get_a_bar_each() -> None:
    frame = clean(90).assign(a=[0, 1, 3] * 30)
    assert field(profile(made(frame)), "a")["histogram"]["counts"] == [30, 30, 0, 30]


def test_facts_of_categories_dates_and_text() -> None:
    frame = clean(60).assign(
        when=pd.Timestamp("2024-01-01") + pd.to_timedelta(range(60), unit="D"),
        name=[f"n {i}" for i in range(60)],
    )
    facts = profile(made(frame, when="date", name="text"))
    counts = frame["c"].value_counts()
    assert field(facts, "c")["top"][0] == {
        "value": counts.index[0],
        "count": int(counts.iloc[0]),
        "share": counts.iloc[0] / 60,
    }
    assert field(facts, "when")["min"] == "2024-01-01 00:00:00"
    assert sum(field(facts, "when")["histogram"]["counts"]) == 60
    assert field(facts, "name")["length"] == {"median": 4.0, "max": 4.0}


@pytest.mark.parametrize("values", [[np.nan] * 400, [np.inf] * 400, [5.0] * 400, [0.0] * 399 + [1e308]])
def test_odd_columns_do_not_break_it(values: list[float]) -> None:
    facts = profile(made(clean().assign(a=values)))
    json.dumps(facts, allow_nan=False)
    profile_text(facts)


def test_no_rows_and_no_target() -> None:
    profile_text(profile(made(clean(0))))
    facts = profile(made(clean(), target=None))
    assert facts["targets"] == [] and facts["alone"] == []


def test_constant_and_mostly_missing_columns() -> None:
    facts = profile(made(clean().assign(flat=7.0, gaps=[1.0, 2.0, *[np.nan] * 398])))
    assert facts["constant"] == ["flat"]
    assert "The same value in every row: 'flat'." in texts(facts)
    assert "More missing than known: 'gaps' (100%)." in texts(facts)


def test_twins() -> None:
    frame = clean()
    frame = frame.assign(copy=frame["a"], scaled=3 * frame["b"] + 1, renamed=frame["c"].map({"x": 1, "y": 2, "z": 9}))
    found = {(row["a"], row["b"]): row["how"] for row in profile(made(frame))["twins"]}
    assert found == {("a", "copy"): "identical", ("b", "scaled"): "correlated", ("c", "renamed"): "renamed"}
    said = texts(profile(made(frame)))
    assert "Columns 'a' and 'copy' are the same in every row: one of them is enough." in said
    assert "Columns 'b' and 'scaled' rise and fall together (r = 1.0000): one of them is enough." in said


def test_merely_similar_columns_are_no_twins() -> None:
    frame = clean()
    frame["near"] = frame["a"] + np.random.default_rng(1).normal(size=400) * 0.05
    assert profile(made(frame))["twins"] == []


def test_repeated_and_conflicting_rows() -> None:
    frame = clean(50)
    repeated = pd.concat([frame, frame.iloc[[3, 7]], frame.iloc[[9]].assign(y="other")], ignore_index=True)
    repeats = profile(made(repeated))["repeats"]
    assert repeats["count"] == 2 and repeats["examples"] == [[3, 50], [7, 51]] and repeats["conflicts"] == 2
    said = texts(profile(made(repeated)))
    assert (
        "2 rows (3.8%) repeat an earlier row in every input and target (rows 3 and 50, 7 and 51). "
        "A random split puts some on both sides." in said
    )
    assert (
        "2 rows (3.8%) have the inputs of another row but another target: no model can get all of them right." in said
    )


def test_swapped_columns_are_not_the_same_row() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": [2.0, 1.0, 5.0], "y": [0.5, 0.5, 0.1]})
    assert profile(made(frame))["repeats"]["count"] == 0


def test_rows_across_parts() -> None:
    frame = clean(100)
    frame.iloc[80] = frame.iloc[5]
    part = np.array(["train"] * 60 + ["validation"] * 10 + ["test"] * 30)
    facts = profile(made(frame, part=part))
    assert facts["parts"] == {"train": 60, "validation": 10, "test": 30}
    across = facts["repeats"]["across"]
    assert across == [{"parts": ["train", "test"], "rows": 1, "share": 1 / 30, "examples": [[5, 80]]}]
    assert facts["warnings"][0]["text"] == (
        "1 row of the test part (3.3%) is in the train part too, the same in every input and target "
        "(rows 5 and 80): scores on the test part flatter."
    )


@pytest.mark.parametrize("kind", ["number", "category", "date"])
def test_a_column_that_is_the_answer_is_found(kind: str) -> None:
    frame = clean()
    yes = (frame["y"] == "yes").to_numpy()
    rng = np.random.default_rng(2)
    columns: dict[str, Any] = {
        "number": yes * 10 + rng.uniform(size=400),
        "category": np.where(yes, rng.choice(["p", "q"], 400), rng.choice(["r", "s"], 400)),
        "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(yes * 100 + rng.integers(0, 50, 400), unit="D"),
    }
    facts = profile(made(frame.assign(alive=columns[kind]), alive=kind))
    assert [row["column"] for row in facts["leaks"]] == ["alive"]
    assert facts["alone"][0]["score"] >= 0.99 and facts["alone"][0]["chance"] == 0.5
    assert texts(facts)[0] == (
        "Column 'alive' alone predicts the target 'y' (AUC 1.00): is it known before the answer? If not, leave it out."
    )
    assert "leave it out" in profile_text(facts).replace("\n  ", " ")


def test_leaks_of_several_classes_and_of_numbers() -> None:
    rng = np.random.default_rng(0)
    frame = clean().assign(y=rng.integers(0, 7, 400).astype(str))
    facts = profile(made(frame.assign(t=frame["y"].astype(int) * 1.5)))
    assert [row["column"] for row in facts["leaks"]] == ["t"] and facts["leaks"][0]["measure"] == "balanced_accuracy"
    number = clean().assign(y=rng.lognormal(sigma=2, size=400))
    facts = profile(made(number.assign(t=-3 * number["y"])))
    assert [row["column"] for row in facts["leaks"]] == ["t"] and facts["leaks"][0]["measure"] == "r2"
    assert facts["leaks"][0]["method"] == "tree"


def test_a_good_but_honest_column_is_no_leak() -> None:
    frame = clean(1000)
    frame["good"] = (frame["y"] == "yes") * 2.0 + np.random.default_rng(0).normal(size=1000)
    best = profile(made(frame))["alone"][0]
    assert best["column"] == "good" and 0.88 < best["score"] < 0.95 and not best["leaks"]


def test_columns_that_say_nothing_score_chance() -> None:
    facts = profile(made(clean(4000)))
    assert all(abs(row["score"] - 0.5) < 0.05 for row in facts["alone"])


def test_large_data_is_sampled_and_says_so() -> None:
    facts = profile(made(clean(21_000)))
    assert facts["sampled"] == [
        "Correlations and what single columns predict: on 20,000 of 21,000 rows, drawn at random."
    ]
    assert facts["alone"][0]["rows"] == 20_000


def test_imbalance_and_rare_classes() -> None:
    frame = clean().assign(y=["no"] * 397 + ["yes"] * 3)
    facts = profile(made(frame))
    assert facts["targets"][0]["imbalance"] == pytest.approx(397 / 3)
    assert "Class 'yes' of 'y' has 3 rows: few to measure." in texts(facts)
    assert any("always answering 'no' is 99.2% accurate" in text for text in texts(facts))


def pictures(rows: int = 40) -> Dataset:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (rows, 6, 5, 3), dtype=np.uint8)
    pixels[30] = pixels[2]
    pixels[7] = 0
    schema = Schema((Field("image", "image", shape=(6, 5, 3)), Field("label", "category", role="target", dtype="str")))
    part = np.array(["train"] * 25 + ["test"] * (rows - 25))
    labels = pd.DataFrame({"label": ["cat", "dog"] * (rows // 2)})
    return Dataset("pictures", schema, labels, {"image": pixels}, part)


def test_images() -> None:
    data = pictures()
    facts = profile(data)
    image = facts["images"][0]
    assert (image["count"], image["width"], image["height"], image["channels"]) == (40, 5, 6, 3)
    np.testing.assert_allclose(image["mean"], (data.arrays["image"] / 255).mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(image["std"], (data.arrays["image"] / 255).std((0, 1, 2)), atol=1e-5)
    assert image["blank"] == 1 and image["blank_examples"] == [7]
    assert [group["label"] for group in image["sheet"]] == ["cat", "dog"]
    assert all(len(group["rows"]) == 8 for group in image["sheet"])
    assert all(data.frame["label"][row] == group["label"] for group in image["sheet"] for row in group["rows"])
    assert facts["repeats"]["across"] == [
        {"parts": ["train", "test"], "rows": 1, "share": 1 / 15, "examples": [[2, 30]]}
    ]
    assert "1 image of 40 in 'image' is one flat colour (rows 7)." in texts(facts)
    json.dumps(facts, allow_nan=False)


def test_text_is_aligned_and_within_its_width() -> None:
    frame = clean().assign(a_very_long_column_name_that_goes_on_and_on=1.5)
    text = profile_text(profile(made(frame)), 80)
    assert max(map(len, text.splitlines())) <= 80
    rows = [line for line in text.splitlines() if " input " in line]
    assert len({line.index(" input ") for line in rows}) == 1 and len(rows) == 4


def test_a_target_that_counts_the_rows_is_a_warning_and_no_note_beside_it() -> None:
    data = read(clean().assign(y=range(1, 401)), target="y")
    facts = profile(data)
    (first, *_) = facts["warnings"]
    assert first["name"] == "row_number" and first["severity"] == "warning"
    assert first["text"] in data.notes and first["text"] not in facts["notes"]
    assert texts(profile(read(clean().assign(y=np.arange(400.0) ** 2), target="y"))) == []


def test_columns_that_are_called_codes_are_noted_with_the_way_out() -> None:
    facts = profile(read(clean().assign(zip=np.random.default_rng(1).integers(10_000, 99_999, 400))))
    assert [row["name"] for row in facts["warnings"]] == ["codes"]
    assert texts(facts)[0].startswith("Column 'zip': Whole numbers with ")
    assert "--set data.columns.zip=category" in texts(facts)[0]
