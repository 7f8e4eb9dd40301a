"""How good pictures a GAN makes of MNIST in 15 minutes, which failures it notices, and how fast its steps are.

    LEARNLOOP_DATA=DIR python benchmarks/gan.py [--only judge,dcgan,dense_gan,conditional,failures,speed] [--venvs DIR]

judge: the classifier that sees all pictures, `learnloop fit mnist --model cnn --seed 0` with that model's defaults. Its
accuracy on the test part must be 99.3 % or more. A run made before is taken by --judge RUN.
dcgan, dense_gan, conditional: `learnloop fit mnist --task gan --model M --minutes 14.9`, once for each seed with an
empty LEARNLOOP_HOME; counted is the whole command. It makes 10,000 pictures, and the distance of their features from
those of the test part is `fid_classifier`: the published formula on the judge's last features, not on Inception's, so
comparable within this table alone. Shares of classes are the judge's; `as_asked` is the share of the pictures of the
conditional network that the judge sees as the class that was asked for.
failures: 200 steps with the rate 20 times too high must be reported; 400 of each network and objective not.
speed: images a second through one full step (discriminator and generator) beside the same networks in plain PyTorch and
in Keras 3 on JAX (rivals/*_gan.py), processes in turn; the ratio is the median of the rounds'.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared import HERE, Ran, learnloop, machine, others, run, say, table, write_results, yes

MINUTES, SECONDS = 14.9, 900
SAMPLES = 10_000
ACCURATE, LEAST, MOST, AS_ASKED, BETTER = 0.993, 0.05, 0.15, 0.97, 2.0
TIMES_TORCH, TIMES_KERAS = 1.5, 2.0
MODELS = {
    "dcgan": ("dcgan", ()),
    "dense_gan": ("dense_gan", ()),
    "conditional": ("dcgan", ("model.class_conditional=true",)),
}
OBJECTIVES = ("non_saturating", "minimax", "least_squares", "wasserstein", "wgan_gp", "hinge")
RATE = 0.004
"""20 times the rate that suits a DCGAN."""


def train_judge(folder: Path) -> dict[str, Any]:
    """The classifier's run, and what it gets right on the test part."""
    command = [*learnloop(), "fit", "mnist", "--model", "cnn", "--seed", "0", "--out", str(folder), "--json"]
    result = _result(run(command, timeout=3600))
    accuracy = result["metrics"]["test"]["accuracy"]
    return {"run": str(folder), "accuracy": accuracy, "seconds": result["seconds"], "met": accuracy >= ACCURATE}


