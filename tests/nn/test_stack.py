"""Order of the parts of a dense stack, and biases before batch norm."""

from __future__ import annotations

from torch import nn

from learnloop.nn.stack import dense_stack


def test_order_is_linear_norm_activation_dropout() -> None:
    parts = dense_stack(5, (7, 6), 3, activation="gelu", dropout=0.1, batch_norm=True, layer_norm=True)
    one = [nn.Linear, nn.BatchNorm1d, nn.LayerNorm, nn.GELU, nn.Dropout]
    assert [type(part) for part in parts.values()] == [*one, *one, nn.Linear]
    assert list(parts)[:5] == ["linear1", "norm1", "layer_norm1", "gelu1", "dropout1"]


def test_no_bias_before_batch_norm_only() -> None:
    assert dense_stack(5, (7,), 3, batch_norm=True)["linear1"].bias is None
    assert dense_stack(5, (7,), 3, layer_norm=True)["linear1"].bias is not None
    assert dense_stack(5, (7,), 3, batch_norm=True)["output"].bias is not None


def test_no_hidden_layer_is_a_linear_model() -> None:
    parts = dense_stack(5, (), 3)
    assert list(parts) == ["output"] and parts["output"].weight.shape == (3, 5)
