from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from learnloop.contracts import Batch, InputSpec, X, Y
from learnloop.data.unpaired import UnpairedSource
from learnloop.errors import RecipeError
from learnloop.models.generative.adversaries import ObjectiveName
from learnloop.models.generative.cyclegan import CycleGanConfig
from learnloop.models.generative.dcgan import DcganConfig
from learnloop.models.generative.dense_gan import DenseGanConfig
from learnloop.models.generative.pix2pix import Pix2PixConfig
from learnloop.optim.adam import AdamConfig
from learnloop.optim.average import WeightAverage
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.scratch import gan as scratch
from learnloop.tasks.adversarial import GradientNorm, held, spread
from learnloop.tasks.gan import Gan
from learnloop.tasks.gan_objectives import OBJECTIVES, gradient_penalty
from learnloop.tasks.image_to_image import CycleGan, PairedGan
from learnloop.testing.sources import check_source

SPEC = InputSpec("image", shape=(1, 8, 8), mean=(0.5,), std=(0.3,))
R, F = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.25, 1.5])


def pictures(rows: int = 10, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (rows, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def make(config: Any = None, *, classes: int = 0, lr: float = 1e-3, average: bool = False, **fields: Any) -> Gan:
    config = config or DenseGanConfig(noise=4, widths=(16,), discriminator_widths=(16,), **fields)
    torch.manual_seed(0)
    net = config.build(SPEC, classes)
    updaters = {
        name: Updater(
            AdamConfig(lr=lr * net.rates[name]).build(player),
            ConstantConfig().build(),
            average=WeightAverage(player, 0.5) if average and name == "generator" else None,
        )
        for name, player in net.players.items()
    }
    task = Gan(net, config, plan=PLAIN, updaters=updaters, labelled=classes > 0)
    task.train(True)
    return task


def test_there_is_an_objective_for_every_name() -> None:
    assert list(OBJECTIVES) == list(get_args(ObjectiveName))


def test_cross_entropies_are_those_of_the_textbook() -> None:
    r, f = R.double().numpy(), F.double().numpy()
    for name in ("minimax", "non_saturating"):
        loss = OBJECTIVES[name].discriminator(R, F, 0.0)  # type: ignore[index]
        assert float(loss) == pytest.approx(-scratch.value(r, f), rel=1e-5)
    assert float(OBJECTIVES["minimax"].generator(F)) == pytest.approx(scratch.generator_loss(f, "minimax"), rel=1e-5)
    assert float(OBJECTIVES["non_saturating"].generator(F)) == pytest.approx(
        scratch.generator_loss(f, "non-saturating"), rel=1e-5
    )


def test_smoothed_targets_are_those_of_binary_cross_entropy() -> None:
    found = OBJECTIVES["non_saturating"].discriminator(R, F, 0.1)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    assert torch.allclose(found, bce(R, torch.full_like(R, 0.9)) + bce(F, torch.zeros_like(F)))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        # by hand: r = 2, -1, 0.5; f = -3, 0.25, 1.5
        ("least_squares", (1 + 4 + 0.25 + 9 + 0.0625 + 2.25) / 6, (16 + 0.5625 + 0.25) / 6),
        ("wasserstein", -1.25 / 3 - 1.5 / 3, 1.25 / 3),
        ("wgan_gp", -1.25 / 3 - 1.5 / 3, 1.25 / 3),
        ("hinge", (0 + 2 + 0.5) / 3 + (0 + 1.25 + 2.5) / 3, 1.25 / 3),
    ],
)
def test_the_other_objectives_are_as_by_hand(name: ObjectiveName, discriminator: float, generator: float) -> None:
    assert float(OBJECTIVES[name].discriminator(R, F, 0.0)) == pytest.approx(discriminator)
    assert float(OBJECTIVES[name].generator(F)) == pytest.approx(generator)


