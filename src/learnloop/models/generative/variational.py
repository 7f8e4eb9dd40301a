"""The variational autoencoder: an autoencoder whose codes have a distribution that can be drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import Batch
from learnloop.errors import ModelError
from learnloop.models.generative.coding import best_label
from learnloop.nn.binarise import bernoulli
from learnloop.nn.reconstruction import Read, Rows
from learnloop.nn.steady import SteadyDraws

Binarise = Literal["dynamic", "static", "none"]
COLLAPSED = 0.01
"""Nats of KL, averaged over rows, below which a number of the code tells the decoder nothing."""

_WIDEST = 20.0
"""Of log sigma^2: a row unlike any other has a large bound, not an infinite one."""


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) = -(1 + log sigma^2 - mu^2 - sigma^2) / 2 of each number, in nats."""
    return -0.5 * (1 + logvar - mu.square() - logvar.exp())


class VariationalNet(nn.Module):
    """-ELBO = E_q[-log p(x | z)] + KL(q(z | x) || N(0, I)), q(z | x) = N(mu, diag sigma^2), z = mu + sigma e.

    e          drawn from N(0, I), anew in every step
    encoder    what `rows.seen` gives -> [n, 2 code]: mu and log sigma^2
    decoder    [n, code (+ classes)] -> [n, ...], to which m, begun at the mean row, is added: logits (Bernoulli) or
               means (Gaussian, with a learnt deviation)
    told       classes that the decoder is told, one-hot, beside z; the encoder sees the row alone
    binarise   pixels become black or white: anew in every step (dynamic), once for ever (static), or not at all, when
               the cross-entropy of grey pixels is no likelihood (none)
    beta       of the KL in the loss: Higgins et al. 2017.   annealing  share of the run in which it rises from 0 to
               beta: Bowman et al. 2016, section 3.1
    Kingma and Welling 2014, Auto-Encoding Variational Bayes, sections 2.3 and 3. In evaluation e and the bits of a row
    are its own steady draws (`nn.steady`), beta is as declared: -ELBO of a row can be repeated, and means over rows are
    estimates as good as with new draws.
    """

    annealed: Tensor

    def __init__(
        self,
        rows: Rows,
        encoder: nn.Module,
        decoder: nn.Module,
        code_size: int,
        *,
        gaussian: bool,
        binarise: Binarise,
        beta: float = 1.0,
        annealing: float = 0.0,
        told: int = 0,
    ) -> None:
        super().__init__()
        self.rows, self.encoder, self.decoder, self.code_size = rows, encoder, decoder, code_size
        self.noise_shape = (code_size,)
        self.middle = nn.Parameter(rows.middle(None))  # [outputs]
        self.gaussian, self.binarise, self.beta, self.annealing, self.told = gaussian, binarise, beta, annealing, told
        deviations = rows.deviations if gaussian else 0  # a table of categories alone has none
        self.log_deviation = nn.Parameter(torch.full((deviations,), -1.0)) if deviations else None
        self.register_buffer("annealed", torch.tensor(1.0), persistent=False)
        self.draws = SteadyDraws(code_size, "codes")
        self.bits = SteadyDraws(rows.outputs, "bits") if binarise != "none" else None

    def start_from(self, batch: Batch) -> None:
        """Begin at the mean row of the training part: from nothing, thousands of steps go to what all rows have in
        common (-ELBO of MNIST after 2,000 steps: 141 nats from logits of zero, 115 from here)."""
        with torch.no_grad():
            self.middle.copy_(self.rows.middle(batch))

    # --- a coder and a sampler ----------------------------------------------------------------------------------

    def encode(self, *inputs: Tensor) -> Tensor:
        """The posterior's mean; of pictures that are binarised, the grey picture is read."""
        return self.posterior(self.rows.read(*inputs))[0]

    def decode(self, codes: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.values(self._raw(codes, label))

    def generate(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """The means of p(x | z) for z = noise ~ N(0, I)."""
        return self.decode(noise, label)

    def progress(self, fraction: float) -> None:
        """The share of the run that is done, for annealing."""
        self.annealed.fill_(min(fraction / self.annealing, 1.0) if self.annealing else 1.0)

    def terms(self, *inputs: Tensor, label: Tensor | None = None) -> Mapping[str, Tensor]:
        """loss = reconstruction + beta kl; reconstruction = -log p(x | z); kl; elbo = -(reconstruction + kl), all in
        nats; in evaluation also what `Rows.scores` says of the row that the mean code stands for.

        A network that is told a class and gets none takes the one under which a row's bound is best.
        """
        label = self.label_of(*inputs) if self.told and label is None else label
        rows = self.rows.read(*inputs)
        drawn = self.drawn(rows)
        mu, logvar = self.posterior(drawn)
        noise = torch.randn_like(mu) if self.training else self.draws.normal(rows[0])
        raw = self._raw(mu + (0.5 * logvar).exp() * noise, label)
        reconstruction = self.rows.nats(raw, drawn, self.log_deviation)
        kl = gaussian_kl(mu, logvar).sum(1)  # [n]
        weight = self.beta * self.annealed if self.training else self.beta
        found = {"loss": reconstruction + weight * kl, "reconstruction": reconstruction, "kl": kl}
        found["elbo"] = -(reconstruction + kl)
        if not self.training:
            found |= self.rows.scores(self._raw(self.posterior(rows)[0], label), rows)
        return found

    def forward(self, *inputs: Tensor, label: Tensor | None = None) -> Mapping[str, Tensor]:
        return self.terms(*inputs, label=label)

    # --- what the bound and the diagnosis ask -------------------------------------------------------------------

    def read(self, *inputs: Tensor) -> Read:
        """The batch in units of `decode`."""
        return self.rows.read(*inputs)

    def drawn(self, rows: Read, generator: torch.Generator | None = None) -> Read:
        """The batch with its pixels drawn black or white, where they are: in training, or with a generator, anew
        (dynamic), else by the row's steady draws."""
        if self.bits is None:
            return rows
        if self.binarise == "dynamic" and (self.training or generator is not None):
            return (bernoulli(rows[0], generator),)
        return self._held(rows)

    def posterior(self, rows: Read) -> tuple[Tensor, Tensor]:
        """mu and log sigma^2 of q(z | x), float32 [n, code] each."""
        mu, logvar = self.encoder(self.rows.seen(rows)).float().chunk(2, 1)
        return mu, logvar.clamp(-_WIDEST, _WIDEST)

    def log_likelihood(self, rows: Read, codes: Tensor, label: Tensor | None = None) -> Tensor:
        """log p(x | z) of several codes for each row, in nats: codes [n, k, code] -> [n, k]."""
        n, k, _ = codes.shape
        told = None if label is None else label.repeat_interleave(k)
        raw = self._raw(codes.flatten(0, 1), told)  # [n k, outputs]
        if not self.gaussian:
            return bernoulli_log_likelihood(raw.float().view(n, k, -1), rows[0].flatten(1))
        return -self.rows.nats(raw, tuple(part.repeat_interleave(k, 0) for part in rows), self.log_deviation).view(n, k)

    def kl_by_dimension(self, *inputs: Tensor) -> Tensor:
        """Mean over the rows of KL(q(z_j | x) || N(0, 1)), in nats, float32 [code]; below COLLAPSED z_j is idle."""
        return gaussian_kl(*self.posterior(self.drawn(self.rows.read(*inputs)))).mean(0)

    def label_of(self, *inputs: Tensor) -> Tensor:
        """int64 [n]: for each row the class under which its bound, at the mean of its codes, is best. Draws nothing."""
        rows = self.rows.read(*inputs)
        mu = self.posterior(rows)[0]
        held = self._held(rows)
        return best_label(
            lambda label: self.rows.nats(self._raw(mu, label), held, self.log_deviation), len(mu), self.told, mu.device
        )

    def _held(self, rows: Read) -> Read:
        """With the bits that each row has for ever."""
        if self.bits is None:
            return rows
        return ((self.bits.uniform(rows[0]).view_as(rows[0]) < rows[0]).to(rows[0].dtype),)

    def _raw(self, codes: Tensor, label: Tensor | None) -> Tensor:
        if not self.told:
            return self.decoder(codes).flatten(1) + self.middle  # [n, outputs]
        if label is None:
            raise ModelError(
                "class", "must be said: this network makes rows of a class", found="none",
                do="hand over a label", available=[str(code) for code in range(self.told)],
            )  # fmt: skip
        told = F.one_hot(label, self.told).to(codes.dtype)  # [n, classes]
        return self.decoder(torch.cat([codes, told], 1)).flatten(1) + self.middle  # [n, outputs]


def bernoulli_log_likelihood(raw: Tensor, bits: Tensor) -> Tensor:
    """sum_j b_j a_j - log(1 + e^a_j): raw [n, k, pixels] logits a, bits [n, pixels] b -> [n, k], in nats."""
    return (raw @ bits.unsqueeze(2)).squeeze(2) - F.softplus(raw).sum(2)
