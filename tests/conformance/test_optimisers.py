"""Every optimiser passes its suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import State
from learnloop.errors import RunError
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.stepper import Stepper, TorchStepper
from learnloop.testing.optimisers import CHECKS, check_optimiser

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "decay_all": True}),
    ("rmsprop", {"momentum": 0.5, "centered": True}),
    ("adam", {"weight_decay": 0.01}),
    ("adamw", {"weight_decay": 0.1, "decay_all": True}),
    ("muon", {"weight_decay": 0.1, "adjust": "match_rms_adamw", "precision": "float32"}),
]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_passes(name: str) -> None:
    check_optimiser(OPTIMISERS[name]())


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_other_settings_pass(name: str, fields: dict[str, Any]) -> None:
    check_optimiser(OPTIMISERS[name](**fields))


def test_a_fresh_process_agrees_and_does_not_import_dynamo() -> None:
    check_optimiser(OPTIMISERS["muon"](), only=["fresh_process"])


def adamax(net: nn.Module) -> Stepper:
    return TorchStepper(torch.optim.Adamax([p for p in net.parameters() if p.requires_grad], lr=0.01))


def adamax_of_everything(net: nn.Module) -> Stepper:
    """As most people write it: the frozen tensors are handed over too."""
    return TorchStepper(torch.optim.Adamax(net.parameters(), lr=0.01, weight_decay=0.1))


@pytest.mark.parametrize("make", [adamax, adamax_of_everything])
def test_a_foreign_torch_optimiser_passes(make: Callable[[nn.Module], Stepper]) -> None:
    check_optimiser(make)


class Toy(Stepper):
    """Gradient descent with momentum; keeps the contract."""

    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        self.net = net
        self.fused = fused
        self.params = [p for p in net.parameters() if p.requires_grad]
        self.base = 0.1
        self.scale = 1.0
        self.moments = [torch.zeros_like(p) for p in self.params]

    @property
    def learning_rate(self) -> float:
        return self.base * self.scale

    def set_scale(self, factor: float) -> None:
        self.scale = factor

    @torch.no_grad()
    def step(self) -> None:
        for p, moment in zip(self.params, self.moments):
            if p.grad is not None:
                self.move(p, moment.mul_(0.5).add_(p.grad))

    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(self.learning_rate * direction)

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def grads(self) -> list[Tensor]:
        return [p.grad for p in self.params if p.grad is not None]

    def describe(self) -> str:
        return f"toy on {len(self.params)} tensors"

    def state_dict(self) -> State:
        return {"scale": self.scale, "moments": list(self.moments)}

    def load_state_dict(self, state: State) -> None:
        if [t.shape for t in state["moments"]] != [t.shape for t in self.moments]:
            raise RunError("optimiser state", "must belong to this network")
        self.scale = state["scale"]
        self.moments = [tensor.clone() for tensor in state["moments"]]


class Ascends(Toy):
    def move(self, p: Tensor, direction: Tensor) -> None:
        p.add_(self.learning_rate * direction)


class Crawls(Toy):
    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.base = 1e-6


class NoScalars(Toy):
    def move(self, p: Tensor, direction: Tensor) -> None:
        if p.dim():
            super().move(p, direction)


class Explodes(Toy):
    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(direction / (direction - direction))


class Twice(Toy):
    """Counts a shared tensor twice."""

    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.params = [p for _, p in net.named_parameters(remove_duplicate=False) if p.requires_grad]
        self.moments = [torch.zeros_like(p) for p in self.params]


class Reversed(Toy):
    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.params.reverse()
        self.moments.reverse()


class Silent(Toy):
    def describe(self) -> str:
        return ""


class MovesFrozen(Toy):
    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.params = list(net.parameters())
        self.moments = [torch.zeros_like(p) for p in self.params]


class DecaysBuffers(Toy):
    @torch.no_grad()
    def step(self) -> None:
        super().step()
        for buffer in self.net.buffers():
            if buffer.is_floating_point():
                buffer.mul_(0.99)


class DecaysAll(Toy):
    """Weight decay also where there is no gradient."""

    @torch.no_grad()
    def step(self) -> None:
        super().step()
        for p in self.params:
            p.mul_(1 - 0.01 * self.learning_rate)


class Decays(Toy):
    """The momentum fades also where the gradient is missing, unseen until the next one."""

    @torch.no_grad()
    def step(self) -> None:
        for p, moment in zip(self.params, self.moments):
            moment.mul_(0.5)
            if p.grad is not None:
                self.move(p, moment.add_(p.grad))


class CarriesOn(Toy):
    """Momentum also where the gradient is missing."""

    @torch.no_grad()
    def step(self) -> None:
        for p, moment in zip(self.params, self.moments):
            moment.mul_(0.5)
            if p.grad is not None:
                moment.add_(p.grad)
            self.move(p, moment)


class SharedClock(Toy):
    """One count of steps for all tensors, as a bias correction would use it."""

    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.count = 0

    def step(self) -> None:
        self.count += 1
        super().step()

    def move(self, p: Tensor, direction: Tensor) -> None:
        super().move(p, direction * (1 - 0.5**self.count))


class CopiesGradients(Toy):
    def grads(self) -> list[Tensor]:
        return [gradient.clone() for gradient in super().grads()]


class Scales(Toy):
    """Clips the gradients where they lie."""

    def step(self) -> None:
        for gradient in self.grads():
            gradient.mul_(0.5)
        super().step()


class Zeros(Toy):
    def zero_grad(self) -> None:
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()


class Compounds(Toy):
    def set_scale(self, factor: float) -> None:
        self.scale *= factor


class Deaf(Toy):
    """Says the rate that it was told, and uses its own."""

    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(self.base * direction)


class ScalesSquared(Toy):
    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(self.base * self.scale**2 * direction)


class StillDecays(Toy):
    """Decay that no schedule scales."""

    def move(self, p: Tensor, direction: Tensor) -> None:
        p.mul_(0.99)
        super().move(p, direction)


class Draws(Toy):
    def step(self) -> None:
        torch.rand(1)
        super().step()


class Unseeded(Toy):
    """Noise from the entropy of the machine."""

    def move(self, p: Tensor, direction: Tensor) -> None:
        generator = torch.Generator()
        generator.seed()
        super().move(p, direction + 0.01 * torch.randn(p.shape, generator=generator))


class Forgets(Toy):
    def state_dict(self) -> State:
        return {"scale": self.scale, "moments": [torch.zeros_like(tensor) for tensor in self.moments]}


class KeepsOwn(Toy):
    """Adds what is loaded to what it has."""

    def load_state_dict(self, state: State) -> None:
        self.scale = state["scale"]
        self.moments = [own + tensor for own, tensor in zip(self.moments, state["moments"])]


class ForgetsScale(Toy):
    def state_dict(self) -> State:
        return {"moments": list(self.moments)}

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict({**state, "scale": 1.0})


class ForgetsCount(SharedClock):
    pass


class Unsaved(Toy):
    def state_dict(self) -> State:
        return {**super().state_dict(), "rule": self.move}


class Trusting(Toy):
    def load_state_dict(self, state: State) -> None:
        self.scale = state["scale"]
        self.moments = [tensor.clone() for tensor in state["moments"]]


class FusedDiffers(Toy):
    def move(self, p: Tensor, direction: Tensor) -> None:
        super().move(p, direction * (1.001 if self.fused else 1.0))


class ReadsMemory(Toy):
    """Goes through memory and not through rows: wrong where gradient and tensor lie in another order."""

    def move(self, p: Tensor, direction: Tensor) -> None:
        flat = direction.as_strided((direction.numel(),), (1,))
        p.as_strided((p.numel(),), (1,)).sub_(self.learning_rate * flat)


class ContiguousMoments(ReadsMemory):
    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        self.moments = [torch.zeros(p.shape) for p in self.params]


class HashSeeded(Toy):
    """Depends on the order of a set of strings, another one in each process."""

    def move(self, p: Tensor, direction: Tensor) -> None:
        super().move(p, direction * (1 + (hash("toy") % 1000) / 1000))


class Dynamo(Toy):
    def __init__(self, net: nn.Module, fused: bool = True) -> None:
        super().__init__(net, fused)
        import torch._dynamo  # noqa: F401


KINDS: dict[str, type[Toy]] = {
    kind.__name__: kind
    for kind in (
        Toy, Ascends, Crawls, NoScalars, Explodes, Twice, Reversed, Silent, MovesFrozen, DecaysBuffers, DecaysAll,
        Decays, CarriesOn, SharedClock, CopiesGradients, Scales, Zeros, Compounds, Deaf, ScalesSquared,
        StillDecays, Draws, Unseeded, Forgets, KeepsOwn, ForgetsScale, ForgetsCount, Unsaved, Trusting,
        FusedDiffers, ContiguousMoments, HashSeeded, Dynamo,
    )
}  # fmt: skip


class ToyConfig(Config):
    kind: str = Field("Toy", description="which toy")

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        return KINDS[self.kind](net, fused)


FAULTS = [
    ("Ascends", "minimises", r"the loss of a convex bowl went from [\d.]+ to (inf|nan|[\d.]+e\+\d+)"),
    ("Crawls", "minimises", "the loss of a convex bowl went from"),
    ("Crawls", "learns", r"a small network's loss went from 1\.\d+ to 1\.\d+ in 150 steps"),
    ("NoScalars", "moves_all", r"tensors with a gradient do not move: scale \[\]"),
    ("Explodes", "moves_all", "not finite after 3 steps: members"),
    ("Twice", "params", "params holds .*second.weight.*second.weight.*; the network has members"),
    ("Reversed", "params", "params holds last.bias"),
    ("Silent", "params", r"describe\(\) gives '', not a sentence"),
    ("MovesFrozen", "frozen", "frozen, and moved nevertheless: frozen"),
    ("DecaysBuffers", "frozen", "frozen, and moved nevertheless: norm.running_var"),
    ("DecaysAll", "no_gradient", "a step without any gradients moves members"),
    ("CarriesOn", "no_gradient", "a tensor whose grad is None moves"),
    ("Decays", "no_gradient", "the next move of a tensor depends on steps in which its grad was None"),
    ("SharedClock", "no_gradient", "the next move of a tensor depends on steps in which its grad was None"),
    ("CopiesGradients", "gradients", r"grads\(\) gives \d+ tensors, not the \d+ gradients that are there"),
    ("Scales", "gradients", r"step\(\) changes the gradients"),
    ("Zeros", "gradients", "after zero_grad these still have a gradient"),
    ("Compounds", "scale", r"at scale 1 of 0\.1 the learning rate is 0\.03"),
    ("Deaf", "scale", "at scale 0 a step moves members"),
    ("ScalesSquared", "scale", "at half the rate members does not move half as far: off by 50%"),
    ("StillDecays", "scale", "at scale 0 a step moves members"),
    ("Draws", "seed", "it draws from torch's global generator"),
    ("Unseeded", "seed", "two runs of 4 steps on the same batches differ in members"),
    ("Forgets", "resumes", "something is not in state_dict"),
    ("KeepsOwn", "resumes", "the state changes on its way through load_state_dict: moments/0"),
    ("ForgetsScale", "resumes", r"after load_state_dict the learning rate is 0\.1, saved was 0\.07"),
    ("ForgetsCount", "resumes", "something is not in state_dict"),
    ("Unsaved", "resumes", "its state cannot be saved: state 'rule' holds a method"),
    ("Trusting", "foreign_state", "the state of another network is loaded without a RunError"),
    ("FusedDiffers", "fused", r"with fused=True the weights of members end elsewhere: by 0\.00\d"),
    (
        "ContiguousMoments",
        "layout",
        "with filters in channels_last and contiguous gradients the weights of conv.weight",
    ),
    ("HashSeeded", "fresh_process", "two steps end at .* here and at .* in a fresh process"),
    ("Dynamo", "fresh_process", r"two steps import torch\._dynamo"),
]


def test_the_toy_passes() -> None:
    check_optimiser(ToyConfig())
    check_optimiser(Toy)


@pytest.mark.parametrize(("kind", "check", "text"), FAULTS)
def test_the_suite_notices(kind: str, check: str, text: str) -> None:
    with pytest.raises(AssertionError, match=f"ToyConfig: 1 of 1 checks failed\n  {check}: .*(?:{text})"):
        check_optimiser(ToyConfig(kind=kind), only=[check])


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in FAULTS} == CHECKS.keys()


def test_all_faults_are_reported_at_once_and_names_are_checked() -> None:
    with pytest.raises(AssertionError, match="3 of 13 checks failed\n  minimises: .*\n  learns: .*\n  moves_all: "):
        check_optimiser(Crawls)
    with pytest.raises(ValueError, match="no check named 'fuse'; there are minimises"):
        check_optimiser(ToyConfig(), only=["fuse"])


def test_what_raises_is_reported_with_its_kind() -> None:
    def broken(net: nn.Module) -> Stepper:
        raise ZeroDivisionError("no tensors")

    build: Callable[[nn.Module], Stepper] = broken
    with pytest.raises(AssertionError, match="broken: 1 of 1 checks failed\n  seed: ZeroDivisionError: no tensors"):
        check_optimiser(build, only=["seed"])


def test_the_state_of_another_network_is_refused_by_a_torch_optimiser() -> None:
    net, other = nn.Linear(3, 2), nn.Linear(4, 2)
    with pytest.raises(RunError) as caught:
        adamax(net).load_state_dict(adamax(other).state_dict())
    assert "must belong to 2 tensors of this network's shapes" in str(caught.value)
    assert "the checkpoint belongs to another network" in str(caught.value)
