"""README.md of a bundle: the model card."""

from __future__ import annotations

from learnloop.bundle.about import About


def text(about: About) -> str:
    """What it does, what it was trained on, how well it did, how to use it, where it should not be used."""
    facts = about.facts
    inputs = [f"| {field.name} | {field.kind} | {_values(field.categories)} |" for field in about.schema.inputs]
    metrics = [f"| {name} | {value:.4g} |" for name, value in dict(facts.get("metrics", {})).items()]
    targets = ", ".join(f"`{field.name}`" for field in about.schema.targets)
    lines = [
        f"# {about.model['name']} for {targets}",
        "",
        f"Predicts {targets} ({about.task}). Trained by learnloop on {facts.get('data', 'data in memory')}, "
        f"{facts.get('rows', '?')} rows. Seed {facts.get('seed', '?')}.",
        "",
        "## Use",
        "```python",
        "import learnloop as ll",
        'bundle = ll.Bundle.load("bundle")',
        "bundle.predict(rows)   # a DataFrame, a list of dicts, arrays, or a file",
        "```",
        "",
        "## Inputs",
        "| column | kind | values |",
        "|---|---|---|",
        *inputs,
        "",
        f"Classes: {', '.join(about.schema.targets[0].categories)}" if about.target == "class" else "",
        "",
        "## Measured on the test part",
        "| metric | value |",
        "|---|--:|",
        *(metrics or ["| not measured | |"]),
        "",
        "## Limits",
        "The figures hold for data like the test part. Values never seen in training (new categories, other image "
        "sources, later dates) are answered too, without a warning about their truth.",
        "",
    ]
    return "\n".join(lines)


def _values(categories: tuple[str, ...]) -> str:
    shown = ", ".join(categories[:6])
    return f"{shown}, ... ({len(categories)})" if len(categories) > 6 else shown
