"""Networks that continue texts: they see the past alone, remember it exactly, learn, and begin where they should."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.gpt import GPT, GPTConfig, attend
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.language_model import language_model
from learnloop.models.recurrent_language import LSTMLanguageConfig, RecurrentLanguage
from learnloop.nn.rotary import rotary_table, turned
from learnloop.seeds import seed_torch, torch_stream

V = 11
SMALL: dict[str, dict[str, Any]] = {
    **{name: {"hidden": 16, "layers": 2, "embedding": 8, "window": 8} for name in ("rnn", "lstm", "gru")},
    "gpt": {"width": 16, "layers": 2, "heads": 2, "context": 16},
}
CASES = [(name, {}) for name in LANGUAGE_MODELS] + [("gpt", {"feed_forward": "swiglu", "tied": True})]


def make(name: str, more: dict[str, Any] | None = None, seed: int = 0) -> nn.Module:
    seed_torch(seed, "weights")
    config = LANGUAGE_MODELS[name].model_validate({**SMALL[name], **(more or {})})
    return config.build(InputSpec("text", vocabulary=V), V)


def codes(rows: int, time: int, name: str = "codes") -> Tensor:
    return torch.randint(0, V, (rows, time), generator=torch_stream(1, name))


def logits(net: nn.Module, tokens: Tensor) -> Tensor:
    model = language_model(net)
    return model(tokens, model.begin(len(tokens)))[0].detach()


@pytest.mark.parametrize(("name", "more"), CASES)
def test_the_past_alone_is_seen(name: str, more: dict[str, Any]) -> None:
    net = make(name, more).eval()
    tokens = codes(3, 12)
    changed = tokens.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % V
    before, after = logits(net, tokens), logits(net, changed)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6), "a later token changes an earlier answer"
    assert (before[:, 7:] - after[:, 7:]).abs().amax() > 1e-4, "a token does not change its own answer"
    earlier = tokens.clone()
    earlier[:, 0] = (earlier[:, 0] + 1) % V
    assert (logits(net, earlier)[:, 5] - before[:, 5]).abs().amax() > 1e-7, "the past does not count"


@pytest.mark.parametrize(("name", "more"), CASES)
def test_every_weight_gets_a_gradient_and_the_first_loss_is_that_of_a_guess(name: str, more: dict[str, Any]) -> None:
    net = make(name, more)
    model, tokens = language_model(net), codes(8, 13)
    found, _ = model(tokens[:, :-1], model.begin(8))
    loss = nn.functional.cross_entropy(found.flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    assert abs(loss.item() - math.log(V)) < 0.1
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize(("name", "more"), CASES)
def test_it_learns_which_code_follows_which(name: str, more: dict[str, Any]) -> None:
    net = make(name, more)
    model = language_model(net)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    row = torch.arange(64) * 3 % V  # each code is followed by itself + 3
    tokens = torch.stack([row[start : start + 13] for start in range(8)])
    for _ in range(120):
        found, _ = model(tokens[:, :-1], model.begin(8))
        loss = nn.functional.cross_entropy(found.flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_a_carried_state_is_as_good_as_one_long_window(name: str) -> None:
    net, tokens = make(name).eval(), codes(3, 20)
    model = language_model(net)
    first, carried = model(tokens[:, :11], model.begin(3))
    second, _ = model(tokens[:, 11:], carried)
    assert torch.allclose(torch.cat([first, second], 1), logits(net, tokens), atol=1e-6)


@pytest.mark.parametrize(("name", "more"), CASES)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_reader_gives_what_the_whole_text_gives(name: str, more: dict[str, Any], rows: int) -> None:
    net, tokens = make(name, more).eval(), codes(rows, 16)
    whole, reader = logits(net, tokens), language_model(net).reader(rows)
    assert torch.allclose(reader.feed(tokens[:, :5]), whole[:, 4], atol=1e-5)
    for place in range(5, 13):
        assert torch.allclose(reader.feed(tokens[:, place : place + 1]), whole[:, place], atol=1e-5)
    assert torch.allclose(reader.feed(tokens[:, 13:]), whole[:, 15], atol=1e-5), "several codes behind others"


def test_with_the_cache_gpt_writes_what_it_writes_without_it_also_beyond_its_context() -> None:
    net = make("gpt").eval()
    with torch.no_grad():
        net.head.weight.mul_(50)  # type: ignore[union-attr, operator]  (an untrained network is unsure of everything)
    reader = language_model(net).reader()
    found = reader.feed(codes(1, 3))
    lengths = set()
    for _ in range(60):
        seen = reader.seen  # type: ignore[attr-defined]
        lengths.add(seen.shape[1])
        plain = logits(net, seen)[:, -1]
        assert torch.allclose(found, plain, atol=1e-4) and found.argmax() == plain.argmax()
        found = reader.feed(found.argmax(1, keepdim=True))
    assert lengths == set(range(3, 17)), "it never sees more than its context, and after it at least half"


def test_a_prompt_longer_than_the_context_keeps_its_end() -> None:
    net, tokens = make("gpt").eval(), codes(1, 40)
    reader = language_model(net).reader()
    assert torch.allclose(reader.feed(tokens), logits(net, tokens[:, -16:])[:, -1], atol=1e-5)


def test_explicit_attention_is_torchs_and_drops_shares() -> None:
    q, k, v = (torch.randn(2, 3, 9, 4, generator=torch_stream(0, name)) for name in "qkv")
    exact = attend(q, k, v)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attend(q, k, v.bfloat16())
        dropped = attend(q, k, v.bfloat16(), 0.5)
    assert found.dtype == torch.bfloat16
    assert (found - exact).abs().amax() < 0.05  # 8 bits of mantissa
    assert (dropped - exact).abs().amax() > 0.2


def test_turned_products_depend_on_the_distance_alone() -> None:
    cos, sin = rotary_table(20, 8)
    q, k = (torch.randn(8, generator=torch_stream(0, name)) for name in "qk")
    tq, tk = turned(q.expand(20, 8), cos, sin), turned(k.expand(20, 8), cos, sin)
    products = tq @ tk.T  # [20, 20]
    for distance in range(5):
        along = products.diagonal(-distance)
        assert torch.allclose(along, along[:1].expand_as(along), atol=1e-5)
    assert (products[:, 0] - products[0, 0]).abs().amax() > 0.1


def test_gates_begin_as_they_should() -> None:
    net = make("lstm")
    assert isinstance(net, RecurrentLanguage)
    bias, weight = net.cells.bias_ih_l0, net.cells.weight_hh_l1
    assert isinstance(bias, Tensor) and isinstance(weight, Tensor)
    assert bias.view(4, 16)[1].eq(1).all() and bias.view(4, 16)[[0, 2, 3]].eq(0).all()
    for gate in weight.view(4, 16, 16):
        assert torch.allclose(gate @ gate.T, torch.eye(16), atol=1e-5)


def test_tied_weights_are_one() -> None:
    net = make("gpt", {"tied": True})
    assert isinstance(net, GPT) and net.head.weight is net.embed.weight


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="width must be a multiple of 2"):
        GPTConfig(width=10, heads=4)


def test_what_is_suggested_is_for_this_text() -> None:
    spec = InputSpec("text", vocabulary=V)
    assert LSTMLanguageConfig().suggest(1_000_000, spec, V, None)["train.epochs"] == 20
    assert "train.epochs" not in LSTMLanguageConfig().suggest(1_000_000, spec, V, 3.0)
    kept = [LSTMLanguageConfig().suggest(1_000_000, spec, V, minutes)["model.dropout"] for minutes in (1.0, 3.0, 15.0)]
    assert kept == [0.0, 0.1, 0.25], "the more passes, the more dropout"
    assert GPTConfig().suggest(1000, spec, V, None)["train.epochs"] == 100
