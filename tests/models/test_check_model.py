"""The suite can fail: a toy model is broken in each way that `check_model` claims to notice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.testing.models import CHECKS, check_model

TABLE = InputSpec("table", numbers=4)
TEXT = InputSpec("text", vocabulary=40, length=10)
SERIES = InputSpec("series", numbers=3, length=8)
IMAGE = InputSpec("image", shape=(1, 6, 6), mean=(0.5,), std=(0.5,))


class Toy(nn.Module):
    """A small, faultless network; each broken one below changes one thing."""

    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__()
        self.image = spec.kind == "image"
        self.hidden = nn.Linear(36 if self.image else spec.numbers, 16)
        self.norm = nn.BatchNorm1d(16)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(16, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.inner(x))  # [batch, outputs]

    def inner(self, x: Tensor) -> Tensor:
        if self.image:
            x = (x.float() / 128 - 1).flatten(1)  # [batch, pixels]
        return self.dropout(self.norm(torch.relu(self.hidden(x))))  # [batch, 16]


class ToyReader(nn.Module):
    """The mean over the steps that are there, of an embedding or of the numbers themselves."""

    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__()
        self.words = nn.Embedding(spec.vocabulary, 8) if spec.kind == "text" else None
        self.output = nn.Linear(8 if spec.kind == "text" else spec.numbers, outputs)
        nn.init.zeros_(self.output.weight)

    def forward(self, x: Tensor, length: Tensor | None = None) -> Tensor:
        there, vectors = self.read(x, length)  # [batch, time, 1], [batch, time, width]
        return self.output((vectors * there).sum(1) / there.sum(1).clamp_min(1))  # [batch, outputs]

    def read(self, x: Tensor, length: Tensor | None) -> tuple[Tensor, Tensor]:
        if length is None:
            assert self.words is not None
            return (x != 0).float().unsqueeze(2), self.words(x)
        return (torch.arange(x.shape[1]) < length.unsqueeze(1)).float().unsqueeze(2), x


class SeesPadding(ToyReader):
    """Takes the mean over the whole rectangle."""

    def read(self, x: Tensor, length: Tensor | None) -> tuple[Tensor, Tensor]:
        there, vectors = super().read(x, length)
        return torch.ones_like(there), vectors


class ToyConfig(Config):
    """Builds `Toy`, or the broken module that a test puts in its place."""

    inputs: ClassVar[frozenset[str]] = frozenset({"table", "image", "text", "series"})
    title: ClassVar[str] = "a toy"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    module: ClassVar[Callable[[InputSpec, int], nn.Module]] = Toy

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        return type(self).module(spec, outputs)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return {"optimiser.lr": 0.01, "train.batch_size": 4}


class BatchMean(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class RowNumber(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.arange(len(x)).unsqueeze(1) / 10


class NeedsTwo(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * x.reshape(len(x), -1)[1, :1]


class Unused(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__(spec, outputs)
        self.spare = nn.Linear(2, 2)


class TimesZero(Unused):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * self.spare.weight.sum() + 0 * self.spare.bias.sum()


class BiasBeforeNorm(Toy):
    """The norm takes the bias away again: its gradient is nothing but rounding."""

    def inner(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.hidden(x)))  # [batch, 16]


class BadGradient(Toy):
    """sqrt has an infinite slope at 0, and infinity times zero is not a number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + (self.hidden.weight - self.hidden.weight).abs().sqrt().sum()


class NoGradient(Toy):
    """Learns with its last layer alone, while the first one only looks trainable."""

    def inner(self, x: Tensor) -> Tensor:
        return super().inner(x).detach()


