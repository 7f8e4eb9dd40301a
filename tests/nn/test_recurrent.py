"""Recurrent layers against packed sequences, and the kernel that they take."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.profiler import ProfilerActivity, profile

from learnloop.nn.lengths import inside
from learnloop.nn.recurrent import LAYERS, CellName, Recurrent

LENGTH = torch.tensor([7, 3, 1, 5])


def packed(ours: Recurrent, x: torch.Tensor) -> tuple[torch.Tensor, nn.RNNBase]:
    """What torch's own layers with the same weights make of packed sequences, 0 behind the end."""
    layers = len(ours.forwards)
    theirs = LAYERS[ours.cell](x.shape[2], ours.hidden, layers, batch_first=True, bidirectional=ours.bidirectional)
    with torch.no_grad():
        for part, suffix in ((ours.forwards, ""), (ours.backwards, "_reverse")):
            for number, layer in enumerate(part):
                for name, value in layer.named_parameters():
                    getattr(theirs, name.replace("_l0", f"_l{number}{suffix}")).copy_(value)
    found = theirs(pack_padded_sequence(x, LENGTH, batch_first=True, enforce_sorted=False))[0]
    return pad_packed_sequence(found, batch_first=True, total_length=x.shape[1])[0], theirs


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_outputs_and_gradients_are_those_of_packed_sequences(cell: CellName, bidirectional: bool) -> None:
    torch.manual_seed(0)
    ours = Recurrent(cell, 4, 6, 2, bidirectional=bidirectional)
    x = torch.randn(4, 8, 4)
    there = inside(LENGTH, 8).unsqueeze(2)
    expected, theirs = packed(ours, x)
    found = ours(x, LENGTH).masked_fill(~there, 0.0)
    assert torch.allclose(found, expected, atol=1e-6)
    weights = torch.randn_like(found)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    for name, value in ours.forwards[1].named_parameters():
        assert torch.allclose(value.grad, getattr(theirs, name.replace("_l0", "_l1")).grad, atol=1e-5)


def test_the_last_state_is_that_of_each_direction() -> None:
    torch.manual_seed(0)
    ours = Recurrent("gru", 4, 6, bidirectional=True)
    x = torch.randn(4, 8, 4)
    theirs = packed(ours, x)[1]
    state = theirs(pack_padded_sequence(x, LENGTH, batch_first=True, enforce_sorted=False))[1]
    expected = torch.cat([state[0], state[1]], 1)
    assert torch.allclose(ours.last(ours(x, LENGTH), LENGTH), expected, atol=1e-6)


def test_what_stands_behind_the_end_changes_nothing() -> None:
    torch.manual_seed(0)
    ours = Recurrent("lstm", 4, 6, 2, bidirectional=True)
    x = torch.randn(4, 8, 4)
    other = torch.where(inside(LENGTH, 8).unsqueeze(2), x, 1e3)
    there = inside(LENGTH, 8).unsqueeze(2)
    assert torch.equal(ours(x, LENGTH).masked_fill(~there, 0), ours(other, LENGTH).masked_fill(~there, 0))


def test_recurrent_matrices_start_orthogonal_and_the_forget_gate_open() -> None:
    torch.manual_seed(0)
    layer = Recurrent("lstm", 4, 6).forwards[0]
    for gate in layer.weight_hh_l0.detach().split(6):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5)
    assert (layer.bias_ih_l0 + layer.bias_hh_l0).tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    gru = Recurrent("gru", 4, 6).forwards[0]
    assert not gru.bias_ih_l0.any() and len(gru.weight_hh_l0) == 18


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
@pytest.mark.parametrize("low", [False, True])
def test_an_lstm_takes_the_kernel_of_onednn(low: bool) -> None:
    if low and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor computes no bfloat16")
    ours = Recurrent("lstm", 8, 8, bidirectional=True)
    with (
        profile(activities=[ProfilerActivity.CPU]) as watched,
        torch.autocast("cpu", torch.bfloat16, enabled=low),
    ):
        found = ours(torch.randn(4, 8, 8), LENGTH)
    names = {event.key for event in watched.key_averages()}
    assert "aten::mkldnn_rnn_layer" in names, sorted(names)
    assert found.dtype == (torch.bfloat16 if low else torch.float32)
