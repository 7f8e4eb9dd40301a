"""`gpt`: a causal transformer that continues a text, and its reader with a key-value cache."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.language_model import Carried
from learnloop.models.recurrent_language import passes
from learnloop.nn.dropout import Dropout, drop
from learnloop.nn.rotary import rotary_table, turned

_EPS = 1e-6
_DENSE = 512
"""Places up to which the scores of all pairs are kept on a CPU."""


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d) + mask) v in each head; q and k of length sqrt(d) (QK-norm), then turned by their place.

    Vaswani et al. 2017, section 3.2; QK-norm: Henry et al., arXiv:2010.04245.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.dropout = dropout

    def split(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [rows, time, width] -> q, k, v [rows, heads, time, width / heads], q and k turned."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return turned(_unit(q), cos, sin), turned(_unit(k), cos, sin), v

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = self.split(x, cos, sin)
        seen = attend(q, k, v, self.dropout if self.training else 0.0)
        return self.out(seen.transpose(1, 2).flatten(2))  # [rows, time, width]


def attend(q: Tensor, k: Tensor, v: Tensor, dropout: float = 0.0) -> Tensor:
    """softmax(q k^T / sqrt(d) + causal mask) v, all [rows, heads, time, d].

    On a CPU and in bfloat16 torch's fused kernel takes two to four times as long as two products and a softmax
    (measured with torch 2.13 at 128 and 256 places); the scores then need memory for time^2 numbers a head.
    """
    time, low = q.shape[2], torch.is_autocast_enabled("cpu")
    if q.device.type != "cpu" or not low or time > _DENSE:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
    mask = torch.full((time, time), -torch.inf, dtype=v.dtype).triu(1)
    flat = [part.flatten(0, 1).to(v.dtype) for part in (q, k, v)]  # [rows * heads, time, d]
    scores = torch.baddbmm(mask.expand(len(flat[0]), time, time), flat[0], flat[1].mT, alpha=q.shape[-1] ** -0.5)
    shares = drop(scores.softmax(-1), dropout, dropout > 0)
    return torch.bmm(shares, flat[2]).view_as(v)


def _unit(x: Tensor) -> Tensor:
    """Scaled to a root mean square of 1."""
    return F.rms_norm(x, (x.shape[-1],), eps=_EPS)


class FeedForward(nn.Module):
    """W2 gelu(W1 x), or SwiGLU: W3 (silu(W1 x) * W2 x) with layers two thirds as large (Shazeer, arXiv:2002.05202).

    gelu is GPT-2's approximation by tanh (Hendrycks and Gimpel, arXiv:1606.08415, section 2).
    """

    def __init__(self, width: int, inner: int, kind: str) -> None:
        super().__init__()
        self._gated = kind == "swiglu"
        self._inner = 8 * math.ceil(inner * 2 / 3 / 8) if self._gated else inner
        self.into = nn.Linear(width, (2 if self._gated else 1) * self._inner, bias=False)
        self.out = nn.Linear(self._inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.bent(self.into(x)))

    def bent(self, h: Tensor) -> Tensor:
        """The activation of [..., inner], or of both halves of a gated layer [..., 2 inner]."""
        if not self._gated:
            return F.gelu(h, approximate="tanh")
        gate, value = h.split(self._inner, -1)
        return F.silu(gate) * value


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, width: int, heads: int, inner: int, kind: str, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(width, eps=_EPS)
        self.attention = Attention(width, heads, dropout)
        self.norm2 = nn.RMSNorm(width, eps=_EPS)
        self.feed_forward = FeedForward(width, inner, kind)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x), cos, sin))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class GPT(nn.Module):
    """logits = W norm(block_L(... block_1(E x))): each place sees itself and those before it, `context` at most.

    RMSNorm before each part (Zhang and Sennrich 2019; pre-norm: Radford et al. 2019), rotary positions.
    """

    carries = False

    def __init__(self, vocabulary: int, config: GPTConfig) -> None:
        super().__init__()
        width = config.width
        self.context = config.context
        self.embed = nn.Embedding(vocabulary, width)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.ratio * width, config.feed_forward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.RMSNorm(width, eps=_EPS)
        self.head = nn.Linear(width, vocabulary, bias=False)
        cos, sin = rotary_table(config.context, width // config.heads)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._begin()
        if config.tied:
            self.head.weight = self.embed.weight

    @torch.no_grad()
    def _begin(self) -> None:
        """Blocks begin as the identity, and all codes as equally likely, nearly."""
        nn.init.normal_(self.embed.weight, 0.0, 0.02)
        nn.init.normal_(self.head.weight, 0.0, 0.02)
        for block in self.stack():
            for layer in (block.attention.qkv, block.feed_forward.into):
                nn.init.normal_(layer.weight, 0.0, 1 / math.sqrt(layer.in_features))
            for layer in (block.attention.out, block.feed_forward.out):
                nn.init.normal_(layer.weight, 0.0, 0.02 / math.sqrt(2 * len(self.blocks)))

    def stack(self) -> list[Block]:
        return cast("list[Block]", list(self.blocks))

    def begin(self, rows: int) -> Carried:
        return ()

    def forward(self, tokens: Tensor, carried: Carried = ()) -> tuple[Tensor, Carried]:
        time = tokens.shape[1]
        x = self.dropout(self.embed(tokens))  # [rows, time] -> [rows, time, width]
        cos, sin = self.cos[:time], self.sin[:time]
        if torch.is_autocast_enabled(x.device.type):
            low = torch.get_autocast_dtype(x.device.type)
            cos, sin = cos.to(low), sin.to(low)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.head(self.norm(x)), ()  # [rows, time, vocabulary]

    def reader(self, rows: int = 1) -> GPTReader:
        return GPTReader(self, rows)


class GPTReader:
    """Keys and values of every code that was read are kept, so that one more code costs one place, not all of them.

    When `context` codes are there, the later half of them is read anew from place 0 and the rest is forgotten: what is
    seen is at least half the context, and is the same as without the cache (`GPT.forward` on the codes in `seen`).
    """

    def __init__(self, net: GPT, rows: int) -> None:
        self._net = net
        self._blocks = net.stack()
        weight = net.embed.weight
        width, heads = weight.shape[1], self._blocks[0].attention.heads
        shape = (rows, heads, net.context, width // heads)
        self._keys = [torch.zeros(shape, device=weight.device) for _ in self._blocks]
        self._values = [torch.zeros(shape, device=weight.device) for _ in self._blocks]
        self._codes = torch.zeros(rows, net.context, dtype=torch.int64, device=weight.device)
        self._place = 0
        with torch.inference_mode():
            self._step_by_step = _Step(net, self._blocks)

    @property
    def seen(self) -> Tensor:
        """int64 [rows, n]: the codes that the next one is predicted from."""
        return self._codes[:, : self._place]

    @torch.inference_mode()
    def feed(self, codes: Tensor) -> Tensor:
        context, count = self._net.context, codes.shape[1]
        if self._place + count > context:
            codes = torch.cat([self.seen, codes], 1)[:, -max(context // 2, min(count, context)) :]
            self._place, count = 0, codes.shape[1]
        first, self._place = self._place, self._place + count
        self._codes[:, first : self._place] = codes
        if count == 1:
            return self._step_by_step(codes[:, 0], first, self._keys, self._values)
        return self._read(codes, first)

    def _read(self, codes: Tensor, first: int) -> Tensor:
        """Several codes at once, as in `GPT.forward`."""
        net, behind = self._net, first + codes.shape[1]
        places = torch.arange(behind, device=codes.device)
        mask = places <= places[first:, None]  # [n, place]
        x = net.embed(codes)  # [rows, n, width]
        for block, keys, values in zip(self._blocks, self._keys, self._values):
            attention = block.attention
            q, k, v = attention.split(block.norm1(x), net.cos[first:behind], net.sin[first:behind])
            keys[:, :, first:behind], values[:, :, first:behind] = k, v
            seen = F.scaled_dot_product_attention(q, keys[:, :, :behind], values[:, :, :behind], attn_mask=mask)
            x = x + attention.out(seen.transpose(1, 2).flatten(2))
            x = x + block.feed_forward(block.norm2(x))
        return net.head(net.norm(x[:, -1]))  # [rows, vocabulary]


class _Step:
    """One code a row through the network: the same arithmetic in few operations, each of which costs microseconds.

    norm(x) W^T = x / sqrt(|x|^2 + d eps) (sqrt(d) g W)^T with g the norm's weight and d the width: what stands in
    brackets is computed once. Queries and keys are normed and turned together; their sqrt(d) is in the tables.
    """

    def __init__(self, net: GPT, blocks: list[Block]) -> None:
        self._embed, self._blocks = net.embed.weight, blocks
        weight = net.embed.weight
        width, heads = weight.shape[1], blocks[0].attention.heads
        self._heads, self._size = heads, width // heads
        self._small = torch.tensor(math.sqrt(width * _EPS), device=weight.device)
        self._small_head = torch.tensor(math.sqrt(self._size * _EPS), device=weight.device)
        self._cos, self._sin = (table * math.sqrt(self._size) for table in (net.cos, net.sin))
        self._layers = [
            (
                _folded(block.norm1, block.attention.qkv),
                block.attention.out.weight.t(),
                _folded(block.norm2, block.feed_forward.into),
                block.feed_forward.out.weight.t(),
            )
            for block in blocks
        ]
        self._head = _folded(net.norm, net.head)

    def __call__(self, codes: Tensor, place: int, keys: list[Tensor], values: list[Tensor]) -> Tensor:
        """codes [rows] at `place` -> logits [rows, vocabulary]; keys, values [rows, heads, context, size] get them."""
        rows, heads, size = len(codes), self._heads, self._size
        cos, sin, half = self._cos[place], self._sin[place], size // 2
        x = F.embedding(codes, self._embed)  # [rows, width]
        for block, (qkv, out, into, back), known, held in zip(self._blocks, self._layers, keys, values):
            parts = F.linear(_normed(x, self._small), qkv).view(rows, 3 * heads, size)
            both = _normed(parts[:, : 2 * heads], self._small_head)  # [rows, 2 heads, size]
            both = torch.addcmul(both * cos, both.roll(half, -1), sin)
            known.select(2, place).copy_(both[:, heads:])
            held.select(2, place).copy_(parts[:, 2 * heads :])
            q = both[:, :heads].unsqueeze(2)  # [rows, heads, 1, size]
            seen = F.scaled_dot_product_attention(q, known.narrow(2, 0, place + 1), held.narrow(2, 0, place + 1))
            x = torch.addmm(x, seen.reshape(rows, -1), out)
            h = F.linear(_normed(x, self._small), into)
            x = torch.addmm(x, block.feed_forward.bent(h), back)
        return F.linear(_normed(x, self._small), self._head)


def _normed(x: Tensor, small: Tensor) -> Tensor:
    """x / sqrt(|x|^2 + small^2)."""
    return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), small)


def _folded(norm: nn.RMSNorm, layer: nn.Linear) -> Tensor:
    """sqrt(d) g W."""
    return layer.weight * (norm.weight * math.sqrt(layer.in_features))


class GPTConfig(Config):
    """x_0 = E codes; x <- x + attention(norm(x)), x <- x + feed_forward(norm(x)) in each layer; logits W norm(x)."""

    inputs: ClassVar[frozenset[str]] = frozenset({"text"})
    title: ClassVar[str] = "causal transformer that predicts the next token: RMSNorm, rotary positions, pre-norm"
    numbers: ClassVar[str] = "none"
    rule: ClassVar[str] = "gradient"

    width: int = Field(128, ge=2, description="numbers that stand for one token, in every layer")
    layers: int = Field(4, ge=1, le=64, description="blocks of attention and feed-forward")
    heads: int = Field(4, ge=1, description="heads of attention; each sees width / heads numbers")
    context: int = Field(128, ge=2, description="most tokens that the next one is predicted from")
    feed_forward: Literal["gelu", "swiglu"] = Field("gelu", description="the layer behind attention")
    ratio: int = Field(4, ge=1, description="units of the feed-forward layer over the width (two thirds for swiglu)")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off in each step")
    tied: bool = Field(False, description="the last layer has the embedding's weights")

    @model_validator(mode="after")
    def _heads_fit(self) -> GPTConfig:
        if self.width % (2 * self.heads):
            raise ValueError("width must be a multiple of 2 * heads: rotary positions turn pairs of numbers")
        return self

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        return GPT(spec.vocabulary, self)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """rows: tokens of the training part."""
        values: dict[str, Any] = {
            "optimiser.name": "muon",
            "optimiser.lr": 0.02,
            "optimiser.other_lr": 3e-3,
            "schedule.name": "linear",
            "schedule.warmup": 0.02,
            "train.batch_size": 32,
            "train.clip": 1.0,
        }
        return values | ({} if minutes is not None else {"train.epochs": passes(rows)})
