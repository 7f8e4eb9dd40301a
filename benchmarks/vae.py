"""How likely are MNIST's test pictures under the default VAE after 30 minutes? In nats, lower is better.

    LEARNLOOP_DATA=DIR python benchmarks/vae.py [--minutes 30] [--model vae] [--shots 5000] [--set KEY=VALUE]

`learnloop fit mnist --task autoencode --model vae --minutes M --set generate.shots=K`, the whole command. The figure is
-ln p(x) of the 10,000 test pictures, bounded from above with K importance samples a picture (Burda, Grosse and
Salakhutdinov 2016, equation 8), pixels drawn black or white anew (dynamic binarisation): at most 88.5 within 30 minutes
on two cores, aimed at 86.76, the best of their VAEs with one layer of latent variables (their table 1, K = 5000).
`--again RUN --shots 50,5000` measures a run that is there, with other K.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from shared import learnloop, machine, run, say, table, write_results, yes

GOAL, AIM = 88.5, 86.76
_MINUTES = 30.0


def train(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The command, measured whole."""
    limit = ["--steps", str(arguments.steps)] if arguments.steps else ["--minutes", f"{arguments.minutes:g}"]
    sets = [f"generate.shots={arguments.shots[-1]}", "report.baselines=false", *arguments.set]
    command = [*learnloop(), "fit", arguments.data, "--task", "autoencode", "--model", arguments.model, *limit]
    command += [part for value in sets for part in ("--set", value)]
    ran = run([*command, "--json", "--out", str(folder)], timeout=3 * 60 * arguments.minutes + 600)
    if ran.code:
        raise SystemExit(f"the fit ended with code {ran.code}\n{ran.stderr[-3000:]}")
    told = ran.last_json()
    return {"wall": round(ran.wall, 1), "steps": told["steps"], "metrics": told["metrics"]}


def bounds(folder: Path, shots: list[int], rows: int) -> dict[str, float]:
    """-ln p of the first `rows` test pictures for each K, by the bundle's own network."""
    import torch

    from learnloop.bundle.generative import GenerativeBundle
    from learnloop.contracts import Y
    from learnloop.data.read import read
    from learnloop.data.split import Split
    from learnloop.scores.likelihood import importance_bound
    from learnloop.seeds import torch_stream

    bundle = GenerativeBundle.load(folder / "bundle")
    asked = json.loads((folder / "report.json").read_text(encoding="utf-8"))["asked"]
    test = Split.load(folder / "splits.npz").test[:rows]
    batch = bundle.encoder.apply(read(asked["data"]).take(test))
    inputs = tuple(torch.as_tensor(batch[key]) for key in bundle.about.spec.keys)
    found = {}
    for k in shots:
        began = time.perf_counter()
        label = batch.get(Y)
        told = None if label is None else torch.as_tensor(label)
        bound = importance_bound(bundle.net, inputs, k, torch_stream(0, "vae", k), label=told)  # type: ignore[arg-type]
        found[str(k)] = round(-float(bound.mean()), 3)
        say(f"K = {k}: {found[str(k)]} nats of {len(bound)} pictures, {time.perf_counter() - began:.0f} s")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--model", default="vae")
    parser.add_argument("--minutes", type=float, default=_MINUTES)
    parser.add_argument("--steps", type=int, help="instead of --minutes")
    parser.add_argument("--shots", type=lambda text: [int(k) for k in text.split(",")], default=[50, 5000])
    parser.add_argument("--rows", type=int, default=10_000, help="test pictures for --shots")
    parser.add_argument("--again", type=Path, metavar="RUN", help="measure this run instead of training one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    here, found = machine(), {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.again or Path(temporary) / "run"
        if arguments.again is None:
            found = train(arguments, folder)
            nats = -found["metrics"]["test"]["log_likelihood"]
            shots = arguments.shots[:-1]  # the largest K is the command's own
        else:
            nats, shots = None, arguments.shots
        by_k = bounds(folder, shots, arguments.rows)
    if nats is None:
        nats = by_k[str(shots[-1])]
    else:
        by_k[str(arguments.shots[-1])] = round(nats, 3)
    facts = {"model": arguments.model, "set": arguments.set, "machine": here, **found, "nats": by_k}
    where = write_results(
        f"vae-{arguments.model}", {**facts, "goal": GOAL, "aim": AIM, "met": nats <= GOAL}, arguments.out
    )
    rows = [[k, value, yes(value <= GOAL), yes(value <= AIM)] for k, value in by_k.items()]
    print(table(["K", "-ln p(x), nats", f"at most {GOAL}", f"at most {AIM}"], rows))
    say(f"written: {where}")
    return 0 if nats <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
