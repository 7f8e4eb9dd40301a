"""README.md of a bundle that makes data: the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnloop.bundle.generative import GenerativeBundle

_USE = {
    "coder": [
        "bundle.codes(rows)         # code_1, code_2, ..., a score: large for odd rows",
        "bundle.reconstruct(rows)   # what is left of the rows",
    ],
    "sampler": ["bundle.generate(64, seed=7)   # sample i is a function of (seed, i) alone"],
    "mapper": ["bundle.translate(pictures)    # uint8 [n, channels, height, width]"],
}
_LIMITS = {
    "coder": "A code says what tells rows like the training part apart; rows of another kind are coded too, badly. "
    "The score finds odd rows only among rows like those held out.",
    "sampler": "Samples look like the training part, with its gaps and its prejudices; they are no new measurements. "
    "Some may be near copies of training rows: the run's report shows the nearest ones.",
    "mapper": "What it adds to a picture is likely, not true. Pictures of another kind than those it was trained on "
    "come out as if they were of that kind.",
}


def card(bundle: GenerativeBundle) -> str:
    """What it does, what it was trained on, how well it did, how to use it, where it should not be used."""
    about = bundle.about
    facts = about.facts
    metrics = [f"| {name} | {value:.4g} |" for name, value in dict(facts.get("metrics", {})).items()]
    told = "It is told which of them to make." if bundle.conditional else "It is not told them."
    lines = [
        f"# {about.model['name']}, task {about.task}",
        "",
        f"Trained by learnloop on {facts.get('data', 'data in memory')}, {facts.get('rows', '?')} rows. "
        f"Seed {facts.get('seed', '?')}.",
        "",
        "## Use",
        "```python",
        "from learnloop.bundle.generative import GenerativeBundle",
        'bundle = GenerativeBundle.load("bundle")',
        *(line for kind in bundle.kinds for line in _USE[kind]),
        "```",
        "",
        *([f"Classes: {', '.join(about.classes)}. {told}", ""] if about.classes else []),
        *([f"Rows with a score above {about.threshold:.6g} are flagged.", ""] if about.threshold is not None else []),
        "## Measured on the test part",
        "| metric | value |",
        "|---|--:|",
        *(metrics or ["| not measured | |"]),
        "",
        "## Limits",
        *(_LIMITS[kind] for kind in bundle.kinds),
        "",
    ]
    return "\n".join(lines)
