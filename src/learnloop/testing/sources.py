"""`check_source`: what every Source must hold, for ours and for third parties'."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from learnloop.contracts import Batch, Source


def check_source(make: Callable[[], Source], *, batches: int = 12, ragged: bool = False) -> None:
    """Run every check over fresh sources from `make`; raises AssertionError that names the first one that fails.

    make    builds the source anew, each time with the same data and seed
    ragged  rows differ in length, and a batch is as wide as its longest: batches are equal in their rows alone
    """
    for check in CHECKS:
        if not (ragged and check is one_batch_shape):
            check(make, batches)
    if ragged:
        one_number_of_rows(make, batches)


def same_again(make: Callable[[], Source], batches: int) -> None:
    first, second = _take(make(), batches), _take(make(), batches)
    for number, (one, other) in enumerate(zip(first, second)):
        assert _equal(one, other), f"two sources with the same seed differ in batch {number}"


def resumes(make: Callable[[], Source], batches: int) -> None:
    whole = _take(make(), batches)
    for position in (0, 1, batches // 2, batches - 1):
        source = make()
        _take(source, position)
        state = source.state_dict()
        again = make()
        _take(again, 2)  # a state must also move a source that has been used
        again.load_state_dict(state)
        rest = _take(again, batches - position)
        for number, (one, other) in enumerate(zip(whole[position:], rest)):
            assert _equal(one, other), f"resumed at batch {position}, batch {position + number} differs"


def state_is_small(make: Callable[[], Source], batches: int) -> None:
    source = make()
    _take(source, batches)
    size = sum(value.numel() for value in source.state_dict().values() if isinstance(value, torch.Tensor))
    assert size <= 1_000_000, f"the state holds {size} numbers: a position is asked for, not the data"


def one_batch_shape(make: Callable[[], Source], batches: int) -> None:
    source = make()
    shapes = {tuple((key, tuple(value.shape)) for key, value in batch.items()) for batch in _take(source, batches)}
    assert len(shapes) == 1, f"batches have different shapes: {sorted(shapes)}"
    assert next(iter(shapes))[0][1][0] == source.batch_size, "batch_size is not the size of a batch"


def one_number_of_rows(make: Callable[[], Source], batches: int) -> None:
    source = make()
    rows = {len(value) for batch in _take(source, batches) for value in batch.values()}
    assert rows == {source.batch_size}, f"batches have {sorted(rows)} rows, not batch_size = {source.batch_size}"


def does_not_touch_the_global_stream(make: Callable[[], Source], batches: int) -> None:
    before = torch.get_rng_state()
    _take(make(), batches)
    assert torch.equal(before, torch.get_rng_state()), "the source draws from torch's global generator"


def batches_are_its_own(make: Callable[[], Source], batches: int) -> None:
    untouched = _take(make(), batches)
    source = make()
    for number in range(batches):
        batch = next(source)
        assert _equal(batch, untouched[number]), f"changing a batch in place changed batch {number}"
        for value in batch.values():
            value.zero_()


CHECKS = (
    same_again,
    resumes,
    state_is_small,
    one_batch_shape,
    does_not_touch_the_global_stream,
    batches_are_its_own,
)


def _take(source: Source, count: int) -> list[Batch]:
    return [{key: value.clone() for key, value in next(source).items()} for _ in range(count)]


def _equal(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)


def _alike(one: Tensor, other: Tensor) -> bool:
    """Bit for bit, but that NaN, which stands for what is unknown, is like NaN."""
    if torch.equal(one, other):
        return True
    if one.shape != other.shape or not (one.is_floating_point() and other.is_floating_point()):
        return False
    unknown = torch.isnan(one)
    return torch.equal(unknown, torch.isnan(other)) and torch.equal(one[~unknown], other[~unknown])
