"""What `inspect` says of texts: lengths, telling words, texts that come twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from learnloop.data.profile import profile
from learnloop.data.profile_text import profile_text
from learnloop.data.read import read
from learnloop.report.inspect_page import inspect_page

ROWS = 40
TEXTS = [f"the plot number {place} was {'dull' if place % 2 else 'moving'} indeed" for place in range(ROWS)]


def table() -> pd.DataFrame:
    frame = pd.DataFrame({"text": TEXTS, "label": ["good", "bad"] * (ROWS // 2), "split": "train"})
    frame.loc[30:, "split"] = "test"
    frame.loc[[4, 35], "text"] = ["THE  plot number 0 was moving indeed", "The plot number 1 was dull indeed"]
    frame.loc[5, "text"] = TEXTS[0]  # another label than row 0
    frame.loc[6, "text"] = " "
    return frame


def test_facts_of_texts() -> None:
    data = read(table(), target="label", need_target=False)
    facts = profile(data)["texts"][0]
    assert {key: facts[key] for key in ("name", "count", "empty", "repeated", "conflicting", "across")} == {
        "name": "text",
        "count": ROWS,
        "empty": 1,
        "repeated": 5,
        "conflicting": 3,
        "across": [{"parts": ["train", "test"], "rows": 1}],
    }
    assert facts["length"]["min"] == 0 and facts["length"]["median"] == facts["length"]["max"] == 7
    assert sum(facts["length"]["histogram"]["counts"]) == ROWS
    assert [(row["label"], row["words"][0]) for row in facts["words"]] == [("bad", "dull"), ("good", "moving")]
    assert "moving" not in facts["words"][0]["words"] and "the" not in facts["words"][0]["words"][:3]


def test_lines_and_page_of_texts() -> None:
    data = read(table(), target="label", need_target=False)
    facts = profile(data)
    said = profile_text(facts)
    assert "Texts text: 40, of 0 .. 7 .. 7 words; 99 % have at most 7\n  1 texts are empty.\n" in said
    assert "  5 texts come more than once but for spaces and capitals, 3 of them with different labels.\n" in said
    assert "  1 texts of the test part are in the train part too.\n" in said and "  more often in 'bad': dull, " in said
    page = inspect_page(facts, data)
    assert "<h2>Texts: text</h2>" in page and "More often in good" in page and "histogram of words of text" in page


def test_without_classes_the_most_frequent_words_are_shown() -> None:
    data = read(pd.DataFrame({"text": TEXTS, "y": np.random.default_rng(0).normal(size=ROWS)}), target="y")
    words = profile(data)["texts"][0]["words"]
    assert [row["label"] for row in words] == [""] and {"the", "plot"} <= set(words[0]["words"])
