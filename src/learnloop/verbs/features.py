"""What a frozen base makes of every row, computed once and kept in the run folder until the run has ended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from learnloop.contracts import Batch, X
from learnloop.errors import ModelError
from learnloop.nn.stages import heard_by
from learnloop.optim.plan import check_device
from learnloop.runs.atomic import write_bytes
from learnloop.verbs.prepare import Prepared

FILE = "features.safetensors"
_CELLS_A_BATCH = 4_000_000
_TRIED = 8


def answers_with(net: nn.Module, head: nn.Module, batch: list[Tensor]) -> bool:
    """Whether net(x) = head(features), features [rows, width]: nothing follows the head. Tried on a few rows.

    Raises ModelError where the head is not used at all.
    """
    few = [tensor[:_TRIED] for tensor in batch]
    with heard_by(head) as heard, torch.no_grad():
        answer = net.eval()(*few)
    if not heard:
        raise ModelError(
            "transfer",
            "needs the last layer of the network to be its head",
            found="its forward does not call it",
            do="give the module `head` (the path of its last layer) and `stages()`",
        )
    with torch.no_grad():
        return len(heard) == 1 and heard[0].ndim == 2 and torch.equal(head(heard[0]), answer)


def features(prepared: Prepared, net: nn.Module, head: nn.Module, folder: Path) -> dict[str, Batch]:
    """The tensors of each part, with features [rows, width] in place of the images.

    Computed without augmentation, in evaluation mode and float32, on the device of the recipe; read from the folder
    where an earlier start of the same run wrote them, so that a resumed run has the same bits.
    """
    path, key = folder / FILE, _key(prepared)
    known = _read(path, key)
    if known is None or known.keys() != prepared.tensors.keys():
        known = _computed(prepared, net, head)
        write_bytes(path, save(known, metadata={"key": key}))
    return {part: {**batch, X: known[part]} for part, batch in prepared.tensors.items()}


def forget_features(folder: Path) -> None:
    """Remove the file of a run that has ended: the bundle holds what is needed from now on."""
    (folder / FILE).unlink(missing_ok=True)


def _computed(prepared: Prepared, net: nn.Module, head: nn.Module) -> dict[str, Tensor]:
    device = check_device(prepared.recipe.plan.device)
    net.eval().to(device)
    channels, height, width = prepared.spec.shape
    size = max(1, min(512, _CELLS_A_BATCH // (channels * height * width)))
    found = {part: _rows(net, head, batch[X], size, device) for part, batch in prepared.tensors.items()}
    net.to("cpu")
    return found


def _rows(net: nn.Module, head: nn.Module, images: Tensor, size: int, device: str) -> Tensor:
    with heard_by(head) as heard, torch.no_grad():
        for start in range(0, len(images), size):
            net(images[start : start + size].to(device))
            heard[-1] = heard[-1].cpu()
    return torch.cat(heard).clone()  # [rows, width]


def _key(prepared: Prepared) -> str:
    """Of everything that features are a function of: the data, its split, the network and its weights."""
    recipe, digest = prepared.recipe, hashlib.sha256()
    for part in (recipe.transfer, recipe.choice.model, recipe.model, recipe.seed, prepared.spec):
        digest.update(repr(part).encode())
    digest.update(repr(sorted(prepared.dataset.origin.items())).encode())
    for part_name in prepared.parts:
        digest.update(getattr(prepared.split, part_name).tobytes())
    return digest.hexdigest()


def _read(path: Path, key: str) -> dict[str, Tensor] | None:
    try:
        with safe_open(str(path), framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError):
        return None
