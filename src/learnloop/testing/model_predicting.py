"""Checks of models: a prediction depends on its row and on what is stored alone, and is finite."""

from __future__ import annotations

import safetensors.torch
import torch

from learnloop.contracts import UNKNOWN
from learnloop.seeds import torch_stream
from learnloop.testing.model_case import ROWS, Case, differing, distance, evaluate, state_of


def check_rows(case: Case) -> None:
    """In evaluation a row's prediction depends on that row alone: not on batch size or order."""
    net = case.trained()
    whole = evaluate(net, case.batch)
    order = torch.randperm(ROWS, generator=torch_stream(1, "check_model"))
    shuffled = evaluate(net, [part[order] for part in case.batch])
    far = distance(shuffled, whole[order])
    assert far < 1e-4, f"a prediction depends on the order of rows: it moves by {far:.2g}"
    parts = torch.cat([evaluate(net, [part[k : k + 7] for part in case.batch]) for k in range(0, ROWS, 7)])
    far = distance(parts, whole)
    assert far < 1e-4, f"a prediction depends on the batch size, {ROWS} or 7: it moves by {far:.2g}"


def check_single_row(case: Case) -> None:
    """A batch of one works in evaluation and predicts what it predicts among others."""
    net = case.trained()
    one = evaluate(net, [part[:1] for part in case.batch])
    assert one.shape[0] == 1 and one.shape[-1] == case.outputs, f"a batch of one gives {list(one.shape)}"
    far = distance(one, evaluate(net, case.batch)[:1])
    assert far < 1e-4, f"a row alone is predicted differently: by {far:.2g}"


def check_padding(case: Case) -> None:
    """Padding behind the end of a row changes nothing: more of it, or none because a row stands alone."""
    if case.spec.kind not in ("text", "series"):
        return
    net = case.trained()
    whole = evaluate(net, case.batch)
    first, *rest = case.batch
    more = torch.cat([first, torch.zeros_like(first)], 1)  # [rows, 2 time, ...]
    far = distance(evaluate(net, [more, *rest]), whole)
    assert far < 1e-4, f"more padding moves a prediction by {far:.2g}"
    lengths = rest[0] if rest else (first != 0).sum(1)
    alone = [[part[row : row + 1] for part in (first[:, : int(lengths[row])], *rest)] for row in range(ROWS)]
    far = distance(torch.cat([evaluate(net, batch) for batch in alone]), whole)
    assert far < 1e-4, f"a row without its padding is predicted differently: by {far:.2g}"


def check_evaluation(case: Case) -> None:
    """Evaluation changes nothing and is not random: no state, no draw from torch's generator, the same
    answer.
    """
    net = case.trained().eval()
    before, drawn = state_of(net), torch.get_rng_state()
    first = evaluate(net, case.batch)
    changed = differing(before, state_of(net))
    assert not changed, f"evaluation changes {', '.join(changed)}"
    assert torch.equal(drawn, torch.get_rng_state()), "evaluation draws random numbers"
    assert torch.equal(first, evaluate(net, case.batch)), "evaluating twice gives two answers"


def check_stored(case: Case) -> None:
    """state_dict -> safetensors -> a network built from another seed predicts the same bits."""
    net = case.trained()
    stored = safetensors.torch.save(state_of(net))
    other = case.net(seed=99)
    other.load_state_dict(safetensors.torch.load(stored))
    same = torch.equal(evaluate(net, case.batch), evaluate(other, case.batch))
    assert same, "after save and load it predicts differently: something that matters is not in state_dict"


def check_bytes(case: Case) -> None:
    """Images as uint8 and as float of the same values (0..255) give the same prediction."""
    if case.spec.kind != "image":
        return
    net = case.trained()
    far = distance(evaluate(net, [case.batch[0].float()]), evaluate(net, case.batch))
    assert far < 1e-5, f"float images are predicted differently from uint8 images: by {far:.2g}"


def check_extremes(case: Case) -> None:
    """Outputs stay finite for numbers of a million, for pure black and white, for unseen categories and words."""
    net = case.trained()
    if case.spec.kind == "image":
        image = torch.zeros(4, *case.spec.shape, dtype=torch.uint8)
        image[1], image[2, :, ::2] = 255, 255
        cases = {"black and white images": [image]}
    elif case.spec.kind == "text":
        tokens = torch.zeros(4, max(case.spec.length, 1), dtype=torch.int32)
        tokens[1], tokens[2] = UNKNOWN, max(case.spec.vocabulary - 1, 0)
        tokens[3, 0] = UNKNOWN
        cases = {"texts of no word, of unknown words and of the last word": [tokens]}
    elif case.spec.kind == "series":
        x = torch.full((4, max(case.spec.length, 1), case.spec.numbers), 1e6)
        x *= torch.tensor([1.0, -1.0, 0.0, 1e-12])[:, None, None]
        cases = {"series of a million": [x, torch.tensor([1, x.shape[1], 1, x.shape[1]])]}
    else:
        x = torch.full((4, case.spec.numbers), 1e6) * torch.tensor([1.0, -1.0, 0.0, 1e-12]).unsqueeze(1)
        codes = torch.zeros(4, len(case.spec.cardinalities), dtype=torch.int64)
        rest = [codes] if case.spec.cardinalities else []
        cases = {"numbers of a million and unseen categories": [x, *rest]}
        if rest:
            last = torch.tensor(case.spec.cardinalities).expand(4, -1) - 1
            cases["the last code of each category"] = [torch.zeros_like(x), last]
    for name, batch in cases.items():
        assert bool(evaluate(net, batch).isfinite().all()), f"the output is not finite for {name}"
