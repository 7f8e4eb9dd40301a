"""`check_forecast_model`: what every network that forecasts must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.forecasting import check_forecast_model
    check_forecast_model(MyConfig(), WindowSpec(lookback=24, horizon=6, season=6))

Each check raises AssertionError with what was expected and what was found; `check_forecast_model` runs all and reports
all. That nothing of the future's values is read needs no check: they are no argument of `forward`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection
from dataclasses import replace

import safetensors.torch
import torch

from learnloop.contracts import WindowSpec
from learnloop.errors import ModelError
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.testing.forecast_case import ROWS, ForecastCase
from learnloop.testing.forecast_inputs import (
    check_equivariance,
    check_extremes,
    check_others,
    check_past_counts,
    check_rows,
    check_time,
    check_unseen,
)
from learnloop.testing.gradients import require_gradients
from learnloop.testing.model_case import differing, evaluate, state_of
from learnloop.testing.suite import run_checks


def check_declares(case: ForecastCase) -> None:
    """The config has a title and a source, and survives JSON; `forward` takes past, seen and time and no more."""
    kind = type(case.config)
    assert 10 < len(kind.title) < 120, f"title is {kind.title!r}"
    assert len(kind.source) > 10, f"source is {kind.source!r}"
    again = kind.model_validate(json.loads(json.dumps(case.config.model_dump(mode="json"))))
    assert again == case.config, f"JSON gave back {again!r}"
    taken = list(inspect.signature(case.net().forward).parameters)
    assert taken == list(case.spec.keys), f"forward takes {taken}, not {list(case.spec.keys)}"


def check_suggests(case: ForecastCase) -> None:
    """`suggest` gives JSON values under dotted keys and a length where no time is given; `lookback` is one that there
    is."""
    for windows in (4, 1000, 1_000_000):
        for minutes in (None, 1.0):
            values = case.config.suggest(windows, case.spec, minutes)
            json.dumps(values)
            bad = [key for key in values if key.count(".") < 1]
            assert not bad, f"suggest gives keys without a section: {bad}"
            assert values["train.batch_size"] >= 1 and values["optimiser.lr"] > 0, f"suggest gives {values}"
            lasting = {"train.steps", "train.epochs"} & values.keys()
            assert bool(lasting) == (minutes is None), f"minutes = {minutes}, and suggest gives {sorted(lasting)}"
    for horizon, season, longest in ((1, 1, 1), (1, 1, 30), (48, 24, 700), (18, 12, 20), (6, 24, 10_000), (96, 1, 95)):
        found = case.config.lookback(horizon, season, longest)
        assert 1 <= found <= longest, f"lookback({horizon}, {season}, {longest}) is {found}"


def check_refuses(case: ForecastCase) -> None:
    """Specs that make no sense end in a ModelError."""
    broken = {
        "no past": replace(case.spec, lookback=0),
        "no horizon": replace(case.spec, horizon=0),
        "more targets than variables": replace(case.spec, variables=1, targets=2),
        "quantiles that descend": replace(case.spec, quantiles=(0.9, 0.1)),
        "a quantile of 1": replace(case.spec, quantiles=(0.5, 1.0)),
    }
    for told, spec in broken.items():
        try:
            case.config.build(spec)
        except ModelError:
            continue
        raise AssertionError(f"a spec with {told} is built")


def check_shape(case: ForecastCase) -> None:
    """forward gives float32 [batch, horizon, targets, quantiles], in training and in evaluation."""
    wanted = [ROWS, case.spec.horizon, case.spec.targets, len(case.spec.quantiles)]
    for mode in (True, False):
        out = case.net().train(mode)(*case.batch)
        assert list(out.shape) == wanted and out.dtype == torch.float32, (
            f"expected float32 {wanted}, found {out.dtype} {list(out.shape)}"
        )


def check_quantiles(case: ForecastCase) -> None:
    """They ascend, whatever the weights."""
    if len(case.spec.quantiles) == 1:
        return
    for factor in (1.0, 10.0):
        net = case.trained()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(factor)
        steps = evaluate(net, case.batch).diff(dim=3)
        crossed = int((steps < 0).sum())
        assert crossed == 0, f"{crossed} of {steps.numel()} neighbouring quantiles cross"


def check_gradients(case: ForecastCase) -> None:
    """Every parameter gets a gradient, finite, and not zero throughout the first steps."""
    net = case.net().train()
    require_gradients(net, lambda: case.loss(net(*case.batch)))


def check_learns(case: ForecastCase) -> None:
    """Waves are continued with at most half the error of the last value repeated, within 300 steps of Adam."""
    net, found = case.from_zero.net(), 1.0
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for number in range(1, 301):
        net.train()
        optimiser.zero_grad()
        case.loss(net(*case.batch)).backward()
        optimiser.step()
        if number % 20 == 0:
            found = case.error(net)
            if found <= 0.5:
                return
    raise AssertionError(f"waves are not learnt in 300 steps: {found:.2f} of the naive error, needed 0.5")


def check_seed(case: ForecastCase) -> None:
    """The same seed gives the same weights, bit for bit, and another seed others."""
    different = differing(state_of(case.net(1)), state_of(case.net(1)))
    assert not different, f"two builds with one seed differ in {', '.join(different)}"
    assert differing(state_of(case.net(1)), state_of(case.net(2))), "two seeds give the same weights"


def check_evaluation(case: ForecastCase) -> None:
    """Evaluation changes nothing and is not random: no state, no draw from torch's generator, the same answer."""
    net = case.trained().eval()
    before, drawn = state_of(net), torch.get_rng_state()
    first = evaluate(net, case.batch)
    changed = differing(before, state_of(net))
    assert not changed, f"evaluation changes {', '.join(changed)}"
    assert torch.equal(drawn, torch.get_rng_state()), "evaluation draws random numbers"
    assert torch.equal(first, evaluate(net, case.batch)), "evaluating twice gives two answers"


def check_stored(case: ForecastCase) -> None:
    """state_dict -> safetensors -> a network built from another seed forecasts the same bits."""
    net, other = case.trained(), case.net(seed=99)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(state_of(net))))
    assert torch.equal(evaluate(net, case.batch), evaluate(other, case.batch)), "what is stored forecasts differently"


CHECKS: dict[str, Callable[[ForecastCase], None]] = {
    "declares": check_declares,
    "suggests": check_suggests,
    "refuses": check_refuses,
    "shape": check_shape,
    "quantiles": check_quantiles,
    "gradients": check_gradients,
    "learns": check_learns,
    "seed": check_seed,
    "unseen": check_unseen,
    "past_counts": check_past_counts,
    "others": check_others,
    "time": check_time,
    "rows": check_rows,
    "equivariance": check_equivariance,
    "extremes": check_extremes,
    "evaluation": check_evaluation,
    "stored": check_stored,
}
"""Every check by name, in the order in which they run."""


def check_forecast_model(config: ForecastConfig, spec: WindowSpec, *, only: Collection[str] = ()) -> None:
    """Run the checks on `config.build(spec)`; AssertionError names every one that failed and why.

    only  names of CHECKS to run; empty = all. torch's global generator is as it was before, afterwards.
    """
    case = ForecastCase(config, spec)
    title = f"{type(config).__name__} with {spec.lookback} steps of {spec.variables}, {spec.horizon} ahead"
    with torch.random.fork_rng(devices=[]):
        try:
            case.net()
        except Exception as error:
            raise AssertionError(f"{title}: cannot be built: {type(error).__name__}: {error}") from error
    run_checks(title, CHECKS, case, only)