def one_command(model: str, sets: Sequence[str], judge: str, seed: int) -> dict[str, Any]:
    """What the run's own report says of its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        sets = (*sets, f"generate.samples={SAMPLES}", f"generate.judge={judge}")
        command = [*_fit(model, sets, folder), "--minutes", str(MINUTES), "--seed", str(seed)]
        ran = run(command, env={"LEARNLOOP_HOME": f"{folder}/home"}, timeout=3 * SECONDS)
        if ran.code:
            return {"seed": seed, "failed": f"exit code {ran.code}: {ran.stderr[-1500:]}"}
        report = _report(folder)
    made, training = report["generative"], report["training"]
    return {
        "seed": seed,
        "seconds": round(ran.wall, 1),
        "steps": training["steps"],
        "best_step": training["best_step"],
        "plan": training["plan"],
        "measures": made["measures"],
        "judge": made["judge"],
        "alarms": [alarm["name"] for alarm in made["alarms"]],
    }


def quality(name: str, judge: str, seeds: Sequence[int]) -> dict[str, Any]:
    """The median over the seeds of each measure."""
    model, sets = MODELS[name]
    runs = []
    for seed in seeds:
        runs.append(one_command(model, sets, judge, seed))
        say(f"{name} seed {seed}: {runs[-1]}")
    whole = [found for found in runs if "failed" not in found]
    if len(whole) < len(runs):
        return {"runs": runs, "met": False}
    measures = {key: statistics.median(found["measures"][key] for found in whole) for key in whole[0]["measures"]}
    seconds = statistics.median(found["seconds"] for found in whole)
    met = seconds <= SECONDS
    if name == "conditional":
        met = met and measures["as_asked"] >= AS_ASKED
    if name == "dcgan":
        met = met and measures["class_share_least"] >= LEAST and measures["class_share_most"] <= MOST
    return {**measures, "seconds": seconds, "met": met, "runs": runs}


def failures() -> dict[str, Any]:
    """Which alarms short runs give: one that is meant to fail, and healthy ones."""
    found: dict[str, list[str]] = {}
    planted = "dcgan, rate 20 times too high"
    found[planted] = _alarms("dcgan", [f"optimiser.lr={RATE}"], 200)
    for model in ("dcgan", "dense_gan"):
        for objective in OBJECTIVES:
            found[f"{model}, {objective}"] = _alarms(model, [f"model.objective={objective}"], 400)
            say(f"{model}, {objective}: {found[f'{model}, {objective}']}")
    healthy = [name for name, alarms in found.items() if name != planted and alarms]
    return {"alarms": found, "false_alarms": len(healthy), "met": bool(found[planted]) and not healthy}


def _alarms(model: str, sets: Sequence[str], steps: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _result(run([*_fit(model, (*sets, "report.html=false"), folder), "--steps", str(steps)]))
        return [alarm["name"] for alarm in _report(folder)["generative"]["alarms"]]


def speed(rounds: int, steps: int, venvs: Path | None) -> dict[str, Any]:
    """Images a second of all, round by round, and the ratios."""
    rivals = HERE / "rivals"
    contestants = {
        "learnloop": [sys.executable, str(rivals / "learnloop_gan.py")],
        "torch": [sys.executable, str(rivals / "torch_gan.py")],
    }
    if venvs is not None:
        contestants["keras"] = [str(venvs / "keras" / "bin" / "python"), str(rivals / "keras_gan.py")]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home:  # the Plan is measured in the first round, then remembered
        for number in range(rounds):
            line: dict[str, Any] = {"others": others()}
            for name, command in contestants.items():
                line[name] = run([*command, "--steps", str(steps)], env={"LEARNLOOP_HOME": home}).last_json()
            found.append(line)
            say(f"round {number}: { {name: line[name]['images_s'] for name in contestants} }")
    ratios = {
        name: statistics.median(line["learnloop"]["images_s"] / line[name]["images_s"] for line in found)
        for name in contestants
        if name != "learnloop"
    }
    met = ratios["torch"] >= TIMES_TORCH and ratios.get("keras", TIMES_KERAS) >= TIMES_KERAS
    images = statistics.median(line["learnloop"]["images_s"] for line in found)
    return {
        "images_s": images,
        **{f"times_{name}": ratio for name, ratio in ratios.items()},
        "met": met,
        "rounds": found,
    }


def halved(found: dict[str, Any]) -> dict[str, Any]:
    """The distance of the convolutions' pictures against the dense networks'."""
    ratio = found["dense_gan"]["fid_classifier"] / found["dcgan"]["fid_classifier"]
    return {"times_dense": ratio, "met": ratio >= BETTER}


def _fit(model: str, sets: Sequence[str], folder: str) -> list[str]:
    command = [*learnloop(), "fit", "mnist", "--task", "gan", "--model", model, "--out", f"{folder}/run", "--json"]
    return [*command, *(part for value in sets for part in ("--set", value))]


def _report(folder: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((Path(folder) / "run" / "report.json").read_text(encoding="utf-8"))
    return report


def _result(ran: Ran) -> dict[str, Any]:
    if ran.code:
        raise SystemExit(ran.stderr[-2000:])
    return ran.last_json()


SHOWN = ("accuracy", "fid_classifier", "class_share_least", "class_share_most", "as_asked", "times_dense",
         "false_alarms", "images_s", "times_torch", "times_keras", "seconds")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(["judge", *MODELS, "failures", "speed"]))
    parser.add_argument("--judge", default="", help="run of a classifier of MNIST, instead of training one")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--rounds", type=int, default=5, help="of speed")
    parser.add_argument("--steps", type=int, default=40, help="of a pass of speed; four passes, the first not counted")
    parser.add_argument("--venvs", type=Path, help="folder of the rivals' environments; without it Keras is left out")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    asked = given.only.split(",")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        judge = given.judge
        if "judge" in asked and not judge:
            say("--- judge")
            found["judge"] = train_judge(Path(folder) / "judge")
            judge = found["judge"]["run"]
        for name in (name for name in MODELS if name in asked):
            if not judge:
                parser.error("--only without judge needs --judge RUN")
            say(f"--- {name}")
            found[name] = quality(name, judge, [int(seed) for seed in given.seeds.split(",")])
        if all("fid_classifier" in found.get(name, {}) for name in ("dcgan", "dense_gan")):
            found["dcgan beside dense_gan"] = halved(found)
        more: dict[str, Callable[[], dict[str, Any]]] = {
            "failures": failures,
            "speed": lambda: speed(given.rounds, given.steps, given.venvs),
        }
        for name in (name for name in more if name in asked):
            say(f"--- {name}")
            found[name] = more[name]()
    rows = [[name, *(_short(result.get(key)) for key in SHOWN), yes(result["met"])] for name, result in found.items()]
    print(table(["case", *SHOWN, "met"], rows))
    say(f"written: {write_results('gan', {'machine': machine(), **found}, given.out)}")


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else value


if __name__ == "__main__":
    main()
