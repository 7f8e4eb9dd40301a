"""Transfer learning: which stages of a trained base learn on, from when, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from torch import nn

from learnloop.config import Config
from learnloop.errors import RecipeError
from learnloop.nn.frozen import Freezing
from learnloop.nn.stages import Parts

Mode = Literal["none", "features", "finetune", "full"]
BASE_LR = {"none": 1.0, "features": 1.0, "finetune": 0.1, "full": 1.0}
DECAY = {"none": 1.0, "features": 1.0, "finetune": 0.4, "full": 1.0}
"""0.4 = 1 / 2.6: Howard and Ruder 2018, section 3.2."""
THAWED = 0.5
"""Share of the run at which gradual unfreezing reaches the first stage."""

_Text = Annotated[str, StringConstraints(min_length=1)]


class TransferConfig(Config):
    """What is kept of weights that were trained elsewhere (`model.weights` is another name of `transfer.weights`)."""

    weights: _Text | None = Field(
        None,
        description="where the base was trained: imagenet, a .pth, .pt or .safetensors file, a URL, a run or a bundle",
    )
    sha256: _Text | None = Field(
        None, pattern=r"^[0-9a-f]{8,64}$", description="checksum of the weights, or its beginning; null: not known yet"
    )
    mode: Literal["auto", "none", "features", "finetune", "full"] = Field(
        "auto",
        description="features: the base is frozen; finetune: it learns slowly; full: as fast as the head; "
        "auto: finetune where there are weights",
    )
    stages: int | None = Field(
        None, ge=0, description="stages of the base, counted from the top, that learn; null: all (features: 0)"
    )
    unfreeze: Literal["at_once", "gradual"] = Field(
        "at_once", description="gradual: the head first, then one stage after the other, all from half the run on"
    )
    base_lr: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="learning rate of the top stage, as a factor on that of the head; null: 0.1 (full: 1)",
    )
    decay: float | None = Field(
        None, gt=0, le=1, description="factor from each stage to the one below it; null: 0.4 (full: 1)"
    )
    pixels: Literal["auto", "weights", "imagenet", "data"] = Field(
        "auto", description="whose mean and std pixels are standardised with; auto: those of the weights where known"
    )

    @property
    def on(self) -> bool:
        return self.mode in ("features", "finetune", "full")


@dataclass(frozen=True)
class Shares:
    """factors  name of a stage -> its learning rate, as a factor on the head's.   frozen  names of the others."""

    factors: dict[str, float]
    frozen: tuple[str, ...]


def shares(config: TransferConfig, parts: Parts) -> Shares:
    """Stage k from the top (0, 1, ...) learns with base_lr * decay^k times the rate of the head.

    Discriminative fine-tuning: Howard and Ruder 2018 (arXiv:1801.06146), section 3.2.
    Raises RecipeError when more stages are asked for than there are.
    """
    names = [stage.name for stage in parts.stages]
    wanted = 0 if config.mode == "features" else len(names) if config.stages is None else config.stages
    if wanted > len(names):
        raise RecipeError(
            "transfer.stages",
            f"must be at most {len(names)}, the stages of this network",
            found=str(wanted),
            do=f"--set transfer.stages={len(names)}",
            available=names[::-1],
        )
    top = names[len(names) - wanted :][::-1]
    first, decay = config.base_lr or BASE_LR[config.mode], config.decay or DECAY[config.mode]
    return Shares({name: first * decay**k for k, name in enumerate(top)}, tuple(names[: len(names) - wanted]))


def freeze(net: nn.Module, config: TransferConfig, parts: Parts) -> Freezing:
    """Freeze stages of `net` and write learning rate factors at the others (`lr_factor`, which optimisers read).

    Where only the head learns, everything else is in evaluation mode, dropout before the head included. Gradual:
    stage k from the top (0, 1, ...) of n thaws at THAWED (k + 1) / n of the run, after Howard and Ruder 2018, section
    3.3 (one stage a pass there).
    """
    plan = shares(config, parts)
    if not plan.factors:
        learnt = {id(parameter) for parameter in parts.head.parameters()}
        for parameter in net.parameters():
            parameter.requires_grad_(id(parameter) in learnt)
        return Freezing(module for module in net.modules() if not _holds(module, parts.head) and module is not net)
    stages = {stage.name: stage for stage in parts.stages}
    for module in net.modules():  # parameters that belong to no stage are as slow as the slowest
        if not _inside(module, parts.head):
            module.lr_factor = min(plan.factors.values())  # type: ignore[assignment]
    for name, factor in plan.factors.items():
        for module in stages[name].modules:
            for part in module.modules():
                part.lr_factor = factor  # type: ignore[assignment]
    later = []
    if config.unfreeze == "gradual":
        count = len(plan.factors)
        later = [(THAWED * (k + 1) / count, stages[name].modules) for k, name in enumerate(plan.factors)]
    return Freezing((module for name in plan.frozen for module in stages[name].modules), later)


def _holds(module: nn.Module, head: nn.Module) -> bool:
    """Whether one is part of the other."""
    return any(part is head for part in module.modules()) or _inside(module, head)


def _inside(module: nn.Module, head: nn.Module) -> bool:
    return any(part is module for part in head.modules())
