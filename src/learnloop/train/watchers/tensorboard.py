"""TensorBoard event files (extra `tensorboard`)."""

from __future__ import annotations

from pathlib import Path

from learnloop.contracts import State
from learnloop.errors import MissingExtraError
from learnloop.train.events import Event


class TensorBoardWriter:
    """Scalars under `train/` and `validation/`, by step. A resumed run takes back what came after its checkpoint."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError.of("tensorboard", "tensorboard", "--set watch.tensorboard=true") from None
        self._make = SummaryWriter
        self._folder = str(folder)
        self._writer = SummaryWriter(self._folder)
        self._step = 0

    def __call__(self, event: Event) -> None:
        if event.kind in ("train", "validation"):
            self._step = event.step
            for name, value in event.scalars.items():
                self._writer.add_scalar(f"{event.kind}/{name}", value, event.step)
        elif event.kind == "end":
            self._writer.close()

    def state_dict(self) -> State:
        return {"step": self._step}

    def load_state_dict(self, state: State) -> None:
        self._writer.close()
        self._step = int(state["step"])
        self._writer = self._make(self._folder, purge_step=self._step + 1)
