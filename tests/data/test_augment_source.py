"""AugmentedSource: a function of (seed, number of the batch), the one pass, alternating flips, mixed labels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from learnloop.contracts import INDEX, WEIGHT, Batch
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.draws import Draws
from learnloop.data.augment.pictures import Pictures
from learnloop.data.augment.presets import OPERATIONS, PRESETS, preset, usual, why_not_mirrored
from learnloop.data.augment.source import AugmentedSource
from learnloop.data.sources import RowSource
from learnloop.testing.sources import check_source

EVERYTHING: dict[str, Any] = {
    **{key: value for name in OPERATIONS for key, value in usual(name, 12).items()},
    "flip": "alternate",
}


def tensors(rows: int = 30, channels: int = 3, side: int = 12) -> Batch:
    x = torch.randint(0, 256, (rows, channels, side, side), generator=torch.Generator().manual_seed(7)).byte()
    return {"x": x, "y": torch.arange(rows) % 5, "weight": torch.ones(rows)}


def source(seed: int = 4, batch: int = 8, data: Batch | None = None, **fields: Any) -> AugmentedSource:
    rows = RowSource(tensors() if data is None else data, batch, seed=1, index=True)
    return AugmentedSource(rows, AugmentConfig(**fields), seed=seed, outputs=5, mean=(0.4, 0.5, 0.6))


CASES: dict[str, dict[str, Any]] = {
    **{name: preset(name, 32) for name in PRESETS},
    **{name: usual(name, 12) for name in OPERATIONS},
    "everything": EVERYTHING,
}


@pytest.mark.parametrize("name", CASES)
def test_every_operation_keeps_to_the_contract_of_sources(name: str) -> None:
    check_source(lambda: source(**CASES[name]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_changes_images_and_stays_within_range(name: str) -> None:
    batch, plain = next(source(**CASES[name])), next(RowSource(tensors(), 8, seed=1))
    x = batch["x"].float()
    assert not torch.equal(x, plain["x"].float()) and x.min() >= 0 and x.max() <= 255
    assert INDEX not in batch and batch["x"].shape == plain["x"].shape


def test_nothing_asked_gives_the_same_bytes() -> None:
    batch, plain = next(source()), next(RowSource(tensors(), 8, seed=1))
    assert batch.keys() == plain.keys() and all(torch.equal(batch[key], plain[key]) for key in plain)
    assert batch["x"].dtype == torch.uint8 and not AugmentConfig().on


@pytest.mark.parametrize("name", ["flip", "flip_vertical", "crop", "cutout", "erase", "cutmix"])
def test_what_needs_no_fractions_keeps_bytes(name: str) -> None:
    assert next(source(**CASES[name]))["x"].dtype == torch.uint8


def test_another_seed_and_another_batch_give_other_images() -> None:
    data = {key: value[:8] for key, value in tensors().items()}  # every batch is the whole data
    first, second = itertools.islice(source(data=data, rotation=20), 2)
    other = next(source(data=data, rotation=20, seed=5))
    assert not torch.equal(first["x"], other["x"])
    order = [batch["y"] for batch in itertools.islice(RowSource(data, 8, seed=1), 2)]
    assert torch.equal(first["y"], order[0]) and torch.equal(second["y"], order[1])
    assert not torch.equal(first["x"].sort(0).values, second["x"].sort(0).values)


@pytest.mark.parametrize("name", CASES)
def test_what_the_source_holds_stays_as_it_is(name: str) -> None:
    x = tensors()["x"].float() if name == "brightness" else tensors()["x"]
    before, fields = x.clone(), {key: value for key, value in CASES[name].items() if key not in ("mixup", "cutmix")}
    config = AugmentConfig(**{**fields, **({"flip": "random"} if fields.get("flip") == "alternate" else {})})
    Pictures(config, (0.4, 0.5, 0.6))(x, Draws(0, 3, len(x)))
    assert torch.equal(x, before)


def test_batches_of_another_size_keep_each_their_draws() -> None:
    """One operation more changes no draw of the others."""
    x, pictures = tensors()["x"], Pictures(AugmentConfig(crop=2))
    moved = pictures(x, Draws(0, 3, len(x)))
    both = Pictures(AugmentConfig(crop=2, cutout=0.25), (0.0, 0.0, 0.0))(x, Draws(0, 3, len(x)))
    covered = both != moved
    assert bool(covered.any()) and bool((both[covered] == 0).all())


def test_alternating_flips_show_each_image_both_ways_in_two_passes() -> None:
    rows = 12
    x = torch.arange(rows)[:, None, None, None] * 10 + torch.arange(4.0)[None, None, None, :].expand(1, 1, 4, 4)
    data = {"x": x, "y": torch.arange(rows)}
    batches = list(itertools.islice(source(batch=5, data=data, flip="alternate"), 24))  # 120 entries: ten passes
    entries = [(int(y), bool(image[0, 0, 0] > image[0, 0, -1])) for b in batches for image, y in zip(b["x"], b["y"])]
    passes = [dict(entries[rows * k : rows * (k + 1)]) for k in range(10)]
    assert all(len(seen) == rows for seen in passes)
    for before, after in itertools.pairwise(passes):
        assert all(before[row] != after[row] for row in range(rows))
    assert 0 < sum(passes[0].values()) < rows, "pass 0 is random"


def test_random_flips_are_even_and_independent() -> None:
    x = torch.arange(4.0).expand(64, 1, 4, 4).contiguous()
    mirrored = [
        (batch["x"][:, 0, 0, 0] == 3) for batch in itertools.islice(source(64, 64, {"x": x, "y": x}, flip="random"), 60)
    ]
    share = torch.stack(mirrored).float()
    assert abs(float(share.mean()) - 0.5) < 0.03
    assert bool((share.mean(0) - 0.5).abs().max() < 0.3)


def test_labels_become_probabilities_and_weights_are_mixed_with_them() -> None:
    data = {**tensors(), WEIGHT: torch.arange(30.0)}
    batch, plain = next(source(data=data, mixup=0.4)), next(RowSource(data, 8, seed=1))
    assert batch["y"].shape == (8, 5) and batch["y"].dtype == torch.float32 and batch["x"].dtype == torch.float32
    torch.testing.assert_close(batch["y"].sum(1), torch.ones(8))
    low, high = float(plain[WEIGHT].min()), float(plain[WEIGHT].max())
    assert low <= batch[WEIGHT].min() and batch[WEIGHT].max() <= high and not torch.equal(batch[WEIGHT], plain[WEIGHT])


def test_numbers_are_mixed_as_they_are() -> None:
    data = {"x": tensors()["x"], "y": torch.arange(30.0)[:, None]}
    rows = RowSource(data, 8, seed=1)
    batch = next(AugmentedSource(rows, AugmentConfig(cutmix=1.0), seed=0))
    assert batch["y"].shape == (8, 1) and not torch.equal(batch["y"], data["y"][rows.rows_of(0)])


def test_the_rows_of_a_batch_are_known() -> None:
    rows = source(crop=1)
    for position in range(5):
        batch = next(rows)
        assert torch.equal(batch["y"], rows.rows_of(position) % 5)


def test_the_index_need_not_be_in_the_batch() -> None:
    def flipped(index: bool) -> torch.Tensor:
        rows = RowSource(tensors(), 8, seed=1, index=index)
        return next(AugmentedSource(rows, AugmentConfig(flip="alternate"), seed=0))["x"]

    assert torch.equal(flipped(True), flipped(False))


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        (["0", "1", "2"], "look like digits or letters"),
        (["A", "b"], "look like digits or letters"),
        (["10", "11"], "look like digits or letters"),
        (["cat", "dog"], ""),
        (["a", "cat"], ""),
        (None, "the target is a number"),
    ],
)
def test_what_may_be_mirrored(classes: list[str] | None, text: str) -> None:
    reason = why_not_mirrored(classes)
    assert text in reason and bool(text) == bool(reason)


def test_presets_grow_and_spare_tiny_images() -> None:
    assert preset("light", 8)["crop"] == 0 and preset("light", 32)["crop"] == 2 and preset("standard", 32)["crop"] == 4
    assert AugmentConfig(**preset("strong", 32)).policy_ops == 2
    assert not any(AugmentConfig(**preset(name, 32)).mixes for name in PRESETS)
    assert AugmentConfig(flip="random", crop=4).line() == "flip random, crop 4, fill reflect"
    assert AugmentConfig(flip_vertical=True).line() == "flip_vertical" and AugmentConfig().line() == "nothing"
