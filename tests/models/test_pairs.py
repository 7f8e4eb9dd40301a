"""The networks that turn texts into texts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import BEGIN, END, PADDING, InputSpec
from learnloop.errors import ModelError
from learnloop.models.seq2seq import Seq2SeqConfig
from learnloop.models.seq2seq_parts import CellName, Encoder
from learnloop.models.translator import TranslatorConfig
from learnloop.nn.beam import decode
from learnloop.optim.adam import AdamWConfig
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.scores.losses import CrossEntropyConfig
from learnloop.tasks.translate import TEXTS, Translate
from learnloop.testing.tasks import check_task

SPEC = InputSpec("text", vocabulary=12, length=7)
OUTPUTS = 11
CONFIGS = {
    "translator": TranslatorConfig(width=16, heads=2, inner=32, encoder_layers=2, decoder_layers=2, dropout=0.1),
    "translator, learned places, not tied": TranslatorConfig(
        width=16, heads=4, inner=32, encoder_layers=1, decoder_layers=1, positions="learned", tie=False, dropout=0.1
    ),
    **{
        f"{cell}, {attention}": Seq2SeqConfig(
            cell=cell, attention=attention, embedding=8, hidden=16, layers=layers, bidirectional=both, dropout=0.1
        )
        for cell, attention, layers, both in (
            ("lstm", "none", 2, True),
            ("lstm", "additive", 2, True),
            ("gru", "dot", 1, False),
            ("rnn", "general", 1, True),
            ("gru", "additive", 1, True),
            ("lstm", "general", 2, False),
        )
    },
}
NETS = pytest.mark.parametrize("name", CONFIGS)


def build(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return CONFIGS[name].build(SPEC, OUTPUTS)


def pairs(rows: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Sources of different lengths, and the same turned round as targets."""
    generator = torch.Generator().manual_seed(seed)
    source = torch.zeros(rows, 7, dtype=torch.int32)
    target = torch.zeros(rows, 9, dtype=torch.int64)
    for row in range(rows):
        length = int(torch.randint(1, 8, (1,), generator=generator)) if row else 7
        words = torch.randint(4, OUTPUTS, (length,), generator=generator)
        source[row, :length] = words.int()
        target[row, :length] = words.flip(0)
        target[row, length] = END
    return source, target


@NETS
def test_a_padded_batch_answers_as_its_rows_one_by_one(name: str) -> None:
    net = build(name).eval()
    source, target = pairs()
    with torch.no_grad():
        whole = net(source, target)
        for row in range(len(source)):
            words = int((source[row] != PADDING).sum())
            alone = net(source[row : row + 1, :words], target[row : row + 1, : words + 1])
            assert torch.allclose(whole[row, : words + 1], alone[0], atol=1e-5)


@NETS
def test_a_step_sees_the_target_before_it_and_nothing_behind(name: str) -> None:
    net = build(name).eval()
    source, target = pairs()
    other = target.clone()
    other[:, 4:] = torch.where(other[:, 4:] > END, 4 + (other[:, 4:] - 3) % (OUTPUTS - 4), other[:, 4:])
    assert not torch.equal(other, target)
    with torch.no_grad():
        first, second = net(source, target), net(source, other)
    assert torch.allclose(first[:, :5], second[:, :5], atol=1e-6)
    assert not torch.allclose(first[:, 5:], second[:, 5:], atol=1e-3)


@NETS
def test_one_step_at_a_time_gives_what_all_at_once_gave(name: str) -> None:
    net = build(name).eval()
    source, target = pairs()
    with torch.no_grad():
        whole = net(source, target)
        state = net.begin(source, 1)
        codes = torch.full((len(source),), BEGIN)
        for step in range(whole.shape[1]):
            assert torch.allclose(net.step(codes, state), whole[:, step], atol=1e-5), f"step {step}"
            codes = target[:, step]


@NETS
def test_several_beginnings_of_a_row_read_its_own_source(name: str) -> None:
    net = build(name).eval()
    source, _ = pairs()
    with torch.no_grad():
        one = net.step(torch.full((6,), BEGIN), net.begin(source, 1))
        three = net.step(torch.full((18,), BEGIN), net.begin(source, 3))
    assert torch.allclose(three, one.repeat_interleave(3, 0), atol=1e-5)


@NETS
def test_attention_sums_to_one_over_the_source_that_is_there(name: str) -> None:
    net = build(name).eval()
    source, target = pairs()
    weights = net.attention(source, target)
    if name.endswith("none"):
        assert weights is None
        return
    assert torch.allclose(weights.sum(2), torch.ones(weights.shape[:2]), atol=1e-5)
    behind = source == PADDING
    assert weights.transpose(1, 2)[behind].abs().max() == 0


@NETS
def test_every_weight_gets_a_gradient(name: str) -> None:
    net = build(name)
    source, target = pairs(rows=32)
    net(source, target).logsumexp(2).sum().backward()
    dead = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead


@NETS
def test_the_first_loss_is_about_that_of_a_guess(name: str) -> None:
    net = build(name).eval()
    source, target = pairs(rows=64)
    with torch.no_grad():
        logits = net(source, target)
    y = target[:, : logits.shape[1]]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=PADDING)
    guess = torch.tensor(float(OUTPUTS)).log()
    assert guess * 0.8 < loss < guess * 1.6