class Deaf(Toy):
    """Every weight gets a gradient, yet the inputs make hardly a difference."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 1e-3) * 1e-2


class WrongWidth(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__(spec, outputs + 1)


class Squeezed(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten()


class Pair(Toy):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


class Counting(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__(spec, outputs)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return super().forward(x)


class NormInEvaluation(Toy):
    """Batch norm that goes on learning from what it is asked to predict."""

    def train(self, mode: bool = True) -> Toy:
        super().train(mode)
        self.norm.train()
        return self


class DropoutInEvaluation(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(x), 0.5, training=True)


class DrawsInEvaluation(Toy):
    def forward(self, x: Tensor) -> Tensor:
        torch.rand(1)
        return super().forward(x)


class Hidden(Toy):
    """Part of what it has learnt is no buffer, so it is not stored."""

    offset = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.offset += 1.0
        return super().forward(x) + self.offset * self.output.weight.mean(1)


OWN_RANDOMNESS = itertools.count()


class Unseeded(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__(spec, outputs)
        nn.init.normal_(self.hidden.weight, generator=torch.Generator().manual_seed(next(OWN_RANDOMNESS)))


class Overconfident(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        super().__init__(spec, outputs)
        nn.init.normal_(self.output.weight, std=3.0)


class Overflows(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.sign() * x.abs().clamp(min=1e-6).log().exp() ** 8)


class BytesOnly(Toy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.dtype == torch.uint8 else x * 255)


def check(module: Callable[[InputSpec, int], nn.Module], spec: InputSpec = TABLE, *only: str) -> None:
    config = type("BrokenConfig", (ToyConfig,), {"module": module, "__module__": __name__})
    check_model(config(), spec, only=only)


@pytest.mark.parametrize("spec", [TABLE, IMAGE, TEXT, SERIES], ids=["table", "image", "text", "series"])
def test_the_faultless_toy_passes(spec: InputSpec) -> None:
    module = ToyReader if spec.kind in ("text", "series") else Toy
    config = type("FaultlessConfig", (ToyConfig,), {"module": module, "__module__": __name__})()
    check_model(config, spec)
    check_model(config, spec, outputs=1)


@pytest.mark.parametrize("spec", [TABLE, IMAGE], ids=["table", "image"])
def test_the_toy_is_the_same_in_a_fresh_process(spec: InputSpec) -> None:
    check_model(ToyConfig(), spec, only=["fresh_process"])


BROKEN: list[tuple[type[nn.Module], InputSpec, str]] = [
    (BatchMean, TABLE, r"rows: a prediction depends on the batch size, 64 or 7: it moves by"),
    (RowNumber, TABLE, r"rows: a prediction depends on the order of rows: it moves by"),
    (BatchMean, TABLE, r"single_row: a row alone is predicted differently"),
    (NeedsTwo, TABLE, r"single_row: IndexError"),
    (Unused, TABLE, r"gradients: spare.weight gets no gradient: forward does not use it"),
    (TimesZero, TABLE, r"gradients: dead parameters, their gradient stays zero: spare.weight, spare.bias"),
    (BiasBeforeNorm, TABLE, r"gradients: dead parameters, their gradient stays zero: hidden.bias"),
    (BadGradient, TABLE, r"gradients: hidden.weight gets a gradient that is not finite"),
    (NoGradient, TABLE, r"gradients: hidden.weight gets no gradient"),
    (Deaf, TABLE, r"learns: the toy problem is not learnt in 300 steps: accuracy 0\.\d+, needed 0.95"),
    (
        WrongWidth,
        TABLE,
        r"shape: expected float \[64, 3\] or \[64, members, 3\], found torch.float32 \[64, 4\]",
    ),
    (Squeezed, TABLE, r"shape: expected .* found torch.float32 \[192\]"),
    (Pair, TABLE, r"shape: expected .* found tuple"),
    (Counting, TABLE, r"evaluation: evaluation changes seen"),
    (NormInEvaluation, TABLE, r"evaluation: evaluation changes norm.running_mean, norm.running_var"),
    (DropoutInEvaluation, TABLE, r"evaluation: evaluation draws random numbers"),
    (DrawsInEvaluation, TABLE, r"evaluation: evaluation draws random numbers"),
    (Hidden, TABLE, r"stored: after save and load it predicts differently"),
    (Unseeded, TABLE, r"seed: two builds with one seed differ in hidden.weight"),
    (Overconfident, TABLE, r"first_loss: first loss \d+\.\d+, not ln\(3\) = 1.099"),
    (Overflows, TABLE, r"extremes: the output is not finite for numbers of a million"),
    (
        Counting,
        TABLE,
        r"frozen: frozen \(features, stages=None\), but it changed: seen",
    ),
    (SeesPadding, TEXT, r"padding: more padding moves a prediction by"),
    (SeesPadding, SERIES, r"padding: more padding moves a prediction by"),
    (BytesOnly, IMAGE, r"bytes: float images are predicted differently from uint8 images"),
]


@pytest.mark.parametrize(("module", "spec", "text"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_noticed(module: type[nn.Module], spec: InputSpec, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check(module, spec, text.split(":")[0])


def test_every_check_is_shown_to_fail() -> None:
    elsewhere = {"declares", "suggests", "refuses", "fresh_process"}
    assert {text.split(":")[0] for _, _, text in BROKEN} | elsewhere == set(CHECKS)


class TwoFaults(Counting):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.arange(len(x)).unsqueeze(1) / 10


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check(TwoFaults)
    text = str(caught.value)
    assert text.startswith("BrokenConfig on table (4, ()), 3 outputs: ") and "checks failed\n" in text
    assert "\n  rows: " in text and "\n  evaluation: " in text


def test_a_frozen_parameter_needs_no_gradient() -> None:
    def frozen(spec: InputSpec, outputs: int) -> nn.Module:
        net = Unused(spec, outputs)
        net.spare.requires_grad_(False)
        return net

    check(frozen)


class FailsToBuild(Toy):
    def __init__(self, spec: InputSpec, outputs: int) -> None:
        raise ValueError("no such layer")


def test_what_cannot_be_built() -> None:
    with pytest.raises(AssertionError, match=r"cannot be built: ValueError: no such layer"):
        check(FailsToBuild)


class NoTitle(Config):
    inputs: ClassVar[frozenset[str]] = frozenset({"table"})

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        return Toy(spec, outputs)


class BadSuggestion(ToyConfig):
    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return {"lr": 0.1}


class LargeBatch(ToyConfig):
    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return {"train.batch_size": 32}


class TakesAnything(ToyConfig):
    inputs: ClassVar[frozenset[str]] = frozenset({"table"})


class RefusesSilently(TakesAnything):
    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        if spec.kind == "image":
            raise ModelError("model 'toy'", "takes tables")
        return super().build(spec, outputs)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (NoTitle, r"declares: NoTitle has no 'title'"),
        (BadSuggestion, r"suggests: suggest gives keys without a section: \['lr'\]"),
        (LargeBatch, r"suggests: suggest gives a batch of 32 for 4 rows"),
        (TakesAnything, r"refuses: it was built for a image"),
        (RefusesSilently, r"refuses: the error names no model that takes a image"),
    ],
)
def test_a_fault_of_the_config_is_noticed(config: Any, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check_model(config(), TABLE, only=[text.split(":")[0]])


class HashSeeded(ToyConfig):
    """Depends on the order of a set of strings, which is another in each process."""

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        torch.manual_seed(hash("toy") % 2**31)
        return super().build(spec, outputs)


def test_weights_that_depend_on_the_process_are_noticed() -> None:
    with pytest.raises(AssertionError, match=r"fresh_process: weights have fingerprint \w+ here and \w+ in a fresh"):
        check_model(HashSeeded(), TABLE, only=["fresh_process"])


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    check_model(ToyConfig(), TABLE, only=["seed", "shape", "rows"])
    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ValueError, match="no check named 'learn'"):
        check_model(ToyConfig(), TABLE, only=["learn"])
