"""Weights that were trained elsewhere: the published ones by name, reading a file safely, fitting it into a network."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from learnloop.errors import ModelError
from learnloop.nn.stages import inner, parts_of

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels that the published networks were trained on."""

_AT = "https://download.pytorch.org/models/"
PUBLISHED: dict[str, dict[str, str]] = {
    "imagenet": {
        "alexnet": f"{_AT}alexnet-owt-7be5be79.pth",
        "vgg11": f"{_AT}vgg11-8a719046.pth",
        "vgg11_bn": f"{_AT}vgg11_bn-6002323d.pth",
        "vgg13": f"{_AT}vgg13-19584684.pth",
        "vgg13_bn": f"{_AT}vgg13_bn-abd245e5.pth",
        "vgg16": f"{_AT}vgg16-397923af.pth",
        "vgg16_bn": f"{_AT}vgg16_bn-6c64b313.pth",
        "vgg19": f"{_AT}vgg19-dcbb9e9d.pth",
        "vgg19_bn": f"{_AT}vgg19_bn-c79401a0.pth",
        "resnet18": f"{_AT}resnet18-f37072fd.pth",
        "resnet34": f"{_AT}resnet34-b627a593.pth",
        "resnet50": f"{_AT}resnet50-0676ba61.pth",
        "resnet101": f"{_AT}resnet101-63fe2227.pth",
        "resnet152": f"{_AT}resnet152-394f9c45.pth",
        "efficientnet_b0": f"{_AT}efficientnet_b0_rwightman-7f5810bc.pth",
        "efficientnet_b1": f"{_AT}efficientnet_b1_rwightman-bac287d4.pth",
        "efficientnet_b2": f"{_AT}efficientnet_b2_rwightman-c35c1473.pth",
        "efficientnet_b3": f"{_AT}efficientnet_b3_rwightman-b3899882.pth",
    },
    "imagenet_v2": {
        "resnet50": f"{_AT}resnet50-11ad3fa6.pth",
        "resnet101": f"{_AT}resnet101-cd907fc2.pth",
        "resnet152": f"{_AT}resnet152-f82ba261.pth",
        "efficientnet_b1": f"{_AT}efficientnet_b1-c27df63c.pth",
    },
}
"""Name -> model -> where torchvision publishes the weights; the file names end with the first digits of the sha256."""

_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")
_COUNTER = "num_batches_tracked"
"""Of batch norm: older files do not have it, and with a fixed momentum it has no effect."""


@dataclass(frozen=True)
class Pretrained:
    """Tensors and where they come from.

    name     for messages: a file's name, or a run's
    path     of the file;  sha256: of its bytes
    tensors  by name
    classes  that the head tells apart, where that is known
    imagenet whether pixels were standardised with the mean and std of ImageNet
    partial  whether layers of the network that the weights do not have begin anew; else they must all be there
    left     names of tensors of the file that no network takes over
    """

    name: str
    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    classes: tuple[str, ...] | None = None
    imagenet: bool = False
    partial: bool = False
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """tensors  how many were taken over.   head  path of the head, whether it is new, its old number of outputs.

    fresh  names of other tensors that begin anew
    """

    tensors: int
    head: str
    new_head: bool
    outputs_before: int | None
    fresh: tuple[str, ...] = ()


def published_at(file: str) -> tuple[str, str, str] | None:
    """(name, model, url) of the published weights that are called `file`."""
    for name, models in PUBLISHED.items():
        for model, url in models.items():
            if url.rpartition("/")[2] == file:
                return name, model, url
    return None


def digest_in(file: str) -> str:
    """The first digits of the sha256 that a file name like resnet18-f37072fd.pth ends with; else empty."""
    last = Path(file).stem.rpartition("-")[2]
    return last if len(last) >= 8 and set(last) <= set("0123456789abcdef") and "-" in file else ""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth or .pt file, mapped into memory. No code in the file is run.

    Raises ModelError for anything else: an archive with more than tensors in it, a damaged file.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return _unwrapped(_read_pickle(path), path)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        unsafe = "Unsupported" in str(error) or "WeightsUnpickler" in str(error)
        raise ModelError(
            str(path),
            "must be a file of tensors (.safetensors, or torch.save of a state_dict)",
            found=str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__,
            cause="it holds Python objects, which are not loaded because they can run code" if unsafe else "",
            do="torch.save(net.state_dict(), 'weights.pth')   # where the network was trained",
        ) from error


