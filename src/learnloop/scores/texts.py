"""`evaluate_texts`: predicted texts against true ones. BLEU and chrF by sacreBLEU, error rates by edit distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from learnloop.errors import DataError
from learnloop.scores.bootstrap import exact_share, interval, resampled_means
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.text_terms import BLEU, CHRF, EDITS, bleu_of, bleu_terms, chrf_of, chrf_terms, edit_terms
from learnloop.seeds import numpy_stream

TextTask = Literal["translate", "transcribe"]
Texts = Sequence[str] | np.ndarray
LENGTHS = (10, 15, 20, 30)
"""Words of the true text at which a new bucket begins."""
FEWEST_IN_BUCKET = 5
SHORT = "BLEU is left out: most of the true texts have fewer than four words, and BLEU counts groups of four."
MISSING = "BLEU and chrF are left out: they need sacrebleu (pip install 'learnloop[text]')."


def evaluate_texts(
    truths: Texts,
    predictions: Texts,
    names: Sequence[str] = (),
    seed: int = 0,
    *,
    task: TextTask = "translate",
    lower: bool = False,
) -> Evaluation:
    """Score predicted texts. truths, predictions: n texts each; names: of the target; lower: capitals do not count.

    bleu, chrf   0 to 100, of the whole corpus, sacreBLEU's (Post 2018); their signatures stand in the notes
    exact_match  share of texts that are the true one, character by character
    cer, wer     edits a character and a word of the true texts, of all texts together; may exceed 1

    Without sacreBLEU, and where most true texts are shorter than four words, BLEU is absent and a note says why. For
    the task `transcribe` only wer, cer and exact_match are measured. `curves["by_length"]` holds BLEU and chrF of
    texts of like length. Raises DataError for no rows, or another number of predictions than truths.
    """
    truths, predictions = [str(text) for text in truths], [str(text) for text in predictions]
    if len(truths) != len(predictions) or not truths:
        raise DataError(
            "texts",
            "must be as many predictions as true texts, at least one",
            found=f"{len(truths)} true texts and {len(predictions)} predictions",
        )
    terms, columns, metrics, signatures, notes = _measured(truths, predictions, task, lower)
    rng = numpy_stream(seed, "scores", "bootstrap")
    drawn = metrics_of(resampled_means(terms, rng) * len(terms), columns)
    intervals = {name: interval(drawn[name]) for name in metrics} if len(terms) > 1 else {}
    right = int(terms[:, columns.index("exact")].sum())
    kept = {name: pair for name, pair in intervals.items() if pair is not None and pair[1] > pair[0]}
    if len(terms) > 1 and right in (0, len(terms)):
        kept["exact_match"] = exact_share(right, len(terms))
    curves: dict[str, Any] = {"signatures": signatures} if signatures else {}
    if "bleu" in metrics:
        curves["by_length"] = by_length(terms, columns, seed)
    return Evaluation(task, len(terms), metrics, kept, names=[str(name) for name in names], curves=curves, notes=notes)


def evaluate_transcripts(truths: Texts, predictions: Texts, names: Sequence[str] = (), seed: int = 0) -> Evaluation:
    """`evaluate_texts` of what was said: wer, cer and exact_match."""
    return evaluate_texts(truths, predictions, names, seed, task="transcribe")


def metrics_of(sums: np.ndarray, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Metrics [b] from sums [b, k] of the terms called `columns`; exact_match needs means or the column `rows`."""
    at = {name: sums[:, place] for place, name in enumerate(columns)}
    found = {
        "exact_match": at["exact"] / at["rows"],
        "cer": at["character_edits"] / np.maximum(at["characters"], 1),
        "wer": at["word_edits"] / np.maximum(at["words"], 1),
    }
    if BLEU[0] in at:
        found["bleu"] = bleu_of(np.stack([at[name] for name in BLEU], 1))
    if CHRF[0] in at:
        found["chrf"] = chrf_of(np.stack([at[name] for name in CHRF], 1))
    return found


def terms_of(
    truths: Sequence[str], predictions: Sequence[str], *, task: TextTask = "translate", lower: bool = False
) -> tuple[np.ndarray, list[str]]:
    """What each row brings to the sums of `metrics_of`: float64 [n, k] and the names of the columns."""
    if lower:
        truths, predictions = [text.lower() for text in truths], [text.lower() for text in predictions]
    terms, columns = [np.ones((len(truths), 1)), edit_terms(truths, predictions)], ["rows", *EDITS]
    if task == "translate":
        terms.append(chrf_terms(truths, predictions))
        columns += CHRF
        library = _library(lower)
        if library is not None:
            terms.append(bleu_terms(truths, predictions, library[0].tokenizer))
            columns += BLEU
    return np.concatenate(terms, 1), columns


def by_length(terms: np.ndarray, columns: Sequence[str], seed: int = 0) -> list[dict[str, Any]]:
    """BLEU, its interval and chrF of the rows whose true text has `low` to `high` words, where there are enough."""
    words = terms[:, list(columns).index("words")]
    edges = (1, *LENGTHS, 10**9)
    found = []
    for low, high in pairwise(edges):
        rows = terms[(words >= low) & (words < high)]
        if len(rows) < FEWEST_IN_BUCKET:
            continue
        rng = numpy_stream(seed, "scores", "by length", low)
        value = metrics_of(rows.sum(0, keepdims=True), columns)
        pair = interval(metrics_of(resampled_means(rows, rng) * len(rows), columns)["bleu"])
        found.append(
            {
                "low": low,
                "high": None if high == edges[-1] else high - 1,
                "rows": len(rows),
                "bleu": float(value["bleu"][0]),
                "interval": None if pair is None else list(pair),
                "chrf": float(value["chrf"][0]),
            }
        )
    return found


def _measured(
    truths: Sequence[str], predictions: Sequence[str], task: TextTask, lower: bool
) -> tuple[np.ndarray, list[str], dict[str, float], dict[str, str], list[str]]:
    """Terms, their names, metrics, signatures, notes."""
    terms, columns = terms_of(truths, predictions, task=task, lower=lower)
    values = metrics_of(terms.sum(0, keepdims=True), columns)
    if task == "transcribe":
        return terms, columns, {name: float(values[name][0]) for name in ("wer", "cer", "exact_match")}, {}, []
    notes, metrics, signatures = [], {}, {}
    library = _library(lower)
    if library is None:
        notes.append(MISSING)
    else:
        corpus, chrf = library
        long = (terms[:, columns.index(BLEU[-1])] >= 4).mean() >= 0.5
        if long:
            metrics["bleu"] = float(corpus.corpus_score(predictions, [truths]).score)
            signatures["bleu"] = str(corpus.get_signature())
            notes.append(f"BLEU by sacreBLEU, signature {signatures['bleu']}.")
        else:
            notes.append(SHORT)
        metrics["chrf"] = float(chrf.corpus_score(predictions, [truths]).score)
        signatures["chrf"] = str(chrf.get_signature())
        notes.append(f"chrF by sacreBLEU, signature {signatures['chrf']}.")
    rest = ("exact_match", "cer", "wer")
    return terms, columns, metrics | {name: float(values[name][0]) for name in rest}, signatures, notes


def _library(lower: bool) -> tuple[Any, Any] | None:
    """sacreBLEU's BLEU and chrF; None where it is not installed."""
    try:
        from sacrebleu.metrics import BLEU as Bleu
        from sacrebleu.metrics import CHRF as Chrf
    except ImportError:
        return None
    return Bleu(lowercase=lower), Chrf(lowercase=lower)
