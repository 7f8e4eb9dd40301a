"""The bag of words: its two parts, what it starts from, and which words count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from learnloop.contracts import SPECIAL, TOKENS, InputSpec, Y
from learnloop.diagnose.words import integrated_gradients
from learnloop.errors import ModelError
from learnloop.models.bow import BagOfWords, BagOfWordsConfig
from learnloop.models.table import MODELS
from learnloop.nn.fitted import give_words, start_layers

SPEC = InputSpec("text", vocabulary=40, length=12)


def texts(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two words say the class only together: (4, 5) and (6, 7) are class 1, (4, 7) and (6, 5) class 0."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(rows) % 2
    tokens = torch.randint(10, 40, (rows, 12), generator=generator).int()
    for row in range(rows):
        first = 4 if row % 4 < 2 else 6
        tokens[row, 3] = first
        tokens[row, 4] = 5 if (first == 4) == bool(y[row]) else 7
    tokens[::3, 8:] = 0
    return tokens, y


def built(**options: Any) -> BagOfWords:
    torch.manual_seed(0)
    return BagOfWordsConfig.model_validate({"slots": 1 << 10, **options}).build(SPEC, 2)  # type: ignore[return-value]


def test_what_it_starts_from_says_of_a_pair_of_words_what_neither_says_alone() -> None:
    tokens, y = texts(400)
    net = built(embedding=0)
    assert start_layers(net, {TOKENS: tokens, Y: y}) == 1
    assert net.linear is not None
    ratio = net.linear.ratio[net.linear.places(torch.tensor([[4, 5], [4, 7]]))[:, 2], 1]
    assert ratio[0] > 4 and ratio[1] < -4
    assert net.linear.ratio[4:8, 1].abs().max() < 0.5


def test_the_two_parts_add_up() -> None:
    tokens, y = texts(40)
    net = built(buckets=16).eval()
    start_layers(net, {TOKENS: tokens, Y: y})
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
    assert net.linear is not None and net.averaged is not None
    assert torch.allclose(net(tokens), net.linear(tokens) + net.averaged(tokens), atol=1e-5)


def test_a_started_network_answers_alike_in_any_batch() -> None:
    tokens, y = texts(60)
    net = built(ngrams=3).eval()
    start_layers(net, {TOKENS: tokens, Y: y})
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
        alone = torch.cat([net(row[: int((row != 0).sum())].unsqueeze(0)) for row in tokens])
        assert torch.allclose(net(tokens), alone, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"ngrams": 3, "buckets": 16}, {"bayes": False}, {"embedding": 0}], ids=str)
def test_the_weights_of_the_words_add_up_to_the_score(options: dict[str, Any]) -> None:
    tokens, y = texts(20)
    net = built(**options).eval()
    start_layers(net, {TOKENS: tokens, Y: y})
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
        if net.averaged is not None:
            net.averaged.embedding.weight[0] = 0.0
        plain = net(tokens)
    moved = integrated_gradients(net, tokens, y)
    assert moved is not None and net.presence is None
    chosen = plain.gather(1, y.unsqueeze(1)).squeeze(1)
    assert torch.allclose(moved.score, 2 * chosen - plain.sum(1), atol=1e-4)
    assert moved.gap.abs().max() < 1e-3 and not moved.weights[tokens == 0].any()


def test_vectors_of_a_file_are_where_learning_starts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 3\nplot 4 5 6\n")
    words = ["film", "plot", *(f"word{number}" for number in range(SPEC.vocabulary - SPECIAL - 2))]
    for name in ("bow", "lstm", "textcnn", "transformer"):
        config = MODELS[name].model_validate({"vectors": str(path), "tune_vectors": False})
        advice = config.suggest(1000, SPEC, 2, None)
        assert advice["model.embedding"] == 3
        net = MODELS[name].model_validate({**config.model_dump(), "embedding": 3}).build(SPEC, 2)
        said = give_words(net, words)
        assert said[0].startswith("Vectors of 2 of 36 words were found in vectors.txt; 34 are not among them")
        weight = next(p for key, p in net.named_parameters() if key.endswith("embedding.weight"))
        assert weight[SPECIAL + 1].tolist() == [4.0, 5.0, 6.0] and not weight.requires_grad
    with pytest.raises(ModelError, match=r"model.embedding: must be the width of the vectors"):
        give_words(MODELS["bow"].model_validate({"vectors": str(path)}).build(SPEC, 2), words)


def test_a_network_without_a_file_says_nothing_and_learns_its_vectors() -> None:
    net = built()
    before = net.averaged.embedding.weight.clone()  # type: ignore[union-attr]
    assert give_words(net, ()) == () and torch.equal(before, net.averaged.embedding.weight)  # type: ignore[union-attr]
    assert net.averaged.embedding.weight.requires_grad  # type: ignore[union-attr]


def test_the_table_of_ngrams_grows_with_the_texts_and_stays_within_bounds() -> None:
    def slots(rows: int, length: int, outputs: int) -> int:
        spec = InputSpec("text", vocabulary=100, length=length)
        return int(BagOfWordsConfig().suggest(rows, spec, outputs, None)["model.slots"])

    assert slots(4, 5, 2) == 256 and slots(10_000, 60, 2) == 1 << 17 and slots(25_000, 1000, 2) == 1 << 20
    assert slots(25_000, 1000, 200) == 1 << 13
    assert "model.slots" not in BagOfWordsConfig(slots=64).suggest(1000, SPEC, 2, None)
