"""What samples are worth beside real pictures, and pictures made from pictures beside those that are wanted."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.bundle.generative import GenerativeBundle
from learnloop.contracts import X
from learnloop.data.image_pairs import LUMA, PicturePairs
from learnloop.scores.generative import memorised, nearest
from learnloop.scores.names import JUDGED, METRICS
from learnloop.seeds import numpy_stream
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_evaluate import mapped_errors, of_terms
from learnloop.verbs.generative_measured import MOST_FITTED, Measured, baseline, some_rows
from learnloop.verbs.judge import Measure

MOST_COMPARED = 500
"""Samples whose nearest training picture is looked for, and held-out pictures beside them."""
REAL, GAUSSIAN, SOURCE = "real", "gaussian", "source"
_COMPONENTS = 64
_LEAST_SHARE, _MOST_SHARE = 0.5, 1.5
"""Of a class's share in the data, outside of which the verdict names it."""


def measure_samples(prepared: GenerativePrepared, bundle: GenerativeBundle, measure: Measure) -> Measured:
    """Figures of `generate.samples` samples beside the pictures that were held out."""
    count, seed = prepared.generate.samples, prepared.recipe.seed
    begin = time.perf_counter()
    made = bundle.generate(count, seed)
    seconds = time.perf_counter() - begin
    assert isinstance(made, np.ndarray)
    asked = bundle.labels(count, seed)
    pictures = torch.from_numpy(made)
    metrics = measure.of(pictures, asked)
    histogram = measure.histogram(pictures)
    found: dict[str, Any] = {
        "measures": metrics,
        "judge": measure.facts,
        "samples": {"rows": count, "seconds": round(seconds, 3), "classes": list(prepared.classes)},
    }
    if histogram is not None:
        found["histogram"] = histogram
        found["classes_in_data"] = _in_data(prepared)
    metrics["memorised"] = _memorised(prepared, made)
    rows = _beside(prepared, measure, measure.judge.name, count) if prepared.recipe.report.baselines else []
    said = _verdict_on_samples(measure.judge.name, metrics, rows, found)
    return Measured(metrics, count, {}, rows, found, said, samples=made)


def _in_data(prepared: GenerativePrepared) -> dict[str, float]:
    """Share of each class in the training part; {} where none are known."""
    codes = prepared.codes("train")
    if codes is None:
        return {}
    shares = np.bincount(codes, minlength=len(prepared.classes)) / max(len(codes), 1)
    return dict(zip(prepared.classes, shares.tolist(), strict=True))


def _memorised(prepared: GenerativePrepared, made: np.ndarray) -> float:
    """Share of samples nearer to a training picture than 99 in 100 held-out pictures are."""
    train = prepared.pictures("train")[some_rows(prepared, "train", MOST_FITTED)].numpy()
    held = prepared.pictures(prepared.last)[:MOST_COMPARED].numpy()
    distances = nearest(np.concatenate([made[:MOST_COMPARED], held]), train)[0]
    count = min(len(made), MOST_COMPARED)
    return memorised(distances[:count], distances[count:])


def _beside(prepared: GenerativePrepared, measure: Measure, name: str, count: int) -> list[dict[str, Any]]:
    """As many real training pictures: nothing is better; and a normal distribution of the pixels: whoever learnt
    anything is better."""
    begin = time.perf_counter()
    train = prepared.pictures("train")
    some = train[some_rows(prepared, "train", count)]
    found = []
    if len(some) == count:
        note = "What training pictures have beside held-out ones: no samples can be better."
        title = "Real training pictures"
        found.append(baseline(REAL, title, measure.of(some), time.perf_counter() - begin, note))
    begin = time.perf_counter()
    drawn = _gaussian(train[some_rows(prepared, "train", MOST_FITTED)], count, prepared.recipe.seed)
    title = "Normal distribution of pixels"
    note = f"Drawn from mean and covariance of {_COMPONENTS} principal components."
    return [*found, baseline(GAUSSIAN, title, measure.of(drawn), time.perf_counter() - begin, note)]


def _gaussian(train: Tensor, count: int, seed: int) -> Tensor:
    """x = m + sum_j sqrt(l_j) e_j v_j, e ~ N(0, 1): uint8 [count, c, h, w] from the leading principal components."""
    from sklearn.decomposition import PCA

    rows = train.flatten(1).numpy().astype(np.float32)
    pca = PCA(min(_COMPONENTS, *rows.shape), svd_solver="randomized", random_state=seed % 2**32).fit(rows)
    noise = numpy_stream(seed, "gaussian").standard_normal((count, pca.n_components_))
    drawn = pca.inverse_transform(noise * np.sqrt(pca.explained_variance_))
    return torch.from_numpy(drawn.clip(0, 255).round().astype(np.uint8)).view(count, *train.shape[1:])


