"""`learnloop explain`: the arithmetic of a topic, of a small network, or of what `learnloop fit` trained."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from learnloop.cli import show
from learnloop.errors import UserError, did_you_mean, nearest

if TYPE_CHECKING:
    from learnloop.explain.table import Topic
    from learnloop.explain.walk import Walk

YAML = (".yaml", ".yml")


def explain(
    what: Annotated[
        str | None, typer.Argument(metavar="WHAT", help="a topic, a YAML file of a small network, or a run")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="for a run: file, image, catalog name, JSON or name=value"),
    ] = None,
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="write a page instead of printing")] = None,
    row: Annotated[int | None, typer.Option("--row", metavar="N", min=0, help="which row, from 0 [default: 0]")] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", metavar="VALUE", help="the true answer, for the way back")
    ] = None,
    lr: Annotated[float | None, typer.Option("--lr", metavar="X", help="learning rate of the one update")] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """Show the arithmetic, number by number.

    Without WHAT: the list of topics. INPUT and --row are for runs, --target and --lr also for YAML files.

    learnloop explain spam

    learnloop explain conv --html conv.html

    learnloop explain RUN new.csv --row 3
    """
    if what is None:
        _list(json)
        return
    walk = _walk(what, inputs or (), row, lr, target)
    page = None
    if html is not None:
        from learnloop.explain.page import write

        page = write(walk, Path(html))
    if json:
        found = {"title": walk.title, "values": walk.values}
        show.as_json(found if page is None else {**found, "page": str(page)})
    elif page is not None:
        print(page)
    else:
        from rich.console import Console

        from learnloop.explain.terminal import show as draw

        draw(walk, Console(file=sys.stdout, highlight=False))


def _walk(what: str, inputs: Sequence[str], row: int | None, lr: float | None, target: str | None) -> Walk:
    """A topic goes before a file or run of the same name; ./NAME means the file."""
    from learnloop.explain.table import find

    path = Path(what).expanduser()
    topic = find(what)
    if topic is not None:
        given = {"INPUT": bool(inputs), "--row": row is not None}
        if not topic.network:
            given |= {"--target": target is not None, "--lr": lr is not None}
        _refuse(what, "a topic", given)
        if path.exists():
            show.prose(f"note: {what} is also a file or folder here; for that one: learnloop explain ./{what}")
        return topic.walk() if lr is None and target is None else _changed(topic, lr, target)
    if path.suffix in YAML and path.is_file():
        from learnloop.explain.network import explain_network

        _refuse(what, "a network from YAML", {"INPUT": bool(inputs), "--row": row is not None})
        return explain_network(path, lr=lr, target=target)
    if path.is_dir() or what in _runs():
        from learnloop.explain.trained import explain_run

        return explain_run(what, inputs, row=row, lr=lr, target=target)
    raise _unknown(what)


def _changed(topic: Topic, lr: float | None, target: str | None) -> Walk:
    """The walk of a topic that is a network from YAML, with another rate or target."""
    from dataclasses import replace
    from importlib import import_module

    from learnloop.explain.network import explain_network

    return replace(explain_network(import_module(topic.module).FILE, lr=lr, target=target), next=topic.walk().next)


def _refuse(what: str, kind: str, given: Mapping[str, bool]) -> None:
    """Raise UserError for what was given and has no meaning for this kind."""
    names = [name for name, found in given.items() if found]
    if names:
        raise UserError(
            ", ".join(names),
            "is for a run" if names[0] in ("INPUT", "--row") else "is for a network from YAML, or a run",
            found=f"{what} is {kind}, which brings its own numbers",
            do=(f"learnloop explain {what}", "learnloop explain RUN new.csv --row 3"),
        )


def _runs() -> list[str]:
    from learnloop.runs.folder import list_runs

    return [run.path.name for run in list_runs()]


def _unknown(what: str) -> UserError:
    from learnloop.explain.table import ALIASES, TOPICS

    path = Path(what)
    here = sorted(str(found) for found in Path().glob("*") if found.suffix in YAML and found.is_file())
    here += sorted(str(found.parent) for found in Path().glob("*/recipe.yaml"))
    names = [*here, *_runs(), *TOPICS]
    if path.is_file():
        return UserError(
            what,
            "must be a topic, a YAML file of a small network, or a run",
            found=f"a {path.suffix or 'nameless'} file",
            cause="data needs a network that was trained on it",
            do=(f"learnloop fit {what} --model mlp --out my-run", f"learnloop explain my-run {what}"),
        )
    close = did_you_mean(what, [*names, *ALIASES])
    return UserError(
        what,
        "must be a topic, a YAML file of a small network, or a run",
        found="there is no such file, and no topic or run of that name",
        cause=f"a spelling mistake. {close}" if close else "",
        do=("learnloop explain   # lists the topics", "learnloop runs"),
        available=nearest(what, names),
    )


def _list(json: bool) -> None:
    from learnloop.explain.table import ALIASES, TOPICS, groups

    if json:
        others = {name: [alias for alias, topic in ALIASES.items() if topic == name] for name in TOPICS}
        show.as_json(
            [
                {"topic": name, "group": topic.group, "title": topic.title, "aliases": others[name]}
                for name, topic in TOPICS.items()
            ]
        )
        return
    size = max(len(name) for name in TOPICS)
    for group, names in groups().items():
        show.heading(group)
        for name in names:
            print(f"  {name:<{size}}  {TOPICS[name].title}")
    show.prose("learnloop explain TOPIC; or a YAML file of a small network, or a run of `learnloop fit --model mlp`")