def test_belief_is_one_for_what_is_surely_real_and_zero_for_what_is_surely_made() -> None:
    for name, sure in (("non_saturating", 30.0), ("minimax", 30.0), ("least_squares", 1.0), ("hinge", 1.0)):
        belief = OBJECTIVES[name].belief  # type: ignore[index]
        low = 0.0 if name == "least_squares" else -sure
        assert belief(torch.tensor([low, sure])).tolist() == pytest.approx([0, 1], abs=1e-6)
        assert 0.4 < float(belief(torch.tensor((low + sure) / 2))) < 0.6
    assert OBJECTIVES["wasserstein"].belief(R).tolist() == R.tolist()


def test_a_gradient_penalty_is_the_squared_distance_of_the_slope_from_one() -> None:
    real, made, share = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5)
    slope = torch.tensor([2.0, 1.0, -2.0])  # of length 3 everywhere
    assert float(gradient_penalty(lambda x: x @ slope, real, made, share)) == pytest.approx(4.0, rel=1e-5)
    # |d (x.x) / dx| = 2 |x|: which x is looked at
    between = share[:, None] * real + (1 - share[:, None]) * made
    wanted = (2 * between.norm(dim=1) - 1).square().mean()
    assert torch.allclose(gradient_penalty(lambda x: x.square().sum(1), real, made, share), wanted)
    weight = slope.clone().requires_grad_(True)
    gradient_penalty(lambda x: x @ weight, real, made, share).backward()
    assert torch.allclose(weight.grad, 2 * (3 - 1) * slope / 3, atol=1e-5)  # type: ignore[arg-type]


def test_spread_is_one_for_real_pictures_and_zero_for_one_picture_repeated() -> None:
    real = torch.randn(20, 1, 4, 4)
    assert float(spread(real, real)) == pytest.approx(1)
    assert float(spread(real / 2, real)) == pytest.approx(0.5, rel=1e-4)
    assert float(spread(real[:1].expand(20, 1, 4, 4), real)) < 1e-3


def test_a_held_module_passes_the_gradient_on_and_keeps_none() -> None:
    layer, x = torch.nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)
    layer.bias.requires_grad_(False)
    with held(layer):
        layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad is not None
    assert layer.weight.requires_grad and not layer.bias.requires_grad


def test_the_norm_of_the_gradient_is_that_of_all_weights() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    noted = GradientNorm(net)
    for _ in range(2):
        net.zero_grad()
        noted.begin()
        net(torch.randn(5, 3)).sum().backward()
        whole = torch.cat([p.grad.flatten() for p in net.parameters()]).norm()  # type: ignore[union-attr]
        assert torch.allclose(noted.norm(), whole)


def test_two_steps_are_those_of_a_plain_script() -> None:
    """By hand: torch's own Adam, D(x) and D(G(z)) apart, as batch norm wants it, and the discriminator's gradients of
    the generator's step thrown away."""
    config = DcganConfig(noise=4, widths=(8, 4))
    task, other = make(config), make(config).net
    assert other.batch_norm
    optimisers = {name: torch.optim.Adam(player.parameters(), lr=1e-3) for name, player in other.players.items()}
    softplus = torch.nn.functional.softplus
    for number in range(2):
        real = pictures(seed=number)
        torch.manual_seed(number)
        scalars = task.train_step({X: real})
        torch.manual_seed(number)
        made = other.generator(torch.randn(10, 4))
        optimisers["discriminator"].zero_grad()
        loss_d = softplus(-other.discriminator(real.float() / 127.5 - 1)).mean()
        loss_d = loss_d + softplus(other.discriminator(made.detach())).mean()
        loss_d.backward()
        optimisers["discriminator"].step()
        optimisers["generator"].zero_grad()
        loss_g = softplus(-other.discriminator(made)).mean()
        loss_g.backward()
        norm = torch.cat([p.grad.flatten() for p in other.generator.parameters()]).norm()
        optimisers["generator"].step()
        assert float(scalars["loss"]) == pytest.approx(loss_g.item(), rel=1e-4)
        assert float(scalars["discriminator_loss"]) == pytest.approx(loss_d.item(), rel=1e-4)
        assert float(scalars["generator_gradient"]) == pytest.approx(norm.item(), rel=1e-4)
    for (name, mine), theirs in zip(task.net.named_parameters(), other.parameters()):
        assert torch.allclose(mine, theirs, atol=1e-5), name


