"""Mistakes in a user's own module, loss and arguments come back in words, with the line of their file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import learnloop as ll
from learnloop.errors import DataError, ModelError, NonFiniteError, UserError
from learnloop.tasks.own_code import own_loss

X = np.random.default_rng(0).normal(size=(60, 3))
LABELS = np.where(X[:, 0] > 0, 6, 5).astype(np.int32)
SETTINGS: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
}


class Net(nn.Module):
    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.calls = 0
        self.layer = nn.Linear(3, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class FailsAtOnce(Net):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("boom")


class FailsLater(Net):
    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > 4:
            raise ValueError("boom at the fifth call")
        return self.layer(x)


class Detached(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).detach()


class Pair(Net):
    def forward(self, x: Tensor) -> Any:
        return self.layer(x), 1


class Normed(Net):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.norm(x))


def fit(tmp_path: Path, data: object = (X, LABELS), **more: Any) -> ll.Run:
    settings = {**SETTINGS, **more.pop("set", {})}
    return ll.fit(data, out=tmp_path / "run", steps=more.pop("steps", 8), set=settings, **more)


def message(tmp_path: Path, kind: type[UserError], **more: Any) -> str:
    with pytest.raises(kind) as caught:
        fit(tmp_path, **more)
    return str(caught.value)


def test_labels_5_and_6_and_two_outputs(tmp_path: Path) -> None:
    run = fit(tmp_path, model=Net(2))
    assert run.report["asked"]["task"] == "classify"
    for outputs in (1, 3):
        text = message(tmp_path, ModelError, model=Net(outputs), overwrite=True)
        assert f"must return [batch, 2]: one column an output\n  found:     [2, {outputs}] for a batch of 2" in text


MODULES: list[tuple[Callable[[], object], dict[str, Any], list[str]]] = [
    (FailsAtOnce, {}, ["found:     ValueError: boom", "a mistake in its forward"]),
    (FailsLater, {}, ["test_own_code.py line", "in forward: must work on every batch", "boom at the fifth call"]),
    (Detached, {}, ["the loss: must be one number as a tensor that depends on the weights", "leave out .detach()"]),
    (Pair, {}, ["must return [batch, 2]", "found:     tuple"]),
    (lambda: Net, {}, ["found:     the class Net, not an instance", "do:        model=Net(...)"]),
    (lambda: 3, {}, ["must be a name (`learnloop models`), an import path, or an nn.Module\n  found:     3"]),
    (lambda: Net().double(), {}, ["the weights are float64", "do:        net = net.float()"]),
    (Normed, {"batch_size": 1}, ["--batch-size: must be at least 2 for a network with batch normalisation"]),
]


@pytest.mark.parametrize(("make", "more", "texts"), MODULES)
def test_modules(tmp_path: Path, make: Callable[[], object], more: dict[str, Any], texts: list[str]) -> None:
    text = message(tmp_path, ModelError, model=make(), **more)
    assert all(part in text for part in texts), text


LOSSES: list[tuple[Callable[[Tensor, Tensor], Any], list[str]]] = [
    (
        lambda o, y: nn.functional.cross_entropy(o, y, reduction="none"),
        ["found:     shape [", "a loss of each row", "do:        return each.mean()"],
    ),
    (lambda o, y: 1.5, ["found:     1.5, a float", "leave out .item()"]),
    (lambda o, y: None, ["found:     None, a NoneType"]),
    (lambda o, y: nn.functional.cross_entropy(o.detach(), y), ["found:     a tensor without a gradient"]),
    (lambda o, y: o.sum() / (1 // 0), ["ZeroDivisionError: "]),
]


@pytest.mark.parametrize(("loss", "texts"), LOSSES)
def test_losses(tmp_path: Path, loss: Callable[[Tensor, Tensor], Any], texts: list[str]) -> None:
    text = message(tmp_path, ModelError, model="mlp", loss=loss)
    assert all(part in text for part in texts), text


def test_a_loss_that_is_not_a_number(tmp_path: Path) -> None:
    text = message(tmp_path, NonFiniteError, model="mlp", loss=lambda o, y: o.sum() * float("nan"))
    assert text.startswith("training: must have a finite loss\n  found:     the loss was nan at step 1")


def test_own_loss_names_the_shapes() -> None:
    outputs, y = torch.zeros(4, 2, requires_grad=True), torch.zeros(4, dtype=torch.int64)
    assert own_loss(nn.CrossEntropyLoss())(outputs, y, None).item() == pytest.approx(np.log(2))
    with pytest.raises(ModelError, match=r"outputs are float32 \[4, 2\], targets int64 \[4\]"):
        own_loss(lambda o: o.sum())(outputs, y, None)  # type: ignore[misc, arg-type]
    with pytest.raises(
        ModelError, match=r"the class CrossEntropyLoss, not an instance[\s\S]*loss=CrossEntropyLoss\(\)"
    ):
        own_loss(nn.CrossEntropyLoss)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="must be a name or a function"):
        own_loss(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["mlp", "tabular", "cnn"])
def test_a_learning_rate_of_1000_with_the_default_optimiser(tmp_path: Path, model: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), np.uint8)
    data = (images, LABELS) if model == "cnn" else (X, LABELS)
    try:
        run = fit(tmp_path, data=data, model=model, lr=1000, steps=40)
    except NonFiniteError as error:
        assert "is too high" in str(error) and "--lr 0.001" in str(error) and "are kept" in str(error)
        return
    names = {finding["name"] for finding in run.report["findings"]}
    assert "learning_rate_extreme" in names, names


def test_one_nan_cell_text_labels_and_float64(tmp_path: Path) -> None:
    x = X.copy()
    x[7, 1] = np.nan
    run = fit(tmp_path, data=(x, np.where(LABELS > 5, "big", "small")), model="mlp")
    assert np.isfinite(run.history["loss"]).all() and run.bundle.classes == ["big", "small"]


ARRAYS: list[tuple[object, str]] = [
    ((X[:0], LABELS[:0]), "must have at least one row"),
    ((X, LABELS[:50]), "x and y must have the same number of rows\n  found:     x has 60 and y has 50"),
    ((X * np.nan, LABELS), "must have at least one column to learn from"),
    ((X + 1j, LABELS), "must hold real numbers"),
    ((X[:, :0], LABELS), "must have at least one column to learn from"),
    ((np.full((60, 8, 8), np.nan), LABELS), "pixels must be finite numbers"),
    (3, "must be something that can be read"),
]


@pytest.mark.parametrize(("data", "text"), ARRAYS)
def test_arrays(tmp_path: Path, data: object, text: str) -> None:
    assert text in message(tmp_path, DataError, data=data, model="linear")


def test_lengths_of_time_are_seconds(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": pd.to_timedelta(np.arange(60), "h"), "b": X[:, 0], "y": LABELS})
    run = fit(tmp_path, data=frame, target="y", model="linear")
    assert any("lengths of time were read as seconds" in note for note in run.report["data"]["notes"])
    assert len(run.predict(frame.drop(columns="y").head(2))) == 2
