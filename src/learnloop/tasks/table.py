"""The tasks, and how one is put together from a network, a loss and a Plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from learnloop.contracts import Task, Y
from learnloop.errors import RecipeError
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.classify import PROBABILITIES, Classify, ClassifyLabels, outputs_for
from learnloop.tasks.every_step import RegressSteps
from learnloop.tasks.loss_task import Loss
from learnloop.tasks.perceptron import PerceptronTask
from learnloop.tasks.regress import VALUES, Regress
from learnloop.tasks.transcribe import Transcribe
from learnloop.tasks.translate import TEXTS, Translate

TargetKind = Literal["class", "labels", "numbers", "text", "transcript", "steps"]
"""One class of several, several 0/1 labels at once, numbers, a text, the characters of what was said, or numbers at
every step of a series."""


@dataclass(frozen=True)
class TaskInfo:
    """What a task can be asked for.

    targets  the kinds of target it takes
    losses   target kind -> losses by name, the default first
    monitor  the validation metric that chooses the best weights
    """

    title: str
    targets: tuple[TargetKind, ...]
    losses: dict[TargetKind, tuple[str, ...]]
    monitor: str = "loss"


JUDGED = "fid_classifier"
"""The figure of pictures that were made, unless others judge them."""

TASKS: dict[str, TaskInfo] = {
    "classify": TaskInfo(
        "one class of several, or several labels at once",
        ("class", "labels"),
        {
            "class": ("cross_entropy", "binary_cross_entropy", "hinge", "kl"),
            "labels": ("binary_cross_entropy",),
        },
    ),
    "regress": TaskInfo(
        "one or several numbers, of a row or of every step of a series",
        ("numbers", "steps"),
        {"numbers": ("mse", "mae", "huber", "quantile"), "steps": ("mse", "mae", "huber")},
    ),
    "translate": TaskInfo(
        "a text from a text: another language, another spelling, a summary", ("text",), {"text": ("cross_entropy",)}
    ),
    "transcribe": TaskInfo("what is said in a recording, as text", ("transcript",), {"transcript": ("ctc",)}),
    "language": TaskInfo("the next tokens of a text, and so new texts", (), {}),
    "forecast": TaskInfo("the next steps of one or many series in time, and how sure they are", (), {}),
    "autoencode": TaskInfo("a few numbers that stand for a row or picture, and to make it again from them", (), {}),
    "gan": TaskInfo("to make pictures that a second network cannot tell from real ones", (), {}, JUDGED),
    "diffusion": TaskInfo("to make pictures out of noise, a little less noise at a time", (), {}, JUDGED),
}


def outputs_of(target: TargetKind, loss: str, size: int, rule: str = "gradient") -> int:
    """Outputs of the network for `size` classes, labels or targets. Raises RecipeError for a loss that does not fit.

    rule  how the model learns; a perceptron tells two classes apart with one step unit, as in the textbook
    """
    if rule == "perceptron" and target == "class":
        return 1 if size == 2 else size
    if target == "class" and loss == "binary_cross_entropy" and size != 2:
        raise RecipeError(
            "task.loss",
            "binary_cross_entropy is for two classes, or for several 0/1 targets",
            found=f"{size} classes",
            do="--set task.loss=cross_entropy",
            available=[name for name in TASKS["classify"].losses["class"] if name != loss],
        )
    return outputs_for(loss, size) if target == "class" else size


def answer_key(target: TargetKind) -> str:
    """What `Task.predict` calls its answer."""
    return {"numbers": VALUES, "steps": VALUES, "text": TEXTS, "transcript": TEXTS}.get(target, PROBABILITIES)


def network_keys(target: TargetKind, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The batch keys that the network takes in training. One that writes is shown what it should have written."""
    return (*inputs, Y) if target == "text" else inputs


def make_task(
    target: TargetKind,
    net: nn.Module,
    keys: tuple[str, ...],
    loss: Loss,
    *,
    plan: Plan,
    updater: Updater | None = None,
    scale: Tensor | None = None,
) -> Task:
    """The task that trains (with an updater) or only predicts (without one)."""
    if target == "class":
        return Classify(net, keys, loss, plan=plan, updater=updater)
    if target == "labels":
        return ClassifyLabels(net, keys, loss, plan=plan, updater=updater)
    if target == "text":
        return Translate(net, keys, loss, plan=plan, updater=updater)
    if target == "transcript":
        return Transcribe(net, keys, loss, plan=plan, updater=updater)
    if target == "steps":
        return RegressSteps(net, keys, loss, plan=plan, updater=updater, scale=scale)
    return Regress(net, keys, loss, plan=plan, updater=updater, scale=scale)


def make_perceptron(net: nn.Module, keys: tuple[str, ...], lr: float) -> Task:
    """The task of a model whose rule is "perceptron"."""
    return PerceptronTask(net, keys, lr=lr)
