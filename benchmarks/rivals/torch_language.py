"""A hand-written PyTorch loop for a character LSTM, as a tutorial has it: torch.nn.LSTM, AdamW, clipping, no more.

    python benchmarks/rivals/torch_language.py --steps 60

2 layers of 256 units, embedding of 128, 32 streams of 128 characters, state carried, float32, torch's own threads. The
text is LEARNLOOP_DATA's tiny Shakespeare. As many steps again are taken before the clock starts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path

import torch
from torch import nn

HIDDEN, EMBEDDING, LAYERS, STREAMS, WINDOW = 256, 128, 2, 32, 128


class CharLSTM(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, LAYERS, batch_first=True)
        self.head = nn.Linear(HIDDEN, vocabulary)

    def forward(self, x, state):  # type: ignore[no-untyped-def]
        h, state = self.lstm(self.embed(x), state)  # [streams, window, hidden]
        return self.head(h), state


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps
    path = Path(os.environ["LEARNLOOP_DATA"]) / "tinyshakespeare.txt.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    letters = sorted(set(text))
    codes = torch.tensor([letters.index(letter) for letter in text[: int(0.9 * len(text))]])
    streams = codes[: len(codes) // STREAMS * STREAMS].view(STREAMS, -1)
    net = CharLSTM(len(letters))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    loss_of, state = nn.CrossEntropyLoss(), None
    began = 0.0
    for step in range(2 * steps):
        if step == steps:
            began = time.perf_counter()
        at = step * WINDOW % (streams.shape[1] - WINDOW - 1)
        x, y = streams[:, at : at + WINDOW], streams[:, at + 1 : at + WINDOW + 1]
        optimizer.zero_grad()
        logits, state = net(x, state)
        state = tuple(part.detach() for part in state)
        loss = loss_of(logits.reshape(-1, len(letters)), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    print(json.dumps({"steps_a_second": steps / (time.perf_counter() - began), "loss": loss.item()}))


if __name__ == "__main__":
    main()
