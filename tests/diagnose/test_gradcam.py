"""Grad-CAM against maps known beforehand and gradients taken by hand; and nothing in the network is changed."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.diagnose.gradcam import class_scores, grad_cam
from learnloop.diagnose.layers import Call, calls, depths, first_filters, last_maps, outputs_of
from learnloop.models.table import MODELS


class Spots(nn.Module):
    """Two maps, each the picture times a weight; class 0 counts the first and class 1 the second, by their means."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.output = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
            self.output.weight.copy_(torch.tensor([[3.0, -1.0], [0.0, 2.0]]))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.relu(self.conv(x))  # [batch, 2, h, w]
        return self.output(maps.mean((2, 3)))  # [batch, 2]


class Shortcuts(nn.Module):
    """One ReLU used twice, written in place, behind a sum; a pool; a norm with statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.5)
        self.output = nn.Linear(27, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))  # [batch, 3, 6, 6]
        x = self.relu(self.norm(self.second(x)) + x)  # [batch, 3, 6, 6]
        return self.output(self.drop(self.pool(x).flatten(1)))  # [batch, 4]


def pictures(rows: int, channels: int = 1, side: int = 6) -> Tensor:
    return torch.randn(rows, channels, side, side, generator=torch.Generator().manual_seed(3))


def shortcuts() -> Shortcuts:
    torch.manual_seed(0)
    net = Shortcuts()
    net(pictures(16))  # statistics that are not 0 and 1
    return net


def test_the_map_is_what_the_paper_says_it_is() -> None:
    net, x = Spots(), torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]]])
    layer = last_maps(calls(net, x))
    assert layer is not None and (layer.module, layer.kind, layer.shape) == ("relu", "activation", (2, 2, 2))
    # class 0: alpha = (3, -1) / 4, maps are x+ and (-x)+; class 1: alpha = (0, 2) / 4
    both = grad_cam(net, x.repeat(2, 1, 1, 1), torch.tensor([0, 1]), layer)
    assert both is not None
    assert torch.allclose(both[0], torch.tensor([[0.75, 0.0], [0.375, 0.0]]))
    assert torch.allclose(both[1], torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    by_place = grad_cam(net, x.repeat(2, 1, 1, 1), torch.tensor([0, 1]), layer, by_place=True)
    assert by_place is not None and torch.allclose(by_place, both), "a network that averages its maps"


@pytest.mark.parametrize("by_place", [False, True])
def test_gradients_are_those_that_autograd_gives_by_hand(by_place: bool) -> None:
    net, x, classes = shortcuts().eval(), pictures(5), torch.tensor([0, 1, 2, 3, 1])
    first = torch.relu(net.first(x))
    maps = torch.relu(net.norm(net.second(first)) + first).detach().requires_grad_()
    score = net.output(net.pool(maps).flatten(1))[range(5), classes].sum()
    (slope,) = torch.autograd.grad(score, maps)
    alpha = slope if by_place else slope.mean((2, 3), keepdim=True)
    expected = (alpha * maps).sum(1).relu()
    layer = last_maps(calls(net, x[:1]))
    found = grad_cam(net, x, classes, layer, by_place=by_place)  # type: ignore[arg-type]
    assert layer == Call("relu", 1, "activation", (3, 6, 6)), "the second call of the layer, not the pool behind it"
    assert found is not None and torch.allclose(found, expected, atol=1e-6) and bool(expected.any())


def test_each_picture_by_itself() -> None:
    net, x, classes = shortcuts(), pictures(6), torch.tensor([0, 1, 2, 3, 1, 0])
    layer = last_maps(calls(net, x[:1]))
    assert layer is not None
    together = grad_cam(net, x, classes, layer)
    alone = [grad_cam(net, x[k : k + 1], classes[k : k + 1], layer) for k in range(6)]
    assert together is not None and torch.allclose(together, torch.cat(alone), atol=1e-6)  # type: ignore[arg-type]


class Counting(nn.Module):
    """Counts its calls in a buffer, replaces another, and draws random numbers, even in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.last = x.mean().reshape(1) + torch.rand(1)
        return x


