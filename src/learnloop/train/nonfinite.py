"""What happened when a loss became NaN or infinite: which layer first, which rows, how large things had grown."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, Task
from learnloop.errors import NonFiniteError

_LARGE = 1e4


def explain(
    task: Task, batch: Batch, *, step: int, what: str, value: float, rows: list[int], lr: float, kept: str
) -> NonFiniteError:
    """The error for a refused step, from the batch that caused it. Looks only; changes nothing."""
    bad_inputs = _bad_inputs(batch, rows)
    net = getattr(task, "net", None)
    layer = _first_bad_layer(net, task, batch) if isinstance(net, nn.Module) else ""
    base = float(getattr(task, "base_learning_rate", lr))
    weights = _largest_weight(net) if isinstance(net, nn.Module) else (0.0, "")
    shown = ", ".join(str(row) for row in rows[:6]) + (", ..." if len(rows) > 6 else "")
    found = [f"{what} was {value} at step {step + 1} (training rows {shown})"]
    if layer:
        found.append(layer)
    if bad_inputs:
        cause, do = f"the data: {bad_inputs}", ["learnloop inspect DATA   shows the column or picture"]
    elif weights[0] > _LARGE or base >= 1:
        now = "" if abs(base - lr) <= 0.01 * base else f" ({lr:.3g} at this step)"
        grown = f": the largest weight has grown to {weights[0]:.3g} ({weights[1]})" if weights[1] else ""
        cause = f"the learning rate {base:g}{now} is too high{grown}"
        do = [f"--lr {_smaller(base)}", "--set train.clip=1.0"]
    else:
        cause = "an overflow in the forward pass; the weights themselves are of ordinary size"
        do = [f"--lr {_smaller(base)}", "--set plan.dtype=float32", "--set train.clip=1.0"]
    return NonFiniteError(
        "training", "must have a finite loss", found="; ".join(found), cause=f"{cause}. {kept}", do=do
    )


def _smaller(lr: float) -> str:
    return f"{min(lr / 10, 0.001):g}"


def _bad_inputs(batch: Batch, rows: list[int]) -> str:
    for key, tensor in batch.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = (~torch.isfinite(tensor)).flatten(1).any(1) if tensor.dim() > 1 else ~torch.isfinite(tensor)
            which = [rows[index] for index in bad.nonzero().flatten().tolist() if index < len(rows)]
            return f"{key} holds values that are not finite in rows {which[:6]}"
    return ""


def _first_bad_layer(net: nn.Module, task: Task, batch: Batch) -> str:
    """The first module, in the order of the forward pass, with a non-finite output; else that with the largest one."""
    seen: list[tuple[str, str, bool, float]] = []

    def hook(name: str):  # type: ignore[no-untyped-def]
        def look(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                finite = bool(torch.isfinite(output).all())
                seen.append((name, type(module).__name__, finite, output.detach().abs().max().item()))

        return look

    leaves = [(name, module) for name, module in net.named_modules() if not list(module.children())]
    handles = [module.register_forward_hook(hook(name)) for name, module in leaves]
    rng = torch.get_rng_state()
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    try:
        with torch.no_grad():
            task.predict(batch)
    finally:
        for handle in handles:
            handle.remove()
        torch.set_rng_state(rng)
        with torch.no_grad():
            for name, buffer in net.named_buffers():
                buffer.copy_(buffers[name])
    for name, kind, finite, _ in seen:
        if not finite:
            return f"the first layer with a non-finite output is {name or 'the network'} ({kind})"
    if not seen:
        return ""
    name, kind, _, most = max(seen, key=lambda row: row[3])
    return f"the largest activation is {most:.3g}, in layer {name or 'the network'} ({kind})"


def _largest_weight(net: nn.Module) -> tuple[float, str]:
    sizes = [(parameter.detach().abs().max().item(), name) for name, parameter in net.named_parameters()]
    finite = [(size if size == size else float("inf"), name) for size, name in sizes]  # NaN counts as the largest
    return max(finite, default=(0.0, ""))
