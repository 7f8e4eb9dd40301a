"""`SampleKeeper`: what the network writes while it learns, at three temperatures, kept in samples.jsonl."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from learnloop.bundle.sampling import side_by_side
from learnloop.contracts import State
from learnloop.runs.journal import Journal
from learnloop.train.events import Event
from learnloop.transforms.tokens import Tokens

TEMPERATURES = (0.5, 0.8, 1.0)
MARKS = (0.0, 0.03, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the run at which, or soon after which, samples are taken: early on it changes most."""
TOKENS_A_SAMPLE = 240


class SampleKeeper:
    """A watcher. It draws from a random stream of its own and puts the network's mode back, so that nothing changes.

    Rows: {"step", "fraction", "temperature", "text"}. A resumed run continues where its checkpoint was taken.
    """

    def __init__(self, path: Path, net: nn.Module, tokens: Tokens, seed: int) -> None:
        self._journal = Journal(path)
        self._net = net
        self._tokens = tokens
        self._seed = seed
        self._taken = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "end":
            self._journal.close()
        due = sum(mark <= event.fraction for mark in MARKS)
        begins = event.kind == "start" and event.step == 0  # a resumed run has taken its first ones
        if due <= self._taken or not (begins or event.kind == "validation"):
            return
        self._taken = due
        training = self._net.training
        self._net.eval()
        texts = side_by_side(self._net, self._tokens, TEMPERATURES, TOKENS_A_SAMPLE, self._seed)
        self._net.train(training)
        for temperature, text in zip(TEMPERATURES, texts):
            row = {"step": event.step, "fraction": round(event.fraction, 4), "temperature": temperature, "text": text}
            self._journal.append(row)

    def state_dict(self) -> State:
        return {"position": self._journal.position, "taken": self._taken}

    def load_state_dict(self, state: State) -> None:
        self._journal.rewind(int(state["position"]))
        self._taken = int(state["taken"])
