"""`AugmentedSource`: the batches of a `RowSource` with their images changed at random, and labels where images mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import INDEX, WEIGHT, Batch, State, X, Y
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.draws import Draws
from learnloop.data.augment.mix import Mixing
from learnloop.data.augment.pictures import Pictures
from learnloop.data.sources import RowSource
from learnloop.seeds import torch_stream


class AugmentedSource:
    """Batch k of `source`, changed by a function of (seed, k): the state is the position of `source` alone.

    x        uint8 or float [batch, channels, height, width], 0..255, on any device; changed there
    y        as it is; with mixup or CutMix float: [batch, outputs] probabilities where y is classes
    outputs  of the network where y is classes; None: y is numbers or several labels
    mean     of the training images, per channel, 0..1

    Alternating flip: a fair coin of (seed, row) decides for pass 0, and from there on each image is mirrored in
    every second pass (Jordan, arXiv:2404.00498, section 3.6): two passes see both views of every image.
    """

    def __init__(
        self,
        source: RowSource,
        config: AugmentConfig,
        *,
        seed: int,
        outputs: int | None = None,
        mean: Sequence[float] = (),
    ) -> None:
        self._source = source
        self._config = config
        self._seed = seed
        self._outputs = outputs
        self._pictures = Pictures(config, mean)
        self._within = np.arange(source.batch_size)
        self._coins: np.ndarray | None = None

    @property
    def batch_size(self) -> int:
        return self._source.batch_size

    @property
    def samples(self) -> int:
        return self._source.samples

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        number = self._source.position
        batch = dict(next(self._source))
        index = batch.pop(INDEX, None)
        x = batch[X]
        mirror = self._mirror(number, index) if self._config.flip == "alternate" else None
        draws = Draws(self._seed, number, len(x))
        batch[X] = self._pictures(x, draws, mirror)
        return self._mix(batch, number) if self._config.mixes else batch

    def rows_of(self, position: int) -> Tensor:
        """int64 [batch]: which rows batch number `position` holds."""
        return self._source.rows_of(position)

    def state_dict(self) -> State:
        return self._source.state_dict()

    def load_state_dict(self, state: State) -> None:
        self._source.load_state_dict(state)

    def _mirror(self, number: int, index: Tensor | None) -> np.ndarray:
        """bool [batch]: which images are mirrored."""
        rows = index if index is not None and index.device.type == "cpu" else self._source.rows_of(number)
        if self._coins is None:
            self._coins = torch.rand(self.samples, generator=torch_stream(self._seed, "flip")).numpy() < 0.5
        passes = (number * self.batch_size + self._within) // self.samples  # [batch]
        mirrored: np.ndarray = self._coins[rows.numpy()] ^ (passes % 2 == 1)
        return mirrored

    def _mix(self, batch: Batch, number: int) -> Batch:
        mixing = Mixing(self._seed, number, len(batch[X]), mixup=self._config.mixup, cutmix=self._config.cutmix)
        batch[X], share = mixing.images(batch[X])
        batch[Y] = mixing.labels(batch[Y], share, self._outputs)
        if WEIGHT in batch:
            batch[WEIGHT] = mixing.labels(batch[WEIGHT], share, None)
        return batch