def test_several_steps_of_the_discriminator_share_the_batch() -> None:
    seen: list[int] = []
    task = make(discriminator_steps=3)
    task.net.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    task.train_step({X: pictures(12)})
    assert seen == [8, 8, 8, 4]  # 4 real and 4 made ones three times, then the generator's 4
    assert task.updaters["discriminator"]._batches == 3 and task.updaters["generator"]._batches == 1
    with pytest.raises(RecipeError, match="must be at least 6: two pictures for each of 3 steps") as refused:
        task.train_step({X: pictures(5)})
    assert "--batch-size 192" in str(refused.value)


def test_clipped_weights_stay_within_their_bound() -> None:
    task = make(objective="wasserstein", clip_weights=0.02)
    task.train_step({X: pictures()})
    largest = max(float(p.detach().abs().max()) for p in task.net.discriminator.parameters())
    assert largest == pytest.approx(0.02)


def test_a_gradient_penalty_moves_the_discriminator() -> None:
    moved = []
    for penalty in (0.0, 10.0):
        task = make(objective="wgan_gp", penalty=penalty, discriminator_steps=1)
        torch.manual_seed(1)
        told = task.train_step({X: pictures()})["discriminator_loss"]
        moved.append((float(told), task.net.discriminator.layers[1].weight.detach().clone()))
    assert moved[0][0] == moved[1][0]  # the distance is told without the penalty
    assert not torch.equal(moved[0][1], moved[1][1])


def test_noise_before_the_discriminator_falls_to_nothing() -> None:
    task = make(instance_noise=0.5)
    x = torch.zeros(4000)
    task.progress(0.0)
    assert float(task.noisy(x, 0.5).std()) == pytest.approx(0.5, rel=0.1)  # 4,000 draws: within 4.5 deviations
    task.progress(0.8)
    assert float(task.noisy(x, 0.5).std()) == pytest.approx(0.1, rel=0.1)
    task.progress(1.0)
    assert torch.equal(task.noisy(x, 0.5), x)


def test_each_player_has_its_rate() -> None:
    task = make(generator_rate=0.5, discriminator_rate=2.0)
    assert task.net.rates == {"generator": 0.5, "discriminator": 2.0}
    assert task.learning_rate == pytest.approx(5e-4)
    assert task.updaters["discriminator"].learning_rate == pytest.approx(2e-3)


def test_what_serves_is_the_averaged_generator_beside_the_discriminator_as_it_is() -> None:
    task = make(average=True)
    for number in range(3):
        task.train_step({X: pictures(seed=number)})
    with task.averaged():
        kept = task.weights()
    average = task.updaters["generator"].average
    assert average is not None
    first = next(iter(dict(task.net.generator.named_parameters())))
    assert torch.equal(kept[f"generator.{first}"], average.state_dict()["average"][0])
    for name, tensor in task.net.discriminator.state_dict().items():
        assert torch.equal(kept[f"discriminator.{name}"], tensor)


def test_labels_are_told_only_where_both_the_recipe_and_the_data_have_them() -> None:
    batch: Batch = {X: pictures(), Y: torch.arange(10) % 2}
    task = make(class_conditional=True, classes=2)
    task.train_step(batch)
    other = task.predict({X: batch[X], Y: 1 - batch[Y]})["realness"]
    assert not torch.equal(task.predict(batch)["realness"], other)
    unlabelled = make(classes=2)
    unlabelled.train_step(batch)
    swapped = {X: batch[X], Y: 1 - batch[Y]}
    assert torch.equal(unlabelled.predict(batch)["realness"], unlabelled.predict(swapped)["realness"])


