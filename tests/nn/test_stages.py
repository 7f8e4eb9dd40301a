"""Networks are taken apart into stages and a head; what is frozen is a function of the share that is done."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.table import MODELS
from learnloop.nn.frozen import Freezing
from learnloop.nn.stages import parts_of
from tests.small_models import small_options

SPEC = InputSpec("image", shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.2,) * 3)

EXPECTED = {
    "cnn": ("output", ["stem", "conv1_1", "conv1_2", "conv2_1", "conv2_2"]),
    "cnn3": ("output", ["conv1", "conv2", "conv3", "dense"]),
    "lenet5": ("output", ["conv1", "conv2", "dense1", "dense2"]),
    "fastnet": ("output", ["group1", "group2", "group3"]),
    "mini_resnet": ("net.output", ["stem", "block1", "block2", "dense"]),
    "resnet18": ("net.fc", ["stem", "layer1", "layer2", "layer3", "layer4"]),
    "vgg11_bn": ("net.classifier.6", ["stage1", "stage2", "stage3", "stage4", "stage5", "dense"]),
    "alexnet": ("net.classifier.6", ["conv1", "conv2", "conv3", "conv4", "conv5", "dense"]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_stages_and_head(name: str) -> None:
    net = MODELS[name].model_validate(small_options(name)).build(SPEC, 5)
    parts = parts_of(net)
    assert (parts.name, [stage.name for stage in parts.stages]) == EXPECTED[name]
    assert parts.head is net.get_submodule(parts.name) and isinstance(parts.head, nn.Linear)
    held = [id(p) for stage in parts.stages for p in stage.parameters()] + [id(p) for p in parts.head.parameters()]
    assert sorted(held) == sorted(id(p) for p in net.parameters())  # each parameter once


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), norm=nn.BatchNorm1d(4), b=nn.Linear(4, 4)))
        self.top = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.body(x))  # [batch, 2]


def test_a_head_inside_another_part_is_found_and_wrappers_are_looked_through() -> None:
    parts = parts_of(nn.Sequential(OrderedDict(input=nn.Flatten(), module=Nested())))
    assert parts.name == "module.top.2"
    assert [stage.name for stage in parts.stages] == ["body", "top.0"]


def test_without_a_linear_layer_at_the_end_it_is_refused() -> None:
    with pytest.raises(ModelError, match="whose last layer is an nn.Linear"):
        parts_of(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)))


def test_frozen_parts_have_no_gradient_and_stay_in_evaluation_mode() -> None:
    net = Nested()
    freezing = Freezing([net.body])
    net.train()
    freezing.hold()
    assert not any(module.training for module in net.body.modules()) and net.top.training
    assert not any(p.requires_grad for p in net.body.parameters())


def test_gradual_thawing_follows_the_share_in_any_order_of_calls() -> None:
    net = Nested()
    net.body.norm.weight.requires_grad_(False)
    freezing = Freezing([], [(0.25, [net.top[0]]), (0.5, [net.body])])

    def state(fraction: float) -> tuple[bool, bool, bool]:
        net.train()
        freezing.hold()
        freezing.progress(fraction)
        return net.top[0].weight.requires_grad, net.body.a.weight.requires_grad, net.body.norm.training

    assert state(0.0) == (False, False, False)
    assert state(0.3) == (True, False, False)
    assert state(0.5) == (True, True, True)
    assert state(0.2) == (False, False, False)  # a resumed run may begin anywhere
    assert state(0.9) == (True, True, True)
    assert not net.body.norm.weight.requires_grad  # was frozen before, and stays so


def test_freezing_drops_a_gradient_that_was_left() -> None:
    net = Nested()
    net(torch.ones(3, 4)).sum().backward()
    Freezing([], [(0.5, [net.body])]).progress(0.0)
    assert net.body.a.weight.grad is None and net.top[0].weight.grad is not None
