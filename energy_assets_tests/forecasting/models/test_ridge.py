"""The linear model against a slow oracle: one dense least-squares problem per series."""

import numpy as np
import pytest

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.models import ridge
from energy_assets.forecasting.panel.matrix import fill_gaps, to_matrix

STEPS = np.arange(1, 25)


@pytest.fixture(scope="module")
def rows_and_residual(panel):
    """The features of a panel in which a series starts late and a few hours are missing."""
    late = panel.drop(panel.index[672 : 672 + 350])
    matrix = to_matrix(late.drop(late.index[300:340]))
    origins = np.arange(40, 640, 7)
    scale = transform.series_scale(matrix.array)
    days = Design(24, "DK", "Europe/Copenhagen").calendar(matrix.hours)
    rows = feature_matrix.build_features(fill_gaps(matrix.array), scale, origins, STEPS, days)
    actual = matrix.array[:, origins[:, None] + STEPS]
    return rows, transform.asinh(actual, rows.scale) - rows.centre - rows.base


def dense(rows, series):
    """The whole design of one series: numbers, 24 hours of the day, 168 hours of the week."""
    hour = rows.hour_of_week.ravel()
    numbers = ridge.design(rows, np.arange(hour.size))[series].T.astype(float)
    return np.hstack([numbers, np.eye(24)[hour % 24], np.eye(168)[hour]])


def slow_weights(rows, residual, strength):
    """Ridge towards the pooled weights, each series by one dense solve."""
    designs = [dense(rows, series) for series in range(len(residual))]
    targets = [values.ravel() for values in residual]
    observed = [np.isfinite(target) for target in targets]
    designs = [X[rows] for X, rows in zip(designs, observed, strict=True)]
    targets = [target[rows] for target, rows in zip(targets, observed, strict=True)]
    everything = np.vstack(designs)
    spread = (everything**2).mean(axis=0) + 1e-6
    gram = everything.T @ everything + np.diag(spread)
    pooled = np.linalg.solve(gram, everything.T @ np.concatenate(targets))
    weights = []
    for X, target in zip(designs, targets, strict=True):
        unexplained = target - X @ pooled
        gram = X.T @ X + strength * np.diag(spread)
        weights.append(pooled + np.linalg.solve(gram, X.T @ unexplained))
    return pooled, weights


def test_weights_equal_those_of_the_slow_oracle(rows_and_residual):
    rows, residual = rows_and_residual
    sums = ridge.moments(rows, residual, np.ones(residual.shape[1:], bool))
    prior = ridge.pooled(sums)
    weights = ridge.solve(sums, sums.pooled(), prior)
    fast = ridge.predict(weights, rows)
    pooled = ridge.predict(prior.take(np.zeros(len(residual), int)), rows)
    slow_pooled, slow = slow_weights(rows, residual, ridge.POOLED_ROWS)
    for series in range(len(residual)):
        X = dense(rows, series)
        np.testing.assert_allclose(fast[series].ravel(), X @ slow[series], atol=2e-3)
        np.testing.assert_allclose(pooled[series].ravel(), X @ slow_pooled, atol=2e-3)


def test_the_moments_of_two_parts_add_up_to_those_of_the_whole(rows_and_residual):
    rows, residual = rows_and_residual
    early = np.zeros(residual.shape[1:], bool)
    early[:50] = True
    parts = ridge.moments(rows, residual, early) + ridge.moments(rows, residual, ~early)
    whole = ridge.moments(rows, residual, np.ones_like(early))
    for ours, theirs in zip(vars(parts).values(), vars(whole).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-2)


def test_a_series_without_rows_gets_the_pooled_weights(rows_and_residual):
    rows, residual = rows_and_residual
    silent = residual.copy()
    silent[1] = np.nan
    sums = ridge.moments(rows, silent, np.ones(residual.shape[1:], bool))
    prior = ridge.pooled(sums)
    weights = ridge.solve(sums, sums.pooled(), prior)
    np.testing.assert_allclose(weights.columns[1], prior.columns[0], atol=1e-6)
    np.testing.assert_allclose(weights.hours[1], prior.hours[0], atol=1e-6)
    assert np.abs(weights.columns[0] - prior.columns[0]).max() > 1e-3


def halves(rows, residual):
    """The moments of all rows, and of the later half."""
    late = np.zeros(residual.shape[1:], bool)
    late[len(late) // 2 :] = True
    return (ridge.moments(rows, residual, mask) for mask in (np.ones_like(late), late))


def test_series_that_are_alike_are_drawn_more_towards_what_they_share(rows_and_residual):
    rows, residual = rows_and_residual
    shared = ridge.predict(
        ridge.pooled(ridge.moments(rows, residual, np.ones(residual.shape[1:], bool))), rows
    )
    noise = np.random.default_rng(1).standard_normal(residual.shape)
    sums, recent = halves(rows, shared + 0.3 * np.nanstd(shared) * noise)
    trial = ridge.Trial.of(sums, recent)
    assert trial.strength == max(ridge.MORE_POOLED_ROWS)


def test_a_series_that_is_unlike_the_others_keeps_its_own_weights(rows_and_residual):
    rows, residual = rows_and_residual
    every = np.ones(residual.shape[1:], bool)
    shared = ridge.predict(ridge.pooled(ridge.moments(rows, residual, every)), rows)
    noise = np.random.default_rng(1).standard_normal(residual.shape)
    alike = shared + 0.3 * np.nanstd(shared) * noise
    sums, recent = halves(rows, alike)
    trial = ridge.Trial.of(sums, recent)
    assert (trial.strengths(sums, recent) == trial.strength).all()
    unlike = halves(rows, -alike)
    assert (trial.strengths(*unlike) == ridge.POOLED_ROWS).all()
