"""The suite can fail: a toy that forecasts is broken in each way that `check_forecast_model` claims to notice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.start import StartName
from learnloop.testing.forecasting import CHECKS, check_forecast_model

SPEC = WindowSpec(18, 6, variables=3, targets=2, features=2, season=6, quantiles=(0.1, 0.5, 0.9))
OWN_RANDOMNESS = itertools.count()


class Toy(nn.Module):
    """A dense layer over all that is there: past, features of the past, features ahead. Without a fault."""

    def __init__(self, spec: WindowSpec) -> None:
        super().__init__()
        self.spec = spec
        inputs = spec.lookback * spec.variables + (spec.lookback + spec.horizon) * spec.features
        self.hidden = nn.Linear(inputs, 32)
        self.output = nn.Linear(32, spec.horizon * spec.targets * len(spec.quantiles))

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        h = torch.relu(self.hidden(torch.cat([past.flatten(1), time.flatten(1)], 1)))
        return self.output(h).unflatten(1, (self.spec.horizon, self.spec.targets, -1))


class ToyConfig(ForecastConfig):
    """Builds `Toy`, or the broken module that a test puts in its place."""

    title: ClassVar[str] = "a toy that forecasts"
    source: ClassVar[str] = "nobody, nowhere"
    module: ClassVar[Callable[[WindowSpec], nn.Module]] = Toy
    whole: ClassVar[bool] = False

    start: StartName = "zero"

    @property
    def reads_others(self) -> bool:
        return True

    def body(self, spec: WindowSpec) -> nn.Module:
        return type(self).module(spec)

    def build(self, spec: WindowSpec) -> nn.Module:
        return type(self).module(spec) if self.whole else super().build(spec)


class Whole(Toy):
    """Stands in place of all that `build` gives: no scaling, no order of quantiles, nothing hidden."""


class BatchMean(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past - past.mean(0), seen, time)


class RowNumber(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past, seen, time) + torch.arange(len(past)).view(-1, 1, 1, 1) / 10


class Unused(Toy):
    def __init__(self, spec: WindowSpec) -> None:
        super().__init__(spec)
        self.spare = nn.Linear(2, 2)


class TimesZero(Unused):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past, seen, time) + 0 * sum(p.sum() for p in self.spare.parameters())


class Deaf(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past * 0, seen, time * 0)


class ForgetsTheBeginning(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(torch.cat([past[:, :10] * 0, past[:, 10:]], 1), seen, time)


class NoOthers(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(torch.cat([past[:, :, :2], past[:, :, 2:] * 0], 2), seen, time)


class NoTimeAhead(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past, seen, torch.cat([time[:, :18], time[:, 18:] * 0], 1))


class NoTimeBefore(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past, seen, torch.cat([time[:, :18] * 0, time[:, 18:]], 1))


class WrongShape(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past, seen, time)[:, :-1]


class Counting(Toy):
    def __init__(self, spec: WindowSpec) -> None:
        super().__init__(spec)
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(past, seen, time)


class DropoutInEvaluation(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(past, seen, time), 0.5, training=True)


class Hidden(Toy):
    offset = 0.0

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        self.offset += 1.0 if self.training else 0.0
        return super().forward(past, seen, time) + self.offset


class Unseeded(Toy):
    def __init__(self, spec: WindowSpec) -> None:
        super().__init__(spec)
        nn.init.normal_(self.hidden.weight, generator=torch.Generator().manual_seed(next(OWN_RANDOMNESS)))


class Fixed(Toy):
    def __init__(self, spec: WindowSpec) -> None:
        super().__init__(spec)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1, generator=torch.Generator().manual_seed(0))


class DividesByItself(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return super().forward(past / past.abs().sum((1, 2), keepdim=True), seen, time)


class TakesTheFuture(Toy):
    def forward(self, past: Tensor, seen: Tensor, time: Tensor, future: Tensor | None = None) -> Tensor:
        return super().forward(past, seen, time)


BROKEN: list[tuple[type[nn.Module], str]] = [
    (TakesTheFuture, r"declares: forward takes \['past', 'seen', 'time', 'future'\]"),
    (Whole, r"refuses: a spec with .* is built"),
    (WrongShape, r"shape: expected float32 \[32, 6, 2, 3\], found torch.float32 \[32, 5, 2, 3\]"),
    (Whole, r"quantiles: \d+ of 768 neighbouring quantiles cross"),
    (Unused, r"gradients: body.spare.weight gets no gradient: forward does not use it"),
    (TimesZero, r"gradients: dead parameters, their gradient stays zero: body.spare.weight, body.spare.bias"),
    (Deaf, r"learns: waves are not learnt in 300 steps: 0\.\d+ of the naive error, needed 0.5"),
    (Unseeded, r"seed: two builds with one seed differ in body.hidden.weight"),
    (Fixed, r"seed: two seeds give the same weights"),
    (Whole, r"unseen: values that are not seen move a forecast by"),
    (ForgetsTheBeginning, r"past_counts: the order of steps 6 to 9 of 18 of target 0 makes no difference"),
    (NoOthers, r"others: reads_others is True, yet the other variables make no difference"),
    (NoTimeAhead, r"time: reads_time is True, yet the features of step 1 ahead make no difference"),
    (NoTimeBefore, r"time: reads_time is True, yet the features of the past make no difference"),
    (RowNumber, r"rows: a forecast depends on the order of rows: it moves by"),
    (BatchMean, r"rows: a forecast depends on the batch size, 32 or 1: it moves by"),
    (Whole, r"equivariance: 0.001 x \+ 0 is not forecast as 0.001 y \+ 0: off by"),
    (DividesByItself, r"extremes: constant windows are forecast as nan"),
    (Counting, r"evaluation: evaluation changes body.steps"),
    (DropoutInEvaluation, r"evaluation: evaluation draws random numbers"),
    (Hidden, r"stored: what is stored forecasts differently"),
]


def check(module: type[nn.Module], *only: str, **more: Any) -> None:
    members = {"module": module, "whole": issubclass(module, Whole | TakesTheFuture), "__module__": __name__, **more}
    check_forecast_model(type("BrokenConfig", (ToyConfig,), members)(), SPEC, only=only)


def test_the_faultless_toy_passes() -> None:
    check(Toy)


@pytest.mark.parametrize(("module", "told"), BROKEN)
def test_a_broken_toy_is_noticed(module: type[nn.Module], told: str) -> None:
    with pytest.raises(AssertionError) as found:
        check(module, told.partition(":")[0])
    assert re.search(told, str(found.value)), str(found.value)


def test_what_is_read_against_its_word_is_noticed() -> None:
    quiet = property(lambda self: False)
    with pytest.raises(
        AssertionError, match="reads_time is False, yet the features of step 1 ahead move a forecast by"
    ):
        check(Toy, "time", reads_time=quiet)
    with pytest.raises(AssertionError, match="reads_others is False, yet the other variables move a forecast by"):
        check(Toy, "others", reads_others=quiet)


def test_bad_suggestions_and_titles_are_noticed() -> None:
    with pytest.raises(AssertionError, match=r"lookback\(1, 1, 1\) is 24"):
        check(Toy, "suggests", lookback=lambda self, horizon, season, longest: 24)
    with pytest.raises(AssertionError, match="suggest gives keys without a section"):
        check(Toy, "suggests", suggest=lambda self, windows, spec, minutes: {"lr": 0.1})
    with pytest.raises(AssertionError, match="title is 'toy'"):
        check(Toy, "declares", title="toy")


def test_features_of_steps_that_are_not_seen_are_noticed() -> None:
    class SeesPadding(Whole):
        def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
            return super().forward(past * seen.unsqueeze(2), seen, time)

    with pytest.raises(AssertionError, match="features of steps that are not seen move a forecast by"):
        check(SeesPadding, "unseen")


def test_a_network_that_cannot_be_built_is_said() -> None:
    class Breaks(Toy):
        def __init__(self, spec: WindowSpec) -> None:
            raise RuntimeError("no")

    with pytest.raises(AssertionError, match="cannot be built: RuntimeError: no"):
        check(Breaks)


def test_each_check_is_broken_by_some_toy() -> None:
    assert {told.partition(":")[0] for _, told in BROKEN} | {"suggests"} == CHECKS.keys()