def test_a_class_that_nobody_asked_for_is_taken_from_the_noise() -> None:
    net = make(class_conditional=True, classes=2).net.eval()
    noise = torch.randn(200, 4, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        made = net.generate(noise)
        of = [net.generate(noise, torch.full((200,), code)) for code in (0, 1)]
    taken = [(made == each).flatten(1).all(1) for each in of]
    assert bool((taken[0] ^ taken[1]).all()) and 60 < int(taken[0].sum()) < 140


def test_psnr_is_that_of_the_mean_squared_error() -> None:
    config = Pix2PixConfig(widths=(8,), discriminator_widths=(8,))
    task = PairedGan(config.build(SPEC, wanted=SPEC), config, plan=PLAIN)
    task.train(False)
    means = {name: float(value) for name, value in task.eval_step({X: pictures(), Y: pictures(seed=1)}).items()}
    off = task.predict({X: pictures()})["pictures"] - pictures(seed=1).float() / 255
    assert means["loss"] == means["mae"] == pytest.approx(float(off.abs().mean()), rel=1e-5)
    assert task.summarise(means)["psnr"] == pytest.approx(-10 * float(off.square().mean().log10()), rel=1e-4)


def test_two_heaps_are_a_source() -> None:
    first, second = pictures(23), pictures(11, seed=1)
    check_source(lambda: UnpairedSource(first, second, 4, seed=3))


def test_two_heaps_are_drawn_independently_and_each_is_seen_whole() -> None:
    x, y = torch.arange(12)[:, None], torch.arange(8)[:, None]
    source = UnpairedSource(x, y, 4, seed=0)
    assert (source.batch_size, source.samples) == (4, 12)
    batches = [next(source) for _ in range(6)]
    assert sorted(int(v) for batch in batches[:3] for v in batch[X]) == list(range(12))
    assert sorted(int(v) for batch in batches[:2] for v in batch[Y]) == list(range(8))
    assert batches[0][X].flatten().tolist() == source.rows_of(0).tolist()
    assert UnpairedSource(x, y, 50, seed=0).batch_size == 8
    twice = next(UnpairedSource(x, x, 12, seed=0))
    assert twice[X].tolist() != twice[Y].tolist()


def mapping_parts(config: Pix2PixConfig | CycleGanConfig) -> tuple[Any, Batch, Tensor, Tensor]:
    """(network, batch, its X and Y in -1..1)."""
    torch.manual_seed(0)
    net = config.build(SPEC, wanted=SPEC).eval()
    batch = {X: pictures(), Y: pictures(seed=1)}
    return net, batch, net.scaled(batch[X]), net.scaled(batch[Y])


@pytest.mark.parametrize("content", ["l1", "perceptual"])
def test_answers_are_compared_by_pixels_or_by_what_the_discriminator_makes_of_them(content: str) -> None:
    net, batch, x, y = mapping_parts(Pix2PixConfig(widths=(8,), discriminator_widths=(8, 8)))
    with torch.no_grad():
        none, some = (
            PairedGan.rehearsal(net, batch, Pix2PixConfig(content=content, content_weight=weight))  # type: ignore[arg-type]
            for weight in (0.0, 1.0)
        )
        made = net.make(x)
        features = [net.discriminator.features(torch.cat([x, each], 1)) for each in (y, made)]
        stages = [(one - other).abs().mean() for one, other in zip(*features)]
    assert len(stages) == 2
    wanted = (y - made).abs().mean() if content == "l1" else sum(stages) / 2
    assert torch.allclose(some - none, wanted, atol=1e-5)  # type: ignore[arg-type]


def test_a_cycle_leads_home_and_leaves_alone_what_is_of_its_kind() -> None:
    net, batch, x, y = mapping_parts(CycleGanConfig(widths=(8,), discriminator_widths=(8,)))
    there, back = net.generator.there, net.generator.back
    with torch.no_grad():
        none, cycle, both = (
            CycleGan.rehearsal(net, batch, CycleGanConfig(cycle=weight, identity=identity))
            for weight, identity in ((0, 0), (2, 0), (2, 3))
        )
        home = (back(there(x)) - x).abs().mean() + (there(back(y)) - y).abs().mean()
        alone = (there(y) - y).abs().mean() + (back(x) - x).abs().mean()
    assert torch.allclose(cycle - none, 2 * home, atol=1e-5)
    assert torch.allclose(both - cycle, 6 * alone, atol=1e-5)