def test_nothing_is_changed() -> None:
    net = nn.Sequential(Counting(), shortcuts())
    net.train()
    net[1].norm.eval()  # a frozen part in a network that trains
    net[1].first.weight.requires_grad_(False)
    modes = [part.training for part in net.modules()]
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    buffer = net[0].last
    random = torch.get_rng_state()
    x = pictures(4)
    found = calls(net, x[:1])
    layer = last_maps(found)
    assert layer is not None and layer.module == "1.relu"
    first_filters(net, x[:1])
    outputs_of(net, x[:1], found)
    assert grad_cam(net, x, torch.zeros(4, dtype=torch.int64), layer) is not None
    assert [part.training for part in net.modules()] == modes
    after = net.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items()) and net[0].last is buffer
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(part._forward_hooks for part in net.modules())
    assert torch.is_grad_enabled()


def test_hooks_go_and_modes_return_when_the_network_fails() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(7, 2)).train()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        calls(net, pictures(1))
    assert not any(part._forward_hooks for part in net.modules()) and all(part.training for part in net.modules())


def test_maps_are_taken_before_a_later_layer_writes_into_them() -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 2)), pictures(2)
    conv, relu = calls(net, x[:1])
    before, behind = outputs_of(net, x, [conv, relu])
    assert torch.equal(before, net[0](x)) and bool((before < 0).any())
    assert torch.equal(behind, torch.relu(before))


def test_a_layer_that_a_later_one_writes_into_has_its_own_gradient() -> None:
    net, x = Spots(), torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]]])
    conv = calls(net, x)[0]
    found = grad_cam(net, x, torch.tensor([0]), conv, by_place=True)
    # dy_0 / dA_0 = 3/4 where x > 0, dy_0 / dA_1 = -1/4 where x < 0, times the maps x and -x before the ReLU
    assert conv.module == "conv" and found is not None
    assert torch.allclose(found[0], torch.tensor([[0.75, 0.0], [0.375, 0.0]]))


def test_one_output_scores_both_classes_and_members_are_averaged() -> None:
    one = torch.tensor([[2.0], [-3.0]])
    assert class_scores(one, torch.tensor([1, 0])).tolist() == [2.0, 3.0]
    members = torch.tensor([[[1.0, 5.0], [3.0, 7.0]]])
    assert class_scores(members, torch.tensor([1])).tolist() == [6.0]


def test_a_network_without_maps_has_none_and_one_without_gradient_no_grad_cam() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    assert calls(flat, pictures(1)) == [] and first_filters(flat, pictures(1)) is None and last_maps([]) is None

    class Detached(Spots):
        def forward(self, x: Tensor) -> Tensor:
            return self.output(self.relu(self.conv(x)).mean((2, 3)).detach())

    net, x = Detached(), pictures(2)
    layer = last_maps(calls(net, x[:1]))
    assert layer is not None and grad_cam(net, x, torch.tensor([0, 1]), layer) is None


def test_compiled_networks_are_looked_into_layer_by_layer() -> None:
    net, x = shortcuts(), pictures(1)
    net.compile(backend="eager")
    with torch.no_grad():
        net.eval()(x)  # code that was compiled without hooks does not look for them
    assert [call.module for call in calls(net, x)] == ["first", "relu", "second", "norm", "relu", "pool"]


EXPECTED = {
    "cnn": ("stem.conv", True, "conv2_2.relu", 3),
    "cnn3": ("conv1", True, "norm3", 3),
    "lenet5": ("conv1", True, "act2", 2),
    "fastnet": ("whiten", False, "group3.activation2", 3),
    "mini_resnet": ("net.stem.conv", True, "net.block2.relu", 2),
    "mlp": (None, None, None, 0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_our_networks_are_read_rightly(name: str) -> None:
    torch.manual_seed(0)
    spec = InputSpec("image", shape=(3, 32, 32), mean=(0.4,) * 3, std=(0.3,) * 3)
    net = MODELS[name]().build(spec, 10)
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    filters, found = first_filters(net, x[:1]), calls(net, x[:1])
    first, learnt, last, deep = EXPECTED[name]
    assert (filters and filters.module, filters and filters.learnt) == (first, learnt)
    layer = last_maps(found)
    assert (layer and layer.module) == last
    chosen = depths(found)
    assert len(chosen) == deep and all(a.shape[1] > b.shape[1] for a, b in pairwise(chosen))
    if layer is not None:
        heat = grad_cam(net, x, torch.tensor([1, 2]), layer, by_place=True)
        assert heat is not None and heat.shape == (2, *layer.shape[1:]) and bool((heat >= 0).all())
