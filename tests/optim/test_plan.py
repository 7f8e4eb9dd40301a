"""Plans: measured without a trace, refused where they disagree, remembered, and never more than rounding."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from learnloop.contracts import Batch
from learnloop.errors import RecipeError, RunError
from learnloop.optim import machine
from learnloop.optim import measure as measuring
from learnloop.optim.measure import OUT_OF_TIME, measure
from learnloop.optim.plan import PLAIN, Plan, PlanConfig, thread_counts

AUTO = PlanConfig()


def cnn() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(8 * 64, 3),
    )  # fmt: skip


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return {
        "x": torch.randn(16, 1, 12, 12, generator=generator),
        "y": torch.randint(3, (16,), generator=generator),
    }


def loss(net: nn.Module, values: Batch) -> Tensor:
    return nn.functional.cross_entropy(net(values["x"]).float(), values["y"])


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the hardware had bfloat16."""
    monkeypatch.setattr(machine, "bf16_in_hardware", lambda device="cpu": True)


@pytest.fixture
def fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if float16 were the low precision of the device."""
    monkeypatch.setattr(machine, "bf16_in_hardware", lambda device="cpu": False)
    monkeypatch.setattr(machine, "fp16_in_hardware", lambda device="cpu": True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Plan], float]], None]:
    """Replace the stopwatch: every way takes the milliseconds that a function says."""

    def use(ms: Callable[[Plan], float]) -> None:
        monkeypatch.setattr(measuring._Search, "_time", lambda self, plan, best: ms(plan))

    return use


def test_measuring_leaves_no_trace(bf16: None) -> None:
    net = cnn().eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = torch.rand(4), np.random.rand(), random.random()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)

    def drawing(module: nn.Module, values: Batch) -> Tensor:
        return loss(module, values) * (1 + 0 * np.random.rand() + 0 * random.random())

    plan = measure(net, drawing, [batch()], options=AUTO, steps=10)
    assert torch.equal(torch.rand(4), expected[0])
    assert (np.random.rand(), random.random()) == expected[1:]
    assert torch.get_num_threads() == 1
    assert not net.training and all(p.grad is None for p in net.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net[0].weight.is_contiguous()
    assert plan.origin == "measured" and plan.ms and plan.plain_ms
    assert plan.trials[0].verdict == "plain"
    tried = {(trial.dtype, trial.channels_last) for trial in plan.trials}
    assert {("float32", False), ("bfloat16", False)} <= tried


def test_the_fastest_way_that_agrees_wins(
    bf16: None, clock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 2)
    clock(lambda p: 42.0 / (2.0 if p.dtype == "bfloat16" else 1.0) / (1.2 if p.channels_last else 1.0))
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=1000)
    assert (plan.dtype, plan.channels_last, plan.ms) == ("bfloat16", True, 17.5)
    assert plan.line() == f"{plan._where()}, bfloat16, channels_last, fused: 17.5 ms a step (plain float32 42.0)"
    assert next(trial.verdict for trial in plan.trials if trial.ms == 17.5) == "faster"


def test_less_than_five_per_cent_is_noise(bf16: None, clock: Callable[..., None]) -> None:
    clock(lambda p: 9.6 if p.dtype == "bfloat16" or p.channels_last else 10.0)
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=1000)
    assert (plan.dtype, plan.channels_last, plan.ms) == ("float32", False, 10.0)
    verdicts = {trial.dtype: trial.verdict for trial in plan.trials[1:]}
    assert verdicts["bfloat16"] == "less than 15 % faster than the best before it"
    assert plan.trials[-1].verdict == "less than 5 % faster than the best before it"


@pytest.mark.parametrize(("ms", "kept", "told"), [(8.8, "float32", "less than 15 % faster"), (8.2, "bfloat16", "fast")])
def test_fewer_digits_must_save_more_than_noise(
    bf16: None, clock: Callable[..., None], ms: float, kept: str, told: str
) -> None:
    clock(lambda p: ms if p.dtype == "bfloat16" else 10.0)
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=1000)
    assert plan.dtype == kept
    assert any(trial.verdict.startswith(told) for trial in plan.trials if trial.dtype == "bfloat16")


class Head(nn.Module):
    """A convolution whose output goes through `change` in bfloat16 only."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 3, 12)
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x).flatten(1)  # [n, 1, 12, 12] -> [n, 3]
        return self.change(out) if out.dtype == torch.bfloat16 else out


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda out: 3 * out, "refused: its loss is "),
        (lambda out: 2 * out.detach() - out, "refused: its gradient has cosine -1.000 with float32's"),
    ],
)
def test_bfloat16_is_refused_where_it_disagrees(
    change: Callable[[Tensor], Tensor], why: str, bf16: None, clock: Callable[..., None]
) -> None:
    clock(lambda p: 1.0 if p.dtype == "bfloat16" else 10.0)
    plan = measure(Head(change), loss, [batch()], options=AUTO, steps=1000)
    assert plan.dtype == "float32"
    refused = [trial.verdict for trial in plan.trials if trial.dtype == "bfloat16"]
    assert refused and all(verdict.startswith(why) for verdict in refused)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 1), "float32"), ((7, 0), "float16"), ((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")],
)
def test_the_precision_that_is_tried_follows_the_gpu(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    assert measuring._low_precision("cuda:0") == expected
    monkeypatch.setattr(machine, "_cpu_bf16", lambda: False)
    assert measuring._low_precision("cpu") == "float32"


def test_float16_is_never_tried_on_the_cpu_beside_a_gpu_that_has_it(
    clock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "bf16_in_hardware", lambda device="cpu": False)
    monkeypatch.setattr(machine, "fp16_in_hardware", lambda device="cpu": device != "cpu")
    monkeypatch.setattr("learnloop.optim.plan.check_device", lambda name: "cuda")
    clock(lambda p: 1.0 if p.device == "cpu" else 10.0)
    values = {"x": torch.randn(4, 300), "y": torch.randint(3, (4,))}
    net = nn.Sequential(nn.Linear(300, 300), nn.Linear(300, 3))
    plan = measure(net, loss, [values], options=AUTO, steps=1000, budget_s=60)
    assert [(trial.device, trial.dtype) for trial in plan.trials] == [("cuda", "float32"), ("cpu", "float32")]
    clock(lambda p: 1.0 if p.dtype == "float16" else 10.0)
    monkeypatch.setattr(measuring._Search, "_disagreement", lambda self, plan: "")
    plan = measure(net, loss, [values], options=AUTO, steps=1000, budget_s=60)
    assert (plan.device, plan.dtype) == ("cuda", "float16")


def test_float16_is_compared_with_its_loss_scaled(fp16: None, clock: Callable[..., None]) -> None:
    """A loss so small that its gradients vanish in float16, and one so large that the first scales overflow."""
    clock(lambda p: 1.0 if p.dtype == "float16" else 10.0)
    for factor in (1e-6, 1e4):
        plan = measure(
            cnn(), lambda net, v, f=factor: f * loss(net, v), [batch()], options=AUTO, steps=1000, budget_s=60
        )
        assert plan.dtype == "float16", [trial.verdict for trial in plan.trials]
    assert plan.loss_scaling() is not None and Plan(dtype="bfloat16").loss_scaling() is None


def test_float16_is_refused_where_no_scale_helps(fp16: None, clock: Callable[..., None]) -> None:
    clock(lambda p: 1.0 if p.dtype == "float16" else 10.0)

    class Overflowing(nn.Module):
        """As small as any in the forward pass; its gradient is beyond float16."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 12)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv(x).flatten(1)  # [n, 1, 12, 12] -> [n, 3]
            return out.detach() + 1e7 * (out - out.detach()).float()

    plan = measure(Overflowing(), loss, [batch()], options=AUTO, steps=1000, budget_s=60)
    assert plan.dtype == "float32"
    (refused,) = {trial.verdict for trial in plan.trials if trial.dtype == "float16"}
    assert refused == "refused: its gradient has cosine nan with float32's (more than 0.98)"


def test_float16_steps_are_timed_when_the_recipe_says_so() -> None:
    plan = measure(cnn(), loss, [batch()], options=PlanConfig(dtype="float16"), steps=10)
    assert {trial.dtype for trial in plan.trials} == {"float16"} and plan.dtype == "float16" and plan.ms
    assert " float16, " in plan.line()
    with plan.autocast():
        assert cnn()(batch()["x"]).dtype == torch.float16
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


class Noise(nn.Module):
    """Dropout that, like some kernels, draws another mask in another precision."""

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return h
        generator = torch.Generator().manual_seed(int(torch.randint(999, ())) + (h.dtype == torch.bfloat16))
        return h * (torch.rand(h.shape, generator=generator) > 0.5)


def test_precision_is_judged_without_dropout(bf16: None, clock: Callable[..., None]) -> None:
    clock(lambda p: 1.0 if p.dtype == "bfloat16" else 10.0)
    net = nn.Sequential(nn.Conv2d(1, 8, 12), nn.Flatten(), Noise(), nn.Linear(8, 3))
    assert measure(net, loss, [batch()], options=AUTO, steps=1000).dtype == "bfloat16"


def test_a_way_that_fails_is_no_way(bf16: None) -> None:
    class NoHalf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 12)

        def forward(self, x: Tensor) -> Tensor:
            out = self.conv(x).flatten(1)  # [n, 1, 12, 12] -> [n, 3]
            if out.dtype == torch.bfloat16:
                raise TypeError("no bfloat16 here")
            return out

    plan = measure(NoHalf(), loss, [batch()], options=AUTO, steps=10)
    assert plan.dtype == "float32"
    assert any(trial.verdict == "failed: TypeError: no bfloat16 here" for trial in plan.trials)


def test_the_time_is_bounded(bf16: None) -> None:
    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 12)

        def forward(self, x: Tensor) -> Tensor:
            time.sleep(0.05)
            return self.conv(x).flatten(1)  # [n, 1, 12, 12] -> [n, 3]

    began = time.perf_counter()
    plan = measure(Slow(), loss, [batch()], options=AUTO, steps=10, budget_s=0.2)
    assert time.perf_counter() - began < 0.8
    assert plan.trials[-1].verdict == "not tried: the time for measuring was used up"


def test_what_the_recipe_fixes_is_kept(bf16: None, clock: Callable[..., None]) -> None:
    clock(lambda p: 1.0 if p.dtype == "bfloat16" or p.channels_last else 10.0)
    options = PlanConfig(dtype="float32", channels_last=False, threads=1)
    plan = measure(cnn(), loss, [batch()], options=options, steps=1000)
    assert (plan.dtype, plan.channels_last, plan.threads, len(plan.trials)) == ("float32", False, 1, 1)
    assert plan.trials[0].verdict == "as the recipe set it"
    plain = measure(cnn(), loss, [batch()], options=PlanConfig(name="plain"), steps=1000)
    assert (plain.origin, plain.fused, plain.trials, plain.ms) == ("plain", False, (), None)
    assert (
        plain.line() == "torch's threads, float32, bounded wait (not measured)" or "wait (not measured)" in plain.line()
    )


def test_small_tables_are_not_tried_in_bfloat16(bf16: None) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    values = {"x": torch.randn(16, 4), "y": torch.randint(3, (16,))}
    plan = measure(net, loss, [values], options=AUTO, steps=100)
    assert {(trial.dtype, trial.channels_last) for trial in plan.trials} == {("float32", False)}


def test_plans_are_remembered_and_damage_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "other_load", lambda: 0)

    def ask(signature: str = "cnn-8", options: PlanConfig = AUTO) -> Plan:
        more = {"signature": signature, "cache": tmp_path / "plans"}
        return measure(cnn(), loss, [batch()], options=options, steps=10, budget_s=2.0, **more)

    first = ask()
    (path,) = (tmp_path / "plans").iterdir()
    again = ask()
    assert (first.origin, again.origin) == ("measured", "cached")
    assert (again.trials, again.ms, again.dtype) == (first.trials, first.ms, first.dtype)
    assert ask("cnn-9").origin == ask(options=PlanConfig(threads=1)).origin == "measured"
    monkeypatch.setattr(machine, "other_load", lambda: 1)
    assert ask().origin == "measured"
    monkeypatch.setattr(machine, "other_load", lambda: 0)
    for damage in (
        "{",
        json.dumps({"device": "cpu"}),
        json.dumps([1]),
        json.dumps(first.to_json() | {"dtype": "int8"}),
    ):
        path.write_text(damage)
        anew = ask()
        assert anew.origin == "measured"
        assert anew.notes[0].startswith(f"the remembered plan {path} was damaged (")
        assert ask().origin == "cached"
    assert not list((tmp_path / "plans").glob("*.part"))


def test_a_plan_of_a_run_too_short_to_try_all_ways_is_not_remembered(tmp_path: Path, bf16: None) -> None:
    cache = tmp_path / "plans"
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=10, budget_s=0.0, cache=cache)
    assert any(trial.verdict == OUT_OF_TIME for trial in plan.trials)
    assert not cache.exists(), "a longer run would never try them"


def test_a_cache_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=10, budget_s=2.0, cache=blocked)
    assert plan.origin == "measured"
    assert plan.notes[-1].startswith(f"the plan could not be remembered in {blocked} (")


def test_a_network_that_cannot_be_copied_is_not_measured() -> None:
    net = cnn()
    net.held = (i for i in range(3))  # type: ignore[assignment]
    plan = measure(net, loss, [batch()], options=AUTO, steps=10)
    assert plan.ms is None and plan.notes[0].startswith("the network cannot be copied, so no step was timed (")


def test_json_there_and_back() -> None:
    plan = measure(cnn(), loss, [batch()], options=AUTO, steps=10)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert Plan.from_json(PLAIN.to_json()) == PLAIN
    with pytest.raises(RunError, match=r"plan.json: must hold a plan\n  found:     KeyError: 'trials'"):
        Plan.from_json({})


def test_lines() -> None:
    plan = Plan(threads=2, wait="bounded", dtype="bfloat16", channels_last=True, ms=17.4, plain_ms=42.0)
    assert plan.line() == (
        "2 threads, bfloat16, channels_last, fused, bounded wait: 17.4 ms a step (plain float32 42.0)"
    )
    assert Plan(threads=1, ms=0.2041, plain_ms=0.2041).line() == "1 thread, float32, fused: 0.204 ms a step"
    assert Plan(device="cuda", compile=True, ms=1.5).line() == "cuda, float32, compiled, fused: 1.50 ms a step"
    user = Plan(threads=2, wait="user: OMP_WAIT_POLICY=passive")
    assert user.line() == "2 threads, float32, fused, user wait (not measured)"


def train(plan: Plan, dropout: float = 0.5) -> list[Tensor]:
    net = plan.prepare(cnn())
    net[4].p = dropout
    values = plan.place(batch())
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        with plan.autocast():
            value = loss(net, values)
        value.backward()
        optimizer.step()
    return [p.detach() for p in net.parameters()]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_same_plan_and_seed_give_the_same_bits(dtype: str, channels_last: bool) -> None:
    plan = Plan(threads=1, dtype=dtype, channels_last=channels_last)
    plan.apply()
    assert all(torch.equal(a, b) for a, b in zip(train(plan), train(plan), strict=True))


def test_layout_changes_rounding_only() -> None:
    """Without dropout: its masks are drawn in the order of memory, so another layout draws others."""
    last = Plan(channels_last=True)
    for a, b in zip(train(Plan(), dropout=0.0), train(last, dropout=0.0), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    placed = last.place({"x": torch.zeros(2, 3, 4, 4), "bytes": torch.zeros(2, 3, 4, 4, dtype=torch.uint8)})
    assert placed["x"].is_contiguous(memory_format=torch.channels_last)
    assert placed["bytes"].is_contiguous()
    net = last.prepare(cnn())
    assert net[3].weight.is_contiguous(memory_format=torch.channels_last)


def test_compiling_is_left_alone_in_short_runs_and_kept_when_asked() -> None:
    assert not measure(cnn(), loss, [batch()], options=AUTO, seconds=60, budget_s=0.2).compile
    asked = measure(cnn(), loss, [batch()], options=PlanConfig(compile=True), steps=10)
    assert asked.compile and asked.notes == ("compiled because the recipe says so: its steps were timed without",)
    assert "compiled" in asked.line()


def test_clear_errors() -> None:
    with pytest.raises(ValidationError, match="String should match pattern"):
        PlanConfig(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(RecipeError) as caught:
            measure(cnn(), loss, [batch()], options=PlanConfig(device="cuda"), steps=10)
        assert str(caught.value).splitlines() == [
            "plan.device: must be a device that this machine has",
            "  found:     'cuda'",
            "  probably:  there is no GPU that torch can use",
            "  do:        --set plan.device=cpu",
            "  available: cpu",
        ]


def test_float16_on_a_cpu_without_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnloop.optim.plan.cpu_computes_float16", lambda: False)
    monkeypatch.setattr(torch, "__version__", "2.2.0")
    with pytest.raises(RecipeError) as caught:
        measure(cnn(), loss, [batch()], options=PlanConfig(dtype="float16", device="cpu"), steps=10)
    assert str(caught.value).splitlines() == [
        "plan.dtype: must be a precision that torch computes on the device",
        "  found:     'float16' on the CPU",
        "  probably:  torch 2.2.0 has no autocast to float16 on the CPU",
        "  do:        --set plan.dtype=bfloat16",
        "  available: float32, bfloat16",
    ]


def test_thread_counts_go_up_to_the_usable_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, [1]), (2, [2, 1]), (6, [6, 4, 2, 1]), (8, [8, 4, 2, 1])):
        monkeypatch.setattr("learnloop.optim.plan.usable_cores", lambda cores=cores: cores)
        assert thread_counts() == expected
