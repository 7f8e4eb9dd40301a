"""Run folders made by really fitting a small linear network in NumPy and evaluating what it predicts."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from learnloop.diagnose.finding import Evidence
from learnloop.diagnose.table import diagnose
from learnloop.scores.evaluation import evaluate_classes, evaluate_numbers
from learnloop.verbs.baselines import baselines
from learnloop.verbs.verdict import verdict

PARTS = ("train", "validation", "test")
RECIPE = "model:\n  name: linear  # chosen by the test\noptimiser:\n  lr: 0.5\ntrain:\n  epochs: 60\n"


def png(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def fit(x: np.ndarray, y: np.ndarray, parts: dict[str, np.ndarray], outputs: int, lr: float = 0.5) -> Any:
    """Gradient descent on a linear layer; y int [n] (cross-entropy) or float [n, 1] (squared error)."""
    w, history, train = np.zeros((x.shape[1] + 1, outputs)), [], parts["train"]
    inputs = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    onehot = np.eye(outputs)[y] if y.ndim == 1 else y
    for step in range(1, 61):
        z = inputs @ w
        p = np.exp(z - z.max(1, keepdims=True)) if y.ndim == 1 else z
        p = p / p.sum(1, keepdims=True) if y.ndim == 1 else p
        for part in ("train", "validation"):
            rows = parts[part]
            if y.ndim == 1:
                loss = -np.log(p[rows, y[rows]]).mean()
                extra = {"accuracy": float((p[rows].argmax(1) == y[rows]).mean())}
            else:
                loss = ((p[rows] - y[rows]) ** 2).mean()
                extra = {"rmse": float(loss**0.5)}
            row = {
                "step": step,
                "samples": step * len(train),
                "seconds": step * 0.01,
                "kind": part,
                "loss": float(loss),
            }
            history.append({**row, "lr": lr, **(extra if part == "validation" else {})})
        w -= lr * inputs[train].T @ (p[train] - onehot[train]) / len(train)
    return p, history


def split(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(rows)
    return dict(zip(PARTS, np.split(order, [int(0.6 * rows), int(0.75 * rows)])))


def write(folder: Path, name: str, lr: float = 0.5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    bunch = {"digits": load_digits, "breast-cancer": load_breast_cancer, "diabetes": load_diabetes}[name]()
    raw, y = bunch.data, bunch.target
    parts = split(len(y))
    regress = name == "diabetes"
    scale = raw[parts["train"]].std(0)
    x = (raw - raw[parts["train"]].mean(0)) / np.where(scale > 0, scale, 1)
    names = ["progression"] if regress else [str(value) for value in bunch.target_names]
    if regress:
        truth = y[:, None].astype(float)
        centre, spread = truth[parts["train"]].mean(), truth[parts["train"]].std()
        p, history = fit(x, (truth - centre) / spread, parts, 1, lr / 10)
        guess, score, task, kind = p * spread + centre, evaluate_numbers, "regress", "numbers"
        loss = np.abs(guess - truth)[:, 0]
    else:
        truth = y.astype(np.int64)
        guess, history = fit(x, truth, parts, len(names), lr)
        score, task, kind = evaluate_classes, "classify", "class"
        loss = -np.log(guess[np.arange(len(y)), truth])
    evaluations = {part: score(truth[parts[part]], guess[parts[part]], names) for part in PARTS}
    held = {part: ({"x": x[parts[part]].astype(np.float32)}, truth[parts[part]]) for part in PARTS[1:]}
    inputs = {"x": x[parts["train"]].astype(np.float32)}
    rivals = baselines(inputs, truth[parts["train"]], held, kind, names, budget_s=30)
    test = parts["test"]
    worst = []
    for row in test[np.argsort(-loss[test])][:12]:
        fields = dict(zip(bunch.get("feature_names", []), raw[row].tolist()))
        image = png(np.clip(255 - bunch.images[row] * 16, 0, 255).astype(np.uint8)) if name == "digits" else None
        worst.append(
            {
                "row": int(row),
                "inputs": None if image else fields,
                "image": image,
                "target": float(y[row]) if regress else names[y[row]],
                "prediction": float(guess[row, 0]) if regress else names[guess[row].argmax()],
                "probability": None if regress else float(guess[row].max()),
                "loss": float(loss[row]),
            }
        )
    training = {
        "seconds": 1.2,
        "steps": 60,
        "passes": 60.0,
        "stopped": "epochs",
        "best_step": 60,
        "parameters": 650,
    }
    training |= {"plan": "cpu, 1 thread, float64", "monitor": "rmse" if regress else "accuracy"}
    rows = {part: len(parts[part]) for part in PARTS}
    recipe = {"model": {"name": "linear"}, "optimiser": {"lr": lr}, "train": {"epochs": 60}}
    evidence = Evidence(recipe, history, training, evaluations, [b.to_json() for b in rivals], rows)
    schema = [
        {
            "name": str(n),
            "kind": "number",
            "role": "input",
            "dtype": "float",
            "missing": 0,
            "why": "decimal numbers",
        }
        for n in bunch.get("feature_names", [])
    ]
    report = {
        "format": 1,
        "created": "2026-11-20T10:00:00",
        "version": "0.1.0",
        "asked": {
            "command": f"learnloop fit {name} --model linear",
            "data": name,
            "target": names if regress else ["class"],
            "task": task,
            "model": "linear",
            "seed": 0,
        },
        "data": {"rows": rows, "split": "random, seed 0", "schema": schema, "notes": ["From scikit-learn."]},
        "training": training,
        "evaluation": {part: evaluations[part].to_json() for part in PARTS[1:]},
        "baselines": [b.to_json() for b in rivals],
        "verdict": verdict(task, evaluations["test"], rivals, y=truth[test], predictions=guess[test]),
        "worst": worst,
        "findings": [finding.to_json() for finding in diagnose(evidence)],
    }
    (folder / "report.json").write_text(json.dumps(report, allow_nan=False))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="session")
def run_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("runs")
    return {name: write(base / name, name) for name in ("digits", "breast-cancer", "diabetes")}
