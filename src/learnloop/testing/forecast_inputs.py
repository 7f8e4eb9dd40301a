"""Checks of forecasting networks: which inputs an answer depends on, and which it does not."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.testing.forecast_case import ROWS, ForecastCase, moved
from learnloop.testing.model_case import evaluate

_CLOSE = 1e-4
"""Rounding in float32 stays below, through as many layers as a network may have."""
_COUNTS = 1e-7
"""Below, an input makes no difference that is more than rounding."""


def check_unseen(case: ForecastCase) -> None:
    """What stands where nothing is seen, values and features, changes no answer by a bit."""
    net, (past, seen, time) = case.trained(), case.batch
    hidden = (seen == 0).unsqueeze(2)
    before = evaluate(net, [past, seen, time])
    far = moved(before, evaluate(net, [torch.where(hidden, 1e3, past), seen, time]))
    assert far == 0, f"values that are not seen move a forecast by {far:.2g}"
    early, late = time[:, : case.spec.lookback], time[:, case.spec.lookback :]
    changed = torch.cat([torch.where(hidden, 1e3, early), late], 1)
    far = moved(before, evaluate(net, [past, seen, changed]))
    assert far == 0, f"features of steps that are not seen move a forecast by {far:.2g}"


def check_past_counts(case: ForecastCase) -> None:
    """The order of values counts, early and late, of each target in its own forecast: pieces are read backwards, which
    leaves mean, deviation and last value as they are."""
    net, (past, seen, time) = case.from_zero.trained(), case.batch
    before, long = evaluate(net, [past, seen, time]), case.spec.lookback
    for target in range(case.spec.targets):
        for start, stop in ((long // 3, long // 3 + long // 4), (long - 1 - long // 4, long - 1)):
            changed = past.clone()
            changed[:, start:stop, target] = past[:, start:stop, target].flip(1)
            far = moved(before[:, :, target], evaluate(net, [changed, seen, time])[:, :, target])
            told = f"the order of steps {start} to {stop - 1} of {long} of target {target}"
            assert far > 10 * _COUNTS, f"{told} makes no difference"


def check_others(case: ForecastCase) -> None:
    """Variables that are no targets count where the config says so (`reads_others`), and nowhere else."""
    if case.spec.variables == case.spec.targets:
        return
    net, (past, seen, time) = case.trained(), case.batch
    changed = past.clone()
    changed[:, :, case.spec.targets :] += torch.arange(case.spec.lookback).unsqueeze(1) % 3 * seen.unsqueeze(2)
    far = moved(evaluate(net, [past, seen, time]), evaluate(net, [changed, seen, time]))
    _as_said("the other variables", far, "reads_others", case.config.reads_others)


def check_time(case: ForecastCase) -> None:
    """What is known ahead counts at every step of the horizon where the config says so (`reads_time`), else nowhere;
    before the first step to forecast too."""
    if not case.spec.features:
        return
    net, (past, seen, time) = case.trained(), case.batch
    before = evaluate(net, [past, seen, time])
    for step in (0, case.spec.horizon - 1):
        changed = time.clone()
        changed[:, case.spec.lookback + step] += 1
        far = moved(before[:, step], evaluate(net, [past, seen, changed])[:, step])
        _as_said(f"the features of step {step + 1} ahead", far, "reads_time", case.config.reads_time)
    changed = time.clone()
    changed[:, : case.spec.lookback] += 1
    far = moved(before, evaluate(net, [past, seen, changed]))
    _as_said("the features of the past", far, "reads_time", case.config.reads_time)


def check_rows(case: ForecastCase) -> None:
    """A forecast depends on its own window alone: not on order, size or company of the batch."""
    net = case.trained()
    whole = evaluate(net, case.batch)
    order = torch.arange(ROWS - 1, -1, -1)
    far = moved(whole[order], evaluate(net, [part[order] for part in case.batch]))
    assert far < _CLOSE, f"a forecast depends on the order of rows: it moves by {far:.2g}"
    for size in (1, 7):
        parts = [evaluate(net, [part[k : k + size] for part in case.batch]) for k in range(0, ROWS, size)]
        far = moved(whole, torch.cat(parts))
        assert far < _CLOSE, f"a forecast depends on the batch size, {ROWS} or {size}: it moves by {far:.2g}"


def check_equivariance(case: ForecastCase) -> None:
    """Series in other units get the same forecast in those units: c x + d where the scaling takes level and spread out
    (window, last), c x where it takes the level out (level)."""
    if case.config.scale == "none":
        return
    net, (past, seen, time) = case.trained(), case.batch
    before = evaluate(net, [past, seen, time])
    for factor, shift in ((1e-3, 0.0), (2000.0, 0.0), (3.0, 50.0)):
        if shift and case.config.scale == "level":
            continue
        found = (evaluate(net, [factor * past + shift, seen, time]) - shift) / factor
        far = moved(before, found)
        # 50 is 50 times as large as the waves: of float32's 7 digits 5 are left.
        assert far < 1e-3, f"{factor:g} x + {shift:g} is not forecast as {factor:g} y + {shift:g}: off by {far:.2g}"


def check_extremes(case: ForecastCase) -> None:
    """Constant, empty, tiny, huge and one-value windows get finite forecasts, and in training finite gradients."""
    past, seen, time = case.batch
    least = torch.zeros_like(seen)
    least[:, -1] = 1
    windows = {
        "constant windows": [torch.full_like(past, 7.0), seen, time],
        "windows of zeros": [torch.zeros_like(past), seen, time],
        "windows in which nothing is seen": [torch.zeros_like(past), torch.zeros_like(seen), time],
        "windows with one value": [past * least.unsqueeze(2), least, time],
    }
    if case.config.scale != "none":
        windows |= {"huge values": [past * 1e15, seen, time], "tiny values": [past * 1e-9, seen, time]}
    for told, batch in windows.items():
        net = case.trained().train()
        out = net(*batch)
        assert bool(out.isfinite().all()), f"{told} are forecast as {_strange(out)}"
        (out / batch[0].abs().amax().clamp_min(1e-9)).mean().backward()
        bad = [name for name, p in net.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
        assert not bad, f"{told} give {bad[0]} a gradient that is not finite"


def _as_said(what: str, far: float, name: str, said: bool) -> None:
    if said:
        assert far > _COUNTS, f"{name} is True, yet {what} make no difference"
    else:
        assert far == 0, f"{name} is False, yet {what} move a forecast by {far:.2g}"


def _strange(out: Tensor) -> float:
    return float(out.detach()[~out.isfinite()][0])
