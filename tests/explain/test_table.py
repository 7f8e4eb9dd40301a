"""Every topic of the table: there, good, drawn by both renderers, and leading on to commands that exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from learnloop.explain import topics
from learnloop.explain.page import html
from learnloop.explain.table import ALIASES, TOPICS, find, groups
from learnloop.explain.terminal import lines
from tests.explain.checks import assert_good_walk
from tests.explain.test_page import read, svgs

GROUPS = ["basics", "training", "vision", "sequences", "generative", "more"]


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_a_good_walk_that_both_renderers_can_draw(name: str) -> None:
    walk = TOPICS[name].walk()
    assert_good_walk(walk)
    found = [line.plain for line in lines(walk, 80)]
    assert [line for line in found if len(line) > 80] == []
    page = html(walk)
    read(page)
    assert len(svgs(page)) >= 1, "a picture says more"
    for command in walk.next:
        words = command.split()
        assert words[:2] == ["learnloop", "explain"] and find(words[2]) is not None, command
        assert find(words[2]) is not TOPICS[name] or len(words) > 3, "leads to itself"


def test_every_file_of_a_topic_is_in_the_table() -> None:
    folder = Path(str(topics.__file__)).parent
    files = {path.stem for path in folder.glob("*.py") if path.stem[0] != "_"}
    listed = {topic.module.rpartition(".")[2] for topic in TOPICS.values()}
    assert [name for name in files if "def walk(" in (folder / f"{name}.py").read_text() and name not in listed] == []


def test_titles_are_short_and_differ() -> None:
    titles = [topic.title for topic in TOPICS.values()]
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if len(title) > 65] == []


def test_aliases_lead_to_topics_and_hide_none() -> None:
    assert {name for name in ALIASES.values() if name not in TOPICS} == set()
    assert set(ALIASES) & set(TOPICS) == set()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *(("adam", "adam"), ("Adam", "adam"), ("batch-norm", "batch_norm"), ("Batch Normalization", "batch_norm")),
        *(
            ("convolution", "conv"),
            ("pooling", "pool"),
            ("recurrent", "rnn"),
            ("BPTT", "rnn"),
            ("Holt-Winters", "holt_winters"),
        ),
    ],
)
def test_a_topic_is_found_however_it_is_spelt(typed: str, name: str) -> None:
    assert find(typed) is TOPICS[name]


def test_what_is_no_topic_is_not_found() -> None:
    assert find("adan") is None and find("") is None and find("./adam") is None


def test_groups_hold_every_topic_once_in_the_order_of_a_course() -> None:
    assert list(groups()) == GROUPS
    assert [name for names in groups().values() for name in names] == list(TOPICS)


def test_no_topic_imports_torch_and_a_topic_imports_no_other() -> None:
    code = (
        "import sys; from learnloop.explain.table import TOPICS; assert 'numpy' not in sys.modules; "
        "TOPICS['adam'].walk(); prefix = 'learnloop.explain.topics.'; "
        "print(sorted(name for name in sys.modules if name.startswith(prefix))); "
        "[topic.walk() for topic in TOPICS.values()]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "['learnloop.explain.topics.adam']\nFalse\n", done.stderr
