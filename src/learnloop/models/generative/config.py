"""What every generative network declares, and what it offers to the task that trains it and to the bundle."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec

Pairing = Literal["none", "paired", "unpaired"]
"""What a network learns from: pictures by themselves, pairs of pictures, or two heaps of pictures."""


class GenerativeConfig(Config):
    """The declaration of a network that makes data of its own kind.

    title, source  one line for lists; the paper
    task           "autoencode", "gan" or "diffusion": which task trains it
    inputs         kinds of input that it takes: "image", "table", "series"
    pairing        what it learns from
    labelled       whether it can be told a class to make (`classes` > 0 in `build`)
    numbers        the number transform that it likes
    """

    title: ClassVar[str]
    source: ClassVar[str]
    task: ClassVar[str]
    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    pairing: ClassVar[Pairing] = "none"
    labelled: ClassVar[bool] = False
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    @property
    def conditional(self) -> bool:
        """Whether this network is told a class: its data then needs labels."""
        return False

    @abstractmethod
    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        """The network, with weights from torch's global generator.

        classes  of the labels that it is told; 0: none
        wanted   of the pictures to make from those of `spec`, where `pairing` is not "none"
        Raises ModelError for sizes that it cannot make, naming the nearest that it can.
        """

    @abstractmethod
    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        """Recipe values (dotted keys) that suit this network for `rows` training rows."""

    def remark(self, spec: InputSpec) -> str:
        """What becomes of inputs of this size, said once; empty where nothing is to be said."""
        return ""


@runtime_checkable
class Sampler(Protocol):
    """Makes data from noise. Of images: float in 0..1 [n, channels, height, width]; of tables and series: in the
    encoder's scaled units, as `Coder.decode` gives them."""

    noise_shape: tuple[int, ...]
    """Of what is drawn for one sample, standard normal unless `noise` says otherwise."""

    def generate(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """noise float32 [n, *noise_shape], label int64 [n] or None -> samples [n, ...]. Row i depends on row i alone;
        nothing random is drawn."""
        ...


@runtime_checkable
class Coder(Protocol):
    """An autoencoder. `inputs` are the batch keys of the spec, in order (x; x and x_cat; x and length)."""

    code_size: int

    def encode(self, *inputs: Tensor) -> Tensor:
        """-> codes float32 [n, code_size] (of a variational one the mean of the posterior)."""
        ...

    def decode(self, codes: Tensor, label: Tensor | None = None) -> Tensor:
        """-> what the codes stand for: images float in 0..1 [n, c, h, w]; tables [n, numbers + one column a category
        code]; series [n, time, features], in scaled units."""
        ...

    def terms(self, *inputs: Tensor, label: Tensor | None = None) -> Mapping[str, Tensor]:
        """float32 [n] each, by row: "loss" first (what training makes small), then its parts, "reconstruction" always.
        In eval mode a function of the row alone: nothing random is drawn, corruption and annealing are off."""
        ...


@runtime_checkable
class Mapper(Protocol):
    """Makes a picture from a picture."""

    def translate(self, x: Tensor, back: bool = False) -> Tensor:
        """x uint8 or float in 0..255 [n, c, h, w] -> float in 0..1 [n, c', h', w']. back: the other way, where it has
        one. Row i depends on row i alone; nothing random is drawn."""
        ...


@runtime_checkable
class Players(Protocol):
    """A module of several players, each moved by its own Updater. The first one serves, and is what is averaged."""

    @property
    def players(self) -> Mapping[str, nn.Module]: ...

    @property
    def rates(self) -> Mapping[str, float]:
        """Factor of the recipe's learning rate for each player."""
        ...


def players_of(net: nn.Module) -> Mapping[str, nn.Module]:
    """The players of a network; a single network is one."""
    return net.players if isinstance(net, Players) else {"net": net}
