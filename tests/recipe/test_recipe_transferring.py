"""What becomes of a model's advice where it starts from weights."""

from __future__ import annotations

from typing import Any

import pytest

from learnloop.models.transfer import Mode
from learnloop.recipe.transferring import transfer_advice

ADVICE: dict[str, Any] = {
    "model.pool": 1,
    "model.dense": 512,
    "optimiser.name": "sgd",
    "optimiser.momentum": 0.9,
    "schedule.name": "one_cycle",
    "train.epochs": 90,
    "train.patience": 5,
    "task.label_smoothing": 0.1,
    "augment.flip": "alternate",
}


def test_without_weights_advice_stays_as_it_is() -> None:
    assert transfer_advice(ADVICE, "none", 1000, None) == ADVICE


@pytest.mark.parametrize("mode", ["features", "finetune", "full"])
def test_with_weights_nothing_is_left_that_is_about_training_from_scratch(mode: Mode) -> None:
    values = transfer_advice(ADVICE, mode, 1000, None)
    left = {key: value for key, value in values.items() if ADVICE.get(key) == value}
    kept = {"task.label_smoothing": 0.1, "augment.flip": "alternate"}
    assert left == ({"task.label_smoothing": 0.1} if mode == "features" else kept)
    assert values["optimiser.name"] == "adamw" and values["schedule.name"] == "cosine"
    assert not any(key.startswith("model.") or key in ("optimiser.momentum", "train.patience") for key in values)
    assert "train.epochs" not in transfer_advice(ADVICE, mode, 1000, 5.0), "minutes are the limit"