@pytest.mark.parametrize("name", ["translator", "lstm, additive", "gru, dot"])
def test_the_task_keeps_to_the_contract_and_learns_to_copy(name: str) -> None:
    def make() -> Translate:
        net = build(name, seed=3)
        updater = Updater(AdamWConfig(lr=0.02).build(net), ConstantConfig().build(), clip=1.0)
        return Translate(net, (), CrossEntropyConfig().build(), plan=PLAIN, updater=updater, decoding=(9, 2, 0.6))

    def batch(number: int) -> dict[str, Tensor]:
        source, target = pairs(rows=24, seed=number % 2)
        return {"tokens": source, "y": target}

    check_task(make, batch, steps=60, learns=0.7)


def test_a_network_that_has_learnt_writes_the_text_it_was_taught() -> None:
    torch.manual_seed(0)
    net = CONFIGS["translator"].model_copy(update={"dropout": 0.0}).build(SPEC, OUTPUTS)
    task = Translate(
        net,
        (),
        CrossEntropyConfig().build(),
        plan=PLAIN,
        updater=Updater(AdamWConfig(lr=0.01).build(net), ConstantConfig().build(), clip=1.0),
    )
    source, target = pairs(rows=16)
    task.train()
    for _ in range(150):
        task.train_step({"tokens": source, "y": target})
    task.train(False)
    for decoding in ((12, 1, 0.0), (12, 4, 0.6)):
        task.decoding = decoding
        said = task.predict({"tokens": source})[TEXTS]
        assert said.shape == (16, 12)
        assert torch.equal(said[:, :9], target)


def test_evaluation_is_a_mean_over_tokens_not_over_rows() -> None:
    net = build("gru, dot").eval()
    task = Translate(net, (), CrossEntropyConfig().build(), plan=PLAIN)
    source, target = pairs(rows=8)
    with torch.no_grad():
        parts = [task.eval_step({"tokens": source[rows], "y": target[rows]}) for rows in (slice(0, 2), slice(2, 8))]
        logits = net(source, target)
    means = {key: float(0.25 * parts[0][key] + 0.75 * parts[1][key]) for key in parts[0]}
    y = target[:, : logits.shape[1]]
    said = y != PADDING
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=PADDING)
    right = (logits.argmax(2) == y)[said].float().mean()
    assert task.summarise(means) == pytest.approx({"loss": float(loss), "token_accuracy": float(right)}, rel=1e-5)


def test_the_training_loss_leaves_padding_out() -> None:
    net = build("gru, dot").eval()
    task = Translate(net, (), CrossEntropyConfig().build(), plan=PLAIN)
    source, target = pairs(rows=8)
    wide = nn.functional.pad(target, (0, 20))
    with torch.no_grad():
        first, second = (float(task.loss({"tokens": source, "y": y})) for y in (wide, target))
    assert first == pytest.approx(second, rel=1e-6)


def test_learned_places_end_somewhere_and_it_is_said() -> None:
    with pytest.raises(ModelError, match=r"must be a place for every token of a source text\n  found:     4 places, "):
        TranslatorConfig(positions="learned", most=4).build(SPEC, OUTPUTS)
    net = TranslatorConfig(width=8, heads=2, inner=8, positions="learned", most=7).build(SPEC, OUTPUTS)
    source, _ = pairs()
    with pytest.raises(ModelError, match="a text of 8 tokens, 7 places"):
        decode(net, source, limit=20, beam=1)


@pytest.mark.parametrize("config", [TranslatorConfig(), Seq2SeqConfig()])
def test_inputs_that_are_no_texts_are_refused(config: TranslatorConfig | Seq2SeqConfig) -> None:
    with pytest.raises(ModelError, match="turns texts into texts\n  found:     the inputs are a table"):
        config.build(InputSpec("table", numbers=3), OUTPUTS)
    with pytest.raises(ModelError, match="needs a vocabulary to answer with\n  found:     outputs = 4"):
        config.build(SPEC, 4)


def test_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="width even and a multiple of heads; found width 10 and 4 heads"):
        TranslatorConfig(width=10)
    with pytest.raises(ValueError, match="each way of reading gets half of the units; found 15"):
        Seq2SeqConfig(hidden=15)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_encoder_is_torchs_two_way_layer_on_packed_rows(cell: CellName) -> None:
    torch.manual_seed(0)
    encoder = Encoder(cell, 5, 8, layers=1, both=True, dropout=0.0)
    reference = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](5, 4, batch_first=True, bidirectional=True)
    ahead, back = encoder.ahead[0].state_dict(), encoder.back[0].state_dict()
    reference.load_state_dict({**ahead, **{f"{name}_reverse": value for name, value in back.items()}})
    x, length = torch.randn(4, 6, 5), torch.tensor([6, 1, 4, 3])
    packed = nn.utils.rnn.pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False)
    outputs, states = reference(packed)
    expected = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)[0]
    memory, ends = encoder(x, length)
    for row, steps in enumerate(length):
        assert torch.allclose(memory[row, :steps], expected[row, :steps], atol=1e-6)
    last = states[0] if cell == "lstm" else states
    assert torch.allclose(ends[0], torch.cat([last[0], last[1]], 1), atol=1e-6)
