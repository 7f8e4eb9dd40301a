"""A hand-written PyTorch DCGAN step, as PyTorch's own tutorial has it: three passes of the discriminator, two Adams.

    python benchmarks/rivals/torch_gan.py --steps 20 --passes 4

The networks are those of learnloop's `dcgan` on 28x28 (gan_work.py counts their weights), float32, torch's own threads.
"""

from __future__ import annotations

import gan_work as work
import torch
from torch import nn


class View(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(len(x), 128, 7, 7)


def build() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(work.NOISE, 128 * 7 * 7, bias=False), View(),
        nn.BatchNorm2d(128), nn.ReLU(True), nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64), nn.ReLU(True), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2, True),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2, True),
        nn.Flatten(), nn.Linear(128 * 7 * 7, 1),
    )  # fmt: skip
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
    return generator, discriminator


def main() -> None:
    given = work.arguments()
    torch.manual_seed(0)
    x = torch.from_numpy(work.pictures(given.steps))[:, None]  # [rows, 1, 28, 28]
    generator, discriminator = build()
    move_g = torch.optim.Adam(generator.parameters(), lr=work.LR, betas=(work.BETA1, 0.999))
    move_d = torch.optim.Adam(discriminator.parameters(), lr=work.LR, betas=(work.BETA1, 0.999))
    loss_of = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(work.BATCH, 1), torch.zeros(work.BATCH, 1)
    marks = work.Marks()
    loss_d = loss_g = torch.zeros(())
    for _ in range(given.passes):
        order = torch.randperm(len(x))
        for start in range(0, len(x), work.BATCH):
            real = x[order[start : start + work.BATCH]].float() / 127.5 - 1
            move_d.zero_grad()
            loss_real = loss_of(discriminator(real), ones)
            loss_real.backward()
            made = generator(torch.randn(work.BATCH, work.NOISE))
            loss_made = loss_of(discriminator(made.detach()), zeros)
            loss_made.backward()
            move_d.step()
            loss_d = loss_real + loss_made
            move_g.zero_grad()
            loss_g = loss_of(discriminator(made), ones)
            loss_g.backward()
            move_g.step()
        marks.mark()
    count = [sum(p.numel() for p in net.parameters()) for net in (generator, discriminator)]
    work.report(marks, given, f"torch {torch.__version__}", count, [loss_g.item(), loss_d.item()])


if __name__ == "__main__":
    main()