def _read_pickle(path: Path) -> Any:
    with open(path, "rb") as file:
        archive = file.read(2) == b"PK"  # the format since torch 1.6; older ones cannot be mapped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles of other protocols: what cannot be read raises
        return torch.load(path, map_location="cpu", weights_only=True, mmap=archive)


def _unwrapped(found: Any, path: Path) -> dict[str, Tensor]:
    """The state_dict itself, of a checkpoint that holds more, without the prefix of DataParallel."""
    for name in _WRAPPINGS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError(f"a {type(found).__name__} that is no state_dict")
    if all(name.startswith("module.") for name in found):
        return {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return dict(found)


@torch.no_grad()
def load_into(net: nn.Module, weights: Pretrained, *, where: str, same_classes: bool) -> Loaded:
    """Copy the tensors into `net`, all but a head that has another shape or stands for other classes.

    where         what to blame: "model.weights"
    same_classes  whether the head may be kept where its shape fits
    Raises ModelError at the first tensor that does not fit, with both shapes; nothing has been copied then.
    """
    path, _ = inner(net)
    head = parts_of(net).name
    own = dict(net.state_dict())
    given = _named_as(own, weights.tensors, path)
    is_head = {name: name.startswith(f"{head}.") for name in {**own, **given}}
    fits = all(name in given and given[name].shape == own[name].shape for name in own if is_head[name])
    keep = fits and same_classes
    for name, tensor in own.items():
        optional = name.endswith(_COUNTER) or name.startswith("input.")
        if is_head[name] or ((optional or weights.partial) and name not in given):
            continue
        if name not in given or given[name].shape != tensor.shape:
            raise _mismatch(where, weights, name, tensor, given.get(name))
    for name, tensor in given.items():
        if name not in own and not is_head[name]:
            raise _mismatch(where, weights, name, None, tensor)
    taken = [name for name in own if name in given and (keep or not is_head[name])]
    for name in taken:
        own[name].copy_(given[name])
    before = given.get(f"{head}.weight")
    fresh = tuple(name for name in own if weights.partial and name not in given and not is_head[name])
    return Loaded(len(taken), head, not keep, None if before is None else int(before.shape[0]), fresh)


def _named_as(own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The file's tensors under the network's names: as they are, or as those of the module inside."""
    as_inner = {f"{path}.{name}" if path else name: tensor for name, tensor in given.items()}
    plain = sum(name in own for name in given)
    return as_inner if sum(name in own for name in as_inner) > plain else dict(given)


def _mismatch(where: str, weights: Pretrained, name: str, own: Tensor | None, given: Tensor | None) -> ModelError:
    return ModelError(
        where,
        "must be weights of the same architecture",
        found=f"{name} is {_shape(given)} in {weights.name} and {_shape(own)} in the network",
        cause=_cause(own, given),
        do=["--model NAME   # the architecture that the weights belong to", "learnloop models"],
    )


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else str(list(tensor.shape))


def _cause(own: Tensor | None, given: Tensor | None) -> str:
    if own is not None and given is not None and own.ndim == given.ndim == 4:
        if own.shape[1] != given.shape[1] and (own.shape[0], *own.shape[2:]) == (given.shape[0], *given.shape[2:]):
            return f"the pictures have {own.shape[1]} channels, the weights were trained on {given.shape[1]}"
        if own.shape[:2] == given.shape[:2]:
            return "the first layers differ: --set model.stem=published (or small) chooses them"
    return "the weights are those of another architecture, or of another width"


def set_pixels(net: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> bool:
    """Standardise pixels with this mean and std (0..1 units) from now on; False where the network has no such layer."""
    layer = getattr(net, "input", None)
    scale, shift = getattr(layer, "scale", None), getattr(layer, "shift", None)
    if not isinstance(scale, Tensor) or not isinstance(shift, Tensor) or scale.numel() != len(mean):
        return False
    with torch.no_grad():
        scale.copy_(torch.tensor([1 / (255 * s) for s in std]).view_as(scale))
        shift.copy_(torch.tensor([-m / s for m, s in zip(mean, std)]).view_as(shift))
    return True
