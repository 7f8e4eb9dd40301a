"""Write the pages that are made from the code: command-line.md, recipe.md and errors.md.

    python docs/generate.py

tests/test_docs.py fails when one of them is stale.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path

os.environ["COLUMNS"] = "100"  # the width of the help texts, whatever the terminal

from typer.testing import CliRunner

from learnloop import errors
from learnloop.cli.main import COMMANDS, app
from learnloop.recipe.reference import reference
from learnloop.verbs.fit import Interrupted

DOCS = Path(__file__).resolve().parent
MADE = "<!-- made by docs/generate.py: change the code, not this page -->\n"


def command_line() -> str:
    """Every command's help, as it is printed."""
    parts = [MADE, "# The command line", "", _COMMON.strip(), ""]
    for name in COMMANDS:
        parts += [f"## learnloop {name}", "", "```text", _help(name), "```", ""]
    return "\n".join(parts).rstrip() + "\n"


def _help(name: str) -> str:
    found = CliRunner().invoke(app, [name, "--help"], prog_name="learnloop", env={"COLUMNS": "100"})
    assert found.exit_code == 0, found.output
    return "\n".join(line.rstrip() for line in found.output.strip().splitlines())


def recipe() -> str:
    """Every key of a recipe."""
    return MADE + "\n" + reference()


def errors_page() -> str:
    """Every class of errors with its docstring and exit code."""
    parts = [
        MADE,
        _ERRORS.strip(),
        "",
        "## The classes",
        "",
        "| class | is a | exit code | meaning |",
        "|---|---|--:|---|",
    ]
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    order = inspect.getsource(errors)
    for kind in [*sorted(kinds, key=lambda kind: order.index(f"class {kind.__name__}(")), Interrupted]:
        meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        base = kind.__bases__[0].__name__
        parts.append(f"| `{kind.__name__}` | `{base}` | {kind.exit_code} | {meaning} |")
    parts += ["", "All but `Interrupted` (in `learnloop.verbs.fit`) are in `learnloop.errors`.", ""]
    return "\n".join(parts).rstrip() + "\n"


_COMMON = """
Results go to stdout, progress and sentences to stderr. With `--json` the last line of stdout is one JSON value.

| exit code | meaning |
|--:|---|
| 0 | done |
| 1 | a mistake of ours: a traceback is shown |
| 2 | a mistake in what was asked: a message says what, and what to do |
| 130 | interrupted; the message says how to resume |

`RUN` is a run folder, or the name of a run in `LEARNLOOP_HOME/runs` (`learnloop runs` lists them).
Where data is asked for, a path goes before a catalog name, and a note says so. The folder of a run is no data: after
`learnloop fit digits --out digits`, the second `digits` of `learnloop predict digits digits` is the catalog's data set.
`learnloop --version` prints the version; `--debug`, anywhere, shows the traceback of any error.

| variable | meaning |
|---|---|
| `LEARNLOOP_HOME` | folder of caches and, without `--out`, of runs; default: the platform's user-data folder |
| `LEARNLOOP_DATA` | folder of data sets that are already there; the catalog looks in it first |
"""

_ERRORS = """
# Errors

A mistake in what was asked ends a command with exit code 2 and a message, without a traceback. The message has up to
six parts, always in this order: where, what must hold; what was found; the probable cause; what to do; what is
available, nearest first.

```sh
learnloop fit iris --model mpl --epochs -1 || echo "exit code $?"
```

```text
2 mistakes:
--model: must be the name of a model, or an import path pkg.mod:Name
  found:     'mpl'
  probably:  a spelling mistake. Did you mean 'mlp'?
  available: mlp, linear, lenet5, tabular, alexnet, perceptron, mini_resnet, cnn, cnn3, fastnet, vgg11, vgg11_bn
--epochs: must be greater than 0 (passes over the training part; null: another limit, or suggested)
  found:     -1
exit code 2
```

In Python the same mistakes are exceptions with the same text. Their parts are attributes: `where`, `must`, `found`,
`cause`, `do`, `available`. Several mistakes at once are one `ManyErrors`, whose `errors` holds each.

```python
import learnloop as ll
from learnloop.errors import RecipeError

try:
    ll.fit("iris", model="mpl")
except RecipeError as error:
    print(error.where, error.found, error.available[0])
```

```text
model 'mpl' mlp
```
"""

PAGES = {"command-line.md": command_line, "recipe.md": recipe, "errors.md": errors_page}
"""Page -> the function that makes its text."""

if __name__ == "__main__":
    for page, make in PAGES.items():
        (DOCS / page).write_text(make(), encoding="utf-8")
        print(DOCS / page, file=sys.stderr)
