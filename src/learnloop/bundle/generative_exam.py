"""The exam of a bundle that makes data: codes of a few rows, two samples, two pictures from pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from learnloop.bundle import probe
from learnloop.bundle.noise import noise_of
from learnloop.bundle.stored import damaged
from learnloop.contracts import Batch, Y
from learnloop.data.dataset import Dataset
from learnloop.errors import RunError
from learnloop.seeds import torch_stream

if TYPE_CHECKING:
    from learnloop.bundle.generative import GenerativeBundle

RELATIVE, ABSOLUTE = 1e-3, 2e-3
"""Answers agree to |a - b| <= ABSOLUTE + RELATIVE |b|. Half a grey level of a picture is 0.002: samples pass through
many layers, some of them dozens of times, and other processors round otherwise."""
_ROWS, _SAMPLES, _MOST = 4, 2, 2000


def make(bundle: GenerativeBundle, rows: Dataset | None) -> dict[str, Any]:
    """rows: for what encodes; a few of them are kept in the exam."""
    inputs: dict[str, Any] = {}
    batch = None
    if rows is not None and "coder" in bundle.kinds:
        few = rows.take(np.arange(min(_ROWS, len(rows))))
        inputs = probe.make(few, {})["inputs"]
        kept = len(next(iter(inputs.values())))  # fewer where rows are large
        batch = _batch(bundle, few.take(np.arange(kept)))
    answers = {name: values.ravel()[:_MOST].tolist() for name, values in _answers(bundle, batch).items()}
    return {"inputs": inputs, "answers": answers, "relative": RELATIVE, "absolute": ABSOLUTE}


def check(path: Path, bundle: GenerativeBundle) -> None:
    """Replay the exam of the bundle at `path`. Raises RunError when the answers differ."""
    try:
        exam = json.loads((path / "probe.json").read_text(encoding="utf-8"))
        expected, relative, absolute = exam["answers"], float(exam["relative"]), float(exam["absolute"])
        rows = probe.rows_of(exam["inputs"], bundle.about.schema) if exam["inputs"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"probe.json: {type(error).__name__} {error}") from error
    found = _answers(bundle, None if rows is None else _batch(bundle, rows))
    for name, values in expected.items():
        want, got = np.asarray(values, np.float64), found.get(name, np.zeros(0)).ravel()[:_MOST]
        if want.shape == got.shape and np.allclose(got, want, rtol=relative, atol=absolute):
            continue
        worst = "another shape" if want.shape != got.shape else f"a difference of {np.abs(got - want).max():.3g}"
        raise RunError(
            str(path),
            "must give the answers of its own probe.json",
            found=f"{name} differ: {worst}",
            cause="model.safetensors or transforms.safetensors are not the ones that belong here",
            do=f"learnloop fit --resume {path.parent}",
        )


def _batch(bundle: GenerativeBundle, rows: Dataset) -> Batch:
    """Encoded rows; a network that is told classes is told the first, the second, ..."""
    arrays = bundle.encoder.apply(rows)
    batch = {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in arrays.items()}
    if bundle.conditional:
        batch[Y] = torch.arange(len(rows)) % len(bundle.about.classes)
    return batch


def _answers(bundle: GenerativeBundle, batch: Batch | None) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    if batch is not None:
        coded = bundle.encode(batch)
        found |= {"codes": coded.codes, "scores": coded.score}
    if "sampler" in bundle.kinds:
        label = torch.arange(_SAMPLES) % len(bundle.about.classes) if bundle.conditional else None
        noise = noise_of(0, range(_SAMPLES), bundle.net.noise_shape)  # type: ignore[arg-type]
        found["samples"] = bundle.from_noise(noise, label)
    if "mapper" in bundle.kinds:
        ways = {"translated": bundle.about.spec}
        if bundle.about.config.pairing == "unpaired" and bundle.about.wanted is not None:
            ways["back"] = bundle.about.wanted
        for name, spec in ways.items():
            x = torch.randint(0, 256, (_SAMPLES, *spec.shape), generator=torch_stream(0, "probe")).to(torch.uint8)
            with torch.inference_mode():
                found[name] = bundle.net.translate(x, name == "back").numpy()  # type: ignore[operator]
    return found
