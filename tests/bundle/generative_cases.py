"""Small untrained networks that make data, each in a bundle, with the rows that it was fitted to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.bundle.generative import GenerativeBundle
from learnloop.bundle.generative_about import GenerativeAbout
from learnloop.contracts import InputSpec
from learnloop.data.dataset import Dataset
from learnloop.data.read import read
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.seeds import seed_torch
from learnloop.transforms.inputs import InputEncoder

SMALL: dict[str, dict[str, Any]] = {
    "vae": {"widths": [12], "code": 3},
    "deep_autoencoder": {"widths": [12], "code": 3},
    "conv_autoencoder": {"maps": [4, 4], "code": 3},
    "denoising_autoencoder": {"maps": [4, 4], "code": 3},
    "dense_gan": {"noise": 5},
    "dcgan": {"noise": 5, "widths": [8, 4]},
    "ddpm": {"widths": [8, 8], "steps": 3},
    "pix2pix": {"widths": [4, 4], "discriminator_widths": [4]},
    "superres": {"width": 4, "blocks": 1, "discriminator_widths": [4]},
    "cyclegan": {"widths": [4, 4], "discriminator_widths": [4]},
}


def pictures(rows: int = 24, side: int = 16) -> Dataset:
    """Grey pictures of three classes."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (rows, side, side), dtype=np.uint8)
    return read({"x": x, "y": np.array(["cat", "dog", "owl"] * rows)[:rows]}, target="y")


def table(rows: int = 60) -> Dataset:
    """Whole numbers, numbers with gaps, categories, truth values and dates."""
    rng = np.random.default_rng(0)
    weight = rng.normal(70, 9, rows).round(2)
    weight[::7] = np.nan
    return read(
        pd.DataFrame(
            {
                "age": rng.integers(18, 90, rows),
                "weight": weight,
                "colour": rng.choice(["red", "green", "blue"], rows),
                "member": rng.random(rows) < 0.4,
                "since": pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
                "kind": rng.choice(["a", "b"], rows),
            }
        ),
        target="kind",
    )


def series(rows: int = 20, steps: int = 12) -> Dataset:
    """Rows of 7 to 12 steps of two numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(5, 2, (rows, steps, 2)).astype(np.float32)
    for row in range(rows):
        x[row, 7 + row % 6 :] = np.nan
    return read({"x": x, "y": np.array(["up", "down"] * rows)[:rows]}, target="y")


def bundle_of(name: str, data: Dataset, task: str = "", **more: Any) -> GenerativeBundle:
    """An untrained network of the model `name`. more: fields of its config, and of `GenerativeAbout`."""
    encoder = InputEncoder()
    encoder.fit(data)
    cls = GENERATIVE_MODELS[name]
    facts = {key: more.pop(key) for key in ("threshold", "shares") if key in more}
    config = cls.model_validate({**SMALL[name], **more})
    classes = tuple(data.schema.targets[0].categories)
    wanted = None if cls.pairing == "none" else encoder.spec
    if name == "superres":
        wanted = InputSpec("image", shape=(1, 32, 32), mean=(0.5,), std=(0.3,))
    about = GenerativeAbout(
        task or cls.task, {"name": name, "config": config.model_dump(mode="json")}, encoder.spec, data.schema, classes,
        **{**facts, "wanted": wanted},
    )  # fmt: skip
    seed_torch(0, "weights")
    net = config.build(encoder.spec, len(classes) if config.conditional else 0, wanted)
    return GenerativeBundle(about, encoder, net)


def run_of(folder: Path, name: str, data: Dataset, **more: Any) -> Path:
    """A run folder with the least that commands look at: the recipe, a report without figures, the bundle."""
    bundle = bundle_of(name, data, **more)
    task = bundle.about.task
    folder.mkdir()
    (folder / "recipe.yaml").write_text(f"data:\n  path: digits\ntask:\n  name: {task}\nmodel:\n  name: {name}\n")
    report = {
        "format": 1,
        "asked": {
            "command": "learnloop fit digits",
            "data": "digits",
            "target": [],
            "task": task,
            "model": name,
            "seed": 0,
        },
        "data": {"rows": {"train": 24}},
        "training": {"steps": 1, "seconds": 0.1, "parameters": 1},
        "evaluation": {},
    }
    (folder / "report.json").write_text(json.dumps(report))
    bundle.save(folder / "bundle", data)
    return folder
