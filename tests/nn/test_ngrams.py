"""Keys of n-grams, and rows that count what they hold once."""

from __future__ import annotations

import torch

from learnloop.nn.ngrams import ngram_keys, ngram_presence, once, prints_of, share_of_each, slots_of

TOKENS = torch.tensor([[5, 6, 5, 6, 0], [6, 5, 6, 0, 0], [7, 0, 0, 0, 0]], dtype=torch.int32)


def test_equal_ngrams_have_equal_keys_wherever_they_stand() -> None:
    keys = ngram_keys(TOKENS, 3)
    assert keys.shape == (3, 4 + 3)
    assert keys[0, 0] == keys[0, 2] == keys[1, 1] and keys[0, 1] == keys[1, 0]
    assert keys[0, 5] == keys[1, 4]  # 6 5 6
    assert (keys[2] == 0).all() and (keys[1, 2:4] == 0).all()
    assert len({*keys.flatten().tolist()} - {0}) == 4  # 56, 65, 565, 656


def test_keys_of_different_ngrams_differ() -> None:
    grid = torch.cartesian_prod(torch.arange(1, 201), torch.arange(1, 201)).int()
    keys = ngram_keys(grid, 2).flatten()
    assert len(keys.unique()) == 40_000
    # Slots are as full as chance fills them: 1 - e^(-40000 / 65536) of them within 1 %.
    assert abs(len(slots_of(keys, 1 << 16).unique()) / (1 << 16) - 0.4568) < 0.0046
    assert len(prints_of(keys).unique()) > 39_990 and int(prints_of(keys).min()) >= 0


def test_keys_do_not_depend_on_the_type_of_the_codes_or_the_padding() -> None:
    wide = torch.cat([TOKENS, torch.zeros_like(TOKENS)], 1).long()
    assert torch.equal(ngram_keys(wide, 2)[:, :4], ngram_keys(TOKENS, 2))


def test_a_text_of_one_word_has_no_ngrams() -> None:
    assert ngram_keys(TOKENS[:, :1], 3).shape == (3, 0)


def test_a_row_counts_what_it_holds_once() -> None:
    places = torch.tensor([[3, 0, 2, 3, 3], [0, 0, 1, 1, 0]])
    assert once(places).tolist() == [[2, 3, 0, 0], [0, 0, 1, 0]]
    share = share_of_each(places)
    assert torch.allclose(share, torch.tensor([[1 / 3, 0, 1, 1 / 3, 1 / 3], [0, 0, 1 / 2, 1 / 2, 0]]))


def test_an_ngram_is_there_as_its_words_are() -> None:
    presence = torch.tensor([[1.0, 0.5, 0.0]])
    assert ngram_presence(presence, 3).tolist() == [[0.75, 0.25, 0.5]]
