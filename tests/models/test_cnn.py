"""CNNConfig: shapes and sizes, what prediction must not depend on, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.cnn import CNNConfig
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.schedules import SCHEDULES

SIZES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 9, 40), (4, 19, 21), (1, 1, 1)]


def spec_of(shape: tuple[int, int, int]) -> InputSpec:
    return InputSpec("image", shape=shape, mean=(0.2,) * shape[0], std=(0.3,) * shape[0])


def pixels(rows: int, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, *shape), generator=generator, dtype=torch.uint8)


def network(shape: tuple[int, int, int] = (1, 28, 28), outputs: int = 10, seed: int = 0, **fields: object) -> nn.Module:
    torch.manual_seed(seed)
    return CNNConfig.model_validate(fields).build(spec_of(shape), outputs)


@pytest.mark.parametrize("shape", SIZES)
def test_any_size_and_channel_count_gives_logits_that_start_at_chance(shape: tuple[int, int, int]) -> None:
    net = network(shape, outputs=7)
    x, y = pixels(64, shape), torch.arange(64) % 7
    logits = net(x)
    assert logits.shape == (64, 7)
    assert F.cross_entropy(logits, y).item() == pytest.approx(math.log(7), abs=0.1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_every_parameter_gets_a_gradient(shape: tuple[int, int, int]) -> None:
    net = network(shape, dropout=0.1)
    F.cross_entropy(net(pixels(16, shape)), torch.arange(16) % 10).backward()
    for name, p in net.named_parameters():
        assert p.grad is not None and bool(p.grad.abs().sum() > 0), name


def test_bytes_and_floats_are_the_same_pixels() -> None:
    net, x = network().eval(), pixels(5, (1, 28, 28))
    assert torch.equal(net(x), net(x.float()))


def test_prediction_depends_on_nothing_but_the_image() -> None:
    net, x = network(dropout=0.5), pixels(12, (1, 28, 28))
    net(x)  # running means that are not 0 and 1
    net.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    whole, order = net(x), torch.randperm(12, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x[order]), whole[order])
    torch.testing.assert_close(torch.cat([net(x[i : i + 1]) for i in range(12)]), whole, atol=1e-5, rtol=1e-4)
    assert torch.equal(net(x), whole)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_seed_fixes_the_weights_and_a_state_carries_them() -> None:
    first, again, other = network(seed=3), network(seed=3), network(seed=4)
    x = pixels(4, (1, 28, 28))
    assert torch.equal(first.eval()(x), again.eval()(x))
    assert not torch.equal(first(x), other.eval()(x))
    other.load_state_dict(first.state_dict())
    assert torch.equal(first(x), other(x))


@pytest.mark.parametrize("value", [0.0, 255.0, 1e6, -1e6])
def test_extreme_pixels_give_finite_logits(value: float) -> None:
    net = network((3, 32, 32))
    assert bool(net.eval()(torch.full((2, 3, 32, 32), value)).isfinite().all())


def test_a_channel_that_never_varied_gives_finite_logits() -> None:
    net = CNNConfig().build(InputSpec("image", shape=(1, 28, 28), mean=(0.0,), std=(0.0,)), 2)
    assert bool(net(pixels(4, (1, 28, 28))).isfinite().all())


def test_it_refuses_tables() -> None:
    with pytest.raises(ModelError) as caught:
        CNNConfig().build(InputSpec("table", numbers=3), 2)
    assert str(caught.value).startswith("model 'cnn': takes images\n  found:     the inputs are a table of 3 numbers")


# --- learning ---


def test_suggest_names_what_exists_and_the_digits_are_learnt_by_it() -> None:
    """The suggested recipe, cut to a fifth of its passes, reads 450 digits that it never saw."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.from_numpy(digits.images * 15.9).to(torch.uint8)[:, None]
    y = torch.from_numpy(digits.target).long()
    rows = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = rows[:1347], rows[1347:]
    spec = InputSpec("image", shape=(1, 8, 8), mean=(0.3,), std=(0.38,))
    plan = CNNConfig().suggest(len(train), spec, 10, None)
    options = {
        section: {k.split(".")[1]: v for k, v in plan.items() if k.startswith(f"{section}.")}
        for section in ("model", "augment", "optimiser", "schedule", "train")
    }
    assert sum(len(values) for values in options.values()) == len(plan)
    torch.manual_seed(0)
    net = CNNConfig(**options["model"]).build(spec, 10)
    optimiser, schedule = options["optimiser"], options["schedule"]
    stepper = OPTIMISERS[optimiser.pop("name")](**optimiser).build(net, fused=True)
    curve = SCHEDULES[schedule.pop("name")](**schedule).build()
    size = options["train"]["batch_size"]
    batches = [part for _ in range(options["train"]["epochs"] // 5) for part in train[torch.randperm(1347)].split(size)]
    for step, part in enumerate(batches):
        loss = F.cross_entropy(net(x[part]), y[part])
        stepper.zero_grad()
        loss.backward()
        stepper.set_scale(curve.factor(step / len(batches), step))
        stepper.step()
    with torch.no_grad():
        accuracy = float((net.eval()(x[test]).argmax(1) == y[test]).float().mean())
    assert accuracy >= 0.96


@pytest.mark.parametrize("rows", [1, 5, 300, 1437, 60_000, 2_000_000])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64)])
@pytest.mark.parametrize("minutes", [None, 0.1, 0.5, 5.0, 600.0])
def test_suggestions_are_valid(rows: int, shape: tuple[int, int, int], minutes: float | None) -> None:
    plan = CNNConfig().suggest(rows, spec_of(shape), 10, minutes)
    model = {key.removeprefix("model."): value for key, value in plan.items() if key.startswith("model.")}
    CNNConfig.model_validate(model)
    assert 1 <= plan["train.batch_size"] <= max(rows, 1)
    assert ("train.epochs" in plan) == (minutes is None)
    assert plan.get("train.epochs", 1) >= 1
    assert plan["optimiser.name"] in OPTIMISERS and plan["schedule.name"] in SCHEDULES


def test_more_minutes_buy_a_wider_network() -> None:
    def widths(rows: int, minutes: float | None) -> list[int]:
        return CNNConfig().suggest(rows, spec_of((1, 28, 28)), 10, minutes)["model.widths"]

    assert [widths(51_000, minutes) for minutes in (0.5, 3.0, 4.0, 5.0)] == [
        [32, 64],
        [48, 96],
        [64, 128],
        [64, 128],
    ]
    assert widths(2_000_000, 5.0) == [32, 64]
    assert widths(51_000, None) == [48, 96]


def test_suggest_leaves_what_the_user_chose_alone() -> None:
    plan = CNNConfig(widths=(8, 8)).suggest(60_000, spec_of((1, 28, 28)), 10, 5.0)
    assert "model.widths" not in plan


def test_images_are_moved_from_20_pixels_on() -> None:
    def augment(shape: tuple[int, int, int]) -> dict[str, object]:
        plan = CNNConfig().suggest(60_000, spec_of(shape), 10, None)
        return {key: value for key, value in plan.items() if key.startswith("augment.")}

    assert augment((1, 8, 8)) == {}
    moved = {"augment.flip": "alternate", "augment.crop": 2}
    assert augment((1, 28, 28)) == {**moved, "augment.fill": "nearest"}
    assert augment((3, 32, 40)) == {**moved, "augment.fill": "reflect"}


def test_a_bundle_from_before_augmentation_was_a_section_can_be_read() -> None:
    assert CNNConfig.model_validate({"widths": (8, 8), "shift": 2, "flip": False}) == CNNConfig(widths=(8, 8))
