"""Which task trains which network that makes data, and what a Plan is measured on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from learnloop.contracts import Batch, Task
from learnloop.models.generative.config import GenerativeConfig
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.autoencode import Autoencode
from learnloop.tasks.diffusion import Diffusion
from learnloop.tasks.gan import Gan
from learnloop.tasks.image_to_image import CycleGan, PairedGan

GANS: dict[str, Any] = {"none": Gan, "paired": PairedGan, "unpaired": CycleGan}
"""pairing of the pictures -> the task of two players."""


def generative_task(
    net: nn.Module,
    config: GenerativeConfig,
    keys: tuple[str, ...],
    *,
    plan: Plan,
    updaters: Mapping[str, Updater] | None = None,
) -> Task:
    """The task of a network, by what its config declares.

    keys      the batch keys of the input
    updaters  player -> what moves its weights, "net" for a network that learns alone; None to predict only
    """
    if config.task == "gan":
        more = {"labelled": config.conditional} if config.pairing == "none" else {}
        return GANS[config.pairing](net, config, plan=plan, updaters=updaters, **more)  # type: ignore[no-any-return]
    updater = None if updaters is None else updaters["net"]
    if config.task == "diffusion":
        return Diffusion(net, plan=plan, updater=updater, labelled=config.conditional)  # type: ignore[arg-type]
    return Autoencode(net, keys, plan=plan, updater=updater, labelled=config.conditional)


def rehearsal_of(config: GenerativeConfig, keys: tuple[str, ...]) -> Callable[[nn.Module, Batch], Tensor]:
    """(net, batch) -> a scalar whose forward and backward pass cost about a step of the task: what a Plan is measured
    on. Its precision is the caller's."""
    if config.task == "gan":
        task = GANS[config.pairing]
        return lambda net, batch: task.rehearsal(net, batch, config)
    if config.task == "diffusion":
        return lambda net, batch: Diffusion.rehearsal(net, batch, config.conditional)  # type: ignore[arg-type]
    return lambda net, batch: Autoencode.rehearsal(net, batch, keys, config.conditional)
