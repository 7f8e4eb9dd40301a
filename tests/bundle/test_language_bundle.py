"""Bundles that continue texts: drawing, prompts, nats of a text, and the exam at load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.language import LanguageAbout, LanguageBundle
from learnloop.bundle.sampling import Sampling, side_by_side
from learnloop.contracts import SPECIAL, InputSpec
from learnloop.errors import ManyErrors, RunError, UserError
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.seeds import seed_torch
from learnloop.transforms.tokens import make_tokens

TEXT = "the cat sat on the mat.\nthe dog ate the cat's hat!\n" * 8
SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"hidden": 16, "layers": 1, "embedding": 8},
    "gpt": {"width": 16, "layers": 2, "heads": 2, "context": 16},
}


def bundle(name: str = "lstm", kind: str = "characters") -> LanguageBundle:
    tokens = make_tokens(kind, vocabulary=300, lower=False, least=1)
    tokens.fit([TEXT])
    seed_torch(0, "weights")
    config = LANGUAGE_MODELS[name].model_validate(SMALL[name])
    net = config.build(InputSpec("text", vocabulary=tokens.size), tokens.size)
    with torch.no_grad():
        net.head.weight.mul_(30)  # type: ignore[union-attr, operator]  (an untrained network is unsure of everything)
    return LanguageBundle(LanguageAbout({"name": name, "config": config.model_dump(mode="json")}), tokens, net)


def drawn(sampling: Sampling, logits: list[float], times: int = 4000) -> np.ndarray:
    """Shares of each token behind the special ones."""
    rng = np.random.default_rng(0)
    whole = np.concatenate([np.full(SPECIAL, 99.0), logits])
    codes = [sampling.draw(whole, rng) for _ in range(times)]
    return np.bincount(codes, minlength=len(whole))[SPECIAL:] / times


LOGITS = np.log([0.5, 0.3, 0.15, 0.05]).tolist()


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(1.0), [0.5, 0.3, 0.15, 0.05]),
        (Sampling(0.5), [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        (Sampling(0.0), [1, 0, 0, 0]),
        (Sampling(1.0, top_k=2), [0.625, 0.375, 0, 0]),
        (Sampling(1.0, top_k=9), [0.5, 0.3, 0.15, 0.05]),
        (Sampling(1.0, top_p=0.79), [0.625, 0.375, 0, 0]),
        (Sampling(1.0, top_p=0.81), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (Sampling(1.0, top_p=0.01), [1, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_should(sampling: Sampling, expected: list[float]) -> None:
    shares = drawn(sampling, LOGITS)
    assert shares == pytest.approx(expected, abs=0.03)  # 4 standard errors of 4000 draws
    assert (shares[np.array(expected) == 0] == 0).all(), "what is cut off is never drawn"


def test_mistakes_are_told_together_and_at_once() -> None:
    with pytest.raises(ManyErrors) as caught:
        bundle().generate("caté", 0, temperature=-1, top_k=-2, top_p=0)
    text = str(caught.value)
    for line in (
        "--temperature: must be 0 or more",
        "--top-k: must be 0 (all tokens) or more",
        "--top-p: must be abov",
    ):
        assert line in text
    assert "--length: must be at least 1 character\n  found:     0" in text
    assert "--prompt: must be made of characters that the training text has\n  found:     'é'" in text
    assert "available:  !'.acdeghmnost" in text


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_gives_the_same_text_and_another_seed_another(name: str) -> None:
    model = bundle(name)
    texts = ["".join(model.generate("the ", 60, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(len(text) == 60 and set(text) <= set(TEXT) for text in texts)
    assert len("".join(model.generate(length=7))) == 7, "a text may begin of itself"


def test_temperature_zero_writes_the_likeliest_token_each_time() -> None:
    model = bundle("gpt")
    text = "".join(model.generate("the cat", 9, temperature=0.0, seed=5))
    codes = model.tokens.encode("the cat" + text)
    for place in range(7, 16):
        with torch.no_grad():
            logits = model.net(torch.from_numpy(codes[:place]).long()[None])[0][0, -1]
        logits[:SPECIAL] = -torch.inf
        assert int(logits.argmax()) == codes[place]


def test_byte_pairs_come_as_whole_characters_and_as_many_as_were_asked_for() -> None:
    model = bundle(kind="bpe")
    pieces = list(model.generate("the ", 50, temperature=2.0))
    assert len("".join(pieces)) == 50 and all(pieces)
    model.check_prompt("Ärger 1 €")  # bytes can write anything


def test_texts_side_by_side_are_those_written_alone() -> None:
    model = bundle("gpt")
    both = side_by_side(model.net, model.tokens, (0.5, 1.0), 40, seed=3)
    alone = side_by_side(model.net, model.tokens, (0.5,), 40, seed=3)
    assert both[0] == alone[0] and both[0] != both[1] and len(both[1]) == 40


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_saved_and_loaded_it_says_and_writes_the_same(name: str, kind: str, tmp_path: Path) -> None:
    model = bundle(name, kind)
    model.save(tmp_path / "bundle", TEXT)
    rng = torch.get_rng_state()
    again = LanguageBundle.load(tmp_path / "bundle")
    assert torch.equal(rng, torch.get_rng_state())
    assert np.array_equal(again.nats(TEXT[:99]), model.nats(TEXT[:99]))
    assert list(again.generate("the ", 30, seed=2)) == list(model.generate("the ", 30, seed=2))
    assert "Trained by learnloop" in (tmp_path / "bundle" / "README.md").read_text()


def test_other_weights_fail_the_exam_and_other_bundles_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    model = bundle()
    model.save(path, TEXT)
    exam = json.loads((path / "probe.json").read_text())
    (path / "probe.json").write_text(json.dumps({**exam, "nats": [value + 0.1 for value in exam["nats"]]}))
    with pytest.raises(RunError, match="must give the answers of its own probe.json"):
        LanguageBundle.load(path)
    (path / "transforms.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match="must be an intact bundle"):
        LanguageBundle.load(path)
    with pytest.raises(RunError, match="must be a bundle that answers rows"):
        Bundle.load(path)
    about = json.loads((path / "bundle.json").read_text())
    (path / "bundle.json").write_text(json.dumps({**about, "kind": "rows", "task": "classify"}))
    with pytest.raises(RunError, match="a model for the task classify"):
        LanguageBundle.load(path)
    with pytest.raises(UserError):
        Bundle.load(path)


def test_nats_are_those_of_the_logits() -> None:
    model = bundle()
    text = "the dog sat on the cat."
    codes = torch.from_numpy(model.tokens.encode(text)).long()
    with torch.no_grad():
        logits, _ = model.net(codes[None, :-1], model.net.begin(1))  # type: ignore[operator]
    expected = torch.nn.functional.cross_entropy(logits[0], codes[1:], reduction="none")
    assert model.nats(text) == pytest.approx(expected.numpy(), abs=1e-5)
    with pytest.raises(UserError, match="must have at least two tokens"):
        model.nats("t")
