"""`check_players`: what every network of a generator and a discriminator must hold, with the task that trains it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

import safetensors.torch
import torch

from learnloop.contracts import InputSpec, X
from learnloop.models.generative.config import GenerativeConfig, Mapper, Players, Sampler
from learnloop.testing import tasks as task_checks
from learnloop.testing.gans_case import ROWS, PlayersCase, state_of
from learnloop.testing.suite import difference, run_checks


def check_declares(case: PlayersCase) -> None:
    """A title of one line, a source, and a config that JSON gives back."""
    kind = type(case.config)
    assert 10 < len(kind.title) < 120, f"title is {kind.title!r}"
    assert len(kind.source) > 10, f"source is {kind.source!r}"
    again = kind.model_validate(json.loads(json.dumps(case.config.model_dump(mode="json"))))
    assert again == case.config, f"JSON gave back {again!r}"


def check_suggests(case: PlayersCase) -> None:
    """`suggest` gives JSON values under dotted keys, and a length where no time is given."""
    for rows in (2, 1000, 1_000_000):
        for minutes in (None, 1.0):
            values = case.config.suggest(rows, case.spec, minutes)
            json.dumps(values)
            assert all("." in key for key in values), f"suggest gives keys without a section: {sorted(values)}"
            assert 1 <= values["train.batch_size"] <= rows and values["optimiser.lr"] > 0, f"suggest gives {values}"
            lasting = {"train.steps", "train.epochs"} & values.keys()
            assert bool(lasting) == (minutes is None), f"minutes = {minutes}, and suggest gives {sorted(lasting)}"


def check_players_named(case: PlayersCase) -> None:
    """A generator and a discriminator, without a weight in common, and with a rate each."""
    net = case.net()
    assert isinstance(case.net(), Players), "the network is no `Players`"
    assert list(net.players) == ["generator", "discriminator"], f"players are {list(net.players)}"
    assert set(net.rates) == set(net.players), f"rates are of {sorted(net.rates)}"
    mine, others = (set(player.parameters()) for player in net.players.values())
    assert not mine & others, "the players share weights"
    assert mine | others == set(net.parameters()), "some weights belong to no player"


def check_pictures(case: PlayersCase) -> None:
    """What serves makes pictures in 0..1 of the right shape, in evaluation and in training, and draws nothing."""
    for mode in (False, True):
        net = case.net().train(mode)
        drawn = torch.get_rng_state()
        made = case.served(net, ROWS)
        shape = (case.wanted or case.spec).shape
        assert made.dtype == torch.float32 and made.shape == (ROWS, *shape), f"{made.dtype} {list(made.shape)}"
        assert float(made.detach().min()) >= 0 and float(made.detach().max()) <= 1, "pictures are not in 0..1"
        assert torch.equal(drawn, torch.get_rng_state()), "what serves draws random numbers"


def check_rows(case: PlayersCase) -> None:
    """A picture depends on its own noise or source alone."""
    net = case.trained().net.eval()
    with torch.no_grad():
        whole, some = case.served(net, ROWS), case.served(net, 3)
    assert torch.allclose(whole[:3], some, atol=1e-5), "a picture depends on the others of its batch"
    assert not torch.allclose(whole[0], whole[1], atol=1e-4), "all pictures are one"


def check_labels(case: PlayersCase) -> None:
    """Where the network is told classes, both players listen; without a label it takes one from the noise."""
    net = case.trained().net.eval()
    if not case.config.conditional:
        return
    noise = case.noise(ROWS)
    zero, one = (torch.full((ROWS,), code) for code in (0, 1))
    with torch.no_grad():
        assert not torch.allclose(net.generate(noise, zero), net.generate(noise, one), atol=1e-5), "G hears no label"
        real = net.scaled(case.batch(0)[X])
        assert not torch.allclose(net.judge(real, zero), net.judge(real, one), atol=1e-5), "D hears no label"
        assert net.generate(noise).shape == net.generate(noise, zero).shape


def check_own_weights(case: PlayersCase) -> None:
    """A step moves every weight of a player whose rate is not 0, and none of one whose rate is 0."""
    clipped = getattr(case.config, "objective", "") == "wasserstein"  # weights are cut back whatever the rate
    for still in ("generator",) if clipped else ("generator", "discriminator"):
        task = case.task(still=still)
        before = {name: tensor.clone() for name, tensor in task.net.named_parameters()}
        for number in range(4):
            task.train_step(case.batch(number))
        for name, tensor in task.net.named_parameters():
            if name.endswith("verdict.score.bias") and not name.startswith(still):
                continue  # it cancels out of a difference of scores
            moved = not torch.equal(before[name], tensor)
            assert moved != name.startswith(still), f"{name} {'moved' if moved else 'stayed'}, and {still} is held"


def check_scalars(case: PlayersCase) -> None:
    """A step tells how both players do, in numbers without a graph."""
    scalars = case.task().train_step(case.batch(0))
    expected = {"loss", "discriminator_loss", "real", "fake", "generator_gradient", "spread"}
    assert next(iter(scalars)) == "loss" and expected <= scalars.keys(), f"a step tells {list(scalars)}"
    for name, value in scalars.items():
        assert value.dim() == 0 and not value.requires_grad and bool(torch.isfinite(value)), f"{name} is {value}"
    assert float(scalars["generator_gradient"]) > 0, "no gradient reaches the generator"


def check_rehearsal(case: PlayersCase) -> None:
    """Its gradient reaches every weight that a step moves, and nothing has moved."""
    net = case.net()
    before = state_of(net)
    case.rehearsal(net, case.batch(0)).backward()
    missing = [name for name, tensor in net.named_parameters() if tensor.grad is None]
    assert not missing, f"no gradient for {', '.join(missing)}"
    moved = [name for name, tensor in net.named_parameters() if not torch.equal(before[name], tensor)]
    assert not moved, f"a rehearsal moves {', '.join(moved)}"


def check_average(case: PlayersCase) -> None:
    """Inside `averaged` the generator, and no other, holds other weights: those that `weights` then gives."""
    task = case.trained()
    live = state_of(task.net)
    with task.averaged():
        kept = task.weights()
        inside = state_of(task.net)
    assert not difference(kept, inside), "weights() inside averaged() are others than the network's"
    assert not difference(live, state_of(task.net)), "the players' own weights do not come back"
    changed = {name.split(".")[0] for name in live if not torch.equal(live[name], inside[name])}
    assert changed == {"generator"}, f"averaged weights are those of {sorted(changed)}"


def check_seed(case: PlayersCase) -> None:
    """The same seed gives the same weights, bit for bit, and another seed others."""
    assert not difference(state_of(case.net(1)), state_of(case.net(1))), "two builds with one seed differ"
    assert difference(state_of(case.net(1)), state_of(case.net(2))), "two seeds give the same weights"


def check_stored(case: PlayersCase) -> None:
    """state_dict -> safetensors -> a network built from another seed makes the same bits."""
    net, other = case.trained().net.eval(), case.net(seed=99).eval()
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(state_of(net))))
    with torch.no_grad():
        assert torch.equal(case.served(net, ROWS), case.served(other, ROWS)), "what is stored makes other pictures"


def check_is_a_task(case: PlayersCase) -> None:
    """Deterministic, resumes bit for bit, evaluation changes nothing, predictions are of a row alone."""
    for check in (
        task_checks.same_again,
        task_checks.resumes,
        task_checks.eval_changes_nothing,
        task_checks.rows_are_independent,
        task_checks.weights_round_trip,
    ):
        check(case.task, case.batch)


def check_learns(case: PlayersCase) -> None:
    """A toy problem, see `PlayersCase.failure`, within 600 steps of Adam at 1e-3."""
    task, found = case.task(), "no step was taken"
    for number in range(1, 601):
        task.train_step(case.toy_batch(number))
        if number % 25 == 0:
            task.train(False)
            found = case.failure(task)
            task.train(True)
            if not found:
                return
    raise AssertionError(f"after 600 steps {found}")


CHECKS: dict[str, Callable[[PlayersCase], None]] = {
    "declares": check_declares,
    "suggests": check_suggests,
    "players": check_players_named,
    "pictures": check_pictures,
    "rows": check_rows,
    "labels": check_labels,
    "own_weights": check_own_weights,
    "scalars": check_scalars,
    "rehearsal": check_rehearsal,
    "average": check_average,
    "seed": check_seed,
    "stored": check_stored,
    "task": check_is_a_task,
    "learns": check_learns,
}
"""Every check by name, in the order in which they run."""


def check_players(
    config: GenerativeConfig,
    spec: InputSpec,
    *,
    classes: int = 0,
    wanted: InputSpec | None = None,
    only: Collection[str] = (),
) -> None:
    """Run the checks on `config.build(spec, classes, wanted)`; AssertionError names every one that failed and why.

    only  names of CHECKS to run; empty = all. torch's global generator is as it was before, afterwards.
    """
    case = PlayersCase(config, spec, classes, wanted)
    kind = "sampler" if isinstance(case.net(), Sampler) else "mapper" if isinstance(case.net(), Mapper) else ""
    assert kind, f"{type(config).__name__} builds neither a Sampler nor a Mapper"
    run_checks(f"{type(config).__name__} ({kind})", CHECKS, case, only)
