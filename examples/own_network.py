"""Your own network on your own arrays, in the same loop: trained, measured beside baselines, and used.

python examples/own_network.py
"""

import numpy as np
import torch
from torch import Tensor, nn

import learnloop as ll


class Residual(nn.Module):
    """y = W_2 (h + tanh(W_1 h)), h = W_0 x; x float [batch, features] -> [batch, outputs]."""

    def __init__(self, features: int, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, width)
        self.middle = nn.Linear(width, width)
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)  # [batch, width]
        return self.last(h + torch.tanh(self.middle(h)))  # [batch, outputs]


generator = np.random.default_rng(0)
x = generator.uniform(-2, 2, size=(800, 2))
y = np.where(np.hypot(x[:, 0], x[:, 1]) < 1.3, "inside", "outside")

net = Residual(features=2, width=32, outputs=2)
run = ll.fit((x, y), model=net, epochs=30, lr=0.01, out="own-network", overwrite=True, progress="off")
print(run.report["verdict"])

bundle = ll.Bundle.load(run.path / "bundle", net)  # an object has no import path: it is handed over again
print(bundle.predict(np.array([[0.0, 0.0], [2.0, 2.0]])))
