"""The linear model against a slow oracle: one dense least-squares problem a series."""

import numpy as np
import pytest

from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.models import blend as direct
from energy_assets.forecasting.models import ridge as linear
from energy_assets.forecasting.panel.matrix import fill_gaps, to_matrix

STEPS = np.arange(1, 25)


@pytest.fixture(scope="module")
def rows_and_residual(panel):
    """Rows of a panel in which a series starts late and a few hours are missing."""
    late = panel.drop(panel.index[672 : 672 + 350])
    matrix = to_matrix(late.drop(late.index[300:340]))
    origins = np.arange(40, 640, 7)
    scale = features.series_scale(matrix.array)
    days = features.calendar(matrix.hours, 24, "DK", "Europe/Copenhagen")
    rows = features.build_rows(fill_gaps(matrix.array), scale, origins, STEPS, days)
    actual = matrix.array[:, origins[:, None] + STEPS]
    return rows, features.to_log(actual, rows.scale) - rows.centre - rows.base


def dense(rows, series):
    """The whole design of one series: numbers, 24 hours of the day, 168 hours of the week."""
    hour = rows.hour_of_week.ravel()
    numbers = linear.design(rows, np.arange(hour.size))[series].T.astype(float)
    return np.hstack([numbers, np.eye(24)[hour % 24], np.eye(168)[hour]])


def slow_weights(rows, residual, strength):
    """Ridge towards the pooled weights, each series by one dense solve."""
    designs = [dense(rows, series) for series in range(len(residual))]
    targets = [values.ravel() for values in residual]
    known = [np.isfinite(target) for target in targets]
    designs = [X[some] for X, some in zip(designs, known, strict=True)]
    targets = [target[some] for target, some in zip(targets, known, strict=True)]
    everything = np.vstack(designs)
    spread = (everything**2).mean(axis=0) + 1e-6
    gram = everything.T @ everything + np.diag(spread)
    pooled = np.linalg.solve(gram, everything.T @ np.concatenate(targets))
    found = []
    for X, target in zip(designs, targets, strict=True):
        left = target - X @ pooled
        gram = X.T @ X + strength * np.diag(spread)
        found.append(pooled + np.linalg.solve(gram, X.T @ left))
    return pooled, found


def test_solve__as_the_slow_oracle(rows_and_residual):
    rows, residual = rows_and_residual
    sums = linear.moments(rows, residual, np.ones(residual.shape[1:], bool))
    prior = linear.pooled(sums)
    weights = linear.solve(sums, sums.pooled(), prior)
    made = linear.predict(weights, rows)
    pooled = linear.predict(prior.take(np.zeros(len(residual), int)), rows)
    slow_pooled, slow = slow_weights(rows, residual, linear.POOLED_ROWS)
    for series in range(len(residual)):
        X = dense(rows, series)
        np.testing.assert_allclose(made[series].ravel(), X @ slow[series], atol=2e-3)
        np.testing.assert_allclose(pooled[series].ravel(), X @ slow_pooled, atol=2e-3)


def test_moments__of_two_parts__add_up_to_those_of_the_whole(rows_and_residual):
    rows, residual = rows_and_residual
    early = np.zeros(residual.shape[1:], bool)
    early[:50] = True
    parts = linear.moments(rows, residual, early) + linear.moments(rows, residual, ~early)
    whole = linear.moments(rows, residual, np.ones_like(early))
    for ours, theirs in zip(vars(parts).values(), vars(whole).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-2)


def test_solve__a_series_without_rows__gets_the_pooled_weights(rows_and_residual):
    rows, residual = rows_and_residual
    silent = residual.copy()
    silent[1] = np.nan
    sums = linear.moments(rows, silent, np.ones(residual.shape[1:], bool))
    prior = linear.pooled(sums)
    weights = linear.solve(sums, sums.pooled(), prior)
    np.testing.assert_allclose(weights.columns[1], prior.columns[0], atol=1e-6)
    np.testing.assert_allclose(weights.hours[1], prior.hours[0], atol=1e-6)
    assert np.abs(weights.columns[0] - prior.columns[0]).max() > 1e-3


@pytest.mark.parametrize("max_rows", [direct.MAX_ROWS, 20_000])
def test_train__more_rows_than_are_trained_on__series_keep_weights_of_their_own(
    panel, small, monkeypatch, max_rows
):
    monkeypatch.setattr(direct, "MAX_ROWS", max_rows)
    monkeypatch.setattr(direct, "_CHUNK_ROWS", max_rows)
    fitted = small.fit(panel)
    assert len(fitted.model_.weights.columns) == 4 + 1
    made = fitted.predict(fh=list(STEPS))
    expected = panel.groupby(level=[0, 1]).tail(168).groupby(level=[0, 1]).head(24)
    np.testing.assert_allclose(made, expected, rtol=0.35)
    assert len(fitted.holdout_) > 1000
