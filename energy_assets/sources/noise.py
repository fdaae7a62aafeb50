"""Random draws for the simulations: each is a pure function of a name and an hour.

They come from a counter-based hash, not from a generator with a state. So any hour can be simulated
on its own, and it never changes.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Hours = NDArray[np.int64]
"""Hours since 1970-01-01 00:00 UTC."""


def key(name: str) -> np.uint64:
    """A key for a name. Python's own hash differs between processes."""
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big"))


def uniform(name: str, hours: Hours) -> NDArray[np.float64]:
    """A draw from [0, 1) for each hour: always the same for the same name and hour."""
    return uniforms(np.array([key(name)]), hours)[:, 0]


def uniforms(keys: NDArray[np.uint64], counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draws from [0, 1) with the full resolution of a float64."""
    return (_hash(keys, counters) >> np.uint64(11)) / 2.0**53


def smooth_noise(
    keys: NDArray[np.uint64], hours: Hours, scales: dict[int, float]
) -> NDArray[np.float64]:
    """Smooth noise of about unit variance: value noise summed over scales (hours -> weight)."""
    total = np.zeros((len(hours), len(keys)))
    for scale, weight in scales.items():
        salted = _hash(keys, np.array([scale]))[0]
        cells, places = np.unique(hours // scale, return_inverse=True)
        before, after = _normal(salted, cells)[places], _normal(salted, cells + 1)[places]
        share = (hours % scale / scale)[:, None]
        share = share * share * (3 - 2 * share)
        # A mean of two draws has a smaller variance. Dividing keeps it at 1 everywhere.
        blend = ((1 - share) * before + share * after) / np.hypot(1 - share, share)
        total += weight * blend
    return total


def _normal(keys: NDArray[np.uint64], counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nearly normal draws, the same on every platform: sums of four 16-bit uniforms."""
    bits = _hash(keys, counters)
    parts = [(bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
    return (np.sum(parts, axis=0) / 65536.0 - 2.0) * np.sqrt(3.0)


def _hash(keys: NDArray[np.uint64], counters: NDArray[np.int64]) -> NDArray[np.uint64]:
    """splitmix64 (Steele, Lea, Flood 2014) of every counter with every key: (counters, keys)."""
    state = keys[None, :] + counters.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