def _verdict_on_samples(name: str, metrics: dict[str, float], rows: list[dict[str, Any]], found: dict[str, Any]) -> str:
    said = f"{METRICS[name].title} of {found['samples']['rows']:,} samples: {metrics[name]:.4g}"
    beside = {row["name"]: row["metrics"].get(name) for row in rows}
    parts = [(REAL, "real training pictures"), (GAUSSIAN, "a normal distribution of the pixels")]
    told = [f"{title} {beside[key]:.4g}" for key, title in parts if beside.get(key) is not None]
    said += f" ({', '.join(told)})." if told else "."
    if beside.get(GAUSSIAN) is not None and metrics[name] >= beside[GAUSSIAN]:
        said += " That is no better than pixels drawn by their covariance: it has learnt nothing of use."
    said += _of_classes(found)
    if "as_asked" in metrics:
        said += f" {_percent(metrics['as_asked'])} of the samples are classified as was asked for."
    if metrics["memorised"] > 0.05:
        said += (
            f" {_percent(metrics['memorised'])} of the samples are nearer to a training picture than 99 in 100 "
            "held-out ones are: it repeats what it was shown."
        )
    return said


def _of_classes(found: dict[str, Any]) -> str:
    """Which classes are made too seldom or too often, beside their share in the data."""
    made, real = found.get("histogram"), found.get("classes_in_data")
    if not made or not real or set(made) != set(real):
        return ""
    off = {
        name: share for name, share in made.items() if not _LEAST_SHARE <= share / max(real[name], 1e-9) <= _MOST_SHARE
    }
    if not off:
        return f" It makes all {len(made)} classes about as often as the data has them."
    worst = sorted(off, key=lambda name: -abs(np.log(max(off[name], 1e-4) / max(real[name], 1e-4))))[:3]
    told = ", ".join(f"{name} {_percent(made[name])} ({_percent(real[name])} in the data)" for name in worst)
    return f" It makes some classes too seldom or too often: {told}."


# --- pictures from pictures


def measure_mapped(prepared: GenerativePrepared, bundle: GenerativeBundle, measure: Measure) -> Measured:
    """Figures of pictures made from held-out source pictures: beside what is wanted where that is known, and there and
    back where the network has a way back."""
    last, count, seed = prepared.last, prepared.generate.samples, prepared.recipe.seed
    sources = prepared.tensors[last][X][:count]
    wanted = prepared.pictures(last)[:count]
    terms: dict[str, np.ndarray] = {}
    if prepared.aligned:
        terms |= mapped_errors(bundle, _as_pairs(prepared, sources, wanted, paired=True))
    if prepared.pairing == "unpaired":
        terms |= mapped_errors(bundle, _as_pairs(prepared, sources, wanted, paired=False))
    evaluation = of_terms(prepared.task, terms, seed)
    made = bundle.translated(sources)
    metrics = {**measure.of(torch.from_numpy(made)), **evaluation.metrics}
    rows = []
    if prepared.aligned and prepared.recipe.report.baselines:
        rows.append(_source_itself(prepared, sources, wanted))
    found: dict[str, Any] = {
        "measures": metrics,
        "judge": measure.facts,
        "samples": {"rows": len(made), "classes": list(prepared.classes)},
    }
    said = _verdict_on_mapped(measure.judge.name, metrics, rows, len(made))
    return Measured(metrics, len(made), evaluation.intervals, rows, found, said)


def _as_pairs(prepared: GenerativePrepared, sources: Tensor, wanted: Tensor, *, paired: bool) -> PicturePairs:
    both = [pictures.permute(0, 2, 3, 1).numpy() for pictures in (sources, wanted)]  # [n, h, w, c]
    return PicturePairs(prepared.dataset.name, both[0], both[1], paired)


def _source_itself(prepared: GenerativePrepared, sources: Tensor, wanted: Tensor) -> dict[str, Any]:
    """The source picture at the wanted size, by cubic interpolation, as if it were the answer."""
    begin = time.perf_counter()
    guess = sources.float()
    if wanted.shape[1] > guess.shape[1]:
        guess = guess[:, :1].expand(-1, wanted.shape[1], -1, -1)
    elif wanted.shape[1] < guess.shape[1]:
        guess = (guess[:, :3] * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if guess.shape[2:] != wanted.shape[2:]:
        guess = F.interpolate(guess, wanted.shape[2:], mode="bicubic", align_corners=False)
    off = (guess.clamp(0, 255) - wanted.float()).div(255).flatten(1).double()  # [n, pixels]
    psnr = -10 * off.square().mean(1).clamp_min(1e-10).log10()
    metrics = {"mae": float(off.abs().mean()), "psnr": float(psnr.mean())}
    return baseline(SOURCE, "The source picture itself", metrics, time.perf_counter() - begin)


def _verdict_on_mapped(name: str, metrics: dict[str, float], rows: list[dict[str, Any]], count: int) -> str:
    parts = []
    if "mae" in metrics:
        rival = rows[0]["metrics"] if rows else None
        beside = f" (the source picture itself: {rival['mae']:.4f})" if rival else ""
        parts.append(f"mean absolute error {metrics['mae']:.4f} of 1{beside}, PSNR {metrics['psnr']:.1f} dB")
        if rival and metrics["mae"] >= rival["mae"]:
            parts[-1] += ": no better than to leave the picture as it is"
    if "cycle_error" in metrics:
        parts.append(f"mean absolute error {metrics['cycle_error']:.4f} of 1 after the way there and back")
    parts += [f"{METRICS[key].title} {metrics[key]:.4g}" for key in JUDGED if key in metrics]
    return f"Of {count:,} held-out pictures: {'; '.join(parts)}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
