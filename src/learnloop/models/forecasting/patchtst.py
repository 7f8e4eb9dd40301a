"""PatchTST: pieces of the past as the tokens of a Transformer, each series by itself."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import START, ForecastConfig
from learnloop.models.forecasting.exogenous import with_time
from learnloop.models.forecasting.start import StartName
from learnloop.nn.channels import PerTarget
from learnloop.nn.dropout import Dropout
from learnloop.nn.encoder import Encoder


class PatchTransformer(nn.Module):
    """e_p = W x_p + b for each patch x_p, h = encoder(e), y = V [h_1, .., h_P] + c.

    x [rows, lookback] -> patches [rows, P, patch], `stride` steps from one to the next -> y [rows, horizon, quantiles]
    Nie, Nguyen, Sinthong and Kalagnanam 2023, section 3.1.

    The last patch ends with the window and patches are counted from there, so that a position says how long ago; the
    first is filled up with zeros. Those before a short series begins are not looked at. The norm is LayerNorm before
    each part where the paper has batch norm behind it: a forecast does not depend on the rest of its batch in training.
    """

    def __init__(
        self, spec: WindowSpec, patch: int, stride: int, width: int, layers: int, heads: int, inner: int, dropout: float
    ) -> None:
        super().__init__()
        self.patch, self.stride, self.quantiles = min(patch, spec.lookback), stride, len(spec.quantiles)
        patches = -(-(spec.lookback - self.patch) // stride) + 1
        self.before = (patches - 1) * stride + self.patch - spec.lookback
        self.embed = nn.Linear(self.patch, width)
        self.encoder = Encoder(width, layers, heads, inner, dropout, "learned", patches)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(patches * width, spec.horizon * self.quantiles)

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        patches = self._patches(x)  # [rows, P, patch]
        there = self._patches(seen).amax(2)  # [rows, P]
        length = there.sum(1).long().clamp_min(1)  # [rows]
        h = self.encoder(self.embed(patches), length) * there.unsqueeze(2)  # [rows, P, width]
        y = self.output(self.dropout(h.flatten(1)))  # [rows, horizon x quantiles]
        return y.unflatten(1, (-1, self.quantiles))  # [rows, horizon, quantiles]

    def _patches(self, x: Tensor) -> Tensor:
        return F.pad(x, (self.before, 0)).unfold(1, self.patch, self.stride).flip(1)  # the newest first

    def extra_repr(self) -> str:
        return f"patch={self.patch}, stride={self.stride}"


class PatchTSTConfig(ForecastConfig):
    """y = V encoder(W patches): a Transformer over pieces of one series, scaled as in RevIN.

    Nie et al. 2023; calendar and known columns in front, where wanted, as in NBEATSx (Olivares et al. 2022).
    """

    title: ClassVar[str] = "PatchTST: pieces of the past as the tokens of a Transformer"
    source: ClassVar[str] = "Nie, Nguyen, Sinthong and Kalagnanam 2023, A Time Series is Worth 64 Words"
    affine: ClassVar[bool] = True

    start: StartName = Field("zero", description=START)
    patch: int = Field(16, ge=1, description="steps of a patch")
    stride: int = Field(8, ge=1, description="steps from one patch to the next")
    width: int = Field(64, ge=1, description="numbers that stand for a patch")
    layers: int = Field(2, ge=1, le=16, description="layers of the encoder")
    heads: int = Field(4, ge=1, description="heads of attention")
    inner: int = Field(128, ge=1, description="units of the dense layer in each encoder layer")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of units switched off in each step")
    calendar: bool = Field(False, description="take out what calendar and known columns explain first (not published)")

    @model_validator(mode="after")
    def _heads(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads: {self.width} and {self.heads}")
        if self.stride > self.patch:
            raise ValueError(f"stride must not leave steps out: {self.stride} with a patch of {self.patch}")
        return self

    @property
    def reads_time(self) -> bool:
        return self.calendar

    def body(self, spec: WindowSpec) -> nn.Module:
        network = PatchTransformer(
            spec, self.patch, self.stride, self.width, self.layers, self.heads, self.inner, self.dropout
        )
        return PerTarget(with_time(network, spec, self.calendar), spec.targets)
