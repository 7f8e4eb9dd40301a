"""The first layer: scaling of images, joining of numbers and categories."""

from __future__ import annotations

import pytest
import torch

from learnloop.nn.inputs import ImageInput, Joined, TableInput, embedding_width


def test_images_are_standardised_per_channel() -> None:
    x = torch.randint(0, 256, (5, 2, 3, 4), dtype=torch.uint8)
    y = ImageInput((0.2, 0.5), (0.1, 0.4))(x)
    expected = (x / 255 - torch.tensor([0.2, 0.5]).view(2, 1, 1)) / torch.tensor([0.1, 0.4]).view(2, 1, 1)
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(y, ImageInput((0.2, 0.5), (0.1, 0.4))(x.float()))


def test_images_keep_channels_last() -> None:
    x = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    y = ImageInput((0.2,) * 3, (0.1,) * 3)(x)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_a_channel_that_never_varied_is_only_shifted() -> None:
    y = ImageInput((1.0,), (0.0,))(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8))
    torch.testing.assert_close(y, torch.zeros(1, 1, 2, 2), atol=1e-6, rtol=0)


def test_one_hot_leaves_code_zero_empty() -> None:
    table = TableInput(2, (3, 4, 1))
    x = torch.tensor([[0.5, 1.5], [2.5, 3.5]])
    y = table(x, torch.tensor([[1, 3, 0], [0, 2, 0]]))
    assert table.width == 2 + 2 + 3 == y.shape[1]
    assert y.tolist() == [[0.5, 1.5, 1, 0, 0, 0, 1], [2.5, 3.5, 0, 0, 0, 1, 0]]


def test_many_codes_are_embedded_and_code_zero_is_zero() -> None:
    table = TableInput(1, (17, 3, 100))
    assert table.width == 1 + 2 + embedding_width(17) + embedding_width(100) == 1 + 2 + 8 + 21
    y = table(torch.zeros(2, 1), torch.tensor([[0, 0, 0], [16, 2, 99]]))
    assert not y[0].any()
    assert torch.equal(y[1, 3:11], table.embeddings[0].weight[16])
    assert torch.equal(y[1, 11:], table.embeddings[1].weight[99])
    lengths = table.embeddings[1].weight[1:].norm(dim=1)
    assert float(lengths.detach().mean()) == pytest.approx(1.0, abs=0.1)


def test_sixteen_codes_are_one_hot_and_none_means_never() -> None:
    assert TableInput(0, (16,)).width == 15
    assert TableInput(0, (500,), embed_above=None).width == 499
    assert len(TableInput(0, (17,), embed_above=None).embeddings) == 0


def test_categories_only() -> None:
    y = TableInput(0, (3, 20))(torch.zeros(4, 0), torch.ones(4, 2, dtype=torch.int64))
    assert y.shape == (4, 2 + embedding_width(20))


def test_without_categories_the_numbers_pass_untouched() -> None:
    x = torch.randn(3, 4)
    assert TableInput(4, ())(x) is x


def test_joined_hands_the_width_on() -> None:
    table = TableInput(2, (3,))
    net = Joined(table, torch.nn.Linear(table.width, 5))
    assert net(torch.zeros(7, 2), torch.zeros(7, 1, dtype=torch.int64)).shape == (7, 5)


@pytest.mark.parametrize(("codes", "width"), [(17, 8), (100, 21), (700, 63), (730, 64), (10_000, 64)])
def test_embedding_width(codes: int, width: int) -> None:
    assert embedding_width(codes) == width
