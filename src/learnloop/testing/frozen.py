"""A frozen base stays as it is, bit for bit: weights, and the running statistics of its norms."""

from __future__ import annotations

from torch import nn

from learnloop.errors import ModelError
from learnloop.models.transfer import TransferConfig, freeze, shares
from learnloop.nn.stages import Parts, heard_by, parts_of
from learnloop.optim.adam import AdamWConfig
from learnloop.testing.model_case import Case, differing, evaluate, state_of

_STEPS = 3


def check_frozen(case: Case) -> None:
    """A base that is frozen, as a whole or below its top stage, does not change in training, and its head does."""
    if case.config.rule != "gradient":
        return
    net = case.net()
    try:
        parts = parts_of(net)
    except ModelError:
        return  # a single layer, or no linear one at the end: `transfer` refuses it
    with heard_by(parts.head) as heard:
        evaluate(net, case.batch)
    if not heard:
        return  # the last layer is not used: `transfer` refuses this, too
    several = len(parts.stages) > 1
    _hold(case, TransferConfig.model_validate({"mode": "features"}))
    if several:
        _hold(case, TransferConfig.model_validate({"mode": "finetune", "stages": 1}))


def _hold(case: Case, config: TransferConfig) -> None:
    net = case.net().train()
    parts = parts_of(net)
    freezing = freeze(net, config, parts)
    frozen, head = _frozen(net, config, parts), f"{parts.name}.weight"
    before = state_of(net)
    stepper = AdamWConfig.model_validate({"lr": 1e-2, "weight_decay": 0.1}).build(net)
    for step in range(_STEPS):
        net.train()
        freezing.hold()
        freezing.progress(step / _STEPS)
        case.loss(net(*case.batch)).backward()
        stepper.step()
        stepper.zero_grad()
    changed = differing(before, state_of(net))
    moved = [name for name in changed if name in frozen]
    assert not moved, f"frozen ({config.mode}, stages={config.stages}), but it changed: {', '.join(moved)}"
    assert head in changed, f"{head}, the head, does not learn while the base is frozen"


def _frozen(net: nn.Module, config: TransferConfig, parts: Parts) -> set[str]:
    """Names in the state of `net` that must not change."""
    state = net.state_dict(keep_vars=True)
    if config.mode == "features":
        return {name for name in state if not name.startswith(f"{parts.name}.")}
    names = shares(config, parts).frozen
    modules = [module for stage in parts.stages if stage.name in names for module in stage.modules]
    held = {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}
    return {name for name, tensor in state.items() if id(tensor) in held}
