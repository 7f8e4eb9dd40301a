"""The task language: its suite, the state that it carries, and what a whole text costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import TOKENS, Batch, InputSpec, Y
from learnloop.data.streams import FRESH
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.language_model import language_model
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.seeds import seed_torch, torch_stream
from learnloop.tasks import language
from learnloop.tasks.language import NATS, Language, text_nats
from learnloop.testing.tasks import check_task

V = 9
SMALL: dict[str, dict[str, Any]] = {
    **{name: {"hidden": 12, "layers": 2, "embedding": 8, "dropout": 0.1} for name in ("rnn", "lstm", "gru")},
    "gpt": {"width": 16, "layers": 1, "heads": 2, "context": 12, "dropout": 0.1},
}


def build(name: str) -> nn.Module:
    seed_torch(1, "init")
    return LANGUAGE_MODELS[name].model_validate(SMALL[name]).build(InputSpec("text", vocabulary=V), V)


def make(name: str, kind: type[Language] = Language) -> Callable[[], Language]:
    def task() -> Language:
        net = build(name)
        updater = Updater(OPTIMISERS["adam"](lr=0.02).build(net), SCHEDULES["constant"]().build(), clip=1.0)
        seed_torch(1, "train")
        return kind(net, plan=PLAIN, updater=updater)

    return task


def batch(number: int) -> Batch:
    """Readers that count on in threes; reader `number` mod 6 begins anew."""
    starts = torch.arange(6)[:, None] * 5 + number * 7
    row = (starts + torch.arange(8)) * 3 % V
    return {TOKENS: row[:, :-1], Y: row[:, 1:], FRESH: (torch.arange(6) == number % 6) | (torch.tensor(number == 0))}


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_every_network_passes_the_suite(name: str) -> None:
    check_task(make(name), batch, learns=0.6)


class ForgetsState(Language):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "carried": []}


def test_the_suite_notices_a_state_that_is_not_saved() -> None:
    with pytest.raises(AssertionError, match="is not in state_dict"):
        check_task(make("lstm", ForgetsState), batch)


def test_a_step_carries_the_state_on_and_a_fresh_reader_begins_from_nothing() -> None:
    task = make("lstm")()
    task.net.eval()  # no dropout: what is carried is then a function of what was read
    task.loss(batch(0))
    before = task._carried
    rows = batch(1)
    task.loss(rows)
    model = language_model(task.net)
    with torch.no_grad():
        _, carried = model(rows[TOKENS], before)
        _, anew = model(rows[TOKENS], model.begin(6))
    for part, on, begun in zip(task._carried, carried, anew):
        assert not part.requires_grad
        assert torch.allclose(part[:, 1], begun[:, 1], atol=1e-6), "reader 1 of batch 1 begins anew"
        others = [0, 2, 3, 4, 5]
        assert torch.allclose(part[:, others], on[:, others], atol=1e-6)
        assert not torch.allclose(on[:, 1], begun[:, 1], atol=1e-3)


def plain_nats(net: nn.Module, codes: Tensor) -> Tensor:
    """The whole text in one go."""
    model = language_model(net)
    with torch.no_grad():
        logits, _ = model(codes[None, :-1].long(), model.begin(1))
    return nn.functional.cross_entropy(logits[0], codes[1:].long(), reduction="none")


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_a_text_read_in_overlapping_rows_costs_what_it_costs_in_one_go(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `context` tokens what came before is forgotten, to rounding, by a network with weights this small."""
    monkeypatch.setattr(language, "_STEPS", 50)
    net = build(name).eval()
    codes = torch.randint(0, V, (1500,), generator=torch_stream(0, "text"))
    assert torch.allclose(text_nats(net, codes), plain_nats(net, codes), atol=1e-4)
    short = codes[:40]
    assert torch.allclose(text_nats(net, short), plain_nats(net, short), atol=1e-6)


def test_gpt_predicts_each_token_from_at_least_half_its_context() -> None:
    net = build("gpt").eval()
    codes = torch.randint(0, V, (101,), generator=torch_stream(0, "text"))
    found = text_nats(net, codes)
    assert found.shape == (100,)
    assert torch.allclose(found[:12], plain_nats(net, codes[:13]), atol=1e-6), "the first row is scored as a whole"
    for place in (12, 17, 18, 55, 99):
        options = [plain_nats(net, codes[place + 1 - seen : place + 2])[-1] for seen in range(7, 13)]
        assert any(torch.allclose(found[place], option, atol=1e-5) for option in options), place


def test_the_figures_of_a_part_do_not_touch_training() -> None:
    task = make("lstm")()
    task.train(True)
    task.train_step(batch(0))
    carried = [part.clone() for part in task._carried]
    rng = torch.get_rng_state()
    task.train(False)
    assert task.predict(batch(1))[NATS].shape == (6, 7)
    text_nats(task.net, torch.arange(90) % V)
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(one, other) for one, other in zip(carried, task._carried))
