"""Word vectors from GloVe's text and word2vec's text and binary files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from learnloop.contracts import SPECIAL
from learnloop.errors import DataError, ModelError, RecipeError, UserError
from learnloop.nn.vectors import take_vectors, vector_width

WORDS = ("film", "good", "bad", "plot")
VECTORS = {"good": [0.5, -1.0, 2.0], "Film": [0.25, 0.0, 1.0], "BAD": [1.0, 1.0, 1.0], "sea": [9.0, 9.0, 9.0]}
GLOVE = "".join(f"{word} {' '.join(map(str, values))}\n" for word, values in VECTORS.items())


def binary(vectors: dict[str, list[float]], newline: bytes = b"\n") -> bytes:
    parts = [f"{word} ".encode() + np.array(values, "<f4").tobytes() + newline for word, values in vectors.items()]
    return f"{len(vectors)} 3\n".encode() + b"".join(parts)


KINDS = {
    "glove.txt": GLOVE.encode(),
    "word2vec.txt": f"{len(VECTORS)} 3\n{GLOVE}".encode(),
    "word2vec.bin": binary(VECTORS),
    "without-newlines.bin": binary(VECTORS, b""),
    "glove.txt.gz": gzip.compress(GLOVE.encode()),
    "word2vec.bin.gz": gzip.compress(binary(VECTORS)),
}


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_vectors(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name, KINDS[name])
    weight = torch.zeros(SPECIAL + 4, 3)
    said = take_vectors(weight, path, WORDS)
    assert vector_width(path) == 3
    assert weight[SPECIAL].tolist() == VECTORS["Film"] and weight[SPECIAL + 1].tolist() == VECTORS["good"]
    assert weight[SPECIAL + 2].tolist() == VECTORS["BAD"]
    assert said == f"Vectors of 3 of 4 words were found in {name}; 1 is not among them, such as plot."


def test_a_word_that_is_missing_starts_at_random_and_padding_at_zero(tmp_path: Path) -> None:
    weight = torch.ones(SPECIAL + 4, 3)
    take_vectors(weight, written(tmp_path, "v.txt", GLOVE.encode()), WORDS)
    assert not weight[0].any() and bool((weight[SPECIAL + 3] != 1).all()) and bool(weight[1:4].any())


def test_its_own_spelling_goes_before_its_lower_case(tmp_path: Path) -> None:
    for lines in ("Good 1 1 1\ngood 2 2 2\n", "good 2 2 2\nGood 1 1 1\n"):
        weight = torch.zeros(SPECIAL + 4, 3)
        take_vectors(weight, written(tmp_path, "v.txt", lines.encode()), WORDS)
        assert weight[SPECIAL + 1].tolist() == [2.0, 2.0, 2.0]


def test_a_word_with_spaces_is_one_word(tmp_path: Path) -> None:
    weight = torch.zeros(SPECIAL + 4, 3)
    take_vectors(weight, written(tmp_path, "v.txt", b"good 1 2 3\n. . 4 5 6\nbad 7 8 9\n"), WORDS)
    assert weight[SPECIAL + 2].tolist() == [7.0, 8.0, 9.0]


DAMAGED = {
    "a line too short": (b"good 1 2 3\nbad 1 2\n", "line 2 of v.txt must hold a word and 3 numbers"),
    "no number": (
        b"good 1 2 3\nbad 1 x 2\n",
        "must hold a word and 3 numbers\n  found:     'bad 1 x 2'",
    ),
    "not finite": (b"good 1 2 3\nbad 1 nan 2\n", "line 2 of v.txt must hold a word and 3 numbers"),
    "the end too early": (b"9 3\ngood 1 2 3\n", "line 3 of v.txt must hold the next of 9 words, as line 1 says"),
    "a binary cut off": (binary(VECTORS)[:-20], "word 3 of 4 of v.txt must hold a word and 3 numbers of 4 bytes"),
    "no vectors at all": (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "line 1 of v.txt must hold a word and its numbers"),
    "nothing": (b"", "line 1 of v.txt must hold a word and its numbers"),
    "words of another language": (b"dobry 1 2 3\n", "v.txt must have vectors of words of these texts"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_with_the_place(tmp_path: Path, name: str) -> None:
    content, text = DAMAGED[name]
    with pytest.raises(DataError) as caught:
        take_vectors(torch.zeros(SPECIAL + 4, 3), written(tmp_path, "v.txt", content), WORDS)
    assert str(caught.value).startswith("model.vectors: ") and text in str(caught.value)


def test_another_width_is_refused_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        take_vectors(torch.zeros(SPECIAL + 4, 5), written(tmp_path, "v.txt", GLOVE.encode()), WORDS)
    assert str(caught.value) == (
        "model.embedding: must be the width of the vectors of v.txt\n"
        "  found:     5, and 3 numbers for a word in the file\n"
        "  do:        --set model.embedding=3"
    )


@pytest.mark.parametrize(
    ("path", "words", "text"),
    [
        ("missing.txt", WORDS, "model.vectors: must name a file of word vectors"),
        ("missing.txt", (), "model.vectors: needs words as tokens"),
    ],
)
def test_no_file_and_no_words_are_refused(tmp_path: Path, path: str, words: tuple[str, ...], text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        take_vectors(torch.zeros(8, 3), str(tmp_path / path), words)
    assert text in str(caught.value) and isinstance(caught.value, UserError)
