"""The conformance suite over every network that forecasts, and what each of them takes from its paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.errors import ModelError
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.dlinear import DLinear, DLinearConfig
from learnloop.models.forecasting.exogenous import Exogenous
from learnloop.models.forecasting.heads import DirectHead
from learnloop.models.forecasting.nbeats import BeatsBlock, NBeats, NBeatsConfig, basis
from learnloop.models.forecasting.nhits import HiTSBlock, NHiTSConfig, drawn
from learnloop.models.forecasting.patchtst import PatchTransformer, PatchTSTConfig
from learnloop.models.forecasting.recurrent import LSTMForecastConfig
from learnloop.models.forecasting.seq2seq import Seq2SeqForecastConfig
from learnloop.models.forecasting.start import LastSeason
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.models.forecasting.tcn import TCNConfig, reaching
from learnloop.seeds import seed_torch, torch_stream
from learnloop.testing.forecasting import check_forecast_model

SMALL: dict[str, dict[str, Any]] = {
    "nhits": {"width": 32},
    "nbeats": {"width": 32, "layers": 2},
    "patchtst": {"patch": 8, "stride": 4, "width": 16, "inner": 32},
    "tcn": {"channels": 8},
    **{name: {"hidden": 16} for name in ("rnn", "lstm", "gru", "seq2seq")},
}
ONE = WindowSpec(24, 6, season=6)
SEVERAL = WindowSpec(20, 5, variables=3, targets=2, features=3, season=6, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95))
SHORT = WindowSpec(3, 1, features=1)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("nbeats", {"stacks": ["trend", "seasonality"], "blocks": 3, "share": True}),
    ("nbeats", {"stacks": ["generic"], "blocks": 1, "dropout": 0.1}),
    ("nhits", {"blocks": 2, "dropout": 0.1, "calendar": False, "pools": [1, 2], "rates": [2, 7]}),
    ("dlinear", {"calendar": True, "average": 4}),
    ("patchtst", {"calendar": True, "patch": 6, "stride": 5}),
    ("lstm", {"recursive": True, "layers": 2, "dropout": 0.1}),
    ("lstm", {"start": "zero"}),
    ("dlinear", {"start": "season"}),
    ("gru", {"recursive": True}),
    ("rnn", {"recursive": True}),
    ("tcn", {"kernel": 2, "levels": 2}),
    ("seq2seq", {"attention": "none"}),
    ("seq2seq", {"attention": "dot", "layers": 2}),
]
"""With `levels: 2` the convolutions see 7 steps, so that the first third of the window cannot count."""


def config_of(name: str, **more: Any) -> ForecastConfig:
    return FORECAST_MODELS[name].model_validate({**SMALL.get(name, {}), **more})


def make(config: ForecastConfig, spec: WindowSpec) -> Any:
    seed_torch(0, "weights")
    return config.build(spec).eval()


def random(*shape: int, name: str = "x") -> Tensor:
    return torch.randn(*shape, generator=torch_stream(0, name))


@pytest.mark.parametrize("spec", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("name", FORECAST_MODELS)
def test_every_network_keeps_to_the_contract(name: str, spec: WindowSpec) -> None:
    check_forecast_model(config_of(name), spec)


@pytest.mark.parametrize(("name", "more"), VARIANTS)
def test_every_variant_keeps_to_the_contract(name: str, more: dict[str, Any]) -> None:
    names = ["shape", "gradients", "seed", "unseen", "others", "time", "rows", "quantiles", "evaluation", "stored"]
    names += [] if "levels" in more else ["past_counts", "equivariance", "learns"]
    check_forecast_model(config_of(name, **more), SEVERAL, only=names)


@pytest.mark.parametrize("scale", ["last", "level", "none"])
@pytest.mark.parametrize("name", ["nhits", "dlinear", "patchtst", "lstm"])
def test_every_scale_keeps_to_the_contract(name: str, scale: str) -> None:
    names = ["learns", "equivariance", "unseen", "extremes", "rows", "stored"]
    check_forecast_model(config_of(name, scale=scale), SEVERAL, only=names)


@pytest.mark.parametrize("name", FORECAST_MODELS)
def test_a_lookback_of_three_and_a_horizon_of_one_are_enough(name: str) -> None:
    names = ["shape", "unseen", "rows", "extremes"]
    names += [] if name == "patchtst" else ["gradients"]  # one patch looks at itself, whatever it asks for
    check_forecast_model(config_of(name), SHORT, only=names)


def test_the_names_and_the_fields_explain_themselves() -> None:
    assert list(FORECAST_MODELS) == ["nhits", "nbeats", "dlinear", "patchtst", "tcn", "lstm", "gru", "rnn", "seq2seq"]
    for name, kind in FORECAST_MODELS.items():
        assert kind.__doc__ and kind.__doc__ != ForecastConfig.__doc__ and len(kind.__doc__) > 40, name
        assert all(info.description and len(info.description) < 120 for info in kind.model_fields.values()), name
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            kind.model_validate({"no_such_field": 1})


def test_a_spec_that_makes_no_sense_is_refused_in_words() -> None:
    with pytest.raises(ModelError) as found:
        Seq2SeqForecastConfig().build(WindowSpec(4, 2, variables=1, targets=2))
    assert "model 'seq2seq'" in str(found.value) and "2 targets, 1 variables" in str(found.value)
    with pytest.raises(ModelError, match=r"quantiles = \(0.9, 0.1\)"):
        NHiTSConfig().build(WindowSpec(4, 2, quantiles=(0.9, 0.1)))


def test_what_is_not_read_is_said_once() -> None:
    told = DLinearConfig().remark(SEVERAL)
    assert told.startswith(
        "DLinear does not read the calendar and columns that are known ahead; nor the other measured"
    )
    assert "nor" not in NHiTSConfig().remark(SEVERAL) and "the other measured" in NHiTSConfig().remark(SEVERAL)
    assert NHiTSConfig().remark(ONE) == "" and LSTMForecastConfig().remark(SEVERAL) == ""
    alone = WindowSpec(24, 6, variables=2, targets=2)
    assert "each target is forecast from its own past" in PatchTSTConfig().remark(alone)


def test_the_lookback_is_some_horizons_in_whole_seasons_within_what_there_is() -> None:
    wanted = NHiTSConfig().lookback
    assert wanted(48, 24, 700) == 240 and wanted(48, 24, 200) == 200
    assert wanted(14, 7, 10_000) == 70 and wanted(18, 12, 10_000) == 96  # 90, in whole years
    assert wanted(1, 1, 10_000) == 16 and wanted(1, 24, 10_000) == 48
    assert wanted(336, 1, 100_000) == 672 and wanted(96, 1, 100_000) == 480


# --- DLinear ----------------------------------------------------------------------------------------------------


def test_dlinear_without_scaling_is_the_published_network() -> None:
    """Against the same in NumPy: 12 times the first and the last value beyond the ends, means of 25."""
    spec = WindowSpec(60, 4, variables=2, targets=2)
    net = make(DLinearConfig(scale="none"), spec)
    inner: DLinear = net.body.body
    past = random(5, 60, 2)
    weights = {name: p.detach().double().numpy() for name, p in inner.named_parameters()}
    found = net(past, torch.ones(5, 60), torch.zeros(5, 64, 0)).detach().numpy()[..., 0]
    for channel in range(2):
        x = past[:, :, channel].double().numpy()
        padded = np.concatenate([np.repeat(x[:, :1], 12, 1), x, np.repeat(x[:, -1:], 12, 1)], 1)
        trend = np.stack([padded[:, k : k + 25].mean(1) for k in range(60)], 1)
        y = trend @ weights["trend.weight"].T + weights["trend.bias"]
        y += (x - trend) @ weights["season.weight"].T + weights["season.bias"]
        np.testing.assert_allclose(found[:, :, channel], y, atol=1e-5)


def test_dlinear_shares_its_weights_over_columns_and_has_no_others() -> None:
    net = make(DLinearConfig(), WindowSpec(36, 6, variables=7, targets=7, features=4))
    assert sum(p.numel() for p in net.parameters()) == 2 * (36 * 6 + 6)


# --- N-BEATS ----------------------------------------------------------------------------------------------------


def test_the_bases_of_nbeats_are_powers_and_waves() -> None:
    trend = basis("trend", 4, 2)
    assert trend is not None
    assert torch.equal(trend, torch.tensor([[1.0] * 4, [0, 0.25, 0.5, 0.75], [0, 0.0625, 0.25, 0.5625]]))
    waves = basis("seasonality", 12, 2)
    assert waves is not None and waves.shape == (6 + 5, 12)
    assert torch.allclose(waves[1, :4], torch.tensor([math.cos(2 * math.pi * k / 12) for k in range(4)]), atol=1e-7)
    assert torch.allclose(waves[6, :4], torch.tensor([math.sin(2 * math.pi * k / 12) for k in range(4)]), atol=1e-7)
    assert torch.linalg.matrix_rank(waves) == 11
    assert basis("generic", 12, 2) is None


def test_a_block_of_nbeats_explains_what_the_ones_before_it_left() -> None:
    spec = WindowSpec(8, 3)
    seed_torch(0, "weights")
    blocks = [BeatsBlock(spec, "generic", 16, 2, 2, 0.0, last=number == 2) for number in range(3)]
    x, seen = random(4, 8), torch.ones(4, 8)
    back1, y1 = blocks[0](x)
    back2, y2 = blocks[1](x - back1)
    nothing, y3 = blocks[2](x - back1 - back2)
    assert nothing is None and blocks[2].theta.out_features == 3
    assert torch.allclose(NBeats(blocks, 1)(x, seen, torch.zeros(4, 11, 0)), y1 + y2 + y3)


def test_shared_blocks_have_the_weights_of_one() -> None:
    spec = WindowSpec(8, 3)
    sizes = [
        sum(p.numel() for p in NBeatsConfig(stacks=("trend",), blocks=blocks, share=share).build(spec).parameters())
        for blocks, share in ((2, True), (5, True), (5, False))
    ]
    assert sizes[0] == sizes[1] and sizes[2] > 4 * sizes[1]


# --- N-HiTS -----------------------------------------------------------------------------------------------------


def test_few_points_are_drawn_as_straight_lines() -> None:
    line = drawn(torch.tensor([[[1.0, 3.0]]]), 8)[0, 0]
    assert torch.allclose(line, torch.tensor([1, 1, 1.25, 1.75, 2.25, 2.75, 3, 3]))
    whole = torch.tensor([[[4.0, 5.0, 9.0]]])
    assert drawn(whole, 3) is whole


def test_a_block_of_nhits_looks_at_maxima_and_has_one_point_for_some_steps() -> None:
    spec = WindowSpec(10, 7, quantiles=(0.1, 0.5, 0.9))
    block = HiTSBlock(spec, pool=4, rate=3, width=8, layers=1, dropout=0.0, last=False)
    assert (block.before, block.ahead) == (4, 3) and block.theta.out_features == 4 + 3 * 3
    first = block.layers[0]
    assert isinstance(first, nn.Linear) and first.in_features == 3
    x = random(2, 10)
    low = x.clone()
    low[:, :4] = x[:, :4].amax(1, keepdim=True)  # the same maximum
    assert torch.equal(block(x)[1], block(low)[1])


def test_each_block_of_nhits_gets_what_the_ones_before_it_left() -> None:
    net = make(NHiTSConfig(width=8, pools=(2, 1), rates=(2, 1)), WindowSpec(8, 4)).body.body
    x, seen = random(3, 8), torch.ones(3, 8)
    back, first = net.blocks[0](x)
    nothing, second = net.blocks[1](x - back)
    assert nothing is None and back.abs().max() > 0
    assert torch.allclose(net(x, seen, torch.zeros(3, 12, 0)), first + second)


@pytest.mark.parametrize("name", ["nhits", "nbeats"])
def test_no_block_sees_anything_before_a_series_begins(name: str) -> None:
    spec = WindowSpec(12, 4, features=2)
    net = make(config_of(name), spec)
    seen = torch.ones(2, 12)
    seen[:, :5] = 0
    given: list[Tensor] = []
    for block in net.body.body.body.blocks:
        block.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    net(random(2, 12, 1), seen, random(2, 16, 2, name="time"))
    assert len(given) > 2 and all(x[:, :5].abs().max() == 0 for x in given)
    assert all(x[:, 5:].abs().min() > 0 for x in given)


def test_stacks_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValidationError, match="pools and rates must name the same stacks: 1 and 2"):
        NHiTSConfig(pools=(2,), rates=(4, 1))
    with pytest.raises(ValidationError, match="at least 1"):
        NHiTSConfig(pools=(0,), rates=(1,))


# --- what is known ahead ----------------------------------------------------------------------------------------


def test_an_effect_of_the_calendar_is_learnt_for_each_series() -> None:
    """Noise-free series whose level jumps by 2 or by -2 wherever a flag is set: only the flag tells when, only the
    window tells which."""
    spec = WindowSpec(16, 4, features=1)
    generator = torch_stream(0, "flags")
    time = (torch.rand(256, 20, 1, generator=generator) < 0.3).float()
    sign = torch.where(torch.rand(256, 1, 1, generator=generator) < 0.5, 2.0, -2.0)
    values = sign * time + 1
    past, future, seen = values[:, :16], values[:, 16:], torch.ones(256, 16)
    errors = {}
    for calendar in (True, False):
        seed_torch(0, "weights")
        net = NHiTSConfig(width=32, calendar=calendar, scale="none").build(spec)
        optimiser = torch.optim.Adam(net.parameters(), 5e-3)
        for _ in range(150):
            loss = (net(past[:192], seen[:192], time[:192])[..., 0] - future[:192]).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found = net(past[192:], seen[192:], time[192:])[..., 0].detach()
        errors[calendar] = float((found - future[192:]).abs().mean())
    assert errors[True] < 0.3 < 0.5 < errors[False]


def test_an_exogenous_block_takes_its_share_out_of_the_past_and_adds_it_ahead() -> None:
    spec = WindowSpec(6, 2, targets=2, variables=2, features=3, quantiles=(0.2, 0.5))
    given: list[Tensor] = []
    body = Keeps(given)
    seed_torch(0, "weights")
    block = Exogenous(body, spec)
    x, seen, time = random(4, 6), torch.ones(4, 6), random(2, 8, 3, name="time")  # two windows of two targets
    y = block(x, seen, time)
    for row in range(4):
        own = time[row // 2]
        functions = torch.relu(block.basis[0](own))  # [8, basis]
        found = block.coefficients(torch.cat([x[row], own[5]])).view(-1, 3)  # [basis, 1 + quantiles]
        assert torch.allclose(given[0][row], x[row] - functions[:6] @ found[:, 0], atol=1e-6)
        assert torch.allclose(y[row], 1 + functions[6:] @ found[:, 1:], atol=1e-6)


class Keeps(nn.Module):
    """Answers 1 for two steps and two quantiles, and keeps what it was given."""

    def __init__(self, given: list[Tensor]) -> None:
        super().__init__()
        self.given = given

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        self.given.append(x)
        return torch.ones(len(x), 2, 2)


def test_an_event_counts_alike_however_far_ahead_it_is() -> None:
    spec = WindowSpec(8, 5, features=2)
    seed_torch(0, "weights")
    block = Exogenous(Nothing(), spec)
    x, seen, time = random(3, 8), torch.ones(3, 8), random(3, 13, 2, name="time")
    time[:, 12] = time[:, 9]
    y = block(x, seen, time)
    assert torch.allclose(y[:, 4], y[:, 1]) and not torch.allclose(y[:, 4], y[:, 2])


class Nothing(nn.Module):
    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return torch.zeros(len(x), 5, 1)


def test_the_direct_head_has_a_part_of_each_step_and_one_of_its_features() -> None:
    spec = WindowSpec(6, 3, variables=2, targets=2, features=4, quantiles=(0.2, 0.5))
    seed_torch(0, "weights")
    head: Any = DirectHead(5, spec)
    h, ahead = random(2, 5), random(2, 3, 4, name="ahead")
    y = head(h, ahead)
    direct = head.direct(h).view(2, 3, 4)
    for step in range(3):
        local = torch.relu(head.context(h) + head.known(ahead[:, step]))
        assert torch.allclose(y[:, step].flatten(1), direct[:, step] + head.local(local), atol=1e-6)
    assert len(list(DirectHead(5, WindowSpec(6, 3)).parameters())) == 2, "without features there is no second part"


def test_what_repeats_itself_is_where_a_network_starts() -> None:
    """Against the definition, for a window that repeats itself exactly, one that does not, and one that turns round."""
    spec = WindowSpec(12, 6, variables=3, targets=2, season=4, quantiles=(0.1, 0.5))
    start = LastSeason(spec)
    pattern = torch.tensor([1.0, -2.0, 0.5, 0.5])
    z = torch.stack([pattern.repeat(3), torch.tensor([1.0, -1.0]).repeat_interleave(4).repeat(2)[:12]], 1)
    z = torch.cat([z, torch.ones(12, 1)], 1).unsqueeze(0)  # [1, 12, 3]
    x = start(z)
    assert x.shape == (1, 6, 2, 2) and x[..., 0].abs().max() == 0
    assert torch.allclose(x[0, :, 0, 1], pattern[[0, 1, 2, 3, 0, 1]])
    assert x[0, :, 1].abs().max() == 0, "what is the opposite a season later is not repeated"
    noisy = random(1, 12, 3)
    now, ago = noisy[0, 4:, 0].double().numpy(), noisy[0, :8, 0].double().numpy()
    alike = float((now * ago).sum() / np.sqrt((now**2).sum() * (ago**2).sum()))
    assert torch.allclose(start(noisy)[0, :4, 0, 1], max(alike, 0.0) * noisy[0, 8:, 0])
    assert start(torch.zeros(1, 12, 3)).abs().max() == 0


def test_a_network_adds_to_where_it_starts_only_where_there_is_a_season() -> None:
    spec = WindowSpec(12, 6, season=4)
    past, seen, time = random(3, 12, 1), torch.ones(3, 12), torch.zeros(3, 18, 0)
    for name, more in (("nhits", {}), ("lstm", {}), ("dlinear", {"start": "season"})):
        config = config_of(name, scale="none", **more)
        whole, alone = make(config, spec), make(config.model_copy(update={"start": "zero"}), spec)
        assert torch.allclose(whole(past, seen, time), alone(past, seen, time) + LastSeason(spec)(past), atol=1e-6)
    for season in (1, 12):
        net = make(config_of("nhits"), WindowSpec(12, 6, season=season))
        assert not any(isinstance(module, LastSeason) for module in net.modules())
    assert DLinearConfig().start == PatchTSTConfig().start == "zero", "the published networks"


# --- TCN --------------------------------------------------------------------------------------------------------


def test_leaving_steps_out_gives_what_dilated_convolutions_give() -> None:
    spec = WindowSpec(45, 3, variables=2, features=1)
    net = make(TCNConfig(channels=6), spec)
    past, seen, time = random(4, 45, 2), torch.ones(4, 45), random(4, 48, 1, name="time")
    seen[0, :9] = seen[1, :20] = 0
    inner = net.body
    z, there = random(4, 45, 2) * seen.unsqueeze(2), seen.unsqueeze(1)
    early = time[:, :45] * seen.unsqueeze(2)
    x = torch.cat([z, early], 2).transpose(1, 2)
    for number, block in enumerate(inner.blocks):
        x = block(x, there, dilation=2**number)
    whole = inner.head(x[:, :, -1], time[:, 45:])
    assert torch.allclose(inner(z, seen, torch.cat([early, time[:, 45:]], 1)), whole, atol=1e-5)
    assert len(inner.blocks) == 4 and net(past, seen, time).shape == (4, 3, 1, 1)


@pytest.mark.parametrize(("lookback", "kernel", "blocks"), [(1, 3, 1), (5, 3, 1), (6, 3, 2), (13, 3, 2), (240, 3, 6)])
def test_as_many_blocks_as_see_the_whole_past(lookback: int, kernel: int, blocks: int) -> None:
    assert reaching(lookback, kernel) == blocks
    assert 1 + 2 * (kernel - 1) * (2**blocks - 1) >= lookback


# --- recurrent networks -----------------------------------------------------------------------------------------


def test_a_recursive_network_reads_its_own_forecasts() -> None:
    """What it forecasts for two steps is what it forecasts for one, appended, and asked again."""
    spec = WindowSpec(6, 2, features=1, quantiles=(0.1, 0.5, 0.9))
    net = make(LSTMForecastConfig(hidden=8, recursive=True, scale="none"), spec)
    past, seen, time = random(3, 6, 1), torch.ones(3, 6), random(3, 8, 1, name="time")
    y = net(past, seen, time)
    inner = net.body
    inner.lookback, inner.horizon = 7, 1
    longer = torch.cat([past, y[:, :1, :, 1]], 1)  # [3, 7, 1]: its own median appended
    again = net(longer, torch.ones(3, 7), time)
    assert torch.allclose(again[:, 0], y[:, 1], atol=1e-6)
    other = net(torch.cat([past, y[:, :1, :, 2]], 1), torch.ones(3, 7), time)
    assert not torch.allclose(other[:, 0], y[:, 1], atol=1e-4)


def test_a_recursive_network_feeds_back_what_it_starts_from_too() -> None:
    spec = WindowSpec(8, 2, season=4, quantiles=(0.1, 0.5, 0.9))
    config = LSTMForecastConfig(hidden=8, recursive=True, scale="none")
    past, seen, time = random(3, 8, 1), torch.ones(3, 8), torch.zeros(3, 10, 0)
    start, net = LastSeason(spec)(past), make(config, spec)
    y, alone = net(past, seen, time), make(config.model_copy(update={"start": "zero"}), spec)(past, seen, time)
    assert torch.allclose(y[:, 0, :, 1], (alone + start)[:, 0, :, 1], atol=1e-6)
    inner = net.body
    _, state = inner.reader(torch.cat([past, seen.unsqueeze(2)], 2))
    second = inner.reader(torch.cat([y[:, :1, :, 1], torch.ones(3, 1, 1)], 2), state)[0]
    wanted = inner.output(second).unflatten(2, (1, 3))[:, 0] + start[:, 1]
    assert torch.allclose(net.quantiles(wanted), y[:, 1], atol=1e-6)


def test_attention_looks_at_no_step_that_is_not_there() -> None:
    spec = WindowSpec(6, 2)
    net = make(Seq2SeqForecastConfig(hidden=8), spec)
    seen = torch.ones(2, 6)
    seen[1, :4] = 0
    looked: list[Tensor] = []
    net.body.attention.register_forward_hook(lambda module, given, found: looked.append(found[1]))
    net(random(2, 6, 1), seen, torch.zeros(2, 8, 0))
    assert looked[0].shape == (2, 2, 6) and torch.allclose(looked[0].sum(2), torch.ones(2, 2))
    assert looked[0][1, :, :4].abs().max() == 0 and looked[0][0].min() > 0


# --- PatchTST ---------------------------------------------------------------------------------------------------


def test_patches_end_with_the_window_and_count_from_there() -> None:
    spec = WindowSpec(9, 2)
    inner = PatchTransformer(spec, 4, 2, 8, 1, 2, 8, 0.0)
    patches = inner._patches(torch.arange(1.0, 10.0).unsqueeze(0))[0]
    assert patches.tolist() == [[6, 7, 8, 9], [4, 5, 6, 7], [2, 3, 4, 5], [0, 1, 2, 3]]
    assert inner.output.in_features == 4 * 8


def test_a_short_series_is_forecast_from_its_own_patches() -> None:
    spec = WindowSpec(16, 2)
    net = make(PatchTSTConfig(patch=4, stride=4, width=8, heads=2, inner=8), spec)
    seen = torch.zeros(1, 16)
    seen[:, 8:] = 1
    whole = net.body.body
    h: list[Tensor] = []
    whole.output.register_forward_pre_hook(lambda module, given: h.append(given[0].unflatten(1, (4, 8))))
    net(random(1, 16, 1), seen, torch.zeros(1, 18, 0))
    assert h[0][0, :2].abs().min() > 0 and h[0][0, 2:].abs().max() == 0


def test_widths_that_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(ValidationError, match="width must be a multiple of heads: 10 and 4"):
        PatchTSTConfig(width=10, heads=4)
    with pytest.raises(ValidationError, match="stride must not leave steps out"):
        PatchTSTConfig(patch=4, stride=5)
