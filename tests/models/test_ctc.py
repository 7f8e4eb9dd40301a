"""`ctc`: rows do not see their padding, masking hides stretches while training, short series are refused."""

from __future__ import annotations

import pytest
import torch

from learnloop.contracts import InputSpec
from learnloop.errors import DataError, ModelError
from learnloop.models.ctc import CTCNetConfig
from learnloop.models.every_step import EveryStepNet, build_network
from learnloop.models.recurrent import GRUConfig, LSTMConfig, RNNConfig
from learnloop.models.textcnn import TextCNNConfig
from learnloop.nn.masking import SeriesMasking
from learnloop.tasks.transcribe import need_frames

SPEC = InputSpec("series", numbers=6, length=40)


def batch(rows: int = 5, time: int = 31) -> tuple[torch.Tensor, torch.Tensor]:
    length = torch.tensor([31, 30, 1, 17, 2])[:rows]
    x = torch.randn(rows, time, 6, generator=torch.Generator().manual_seed(0))
    return x * (torch.arange(time) < length[:, None])[:, :, None], length


def small(**fields: object) -> CTCNetConfig:
    return CTCNetConfig.model_validate({"channels": 8, "hidden": 8, **fields})


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 4, 5])
def test_a_padded_batch_answers_as_rows_one_by_one(stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    config = small(stride=stride, kernel=kernel)
    net = config.build(SPEC, 7).eval()
    x, length = batch()
    together = net(x, length)
    assert together.shape == (5, config.frames(31), 7)
    for row in range(5):
        end = int(length[row])
        alone = net(x[row : row + 1, :end], length[row : row + 1])[0]
        assert len(alone) == config.frames(end)
        assert torch.allclose(alone, together[row, : len(alone)], atol=1e-5)
        behind = together[row, len(alone) :].softmax(1)
        assert bool((behind[:, 0] == 1).all()) and not behind[:, 1:].any()


def test_padding_behind_the_longest_row_changes_nothing() -> None:
    net = small().build(SPEC, 7).eval()
    x, length = batch()
    wide = torch.nn.functional.pad(x, (0, 0, 0, 9), value=5.0)
    assert torch.equal(net(wide, length), net(x, length))


def test_masking_hides_stretches_in_training_only() -> None:
    torch.manual_seed(0)
    masking = SeriesMasking(2, 5, times=2)
    x, length = torch.ones(500, 31, 6), torch.randint(1, 32, (500,))
    hidden = masking(x, length) == 0
    bands = hidden.all(1)
    steps = hidden.all(2)
    assert int(bands.sum(1).max()) == 4 and int(bands.sum(1).min()) == 0  # two stretches of up to 2
    assert int(steps.sum(1).max()) <= 10 and not bool((steps & (torch.arange(31) >= length[:, None])).any())
    assert torch.equal(hidden, bands[:, None, :] | steps[:, :, None])
    assert 0.8 < float(steps.float().sum(1)[length > 20].mean()) / 4.6 < 1.2  # 2 of mean 2.5, some of it twice
    masking.eval()
    assert masking(x, length) is x


def test_series_without_room_for_their_text_are_refused() -> None:
    y = torch.tensor([[4, 5, 0, 0], [4, 4, 5, 6]])
    rows = {"y": y, "length": torch.tensor([4, 8])}
    need_frames(small(stride=1), rows, "training")
    with pytest.raises(DataError) as caught:
        need_frames(small(stride=2), rows, "test")
    text = str(caught.value)
    assert "row 1 of the test part (counted from 0)" in text
    assert "4 characters, which need 5 frames, and 4 frames, left of 8 steps; 1 such row in all" in text
    assert "--set audio.hop_ms=5 model.stride=1" in text


def test_other_inputs_are_refused() -> None:
    with pytest.raises(ModelError, match="writes down what series say"):
        small().build(InputSpec("table", numbers=3), 7)


@pytest.mark.parametrize("config", [RNNConfig, LSTMConfig, GRUConfig])
def test_recurrent_networks_answer_at_every_step(config: type[RNNConfig]) -> None:
    torch.manual_seed(0)
    made = config.model_validate({"hidden": 8, "bidirectional": False, "pooling": "attention"})
    net = build_network(made, SPEC, 3, "steps").eval()
    assert isinstance(net, EveryStepNet)
    x, length = batch()
    together = net(x, length)
    assert together.shape == (5, 31, 3)
    alone = net(x[3:4, :17], length[3:4])
    assert torch.allclose(alone[0], together[3, :17], atol=1e-6)
    later = x.clone()
    later[:, 20:] += 1.0  # what comes later does not change what was answered before
    assert torch.allclose(net(later, length)[0, :20], together[0, :20], atol=1e-6)
    together.square().mean().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_models_with_one_vector_a_row_cannot_answer_at_every_step() -> None:
    with pytest.raises(ModelError, match="must be a model that answers at every step") as caught:
        build_network(TextCNNConfig.model_validate({}), SPEC, 1, "steps")
    assert "available: rnn, lstm, gru" in str(caught.value)
    assert build_network(LSTMConfig.model_validate({}), SPEC, 3, "class")(*batch()).shape == (5, 3)
