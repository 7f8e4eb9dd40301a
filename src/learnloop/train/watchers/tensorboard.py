"""TensorBoard event files (extra `tensorboard`)."""

from __future__ import annotations

from pathlib import Path

from learnloop.errors import MissingExtraError
from learnloop.train.events import Event


class TensorBoardWriter:
    """Scalars under `train/` and `validation/`, by step."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError.of("tensorboard", "tensorboard", "--set watch.tensorboard=true") from None
        self._writer = SummaryWriter(str(folder))

    def __call__(self, event: Event) -> None:
        if event.kind in ("train", "validation"):
            for name, value in event.scalars.items():
                self._writer.add_scalar(f"{event.kind}/{name}", value, event.step)
        elif event.kind == "end":
            self._writer.close()
