"""The conformance suite over every autoencoder, and what each of them takes from its paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.models.generative.vae import VAEConfig
from learnloop.models.generative.variational import COLLAPSED
from learnloop.nn.binarise import bernoulli
from learnloop.nn.corruption import Corruption
from learnloop.nn.reconstruction import rows_of
from learnloop.nn.sparsity import Sparsity
from learnloop.nn.steady import SteadyDraws
from learnloop.scratch import elbo
from learnloop.seeds import seed_torch
from learnloop.testing.coders import check_coder

PICTURES = InputSpec("image", shape=(1, 9, 10), mean=(0.25,), std=(0.2,))
COLOURS = InputSpec("image", shape=(3, 8, 8), mean=(0.3, 0.3, 0.3), std=(0.2, 0.2, 0.0))
NUMBERS = InputSpec("table", numbers=6)
MIXED = InputSpec("table", numbers=3, cardinalities=(4, 30))
CATEGORIES = InputSpec("table", numbers=0, cardinalities=(5, 4))
SERIES = InputSpec("series", numbers=2, length=7)
SMALL: dict[str, dict[str, Any]] = {
    "autoencoder": {"code": 5},
    "deep_autoencoder": {"widths": (24,), "code": 5},
    "conv_autoencoder": {"maps": (6, 8), "code": 5},
    "denoising_autoencoder": {"widths": (24,), "maps": (6, 8), "code": 5, "amount": 0.1},
    "sparse_autoencoder": {"code": 30, "weight": 1e-4},
    "vae": {"widths": (24,), "code": 5},
    "conv_vae": {"maps": (6, 8), "code": 5},
}
CODERS = [name for name, kind in GENERATIVE_MODELS.items() if kind.task == "autoencode"]


def config_of(name: str, **more: Any) -> GenerativeConfig:
    return GENERATIVE_MODELS[name].model_validate({**SMALL.get(name, {}), **more})


def takes(name: str, spec: InputSpec) -> bool:
    return spec.kind in GENERATIVE_MODELS[name].inputs


CASES = [(name, spec) for name in CODERS for spec in (PICTURES, MIXED, SERIES) if takes(name, spec)]
VARIANTS: list[tuple[str, dict[str, Any], InputSpec]] = [
    ("deep_autoencoder", {"loss": "cross_entropy", "activation": "tanh"}, PICTURES),
    ("deep_autoencoder", {}, NUMBERS),
    ("deep_autoencoder", {}, CATEGORIES),
    ("conv_autoencoder", {"norm": False, "maps": (8,)}, COLOURS),
    ("denoising_autoencoder", {"noise": "masking"}, MIXED),
    ("denoising_autoencoder", {"noise": "salt_and_pepper", "layers": "dense"}, PICTURES),
    ("sparse_autoencoder", {"penalty": "l1", "widths": (16,)}, NUMBERS),
    ("vae", {"class_conditional": True}, PICTURES),
    ("vae", {"class_conditional": True, "beta": 0.5, "annealing": 0.5}, MIXED),
    ("vae", {"likelihood": "gaussian"}, COLOURS),
    ("vae", {"binarise": "static"}, PICTURES),
    ("vae", {"binarise": "none"}, PICTURES),
    ("vae", {}, CATEGORIES),
    ("conv_vae", {"class_conditional": True}, COLOURS),
]


@pytest.mark.parametrize(("name", "spec"), CASES, ids=[f"{name}-{spec.kind}" for name, spec in CASES])
def test_every_autoencoder_keeps_to_the_suite(name: str, spec: InputSpec) -> None:
    check_coder(config_of(name), spec)


@pytest.mark.parametrize(
    ("name", "more", "spec"),
    VARIANTS,
    ids=[f"{name}-{'-'.join(map(str, more.values()))}-{spec.kind}" for name, more, spec in VARIANTS],
)
def test_variants_keep_to_the_suite(name: str, more: dict[str, Any], spec: InputSpec) -> None:
    check_coder(config_of(name, **more), spec)


def rows_of_pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *PICTURES.shape), generator=generator, dtype=torch.uint8)


def built(name: str, spec: InputSpec = PICTURES, classes: int = 0, **more: Any) -> Any:
    seed_torch(0, "weights")
    return config_of(name, **more).build(spec, classes)


def test_a_linear_autoencoder_of_a_table_finds_the_plane_of_the_first_components() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 3, generator=generator) @ torch.randn(3, 6, generator=generator)
    x = x + 0.3 * torch.randn(400, 6, generator=generator)
    x = x - x.mean(0)
    net = built("autoencoder", NUMBERS, code=3)
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        mean = net(x)["loss"].mean()
        mean.backward()
        return mean

    optimiser.step(loss)  # type: ignore[arg-type]
    left = torch.linalg.svdvals(x)[3:].square().sum() / x.numel()  # what three components leave unexplained
    assert net.eval()(x)["loss"].mean().item() == pytest.approx(left.item(), rel=1e-3)


def test_training_starts_from_the_mean_row() -> None:
    x = rows_of_pictures(50)
    x[:, :, 0] = 0
    net = built("vae")
    net.start_from({"x": x})
    made = net.rows.values(net.middle[None])
    assert torch.allclose(made[0, :, 1:], (x[:, :, 1:].float() / 255).mean(0), atol=1e-4)
    assert torch.allclose(made[0, :, 0], torch.tensor(1e-3))  # never black for ever


def test_the_start_of_tables_and_series_is_their_mean() -> None:
    table = built("deep_autoencoder", MIXED)
    codes = torch.tensor([[1, 2], [1, 0], [3, 2]])
    table.start_from({"x": torch.tensor([[1.0, 2, 3], [3, 2, 1], [2, 2, 2]]), "x_cat": codes})
    values = table.rows.values(table.middle[None])[0]
    assert values[:3].tolist() == pytest.approx([2, 2, 2])
    assert values[3:7].tolist() == pytest.approx([0.5 / 5, 2.5 / 5, 0.5 / 5, 1.5 / 5])
    series = built("deep_autoencoder", SERIES)
    x = torch.ones(2, 7, 2)
    x[1] = 3
    series.start_from({"x": x, "length": torch.tensor([7, 4])})
    values = series.rows.values(series.middle[None])[0]
    assert values[:4].unique().item() == pytest.approx(2) and values[4:].unique().item() == pytest.approx(1)


def test_a_denoising_network_sees_noise_in_training_alone_and_is_held_against_the_clean_row() -> None:
    net = built("denoising_autoencoder", noise="masking", amount=0.5)
    x = rows_of_pictures(40)
    shown, clean = net.corrupt(x)[0], x.float() / 255
    hit = shown != clean
    assert (shown[hit] == 0).all() and 0.45 < float(hit.float().mean()) < 0.55
    seen: list[torch.Tensor] = []
    net.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    net.train()(x)
    net.eval()(x)
    assert not torch.equal(seen[0], clean - net.rows.mean) and torch.equal(seen[1], clean - net.rows.mean)
    assert torch.equal(net.eval().encode(x), net.encode(x))


def test_noise_is_of_the_kind_and_amount_that_is_asked_for() -> None:
    grey = torch.full((200, 1, 9, 10), 0.5)
    salted = Corruption("salt_and_pepper", 0.4, pictures=True)((grey,))[0]
    shares = [float((salted == value).float().mean()) for value in (0.0, 1.0, 0.5)]
    assert shares == pytest.approx([0.2, 0.2, 0.6], abs=0.02)
    numbers = torch.zeros(3000, 4)
    noisy = Corruption("gaussian", 0.7, pictures=False)((numbers,))[0]
    assert float(noisy.std()) == pytest.approx(0.7, rel=0.05)
    codes = torch.ones(4000, 2, dtype=torch.int64)
    hit = Corruption("masking", 0.25, pictures=False)((torch.ones(4000, 1), codes))[1]
    assert float((hit == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_the_sparse_penalty_is_the_divergence_of_mean_activities() -> None:
    codes = torch.tensor([[0.1, 0.5], [0.3, 0.5]])
    penalty = Sparsity("kl", 2, rate=0.2, weight=3.0).train()
    expected = 0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5)  # the first number is at its rate: nothing
    assert penalty(codes).tolist() == pytest.approx([3 * expected] * 2, rel=1e-5)
    assert Sparsity("l1", 2, rate=0.2, weight=3.0)(codes).tolist() == pytest.approx([1.8, 2.4])


def test_a_penalty_makes_codes_rest() -> None:
    x = rows_of_pictures(60)
    active = {}
    for weight in (0.0, 0.1):
        net = built("sparse_autoencoder", weight=weight)
        optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
        for _ in range(150):
            optimiser.zero_grad()
            net(x)["loss"].mean().backward()
            optimiser.step()
        active[weight] = net.eval().encode(x).mean().item()
    assert active[0.0] > 0.3 and active[0.1] < 0.12  # asked for: 0.05


def test_errors_count_what_is_there_and_each_column_alike() -> None:
    table = rows_of(MIXED)
    x, codes = torch.tensor([[1.0, 0, 0]]), torch.tensor([[2, 0]])
    raw = torch.zeros(1, table.outputs)
    raw[0, :3] = torch.tensor([3.0, 0, 0])
    assert table.error(raw, (x, codes)).item() == pytest.approx((4 + math.log(4) + math.log(30)) / 5)
    series = rows_of(SERIES)
    read = series.read(torch.full((1, 7, 2), 2.0), torch.tensor([3]))
    assert series.error(torch.zeros(1, 14), read).item() == pytest.approx(4)
    nats = series.nats(torch.zeros(1, 14), read, torch.tensor([0.0, 0.0])).item()
    assert nats == pytest.approx(6 * (0.5 * 4 + 0.5 * math.log(2 * math.pi)))


def test_a_series_longer_than_those_of_training_is_read_up_to_their_length_and_that_is_said() -> None:
    net = built("deep_autoencoder", SERIES)
    x = torch.randn(3, 9, 2)
    long, cut = net.encode(x, torch.tensor([9, 9, 9])), net.encode(x[:, :7], torch.tensor([7, 7, 7]))
    assert torch.equal(long, cut)
    assert "first 7 steps" in config_of("deep_autoencoder").remark(SERIES)
    assert "may learn to copy" in config_of("deep_autoencoder", code=6).remark(NUMBERS)
    assert config_of("deep_autoencoder", code=5).remark(NUMBERS) == ""


@pytest.mark.parametrize(("side", "maps"), [((1, 28, 28), (4, 8)), ((2, 17, 5), (4, 8, 8)), ((3, 1, 3), (4,))])
def test_convolutions_reach_any_size(side: tuple[int, int, int], maps: tuple[int, ...]) -> None:
    spec = InputSpec("image", shape=side, mean=(0.5,) * side[0], std=(0.2,) * side[0])
    net = built("conv_autoencoder", spec, maps=maps)
    x = torch.randint(0, 256, (2, *side), dtype=torch.uint8)
    assert list(net.decode(net.encode(x)).shape) == [2, *side]


# --- the variational ones -----------------------------------------------------------------------------------------


def test_the_terms_of_a_vae_are_those_of_the_textbook() -> None:
    net = built("vae", binarise="none").train()
    x = rows_of_pictures(6)
    torch.manual_seed(3)
    terms = net(x)
    torch.manual_seed(3)
    flat = (x.float() / 255).flatten(1)
    mu, logvar = net.posterior(net.read(x))
    eps = torch.randn_like(mu).double().numpy()
    mu, logvar = (part.detach().double().numpy() for part in (mu, logvar))
    z = elbo.reparameterise(mu, logvar, eps)
    raw = net.decoder(torch.from_numpy(z).float()) + net.middle
    said = elbo.log_likelihood(flat.double().numpy(), raw.detach().double().numpy(), "bernoulli")
    kl = elbo.gaussian_kl(mu, logvar)
    assert terms["reconstruction"].tolist() == pytest.approx(-said, rel=1e-5)
    assert terms["kl"].tolist() == pytest.approx(kl, rel=1e-5)
    assert terms["elbo"].tolist() == pytest.approx(said - kl, rel=1e-5)
    assert terms["loss"].tolist() == pytest.approx(kl - said, rel=1e-5)


def test_the_weight_of_the_divergence_rises_over_its_share_of_the_run() -> None:
    net = built("vae", beta=2.0, annealing=0.5).train()
    x = rows_of_pictures(6)
    weights = []
    for fraction in (0.0, 0.25, 0.5, 0.9):
        net.progress(fraction)
        terms = net(x)
        weights.append(((terms["loss"] - terms["reconstruction"]) / terms["kl"]).mean().item())
    assert weights == pytest.approx([0, 1, 2, 2], abs=1e-4)
    net.progress(0.0)
    terms = net.eval()(x)
    assert torch.allclose(terms["loss"], terms["reconstruction"] + 2 * terms["kl"])


def test_pixels_are_drawn_with_the_chance_of_their_intensity() -> None:
    x = torch.tensor([0.0, 0.1, 0.5, 0.999, 1.0]).repeat(40_000, 1)
    bits = bernoulli(x, torch.Generator().manual_seed(0))
    assert bits.unique().tolist() == [0, 1]
    assert bits.mean(0).tolist() == pytest.approx(x[0].tolist(), abs=0.01)
    assert float(bits[:, 0].max()) == 0 and float(bits[:, 4].min()) == 1


def test_steady_draws_are_spread_like_random_ones_and_belong_to_the_row() -> None:
    draws, x = SteadyDraws(12, "test"), torch.randn(4000, 5, generator=torch.Generator().manual_seed(0))
    u = draws.uniform(x).double().numpy()
    assert abs(u.mean() - 0.5) < 0.01 and abs(u.std() - 12**-0.5) < 0.01
    z = draws.normal(x)
    assert float(z.mean().abs()) < 0.02 and float(z.std()) == pytest.approx(1, abs=0.02)
    assert torch.equal(draws.uniform(x.flip(0)).flip(0), draws.uniform(x))
    assert torch.equal(SteadyDraws(12, "test").uniform(x), draws.uniform(x))
    assert not torch.equal(draws.uniform(x[:1]), draws.uniform(x[1:2]))


def test_binarised_pixels_change_from_step_to_step_only_where_they_are_dynamic() -> None:
    x = rows_of_pictures(4)
    for mode, changes in (("dynamic", True), ("static", False)):
        net = built("vae", binarise=mode).train()
        rows = net.read(x)
        assert torch.equal(net.drawn(rows)[0], net.drawn(rows)[0]) is not changes
        assert torch.equal(net.eval().drawn(rows)[0], net.drawn(rows)[0])
        assert net.drawn(rows)[0].unique().tolist() == [0, 1]
        generator = torch.Generator().manual_seed(0)
        assert torch.equal(net.drawn(rows, generator)[0], net.drawn(rows, generator)[0]) is not changes


def test_auto_binarises_grey_pictures_with_a_bernoulli_likelihood_alone() -> None:
    assert built("vae").binarise == "dynamic"
    assert built("vae", COLOURS).binarise == "none"
    assert built("vae", likelihood="gaussian").binarise == "none"
    assert built("vae", MIXED).gaussian and not built("vae").gaussian


def test_dimensions_that_the_decoder_does_not_use_collapse() -> None:
    net = built("vae", code=4)
    with torch.no_grad():
        net.encoder.output.weight[1::4] = 0  # mu and log sigma^2 of the second number are 0 whatever the row is
    kl = net.eval().kl_by_dimension(rows_of_pictures(30))
    assert kl.shape == (4,) and (kl < COLLAPSED).tolist() == [False, True, False, False]
    terms = net(rows_of_pictures(30))
    assert terms["kl"].mean().item() == pytest.approx(kl.sum().item(), rel=1e-5)


def test_a_conditional_vae_makes_another_row_of_another_class_and_finds_the_class_of_a_row() -> None:
    net = built("vae", classes=2, class_conditional=True)
    y = torch.arange(60) % 2
    x = torch.where(y.view(-1, 1, 1, 1) == 1, 230, 20) * torch.ones(60, *PICTURES.shape)
    x = x.to(torch.uint8)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(80):
        optimiser.zero_grad()
        net(x, label=y)["loss"].mean().backward()
        optimiser.step()
    noise = torch.zeros(1, net.code_size)
    dark, light = (net.generate(noise, torch.tensor([label])).mean() for label in (0, 1))
    assert float(dark) < 0.3 and float(light) > 0.7
    assert torch.equal(net.eval().label_of(x), y)
    assert torch.equal(net.terms(x)["loss"], net.terms(x, label=y)["loss"])


@pytest.mark.parametrize(
    ("name", "more", "spec", "said"),
    [
        ("conv_autoencoder", {}, MIXED, "model 'conv_autoencoder': takes images"),
        ("conv_vae", {}, SERIES, "do:        --model deep_autoencoder"),
        ("vae", {"likelihood": "bernoulli"}, MIXED, "--set model.likelihood=gaussian --set model.binarise=none"),
        ("vae", {"likelihood": "gaussian", "binarise": "static"}, PICTURES, "is for pixels that are black or white"),
        ("vae", {"class_conditional": True}, PICTURES, "needs the class of each row"),
        ("denoising_autoencoder", {"noise": "salt_and_pepper"}, MIXED, "--set model.noise=masking"),
        (
            "denoising_autoencoder",
            {"noise": "masking", "amount": 1.5},
            MIXED,
            "share of the numbers hit by masking",
        ),
        ("denoising_autoencoder", {"layers": "conv"}, MIXED, "must be dense for tables and series"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, more: dict[str, Any], spec: InputSpec, said: str) -> None:
    with pytest.raises(ModelError) as raised:
        built(name, spec, **more)
    assert said in str(raised.value)


def test_a_conditional_network_asks_for_the_class() -> None:
    net = built("vae", classes=3, class_conditional=True)
    with pytest.raises(ModelError) as raised:
        net.generate(torch.zeros(1, net.code_size))
    assert "class: must be said" in str(raised.value) and "available: 0, 1, 2" in str(raised.value)


def test_a_vae_that_has_minutes_learns_slower_and_is_wider() -> None:
    spec = InputSpec("image", shape=(1, 28, 28), mean=(0.1,), std=(0.3,))
    short, long = (VAEConfig().suggest(60_000, spec, minutes) for minutes in (1.0, 30.0))
    assert (short["optimiser.lr"], long["optimiser.lr"]) == (3e-3, 1e-3)
    assert "model.widths" not in short and long["model.widths"] == [400, 400]
    assert "train.average" not in short and long["train.average"] == 0.999
    assert "model.widths" not in VAEConfig(widths=(20,)).suggest(60_000, spec, 30.0)
