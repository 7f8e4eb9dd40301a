"""A hand-written PyTorch loop: with learnloop's Plan (`--plan JSON`), or with PyTorch's defaults (without).

With a plan: its threads, bounded wait, precision, memory layout, torch's fused Adam, and rows gathered for many batches
at once so that a batch is a slice. Without: torch.optim.Adam as shipped, one index of rows a batch, torch's own
threads and waiting. Neither logs, checks or counts anything.
"""

from __future__ import annotations

import argparse
import json
import os

import work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", help="JSON: threads, wait, dtype, channels_last, fused")
    given = work.arguments(parser)
    plan = json.loads(given.plan) if given.plan else None
    if plan and plan["wait"] == "bounded":
        os.environ["GOMP_SPINCOUNT"] = plan["spins"]  # before torch is imported
    import torch

    x, y = work.data(given.case, given.steps)
    net = work.torch_net(given.case)
    marks = work.Marks()
    (with_plan if plan else plain)(net, torch.from_numpy(x), torch.from_numpy(y), given, marks, plan)
    parameters = sum(p.numel() for p in net.parameters())
    right = work.accuracy(net, x, y)
    work.report(marks, given, version=f"torch {torch.__version__}", parameters=parameters, accuracy=right)


def plain(net, x, y, given, marks, plan) -> None:  # type: ignore[no-untyped-def]
    """What a tutorial would write, without a DataLoader."""
    import torch

    optimizer = torch.optim.Adam(net.parameters(), lr=work.LR)
    loss_of = torch.nn.CrossEntropyLoss()
    net.train()
    for _ in range(given.passes):
        order = torch.randperm(len(x))
        for start in range(0, len(x), given.batch):
            rows = order[start : start + given.batch]
            optimizer.zero_grad()
            loss = loss_of(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        marks.mark()


def with_plan(net, x, y, given, marks, plan) -> None:  # type: ignore[no-untyped-def]
    """What somebody would write who knows the Plan and wants nothing but speed."""
    import torch

    chunk_bytes = 16 * 2**20
    if plan["threads"]:
        torch.set_num_threads(plan["threads"])
    if plan["channels_last"]:
        net = net.to(memory_format=torch.channels_last)
    low = plan["dtype"] == "bfloat16"
    optimizer = torch.optim.Adam(net.parameters(), lr=work.LR, fused=plan["fused"])
    loss_of = torch.nn.functional.cross_entropy
    net.train()
    many = max(1, chunk_bytes // (x[0].numel() * x.element_size() * given.batch)) * given.batch
    for _ in range(given.passes):
        order = torch.randperm(len(x))
        for first in range(0, len(x), many):
            rows = order[first : first + many]
            for bx, by in zip(x[rows].split(given.batch), y[rows].split(given.batch)):
                optimizer.zero_grad()
                if low:
                    with torch.autocast("cpu", dtype=torch.bfloat16):
                        outputs = net(bx)
                    loss = loss_of(outputs.float(), by)
                else:
                    loss = loss_of(net(bx), by)
                loss.backward()
                optimizer.step()
        marks.mark()


if __name__ == "__main__":
    main()
