"""README.md and the pages of docs/ do what they say: each ```sh and ```python block is run, in the order of the page.

A page runs in a folder of its own, with LEARNLOOP_HOME in it; its blocks share one bash process and one Python
namespace. `<!-- not run: reason -->` above a block is the only way out.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from learnloop.cli.main import COMMANDS
from learnloop.recipe.components import TABLES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
WRITTEN = [ROOT / "README.md", *sorted(path for path in DOCS.glob("*.md") if path.name != "architecture.md")]
LANGUAGES = ("sh", "python", "text", "yaml")
MOST_NOT_RUN = 6
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
END = "--- end of block ---"


@dataclass(frozen=True)
class Block:
    """One fenced block. reason: why it is not run; None: it is run."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(BLOCK.findall(text)), f"{page}: an odd fence"
    return [
        Block(page.name, text[: at.start("text")].count("\n") + 1, at["language"], at["text"], at["reason"])
        for at in BLOCK.finditer(text)
    ]


class Shell:
    """One bash process for a page; the first command that fails ends it."""

    def __init__(self, folder: Path, limit: float = 180.0) -> None:
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._limit = limit

    def run(self, block: Block) -> str:
        """What the block printed; AssertionError if one of its commands failed."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"set -e -o pipefail\n{block.text}\nset +e\necho '{END}'\n")
        process.stdin.flush()
        timer = threading.Timer(self._limit, process.kill)
        timer.start()
        lines = []
        for line in process.stdout:
            if line.rstrip("\n") == END:
                timer.cancel()
                return "".join(lines)
            lines.append(line)
        timer.cancel()
        raise AssertionError(f"{block.page}, line {block.line}: a command failed\n{block.text}\n{''.join(lines)}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder on Python's path, in which nothing outlives the test."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("LEARNLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(work))
    before, threads, stream = set(sys.modules), torch.get_num_threads(), torch.get_rng_state()
    yield work
    torch.set_num_threads(threads)
    torch.set_rng_state(stream)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(work)):
            del sys.modules[name]


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Tracebacks name the page and its line."""
    code = compile("\n" * (block.line - 1) + block.text, block.page, "exec")
    exec(code, namespace)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_page_runs(page: Path, folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    shell = Shell(folder)
    try:
        for block in blocks_of(page):
            if block.reason is None and block.language == "sh":
                shell.run(block)
            elif block.reason is None and block.language == "python":
                run_python(block, namespace)
    finally:
        shell.close()


def test_blocks_name_their_language_and_few_are_not_run() -> None:
    found = [block for page in WRITTEN for block in blocks_of(page)]
    assert [block for block in found if block.language not in LANGUAGES] == []
    left_out = [block for block in found if block.reason is not None]
    assert len(left_out) <= MOST_NOT_RUN, [f"{block.page}:{block.line} {block.reason}" for block in left_out]
    assert len([block for block in found if block.reason is None and block.language in ("sh", "python")]) >= 25


def test_the_runner_notices_what_fails(folder: Path) -> None:
    shell = Shell(folder)
    try:
        assert shell.run(Block("page", 3, "sh", "x=1; false || echo survived\n", None)) == "survived\n"
        assert shell.run(Block("page", 5, "sh", "echo $x\n", None)) == "1\n"  # one process a page
        with pytest.raises(AssertionError, match="page, line 7: a command failed"):
            shell.run(Block("page", 7, "sh", "learnloop fit no-such-data\necho on\n", None))
    finally:
        shell.close()
    with pytest.raises(ZeroDivisionError) as caught:
        run_python(Block("page.md", 40, "python", "x = 1\nx / 0\n", None), {})
    assert (caught.traceback[-1].path, caught.traceback[-1].lineno + 1) == ("page.md", 41)


@pytest.mark.parametrize("page", [*WRITTEN, DOCS / "architecture.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    lost = [
        target
        for target in targets
        if not target.startswith(("https://", "#")) and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert lost == []


def test_readme_lists_every_component() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [name for table in TABLES.values() for name in table]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in sorted(DOCS.glob("*.md")) if f"docs/{path.name}" not in readme] == []


def test_pictures_are_small() -> None:
    pictures = sorted((DOCS / "pictures").glob("*.png"))
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size >= 300_000] == []


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["command-line.md", "recipe.md", "errors.md"])
def test_made_pages_are_fresh(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = generator().PAGES[page]()
    assert (DOCS / page).read_text(encoding="utf-8") == text, "stale: python docs/generate.py"


def test_command_line_page_lists_every_command() -> None:
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"^## learnloop (\w+)$", text, re.MULTILINE) == list(COMMANDS)


def run_cell(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell; the value of its last line, if that is an expression, as a notebook shows it."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace) if isinstance(last, ast.Expr) else None


def test_notebook_runs(folder: Path) -> None:
    notebook = json.loads((ROOT / "examples" / "first_steps.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"] >= 5) == (4, True)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for number, cell in enumerate(notebook["cells"]):
        assert set(cell) >= {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            value = run_cell("".join(cell["source"]), f"cell {number}", namespace)
            shown += [value._repr_html_()] if hasattr(value, "_repr_html_") else []
    assert any("on iris" in html for html in shown)  # the run shows itself
    assert len(shown) >= 3


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_example_runs(script: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), namespace)
    assert capsys.readouterr().out.strip()
