"""`learnloop generate`: let a network make more of what it was trained on: text, pictures, rows, series."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from learnloop.cli import show
from learnloop.cli.generate_samples import OPTIONS as SAMPLE_OPTIONS
from learnloop.cli.generate_samples import Wish, generate_samples
from learnloop.errors import DataError

if TYPE_CHECKING:
    from learnloop.bundle.language import LanguageBundle

TEXT_OPTIONS = ("prompt", "length", "temperature", "top_k", "top_p")


def generate(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", metavar="TEXT", help="texts: what the text begins with")
    ] = None,
    length: Annotated[int, typer.Option(metavar="N", help="texts: characters to write")] = 500,
    temperature: Annotated[
        float, typer.Option(metavar="X", help="texts: below 1 surer, above 1 wilder, 0 always the likeliest")
    ] = 0.8,
    top_k: Annotated[int, typer.Option(metavar="K", help="texts: draw from the K likeliest tokens; 0: all")] = 0,
    top_p: Annotated[
        float, typer.Option(metavar="P", help="texts: draw from the likeliest tokens with probability P together")
    ] = 1.0,
    count: Annotated[int, typer.Option(metavar="N", help="samples: how many")] = 64,
    class_: Annotated[str | None, typer.Option("--class", metavar="CLASS", help="samples: of this class alone")] = None,
    interpolate: Annotated[
        int | None, typer.Option(metavar="N", help="samples: N of them on the way from one to another")
    ] = None,
    arithmetic: Annotated[
        str | None, typer.Option(metavar="TERMS", help='samples: "3 - 1 + 7", of classes or of seeds')
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FOLDER", help="samples: where they go; default: in the run")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="the same seed gives the same")] = 0,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Make more of what a network was trained on.

    A run on a text writes on: the text streams to stdout as it comes. Without --prompt: in a terminal a prompt is asked
    for, again and again, until an empty line; elsewhere the text begins of itself.

    learnloop generate RUN --prompt "ROMEO:" --temperature 0.8 --top-k 40 --top-p 0.95 --length 500 --seed 1

    A run of the tasks gan, diffusion and autoencode (with a variational network) makes samples: pictures as sheet.png
    and single files, rows of a table as samples.csv. Sample i is a function of the seed and i alone.

    learnloop generate RUN --count 64 --seed 7 --class 3 --out samples/

    learnloop generate RUN --interpolate 10      learnloop generate RUN --arithmetic "3 - 1 + 7"
    """
    from learnloop.verbs.run import Run

    opened = Run.open(run)
    if opened.makes:
        _refuse(context, TEXT_OPTIONS, "is for runs that continue texts", f"a run of the task {opened.task}")
        wish = Wish(count, seed, class_, interpolate, arithmetic, out)
        generate_samples(opened, wish, counted=_typed(context, "count"), json=json)
        return
    writer = opened.writer
    _refuse(context, SAMPLE_OPTIONS, "is for runs that make samples", "a run that continues texts")

    def write(text: str, number: int) -> Iterator[str]:
        return writer.generate(text, length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed + number)

    if json:
        text = "".join(write(prompt or "", 0))
        settings = {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        show.as_json({"prompt": prompt or "", "text": text, **settings})
    elif prompt is None and sys.stdin.isatty():
        _converse(writer, write)
    else:
        _stream(prompt or "", write(prompt or "", 0))


def _typed(context: typer.Context, name: str) -> bool:
    """Whether the option was given in the command."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse(context: typer.Context, names: tuple[str, ...], must: str, found: str) -> None:
    """Options that runs of another kind have a use for. Raises DataError for the first one that was given."""
    for name in names:
        if _typed(context, name):
            raise DataError(f"--{name.strip('_').replace('_', '-')}", must, found=found, do="leave it out")


def _stream(prompt: str, pieces: Iterator[str]) -> None:
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _converse(writer: LanguageBundle, write: Callable[[str, int], Iterator[str]]) -> None:
    """Prompt after prompt, each text with a seed of its own."""
    show.prose(f"{writer!r}: write a beginning; an empty line ends")
    number = 0
    while True:
        try:
            prompt = input("> ")
        except EOFError:
            return
        if not prompt:
            return
        try:
            _stream(prompt, write(prompt, number))
        except DataError as error:
            show.prose(str(error))
        number += 1
