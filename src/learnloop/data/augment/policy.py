"""A policy as RandAugment's: a few operations of one visible table, drawn for each image, all at one magnitude."""

from __future__ import annotations

import numpy as np

from learnloop.data.augment.draws import Draws

TABLE: dict[str, float] = {
    "identity": 0.0,
    "rotate": 30.0,  # degrees
    "shear_x": 0.3,  # tangents
    "shear_y": 0.3,
    "shift_x": 0.45,  # shares of the side
    "shift_y": 0.45,
    "brightness": 0.9,  # away from a factor of 1
    "contrast": 0.9,
    "saturation": 0.9,
    "posterise": 4.0,  # bits that are lost
    "solarise": 1.0,  # share of the grey levels, from white downwards, that are turned into their negatives
    "autocontrast": 10.0,  # on from the smallest magnitude: darkest and lightest value become 0 and 255
}
"""Operation -> its strength at magnitude 10."""
_ONE_SIDED = frozenset({"posterise", "solarise", "autocontrast"})
_GREATEST = np.array(list(TABLE.values()))
_SIGNED = np.array([name not in _ONE_SIDED for name in TABLE])


def strengths(draws: Draws, operations: int, magnitude: float) -> dict[str, np.ndarray]:
    """For each operation of TABLE [batch]: how strongly it is applied to each image; 0 where it was not drawn.

    s_b(op) = (magnitude / 10) TABLE[op] sum over the `operations` draws of sign 1[draw is op]. Draws are with
    replacement, and signs are random where an operation has two directions. Cubuk, Zoph, Shlens and Le 2020,
    section 3. Different from the paper: what was drawn is applied in one fixed order (all geometry as one map, all
    colour as one map), so that a batch is passed over once; sharpness and equalise are not in the table.
    """
    choice = (draws.rows("policy_choice_0", operations) * len(TABLE)).astype(np.int64)  # [operations, batch]
    turned = (draws.rows("policy_sign_0", operations) < 0.5) & _SIGNED[choice]  # [operations, batch]
    amount = (0.1 * magnitude * _GREATEST).astype(np.float32)[choice]  # [operations, batch]
    amount = np.where(turned, -amount, amount)
    total = np.zeros((len(TABLE), choice.shape[1]), np.float32)
    within = np.arange(choice.shape[1])
    for number in range(operations):
        total[choice[number], within] += amount[number]
    return dict(zip(TABLE, total))
