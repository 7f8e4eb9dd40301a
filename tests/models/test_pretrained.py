"""Weights are read without running code, fitted by name and shape, and refused with both shapes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError, RecipeError
from learnloop.models.pretrained import (
    PUBLISHED,
    Pretrained,
    digest_in,
    load_into,
    published_at,
    read_tensors,
    set_pixels,
)
from learnloop.models.table import MODELS
from learnloop.models.transfer import TransferConfig, shares
from learnloop.nn.stages import parts_of

SPEC = InputSpec("image", shape=(3, 16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)
RESNET = {"width": 0.125, "stem": "small"}


def net_of(outputs: int, name: str = "resnet18", seed: int = 0, **fields: object) -> nn.Module:
    torch.manual_seed(seed)
    return MODELS[name].model_validate(fields or RESNET).build(SPEC, outputs)


def pretrained(tensors: dict[str, Tensor]) -> Pretrained:
    return Pretrained("given.pth", Path("given.pth"), "0" * 64, tensors)


def load(net: nn.Module, tensors: dict[str, Tensor], *, same_classes: bool = True) -> tuple[int, bool, int | None]:
    found = load_into(net, pretrained(tensors), where="transfer.weights", same_classes=same_classes)
    return found.tensors, found.new_head, found.outputs_before


def test_every_published_file_carries_its_checksum_and_belongs_to_a_model() -> None:
    for name, models in PUBLISHED.items():
        assert set(models) <= set(MODELS)
        for model, url in models.items():
            file = url.rpartition("/")[2]
            assert re.fullmatch(r"[0-9a-f]{8}", digest_in(file)) and published_at(file) == (name, model, url)
    published = {name for name, config in MODELS.items() if hasattr(config, "native")}
    assert published == set(PUBLISHED["imagenet"])


def test_no_checksum_is_read_into_other_names() -> None:
    assert digest_in("resnet18-f37072fd.pth") == "f37072fd"
    assert digest_in("weights.pth") == digest_in("my-best-run.pth") == digest_in("f37072fd.pth") == ""


@pytest.mark.parametrize("form", ["plain", "state_dict", "module.", "whole"])
def test_weights_arrive_under_torchvision_s_names_and_ours(form: str, tmp_path: Path) -> None:
    source = net_of(7)
    inner = dict(source.net.state_dict())  # type: ignore[union-attr]
    path = tmp_path / "given.pth"
    if form == "whole":
        path = tmp_path / "given.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in source.state_dict().items()}, path)
    else:
        found = {f"module.{name}": tensor for name, tensor in inner.items()} if form == "module." else inner
        torch.save({"state_dict": found, "epoch": 3} if form == "state_dict" else found, path)
    target = net_of(4, seed=1)
    own_head = target.net.fc.weight.clone()  # type: ignore[union-attr]
    tensors, new_head, before = load(target, read_tensors(path))
    assert (new_head, before) == (True, 7)
    assert torch.equal(target.net.fc.weight, own_head)  # type: ignore[union-attr]
    state = target.state_dict()
    assert all(torch.equal(state[f"net.{name}"], tensor) for name, tensor in inner.items() if "fc." not in name)
    assert tensors == len(inner) - 2 + (2 if form == "whole" else 0)


def test_a_head_that_fits_is_kept_unless_it_stands_for_other_classes() -> None:
    given = dict(net_of(4).net.state_dict())  # type: ignore[union-attr]
    kept, new = net_of(4, seed=1), net_of(4, seed=1)
    assert load(kept, given)[1] is False and torch.equal(kept.net.fc.bias, given["fc.bias"])  # type: ignore[union-attr]
    before = new.net.fc.weight.clone()  # type: ignore[union-attr]
    assert load(new, given, same_classes=False)[1] is True
    assert torch.equal(new.net.fc.weight, before)  # type: ignore[union-attr]


def test_counters_of_batches_may_be_missing() -> None:
    given = {k: v for k, v in net_of(4).net.state_dict().items() if "num_batches" not in k}  # type: ignore[union-attr]
    assert load(net_of(4, seed=1), given)[0] == len(given)


def test_the_first_tensor_that_does_not_fit_is_named_with_both_shapes_and_nothing_is_copied() -> None:
    given = dict(net_of(4, "resnet50").net.state_dict())  # type: ignore[union-attr]
    target = net_of(4)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(ModelError) as caught:
        load(target, given)
    assert "must be weights of the same architecture" in str(caught.value)
    assert "net.layer1.0.conv1.weight is [8, 8, 1, 1] in given.pth and [8, 8, 3, 3] in the network" in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in target.state_dict().items())


def test_missing_and_superfluous_tensors_are_named() -> None:
    given = dict(net_of(4).net.state_dict())  # type: ignore[union-attr]
    less = {name: tensor for name, tensor in given.items() if name != "layer2.0.bn1.bias"}
    with pytest.raises(ModelError, match=re.escape("net.layer2.0.bn1.bias is absent in given.pth and [16]")):
        load(net_of(4), less)
    with pytest.raises(ModelError, match=re.escape("net.extra is [2] in given.pth and absent in the network")):
        load(net_of(4), {**given, "extra": torch.zeros(2)})


def test_other_stems_and_channels_are_explained() -> None:
    given = dict(net_of(4, width=0.125, stem="small").net.state_dict())  # type: ignore[union-attr]
    with pytest.raises(ModelError, match=r"--set model.stem=published \(or small\)"):
        load(MODELS["resnet18"].model_validate({"width": 0.125, "stem": "published"}).build(_side(64), 4), given)
    grey = InputSpec("image", shape=(1, 16, 16), mean=(0.5,), std=(0.2,))
    with pytest.raises(ModelError, match="the pictures have 1 channels, the weights were trained on 3"):
        load(MODELS["resnet18"].model_validate(RESNET).build(grey, 4), given)


def _side(side: int) -> InputSpec:
    return InputSpec("image", shape=(3, side, side), mean=(0.5,) * 3, std=(0.2,) * 3)


class Dangerous:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return print, ("this must never be printed",)


@pytest.mark.parametrize("content", [Dangerous(), {"net": Dangerous()}, {"weights": [1, 2]}, {}])
def test_files_with_more_than_tensors_are_refused_and_not_run(
    content: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "given.pth"
    torch.save(content, path)
    with pytest.raises(ModelError, match="must be a file of tensors"):
        read_tensors(path)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save({"a": torch.ones(1000)}, path)
    else:
        save_file({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ModelError, match="must be a file of tensors"):
        read_tensors(path)


def test_pixels_are_standardised_as_told() -> None:
    net = net_of(4)
    assert set_pixels(net, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    x = torch.full((1, 3, 16, 16), 51, dtype=torch.uint8)
    seen = net.input(x)[0, :, 0, 0]  # type: ignore[operator]
    torch.testing.assert_close(seen, torch.tensor([0.1 / 0.4, 0.0, -0.1 / 0.6]), rtol=1e-5, atol=1e-6)
    assert not set_pixels(net, (0.1,), (0.4,)) and not set_pixels(nn.Linear(2, 2), (0.1,), (0.4,))


def config(**fields: object) -> TransferConfig:
    return TransferConfig.model_validate(fields)


def test_rates_fall_from_the_top_stage_to_the_first() -> None:
    parts = parts_of(net_of(4))
    found = shares(config(mode="finetune"), parts)
    assert found.frozen == ()
    assert next(iter(found.factors.items())) == ("layer4", 0.1)
    assert found.factors == pytest.approx(
        {"layer4": 0.1, "layer3": 0.04, "layer2": 0.016, "layer1": 0.0064, "stem": 0.00256}
    )
    some = shares(config(mode="finetune", stages=2, base_lr=0.5, decay=1.0), parts)
    assert some.factors == {"layer4": 0.5, "layer3": 0.5} and some.frozen == ("stem", "layer1", "layer2")
    assert set(shares(config(mode="full"), parts).factors.values()) == {1.0}
    assert shares(config(mode="features"), parts).factors == {}


def test_more_stages_than_there_are_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"must be at most 5, the stages of this network"):
        shares(config(mode="finetune", stages=6), parts_of(net_of(4)))
