"""What the task language reaches on tiny Shakespeare, how fast it trains and how fast it writes.

    LEARNLOOP_DATA=DIR python benchmarks/language.py [--only lstm3,gpt3,lstm15,gpt15,writing,steps] [--seeds 0,1,2]

lstm3 ... gpt15: `learnloop fit tinyshakespeare --minutes M --json`, run as a user would run it, once for each seed with
an empty LEARNLOOP_HOME (no Plan is remembered). Counted is the whole command: start, reading, n-grams, training,
evaluation, report. The figure is the median over the seeds of nats a character on the last tenth, read whole.
writing: characters a second of a gpt of one million weights on one thread with its cache, the best of five texts of
1500 characters; and whether the likeliest text is the same as without the cache.
steps: steps a second of the LSTM that the command trains (2 x 256 units, windows of 128, 32 streams) beside a
hand-written loop on torch.nn.LSTM with torch.optim.AdamW (`rivals/torch_language.py`), processes in turn, five rounds;
the ratio is the median of the rounds'.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import HERE, learnloop, machine, run, say, table, write_results, yes

ROUNDS = 5
STEPS = 60
"""Of a round: at some 50 ms each, three seconds."""
FASTER, WRITES = 1.2, 1500.0
SHOWN = ("nats", "seconds", "characters_a_second", "ratio")


@dataclass(frozen=True)
class Case:
    """most, aim: nats a character that must be reached, and that are hoped for; seconds: of the whole command."""

    model: str
    minutes: float
    most: float
    aim: float
    seconds: float


CASES = {
    "lstm3": Case("auto", 2.95, 1.50, 1.45, 180),
    "gpt3": Case("gpt", 2.95, 1.65, 1.65, 180),
    "lstm15": Case("auto", 14.9, 1.44, 1.40, 900),
    "gpt15": Case("gpt", 14.9, 1.50, 1.50, 900),
}


def one_command(case: Case, seed: int) -> dict[str, Any]:
    """Nats a character, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*learnloop(), "fit", "tinyshakespeare", "--task", "language", "--minutes", str(case.minutes)]
        command += ["--model", case.model, "--seed", str(seed), "--out", f"{folder}/run", "--json"]
        ran = run(command, env={"LEARNLOOP_HOME": f"{folder}/home"}, timeout=3 * case.seconds)
        if ran.code:
            return {"seed": seed, "failed": f"exit code {ran.code}: {ran.stderr[-1500:]}"}
        result = ran.last_json()
        report = json.loads((Path(folder) / "run" / "report.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "nats": result["metrics"]["validation"]["nats_per_char"],
        "interval": result["intervals"]["validation"]["nats_per_char"],
        "seconds": round(ran.wall, 1),
        "steps": result["steps"],
        "plan": report["training"]["plan"],
        "weights": report["training"]["parameters"],
        "ngram": min(row["metrics"]["nats_per_char"] for row in report["baselines"]),
    }


def quality(name: str, seeds: list[int]) -> dict[str, Any]:
    case, runs = CASES[name], []
    for seed in seeds:
        runs.append(one_command(case, seed))
        say(f"{name} seed {seed}: {runs[-1]}")
    whole = [found for found in runs if "failed" not in found]
    if len(whole) < len(runs):
        return {"runs": runs, "met": False}
    nats = statistics.median(found["nats"] for found in whole)
    seconds = statistics.median(found["seconds"] for found in whole)
    met = nats <= case.most and seconds <= case.seconds
    return {"nats": nats, "seconds": seconds, "most": case.most, "aim": case.aim, "met": met, "runs": runs}


def writing() -> dict[str, Any]:
    """Characters a second, and whether the cache changes a token."""
    import torch

    from learnloop.bundle.sampling import Sampling, generate
    from learnloop.contracts import InputSpec
    from learnloop.models.gpt import GPT, GPTConfig
    from learnloop.transforms.tokens import make_tokens

    torch.set_num_threads(1)
    tokens = make_tokens("characters", vocabulary=200, lower=False, least=1)
    tokens.fit(["".join(chr(point) for point in range(32, 97))])
    torch.manual_seed(0)
    net = GPTConfig(width=144, layers=4, heads=4).build(InputSpec("text", vocabulary=tokens.size), tokens.size).eval()
    assert isinstance(net, GPT)
    speeds = []
    for seed in range(5):
        begin = time.perf_counter()
        written = sum(map(len, generate(net, tokens, "ROMEO:", 1500, Sampling(0.8, 40, 0.95), seed)))
        speeds.append(written / (time.perf_counter() - begin))
    reader, same = net.reader(), True
    logits = reader.feed(torch.from_numpy(tokens.encode("ROMEO:")).long()[None])
    for _ in range(400):
        plain = net(reader.seen)[0][0, -1]
        same &= int(plain.argmax()) == int(logits[0].argmax()) and bool(torch.allclose(plain, logits[0], atol=1e-4))
        logits = reader.feed(logits.argmax(1, keepdim=True))
    weights = sum(p.numel() for p in net.parameters())
    best = max(speeds)
    return {"characters_a_second": round(best), "weights": weights, "same": same, "met": same and best >= WRITES}


def steps() -> dict[str, Any]:
    """Steps a second of both, round by round."""
    rival = [sys.executable, str(HERE / "rivals" / "torch_language.py"), "--steps", str(STEPS)]
    rounds = []
    for number in range(ROUNDS):
        ours = _our_steps()
        theirs = float(run(rival).last_json()["steps_a_second"])
        rounds.append({"learnloop": round(ours, 2), "torch": round(theirs, 2), "ratio": round(ours / theirs, 3)})
        say(f"round {number}: {rounds[-1]}")
    ratio = statistics.median(found["ratio"] for found in rounds)
    return {"ratio": ratio, "least": FASTER, "met": ratio >= FASTER, "rounds": rounds}


def _our_steps() -> float:
    """Of the command itself, by its own clock: the second half of a run, evaluation left out."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*learnloop(), "fit", "tinyshakespeare", "--task", "language", "--steps", str(2 * STEPS)]
        command += ["--out", f"{folder}/run", "--set", "report.baselines=false", "--set", "report.html=false"]
        # two evaluations: one in the middle, and the last one
        command += ["--set", f"train.evaluate_every={2 * STEPS}", "--set", "train.log_every=1", "--json"]
        ran = run(command)
        if ran.code:
            raise SystemExit(ran.stderr[-2000:])
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    times = {row["step"]: row["seconds"] for row in map(json.loads, lines) if row["kind"] == "train"}
    return STEPS / (times[2 * STEPS] - times[STEPS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join([*CASES, "writing", "steps"]))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    for name in given.only.split(","):
        say(f"--- {name}")
        if name in CASES:
            found[name] = quality(name, [int(seed) for seed in given.seeds.split(",")])
        else:
            found[name] = {"writing": writing, "steps": steps}[name]()
    rows = [
        [
            name,
            *(result.get(key, "") for key in ("nats", "seconds", "characters_a_second", "ratio")),
            yes(result["met"]),
        ]
        for name, result in found.items()
        if name != "machine"
    ]
    print(table(["case", "nats a character", "seconds", "characters a second", "times torch", "met"], rows))
    say(f"written: {write_results('language', found, given.out)}")


if __name__ == "__main__":
    main()
