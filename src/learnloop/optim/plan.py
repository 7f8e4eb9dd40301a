"""`Plan`: how steps are computed on this machine. It changes speed and rounding, never what is learnt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, get_args

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.errors import RecipeError, RunError
from learnloop.optim.machine import cpu_computes_float16, usable_cores
from learnloop.optim.memory import keep_memory
from learnloop.optim.scaling import LossScaling

DType = Literal["float32", "bfloat16", "float16"]
_AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_PLAIN_PRECISION: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True)
class Trial:
    """One way of computing a step that was timed. ms: milliseconds of a forward and a backward pass, None if
    not run.
    """

    device: str
    threads: int
    dtype: DType
    channels_last: bool
    compile: bool
    ms: float | None
    verdict: str


@dataclass(frozen=True)
class Plan:
    """How to compute a step.

    device         "cpu", "cuda" or "cuda:1"
    threads        threads of one operation on the CPU; 0 leaves torch's choice
    wait           how idle OpenMP threads wait, as `learnloop.optim.wait.bound_wait` found it
    memory         what malloc does with freed memory, as `learnloop.optim.memory.keep_memory` found it
    dtype          "bfloat16" and "float16" compute convolutions and products in it (autocast); weights stay
                   float32. float16 needs `loss_scaling`
    channels_last  images and filters lie in memory as [batch, height, width, channels]; dropout on images
                   draws its masks in the order of memory, hence others (of the same distribution)
    compile        the network goes through torch.compile
    fused          the optimiser uses torch's fused kernels
    ms, plain_ms   measured milliseconds of forward and backward, of this plan and of plain float32; None if
    unmeasured
    origin         "plain", "set" (by the recipe), "measured", or "cached" (measured in an earlier run)
    trials         everything that was timed, in order
    notes          sentences to say once
    """

    device: str = "cpu"
    threads: int = 0
    wait: str = "default"
    memory: str = "default"
    dtype: DType = "float32"
    channels_last: bool = False
    compile: bool = False
    fused: bool = True
    ms: float | None = None
    plain_ms: float | None = None
    origin: Literal["plain", "set", "measured", "cached"] = "plain"
    trials: tuple[Trial, ...] = ()
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """One line: `2 threads, bfloat16, channels_last, fused, bounded wait: 17.4 ms a step (plain float32
        42.0)`.
        """
        parts = [self._where(), self.dtype]
        chosen = {"channels_last": self.channels_last, "compiled": self.compile, "fused": self.fused}
        parts += [name for name, on in chosen.items() if on]
        if self.device == "cpu" and self.threads != 1:
            parts.append(f"{self.wait.split(' ')[0].rstrip(':')} wait")
        text = ", ".join(parts)
        if self.ms is None:
            return f"{text} (not measured)"
        text += f": {_milliseconds(self.ms)} ms a step"
        plain = self.plain_ms is not None and self.plain_ms != self.ms
        return f"{text} (plain float32 {_milliseconds(self.plain_ms or 0.0)})" if plain else text

    def _where(self) -> str:
        if self.device != "cpu":
            return self.device
        return f"{self.threads} thread{'' if self.threads == 1 else 's'}" if self.threads else "torch's threads"

    def to_json(self) -> dict[str, Any]:
        """What plan.json holds; `from_json` reads it back."""
        data = asdict(self)
        if self.device != "cpu":
            # convolutions use TensorFloat-32 unless told otherwise, products do not: torch's defaults, kept
            # and noted
            data["tf32"] = {
                "convolutions": bool(torch.backends.cudnn.allow_tf32),
                "products": bool(torch.backends.cuda.matmul.allow_tf32),
            }
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The Plan of a plan.json. Raises RunError when it is not one."""
        known = {field.name for field in fields(cls)}
        try:
            values = {name: value for name, value in data.items() if name in known}
            values["trials"] = tuple(Trial(**trial) for trial in values["trials"])
            values["notes"] = tuple(values["notes"])
            plan = cls(**values)
            if plan.dtype not in get_args(DType) or not isinstance(plan.threads, int):
                raise ValueError(f"dtype {plan.dtype!r}, threads {plan.threads!r}")
            torch.device(plan.device)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as problem:
            raise RunError("plan.json", "must hold a plan", found=f"{type(problem).__name__}: {problem}") from problem
        return plan

    def apply(self) -> None:
        """Set the process-wide switches: threads, freed memory, and on a GPU algorithms that give the same bits every
        time.
        """
        if self.threads:
            torch.set_num_threads(self.threads)
        if self.memory == "kept":
            keep_memory()
        if self.device != "cpu":
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True

    def prepare(self, net: nn.Module) -> nn.Module:
        """Move `net` in place to the device and memory format, compile it if planned; returns it.

        Do this before the optimiser is built.
        """
        net.to(self.device)
        if self.channels_last:
            lay_out_filters(net, last=True)
        if self.compile:
            net.compile()
        return net

    def place(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors on the device; images that are already floats, [batch, channels, height, width],
        channels last.

        Bytes stay as they are: the network's own conversion to float and its first convolution lay them out.
        """
        placed = {}
        for name, tensor in tensors.items():
            tensor = tensor.to(self.device, non_blocking=True)
            if self.channels_last and tensor.ndim == 4 and tensor.is_floating_point():
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            placed[name] = tensor
        return placed

    def autocast(self) -> AbstractContextManager[Any]:
        """`with plan.autocast():` around forward and loss (not around backward); free of cost for float32."""
        if self.dtype == "float32":
            return _PLAIN_PRECISION
        return torch.autocast(torch.device(self.device).type, dtype=_AUTOCAST[self.dtype])

    def loss_scaling(self) -> LossScaling | None:
        """What the Updater needs for this precision: a new one for float16, None for the others."""
        return LossScaling() if self.dtype == "float16" else None


PLAIN = Plan(fused=False)


class PlanConfig(Config):
    """The recipe's section `plan`. What is set here is kept; what is null is measured (auto) or plain
    (plain).
    """

    name: Literal["auto", "plain"] = Field("auto", description="auto: time real steps and choose; plain: plain PyTorch")
    device: str | None = Field(None, pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:N; null: the best")
    threads: int | None = Field(None, ge=1, description="threads of one operation on the CPU; null: chosen")
    dtype: DType | None = Field(
        None,
        description="float32, or bfloat16 or float16 (with loss scaling) for products and convolutions; null: chosen",
    )
    channels_last: bool | None = Field(None, description="memory layout of images and filters; null: chosen")
    compile: bool | None = Field(None, description="torch.compile the network; null: only when it pays back")

    def fixed(self, wait: str = "default") -> Plan:
        """The Plan without measuring: what is set, and plain PyTorch for the rest.

        Raises RecipeError for a device that this machine does not have, or a dtype that it does not compute.
        """
        device = check_device(self.device)
        chosen = (self.device, self.threads, self.dtype, self.channels_last, self.compile)
        return replace(
            PLAIN,
            device=device,
            threads=self.threads or 0,
            wait=wait,
            dtype=check_dtype(self.dtype, device),
            channels_last=bool(self.channels_last),
            compile=bool(self.compile),
            fused=self.name != "plain",
            origin="plain" if all(value is None for value in chosen) else "set",
        )


def check_device(name: str | None) -> str:
    """`name`, or the best device there is. Raises RecipeError for one that is not there."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return "cuda" if gpus else "cpu"
    index = torch.device(name).index or 0
    if name != "cpu" and index >= gpus:
        raise RecipeError(
            "plan.device",
            "must be a device that this machine has",
            found=repr(name),
            cause="there is no GPU that torch can use" if not gpus else f"there are {gpus} GPUs, counted from 0",
            do="--set plan.device=cpu",
            available=["cpu", *(f"cuda:{i}" for i in range(gpus))],
        )
    return name


def check_dtype(name: DType | None, device: str) -> DType:
    """`name`, or float32. Raises RecipeError for float16 on a CPU whose torch has no autocast to it."""
    if name == "float16" and device == "cpu" and not cpu_computes_float16():
        raise RecipeError(
            "plan.dtype",
            "must be a precision that torch computes on the device",
            found="'float16' on the CPU",
            cause=f"torch {torch.__version__} has no autocast to float16 on the CPU",
            do="--set plan.dtype=bfloat16",
            available=["float32", "bfloat16"],
        )
    return name or "float32"


def thread_counts() -> list[int]:
    """Thread counts worth timing: 1, 2, 4, ... up to the usable cores, largest first."""
    cores = usable_cores()
    return sorted({cores, *(2**i for i in range(cores.bit_length()) if 2**i <= cores)}, reverse=True)


def lay_out_filters(net: nn.Module, *, last: bool) -> None:
    """Filters of 2-D convolutions to channels_last, or back to [out, in, height, width]; in place."""
    layout = torch.channels_last if last else torch.contiguous_format
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            for p in module.parameters(recurse=False):
                if p.ndim == 4:
                    # Not .contiguous(): it leaves a filter with one input channel or a 1x1 kernel as it is, since
                    # both layouts describe the same bytes; the convolution then looks at the strides, takes the
                    # other layout for its output, and everything behind it pays for copies.
                    p.data = torch.empty_like(p.data, memory_format=layout).copy_(p.data)


def _milliseconds(ms: float) -> str:
    return f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}" if ms >= 1 else f"{ms:.3f}"
