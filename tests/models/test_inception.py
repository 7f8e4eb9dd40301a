"""Inception-v3: the names of the published weights, the blocks by hand, clean resizing, what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from learnloop.errors import RunError
from learnloop.models.inception import InceptionV3, load_inception, resized
from learnloop.nn.inception import BlockE, average, largest

_NAMES = "d84f693f2abd7fea61cb31c87d3b2f268bf707c1bae1db219afdad3363959cb0"
"""sha256 of the names and shapes of all weights of pytorch-fid 0.3.0's network, built from that package (torchvision
0.29.2), sorted, one `name shape` a line, counts of batches left out. On the same random weights the two networks gave
the same features, bit for bit."""


def _weights() -> dict[str, Tensor]:
    with torch.device("meta"):
        net = InceptionV3()
    torch.manual_seed(0)
    found = {}
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        values = torch.full(tensor.shape, 0.5)
        if name.endswith("conv.weight"):
            values = nn.init.kaiming_normal_(torch.empty(tensor.shape))
        found[name] = values
    return found


def test_the_weights_are_called_as_the_published_ones() -> None:
    with torch.device("meta"):
        net = InceptionV3()
    state = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    lines = [f"{name} {shape}" for name, shape in sorted(state.items()) if "num_batches" not in name]
    assert len(lines) == 472
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == _NAMES
    assert state["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert state["fc.weight"] == (1008, 2048)


def test_it_reads_the_published_file_and_the_same_as_safetensors(tmp_path: Path) -> None:
    weights = _weights()
    torch.save(weights, tmp_path / "weights.pth")
    save_file(weights, tmp_path / "weights.safetensors")
    pictures = torch.randint(0, 256, (2, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    found = []
    for name in ("weights.pth", "weights.safetensors"):
        net = load_inception(tmp_path / name)
        assert not net.training
        with torch.inference_mode():
            features, logits = net(resized(pictures))
        found.append(features)
        assert features.shape == (2, 2048) and logits.shape == (2, 1008)
        assert torch.isfinite(features).all()
    assert torch.equal(*found)
    # the Inception Score is without the bias of the last layer (all its weights are 1/2 here)
    assert torch.allclose(logits[:, 0], features.sum(1) / 2, rtol=1e-4)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    weights = {"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3), "AuxLogits.fc.bias": torch.zeros(3)}
    torch.save(weights, tmp_path / "other.pth")
    with pytest.raises(RunError, match="must hold the weights of Inception-v3 as pytorch-fid publishes them") as other:
        load_inception(tmp_path / "other.pth")
    assert "'Conv2d_1a_3x3.bn.weight' is not there" in str(other.value)
    assert "--set generate.judge=null" in str(other.value)
    with pytest.raises(RunError, match="there is no such file"):
        load_inception(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(RunError, match="must be a readable file of tensors"):
        load_inception(tmp_path / "text.pth")
    torch.save({"state": {"a": torch.zeros(1)}}, tmp_path / "nested.pth")
    with pytest.raises(RunError, match="must hold named tensors alone"):
        load_inception(tmp_path / "nested.pth")


@pytest.mark.parametrize("side", [28, 400])
def test_resizing_is_the_bicubic_one_of_pillow_in_floating_point(side: int) -> None:
    pictures = torch.randint(0, 256, (1, 3, side, side), generator=torch.Generator().manual_seed(0)).byte()
    wanted = [
        np.asarray(Image.fromarray(channel.numpy().astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC))
        for channel in pictures[0]
    ]
    found = resized(pictures)[0].numpy()
    assert np.abs(found - (np.stack(wanted) / 127.5 - 1)).max() < 1e-4
    assert np.abs(found * 127.5 - np.round(found * 127.5 + 127.5) + 127.5).max() > 0.1  # never rounded to bytes


def test_grey_pictures_are_repeated_as_three_channels() -> None:
    found = resized(torch.full((1, 1, 5, 5), 255, dtype=torch.uint8))
    assert found.shape == (1, 3, 299, 299)
    assert torch.allclose(found, torch.ones(()), atol=1e-5)


def test_pooling_over_borders_counts_what_is_there() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert average(x)[0, 0].tolist() == [[2.0, 2.5, 3.0], [3.5, 4.0, 4.5], [5.0, 5.5, 6.0]]
    assert largest(x)[0, 0, 0].tolist() == [4, 5, 5]


def test_the_last_block_takes_the_largest_where_the_one_before_takes_the_mean() -> None:
    x = torch.rand(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    mean = BlockE(8, takes_largest=False).eval()
    most = BlockE(8, takes_largest=True).eval()
    most.load_state_dict(mean.state_dict())
    with torch.no_grad():
        one, other = mean(x), most(x)
    assert one.shape == (1, 2048, 4, 4)
    assert torch.equal(one[:, :-192], other[:, :-192])
    assert not torch.allclose(one[:, -192:], other[:, -192:])
