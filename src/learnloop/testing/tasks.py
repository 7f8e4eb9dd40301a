"""`check_task`: what every Task must hold, for ours and for third parties'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from learnloop.contracts import Batch, State, Task


def check_task(
    make: Callable[[], Task], batch: Callable[[int], Batch], *, steps: int = 60, learns: float = 0.7
) -> None:
    """Run every check over fresh tasks from `make`; raises AssertionError that names the first one that fails.

    make   builds the task anew with the same seed (it must seed torch itself)
    batch  number -> training batch of a toy problem that the task can learn
    learns after `steps` steps the evaluation loss must be below `learns` times what it was
    """
    for check in (same_again, resumes, eval_changes_nothing, rows_are_independent, weights_round_trip):
        check(make, batch)
    learns_its_toy_problem(make, batch, steps, learns)


def learns_its_toy_problem(make: Callable[[], Task], batch: Callable[[int], Batch], steps: int, share: float) -> None:
    task = make()
    before = task.eval_step(batch(0))["loss"].item()
    _steps(task, batch, 0, steps)
    task.train(False)
    after = task.eval_step(batch(0))["loss"].item()
    assert after < share * before, f"the loss went from {before:.4g} to {after:.4g} in {steps} steps"


def same_again(make: Callable[[], Task], batch: Callable[[int], Batch]) -> None:
    states = [_steps(make(), batch, 0, 4).state_dict() for _ in range(2)]
    assert _same(*states), "two tasks with the same seed differ after 4 steps"


def resumes(make: Callable[[], Task], batch: Callable[[int], Batch]) -> None:
    """n steps = n/2 + save + load into a fresh task + n/2, torch's generator carried over as by the engine."""
    whole = make()
    _steps(whole, batch, 0, 8)
    half = make()
    _steps(half, batch, 0, 4)
    state, rng = _copy(half.state_dict()), torch.get_rng_state()
    again = make()
    _steps(again, batch, 5, 7)  # a state must also overwrite a task that has been used
    again.load_state_dict(state)
    torch.set_rng_state(rng)
    _steps(again, batch, 4, 8)
    difference = _difference(whole.state_dict(), again.state_dict())
    assert not difference, f"resumed after 4 of 8 steps, {difference} differs: it is not in state_dict"


def eval_changes_nothing(make: Callable[[], Task], batch: Callable[[int], Batch]) -> None:
    task = make()
    _steps(task, batch, 0, 2)
    before = _copy(task.state_dict())
    task.train(False)
    rng = torch.get_rng_state()
    task.eval_step(batch(0))
    first, second = task.predict(batch(0)), task.predict(batch(0))
    assert torch.equal(rng, torch.get_rng_state()), "evaluation draws random numbers"
    assert _same(first, second), "predicting the same batch twice gives two answers"
    difference = _difference(before, task.state_dict())
    assert not difference, f"evaluation changed {difference}"


def rows_are_independent(make: Callable[[], Task], batch: Callable[[int], Batch]) -> None:
    task = make()
    _steps(task, batch, 0, 2)
    task.train(False)
    rows = batch(0)
    size = len(next(iter(rows.values())))
    whole = task.predict(rows)
    backwards = task.predict({key: value.flip(0) for key, value in rows.items()})
    alone = [task.predict({key: value[index : index + 1] for key, value in rows.items()}) for index in range(size)]
    for key, value in whole.items():
        assert torch.allclose(value, backwards[key].flip(0), atol=1e-5), f"{key} depends on the order of rows"
        single = torch.cat([each[key] for each in alone])
        assert torch.allclose(value, single, atol=1e-5), f"{key} depends on the other rows of the batch"


def weights_round_trip(make: Callable[[], Task], batch: Callable[[int], Batch]) -> None:
    task = make()
    _steps(task, batch, 0, 3)
    kept = task.weights()
    task.train(False)
    before = task.predict(batch(0))
    task.train(True)
    _steps(task, batch, 3, 6)
    task.load_weights(kept)
    task.train(False)
    assert _same(before, task.predict(batch(0))), "load_weights(weights()) does not bring the predictions back"


def _steps(task: Task, batch: Callable[[int], Batch], start: int, stop: int) -> Task:
    task.train(True)
    for number in range(start, stop):
        task.progress(number / 100)
        loss = task.train_step(batch(number))["loss"]
        assert loss.dim() == 0, f"train_step's loss has shape {list(loss.shape)}; a scalar is asked for"
        assert not loss.requires_grad, "train_step's loss still holds the graph: detach it"
    return task


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy(item) for item in value)
    return value


def _same(one: State, other: State) -> bool:
    return not _difference(one, other)


def _difference(one: Any, other: Any, name: str = "") -> str:
    """The name of the first entry that differs, or the empty string."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return "" if one.dtype == other.dtype and torch.equal(one, other) else name
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{name} (other keys)"
        parts = (_difference(one[key], other[key], f"{name}/{key}" if name else str(key)) for key in one)
        return next((part for part in parts if part), "")
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{name} (another length)"
        parts = (_difference(a, b, f"{name}/{index}") for index, (a, b) in enumerate(zip(one, other)))
        return next((part for part in parts if part), "")
    return "" if one == other else name
