"""Weights of series are believed as far as other days prove them right."""

from __future__ import annotations

import numpy as np
import pytest

from energy_assets.forecasting.features.known_ahead import pooling
from energy_assets.forecasting.features.known_ahead.pooling import PARTS, Pool, Sums

KINDS, TERMS = 2, 6
TRUTH = np.array([1.0, -0.5, 0.3])


def drawn(seed: int, series: int, hours: int, noise: float) -> tuple[np.ndarray, ...]:
    """Terms, targets that follow those of the first kind, and the part of each hour."""
    rng = np.random.default_rng(seed)
    terms = rng.normal(size=(TERMS, hours))
    target = TRUTH @ terms[:3] + noise * rng.normal(size=(series, hours))
    return terms, target, np.arange(hours) // 10 % PARTS


def pooled(*groups: tuple[np.ndarray, ...]) -> Pool:
    sums = [Sums.of(*group) for group in groups]
    return pooling.pool(len(sums), sums.__getitem__, KINDS)


def test_what_is_there_is_found_and_what_is_not_is_not_believed() -> None:
    pool = pooled(*(drawn(seed, 3, 3_000, 0.3) for seed in range(4)))
    assert pool.believed[:3] == pytest.approx(TRUTH, abs=0.1)
    assert pool.holds[0] > 0.9
    assert np.abs(pool.believed[3:]).max() < 0.02


def test_noise_is_not_believed() -> None:
    sizes = []
    for seed in range(20):
        terms, _, part = drawn(seed, 1, 400, 0.0)
        noise = np.random.default_rng(100 + seed).normal(size=(5, 400))
        group = terms, noise, part
        own = pooled(group).own(Sums.of(*group))
        least = np.linalg.lstsq(terms.T, noise.T, rcond=None)[0]
        sizes.append((own**2).sum() / (least**2).sum())
    assert np.mean(sizes) < 0.1


def test_a_series_keeps_weights_of_its_own_if_it_has_the_hours_for_it() -> None:
    others = [drawn(seed, 3, 800, 0.3) for seed in range(4)]
    terms, target, part = drawn(9, 1, 5_000, 0.3)
    opposite = terms, -target, part
    own = pooled(*others, opposite).own(Sums.of(*opposite))[0]
    assert own[:3] == pytest.approx(-TRUTH, abs=0.15)


def test_the_part_that_holds_is_that_of_least_squares_on_the_other_half() -> None:
    """What follows from sums is what the hours themselves say."""
    group = terms, target, part = drawn(3, 1, 300, 0.5)
    pool = pooled(group)
    explained = np.zeros((KINDS, terms.shape[1]))
    for half in (0, 1):
        at = part % 2 == half
        weights = pool.of_other_half[half].reshape(KINDS, -1)
        explained[:, at] = (weights[:, :, None] * terms[:, at].reshape(KINDS, 3, -1)).sum(axis=1)
    holds = np.linalg.lstsq(explained.T, target[0], rcond=None)[0]
    assert pool.holds == pytest.approx(np.clip(holds, 0, 1), abs=0.02)
    assert pool.squares == pytest.approx(explained @ explained.T)


def test_series_that_are_given_in_several_groups_have_the_weights_that_one_group_gives() -> None:
    terms, target, part = drawn(4, 6, 300, 0.5)
    together = pooled((terms, target, part))
    apart = pooled((terms, target[:2], part), (terms, target[2:], part))
    np.testing.assert_allclose(apart.weights, together.weights)
    one = together.own(Sums.of(terms, target, part))
    two = np.vstack([apart.own(Sums.of(terms, rows, part)) for rows in (target[:2], target[2:])])
    np.testing.assert_allclose(one, two)
