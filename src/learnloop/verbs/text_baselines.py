"""What a network that writes texts has to beat: the source as it is, and the answer to the most alike source."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from learnloop.data.dataset import Dataset
from learnloop.scores.texts import evaluate_texts
from learnloop.verbs.baselines import Baseline, Say
from learnloop.verbs.prepare import Prepared
from learnloop.verbs.scoring import lowered

MOST_ROWS = 50_000
"""Training texts that are searched."""
_AT_ONCE = 256
Write = Callable[[Sequence[str]], list[str]]


def text_baselines(prepared: Prepared, parts: Sequence[str], budget_s: float, say: Say) -> list[Baseline]:
    """The baselines of a task that turns texts into texts, scored on `parts`.

    copy     the source as the answer: what is already right without doing anything
    nearest  the training target whose source is most alike, by the cosine of TF-IDF weights of words and pairs of words
             (of characters where texts are spelt): translation memory

    The search is left out, and `say` is told, where predicting takes longer than `budget_s` seconds.
    """
    lower = bool(prepared.target.lower)
    texts = {name: _pairs(prepared, prepared.part(name)) for name in ("train", *parts)}
    spelt = prepared.target.tokens.name == "characters"
    began = time.perf_counter()
    found = [_scored("copy", "Copy of the source", lambda sources: list(sources), texts, parts, lower, "")]
    kept, note = _some(len(texts["train"][0]), prepared.recipe.seed)
    sources, answers = ([side[row] for row in kept] for side in texts["train"])
    try:
        nearest = _nearest(sources, answers, spelt, began + budget_s)
        found.append(_scored("nearest", "Nearest source (TF-IDF)", nearest, texts, parts, lower, note))
    except TimeoutError:
        say(f"The nearest source was left out of the baselines: to search for it takes more than {budget_s:.1f} s.")
    except ValueError:  # scikit-learn finds no word in any text
        say("The nearest source was left out of the baselines: the source texts have no words to compare.")
    return found


def _pairs(prepared: Prepared, data: Dataset) -> tuple[list[str], list[str]]:
    """The sources and the true answers of some rows."""
    sole = prepared.encoder.sole
    assert sole is not None
    sources = [str(text) for text in data.column(sole.name)]
    truths = prepared.target.raw(data)
    return sources, list(lowered(truths) if prepared.target.lower else truths)


def _some(rows: int, seed: int) -> tuple[np.ndarray, str]:
    if rows <= MOST_ROWS:
        return np.arange(rows), ""
    kept = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    return kept, f"Searched among a random {MOST_ROWS:,} of the {rows:,} training rows."


def _nearest(sources: list[str], answers: list[str], spelt: bool, ends: float) -> Write:
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings = {"analyzer": "char_wb", "ngram_range": (1, 3)} if spelt else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(**settings, sublinear_tf=True, dtype=np.float32)
    known = vectors.fit_transform(sources).T.tocsr()  # [features, training rows]

    def write(asked: Sequence[str]) -> list[str]:
        said = []
        for start in range(0, len(asked), _AT_ONCE):
            if time.perf_counter() > ends:
                raise TimeoutError
            likeness = vectors.transform(asked[start : start + _AT_ONCE]) @ known  # [asked, training rows]
            said += [answers[row] for row in np.asarray(likeness.argmax(axis=1)).ravel()]
        return said

    return write


def _scored(
    name: str,
    title: str,
    write: Write,
    texts: Mapping[str, tuple[list[str], list[str]]],
    parts: Sequence[str],
    lower: bool,
    note: str,
) -> Baseline:
    evaluations, predictions, scoring = {}, {}, {}
    began = time.perf_counter()
    for part in parts:
        said = write(texts[part][0])
        predictions[part] = np.array([text.lower() if lower else text for text in said] + [None], object)[:-1]
    seconds = time.perf_counter() - began
    for part in parts:
        began = time.perf_counter()
        evaluations[part] = evaluate_texts(texts[part][1], predictions[part], lower=lower)
        scoring[part] = time.perf_counter() - began
    return Baseline(name, title, evaluations, predictions, seconds, note, scoring)
