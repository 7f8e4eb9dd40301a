"""Integrated gradients: they add up to the whole, and are exact where the network is linear."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learnloop.diagnose.words import integrated_gradients

TOKENS = torch.tensor([[4, 5, 6], [7, 4, 0]])


class Bag(nn.Module):
    """y = W mean_t E[token_t] + b, the mean over all places, padding among them."""

    def __init__(self, outputs: int = 2, curve: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(8, 5, padding_idx=0)
        self.places = nn.Embedding(8, 5)
        self.output = nn.Linear(5, outputs)
        self.curve = curve

    def forward(self, tokens: Tensor) -> Tensor:
        place = torch.arange(tokens.shape[1]).expand(tokens.shape)
        mean = (self.words(tokens) + self.places(place)).mean(1)  # [batch, 5]
        return self.output(torch.tanh(3 * mean) if self.curve else mean)  # [batch, outputs]


def test_a_linear_network_gives_each_token_its_own_part() -> None:
    net, classes = Bag(), torch.tensor([0, 1])
    moved = integrated_gradients(net, TOKENS, classes, steps=1)
    assert moved is not None
    margin = net.output.weight[0] - net.output.weight[1]
    each = (net.words(TOKENS) / 3) @ margin * torch.tensor([[1.0], [-1.0]])
    torch.testing.assert_close(moved.weights, each.detach())
    assert float(moved.gap.abs().max()) < 1e-6
    assert moved.weights[1, 2] == 0  # padding


def test_the_weights_of_a_curved_network_add_up_to_what_the_words_did() -> None:
    net = Bag(outputs=3, curve=True)
    fine = integrated_gradients(net, TOKENS, torch.tensor([2, 0]), steps=200)
    coarse = integrated_gradients(net, TOKENS, torch.tensor([2, 0]), steps=1)
    assert fine is not None and coarse is not None
    assert float((fine.score - fine.absent).abs().min()) > 0.04
    assert float(fine.gap.abs().max()) < 1e-4 < float(coarse.gap.abs().max())
    with torch.no_grad():
        outputs = net(TOKENS)
    torch.testing.assert_close(fine.score[0], outputs[0, 2] - outputs[0, :2].mean())


def test_numbers_and_one_output_for_two_classes() -> None:
    net = Bag(outputs=1)
    number = integrated_gradients(net, TOKENS, None)
    first, second = (integrated_gradients(net, TOKENS, torch.full((2,), c)) for c in (0, 1))
    assert number is not None and first is not None and second is not None
    torch.testing.assert_close(second.weights, number.weights)
    torch.testing.assert_close(first.weights, -number.weights)


def test_a_module_that_takes_a_presence_is_given_it_and_left_without() -> None:
    class Pairs(nn.Module):
        """Each pair of neighbours counts as much as both of them are there."""

        presence: Tensor | None = None

        def __init__(self) -> None:
            super().__init__()
            self.pairs = nn.Embedding(64, 1)

        def forward(self, tokens: Tensor) -> Tensor:
            values = self.pairs((8 * tokens[:, :-1] + tokens[:, 1:]) % 64)[..., 0]  # [batch, time - 1]
            if self.presence is not None:
                values = values * self.presence[:, :-1] * self.presence[:, 1:]
            return values.sum(1, keepdim=True)  # [batch, 1]

    net = Pairs()
    moved = integrated_gradients(net, TOKENS[:1], None, steps=100)
    assert moved is not None and net.presence is None
    first, second = net.pairs(torch.tensor([8 * 4 + 5, 8 * 5 + 6]))[:, 0].tolist()
    assert moved.weights[0].tolist() == pytest.approx([first / 2, (first + second) / 2, second / 2], abs=1e-4)


def test_a_network_that_reads_no_tokens_is_not_explained() -> None:
    class Length(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(1, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.output((tokens != 0).float().sum(1, keepdim=True))  # [batch, 2]

    assert integrated_gradients(Length(), TOKENS, torch.tensor([0, 1])) is None


def test_nothing_of_the_network_changes() -> None:
    net = Bag().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    integrated_gradients(net, TOKENS, torch.tensor([0, 1]))
    assert net.training and all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
