"""Decoding: the likeliest next token each time (`greedy`), or the best of several texts at once (`beam_search`)."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.contracts import BEGIN, END, PADDING, UNKNOWN
from learnloop.nn.decoding import Decoder, DecoderState

UNSAYABLE = (PADDING, UNKNOWN, BEGIN)
"""Codes that stand for no text: a network is never taken at its word when it says one of them."""
NEVER = float("-inf")
MOST_DONE = 0.5
"""When this share of the rows has ended, the rest goes on without them."""


def decode(decoder: Decoder, source: Tensor, *, limit: int, beam: int = 1, length_penalty: float = 0.0) -> Tensor:
    """Target codes int64 [rows, limit]: the text, END where one was reached, then PADDING.

    source  [rows, time] tokens.   limit  most tokens, END included.   beam 1 is `greedy`
    A row's answer does not depend on the other rows, up to rounding.
    """
    if beam == 1:
        return greedy(decoder, source, limit=limit)
    return beam_search(decoder, source, limit=limit, beam=beam, length_penalty=length_penalty)


@torch.no_grad()
def greedy(decoder: Decoder, source: Tensor, *, limit: int) -> Tensor:
    """y_t = argmax p(. | y_<t, source), all rows at once, until each has said END. See `decode`."""
    rows = len(source)
    answer = source.new_full((rows, limit), PADDING, dtype=torch.int64)
    state = decoder.begin(source, 1)
    left = torch.arange(rows, device=source.device)  # the rows that `state` is about
    codes = torch.full_like(left, BEGIN)
    open_ = torch.ones_like(left, dtype=torch.bool)
    for position in range(limit):
        logits = _sayable(decoder.step(codes, state))  # [n, outputs]
        codes = torch.where(open_, logits.argmax(1), PADDING)  # [n]
        answer[left, position] = codes
        open_ &= codes != END
        count = int(open_.sum())
        if count == 0:
            break
        if count <= (1 - MOST_DONE) * len(left):
            keep = open_.nonzero().squeeze(1)
            state.keep(keep)
            left, codes, open_ = left[keep], codes[keep], open_[keep]
    return answer


@torch.no_grad()
def beam_search(decoder: Decoder, source: Tensor, *, limit: int, beam: int, length_penalty: float) -> Tensor:
    """argmax over texts y of log p(y | source) / lp(y), lp(y) = ((5 + |y|) / 6)^alpha, searched with `beam` beginnings.

    |y| counts END. A text counts as ended when END is among the `beam` best continuations of a row. A row is done
    when no beginning that is left can overtake its best ended text: log p only falls, and lp is at most that of
    `limit` tokens. Source: Wu et al. 2016, Google's Neural Machine Translation System, section 7, without its
    coverage penalty. See `decode`.
    """
    rows, device = len(source), source.device
    answer = torch.full((rows, limit), PADDING, dtype=torch.int64, device=device)
    search = _Beams(decoder.begin(source, beam), rows, beam, limit, length_penalty, device)
    for position in range(limit):
        logits = decoder.step(search.last(position), search.state)  # [n * beam, outputs]
        search.extend(torch.log_softmax(_sayable(logits.float()), 1), position)
        done = search.settled(last=position + 1 == limit)
        count = int(done.sum())
        if count >= MOST_DONE * len(done):
            search.hand_over(answer, done)
        if count == len(done):
            break
    return answer


class _Beams:
    """The hypotheses of the rows that are not done.

    codes   int64 [n, beam, limit], scores [n, beam]: beginnings, the likeliest first, and their log probabilities
    ended   int64 [n, limit], best [n]: the best ended text of each row, and its score divided by lp
    """

    def __init__(
        self, state: DecoderState, rows: int, beam: int, limit: int, alpha: float, device: torch.device
    ) -> None:
        self.state = state
        self._limit, self._alpha, self._beam = limit, alpha, beam
        self._left = torch.arange(rows, device=device)
        self._codes = torch.full((rows, beam, limit), PADDING, dtype=torch.int64, device=device)
        self._scores = torch.full((rows, beam), NEVER, device=device)
        self._scores[:, 0] = 0.0  # all beginnings are alike at first: one of them is enough
        self._ended = torch.full((rows, limit), PADDING, dtype=torch.int64, device=device)
        self._best = torch.full((rows,), NEVER, device=device)

    def last(self, position: int) -> Tensor:
        """The newest code of each hypothesis [n * beam]."""
        if position == 0:
            return torch.full((self._codes[:, :, 0].numel(),), BEGIN, dtype=torch.int64, device=self._codes.device)
        return self._codes[:, :, position - 1].reshape(-1)

    def extend(self, logs: Tensor, position: int) -> None:
        """Every beginning by every token: the best `beam` of them go on, those that end are compared."""
        outputs = logs.shape[1]
        totals = self._scores[:, :, None] + logs.view(-1, self._beam, outputs)  # [n, beam, outputs]
        wide = min(2 * self._beam, self._beam * outputs)
        scores, picked = totals.flatten(1).topk(wide)  # [n, 2 beam]
        parents, codes = picked // outputs, picked % outputs
        ends = codes == END
        self._compare(scores, parents, ends, position)
        # Of twice `beam` continuations at most `beam` end: enough are left to go on.
        scores, order = scores.masked_fill(ends, NEVER).topk(self._beam)  # [n, beam]
        parents, codes = parents.gather(1, order), codes.gather(1, order)
        self._scores = scores
        self._codes = self._codes.gather(1, parents[:, :, None].expand(-1, -1, self._limit))
        self._codes[:, :, position] = codes
        first = torch.arange(len(parents), device=parents.device)[:, None] * self._beam
        self.state.reorder((first + parents).flatten())

    def _compare(self, scores: Tensor, parents: Tensor, ends: Tensor, position: int) -> None:
        """The best text that ends here takes the place of the best so far where it is better."""
        near = ends.clone()
        near[:, self._beam :] = False  # an end that is not among the best is no serious end
        value, where = (scores / self._penalty(position + 1)).masked_fill(~near, NEVER).max(1)  # [n]
        better = value > self._best
        parent = parents.gather(1, where[:, None])  # [n, 1]
        text = self._codes.gather(1, parent[:, :, None].expand(-1, -1, self._limit)).squeeze(1)  # [n, limit]
        text[:, position] = END
        self._ended = torch.where(better[:, None], text, self._ended)
        self._best = torch.where(better, value, self._best)

    def settled(self, last: bool) -> Tensor:
        """Which rows are done, bool [n]. Where nothing ended within the limit, the likeliest beginning is taken."""
        if last:
            never = self._best == NEVER
            self._ended = torch.where(never[:, None], self._codes[:, 0], self._ended)
            return torch.ones_like(never)
        return self._best >= self._scores[:, 0] / self._penalty(self._limit)

    def hand_over(self, answer: Tensor, done: Tensor) -> None:
        """Write the rows that are done into `answer`, and go on with the others."""
        answer[self._left[done]] = self._ended[done]
        keep = (~done).nonzero().squeeze(1)
        places = keep[:, None] * self._beam + torch.arange(self._beam, device=keep.device)
        self.state.keep(places.flatten())
        self._left, self._codes, self._scores = self._left[keep], self._codes[keep], self._scores[keep]
        self._ended, self._best = self._ended[keep], self._best[keep]

    def _penalty(self, tokens: int) -> float:
        return float(((5 + tokens) / 6) ** self._alpha)


def _sayable(logits: Tensor) -> Tensor:
    """Codes that stand for no text are ruled out."""
    return logits.index_fill(1, torch.tensor(UNSAYABLE, device=logits.device), NEVER)
