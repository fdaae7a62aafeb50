"""Hours that repeat the value before them for longer than the series does by nature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from energy_assets.forecasting.doubts import nature
from energy_assets.forecasting.doubts.runs import Runs
from energy_assets.forecasting.panel.matrix import Bools, Floats

SHORTEST_STUCK = 6
"""Hours of the same value that may be chance in a series of any kind."""

BY_CHANCE = 3.0
"""A run is stuck only if it is longer than chance explains, by this factor."""

ALIKE = 3
"""With so many other runs that are at least half as long, a run is natural."""


def stuck(values: Floats) -> Bools:
    """Hours that repeat the value before them for longer than the series does by nature.

    Zeros are left to `vanished`. A value that fills half of the window is the series' own.
    """
    found = np.zeros(values.shape, dtype=bool)
    rows = np.flatnonzero(_repeat(values))
    if len(rows):
        found[rows] = _stuck(values[rows])
    return found


def _repeat(values: Floats) -> Bools:
    """Whether a series has a run of `SHORTEST_STUCK` equal values, zeros included; (series,)."""
    same = values[:, 1:] == values[:, :-1]
    for _ in range(SHORTEST_STUCK - 2):
        if not same.any():
            break
        # Equal to so many values before it, one more each time.
        same = same[:, 1:] & same[:, :-1]
    return np.asarray(same.any(axis=1))


def _stuck(values: Floats) -> Bools:
    flat = Runs.of_equal(values, np.isfinite(values) & (values != 0))
    long = flat.length >= SHORTEST_STUCK
    observed = np.maximum(np.isfinite(values).sum(axis=1), 2)
    # By chance, values repeat this often, and then in runs of at most about this length.
    repeats = np.bincount(flat.row, np.where(long, 0, flat.length - 1), len(values))
    chance = np.clip(repeats / observed, 1e-9, 0.99)
    by_chance = 1 + np.log(observed) / -np.log(chance)
    longest = np.maximum(SHORTEST_STUCK, BY_CHANCE * by_chance)
    flat = flat.where((flat.length >= longest[flat.row]) & (2 * flat.length < observed[flat.row]))
    natural = nature.in_other_weeks(flat, flat.mask(), values) | _often_the_same(flat, values)
    found = flat.where(~natural)
    # The first of the values is right.
    return replace(found, first=found.first + 1).mask()


def _often_the_same(flat: Runs, values: Floats) -> Bools:
    """Whether a series has the value of a run, or runs as long, often."""
    natural = np.zeros(len(flat.row), dtype=bool)
    for run, (row, first, length) in enumerate(zip(flat.row, flat.first, flat.length, strict=True)):
        same_value = (values[row] == values[row, first]).sum() - length
        as_long = (2 * flat.length[flat.row == row] >= length).sum() - 1
        natural[run] = 2 * same_value >= length or as_long >= ALIKE
    return natural
