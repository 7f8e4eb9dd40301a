"""`learnloop generate`: let a network that was trained on a text go on writing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from learnloop.cli import show

if TYPE_CHECKING:
    from learnloop.bundle.language import LanguageBundle


def generate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the name of a run")],
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", metavar="TEXT", help="what the text begins with")
    ] = None,
    length: Annotated[int, typer.Option(metavar="N", help="characters to write")] = 500,
    temperature: Annotated[
        float, typer.Option(metavar="X", help="below 1 surer, above 1 wilder, 0 always the likeliest")
    ] = 0.8,
    top_k: Annotated[int, typer.Option(metavar="K", help="draw from the K likeliest tokens; 0: all")] = 0,
    top_p: Annotated[
        float, typer.Option(metavar="P", help="draw from the likeliest tokens with probability P together")
    ] = 1.0,
    seed: Annotated[int, typer.Option(metavar="S", help="the same seed gives the same text")] = 0,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Write on, as a network that was trained on a text would.

    The text streams to stdout as it comes. Without --prompt: in a terminal a prompt is asked for, again and again,
    until an empty line; elsewhere the text begins of itself.

    learnloop generate RUN --prompt "ROMEO:" --temperature 0.8 --top-k 40 --top-p 0.95 --length 500 --seed 1
    """
    from learnloop.verbs.run import Run

    writer = Run.open(run).writer

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


def _stream(prompt: str, pieces: Iterator[str]) -> None:
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _converse(writer: LanguageBundle, write: Callable[[str, int], Iterator[str]]) -> None:
    """Prompt after prompt, each text with a seed of its own."""
    from learnloop.errors import DataError

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
