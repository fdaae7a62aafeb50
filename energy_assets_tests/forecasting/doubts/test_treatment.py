"""Faults are recognised, and what is true is believed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.doubts import treatment
from energy_assets.forecasting.doubts.treatment import doubts, treated
from energy_assets.forecasting.panel.matrix import PanelMatrix
from energy_assets.sources import consumption_model
from energy_assets_tests.forecasting.faults import FAULTS, scattered, set_to, stuck, times
from energy_assets_tests.forecasting.true_histories import CHANGES, PLATEAUS, ZEROS, Hours

HOURS = pd.date_range("2023-02-08", periods=30 * 24, freq="h", name="datetime_utc")
SLIGHT = {
    "a value 10 times too high, yesterday": 0.85,
    "values 5 times too high at one hour in fifty": 0.7,
    "zeros at one hour in twenty": 0.85,
    "nothing in the last 24 hours": 0.0,
}
"""The share of the hours that are recognised, where it is not nearly all."""


def matrix(values: np.ndarray, hours: pd.DatetimeIndex = HOURS) -> PanelMatrix:
    return PanelMatrix(values, hours, pd.RangeIndex(len(values), name="series"))


def history(function, days: int = 30, seed: int = 3) -> np.ndarray:
    """A true history up to its origin."""
    index = pd.date_range("2023-02-01", periods=24 * (days + 1), freq="h")
    return function(Hours(index, np.random.default_rng(seed)))[:-24].astype(float)


@pytest.fixture(scope="module")
def simulated() -> np.ndarray:
    number = HOURS.to_numpy().astype("datetime64[h]").astype(np.int64)
    return np.ascontiguousarray(consumption_model.consumption(number).T)


@pytest.fixture(params=["simulated", "de35"])
def clean(request: pytest.FixtureRequest) -> np.ndarray:
    if request.param == "simulated":
        return request.getfixturevalue("simulated")
    wide = request.getfixturevalue("de35_panel").iloc[:, 0].groupby(level=[0, 1]).apply(np.array)
    return np.stack([values[-720:] for values in wide])


def test_a_panel_without_faults_is_believed_and_not_copied(clean):
    found = treated(matrix(clean))
    assert not found.reasons.any()
    assert found.panel.array is clean
    assert found.table().empty


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_recognised_and_nothing_else_is(clean, name):
    spoilt = np.stack([FAULTS[name](values) for values in clean])
    changed = (spoilt != clean) & np.isfinite(spoilt)
    missing = treated(matrix(spoilt)).missing
    if changed.any():
        assert missing[changed].mean() >= SLIGHT.get(name, 0.97)
    assert (missing & ~changed & (spoilt != 0)).sum() <= 0.0005 * clean.size


@pytest.mark.parametrize("days", [16, 30])
@pytest.mark.parametrize("name", [*ZEROS, *PLATEAUS])
def test_what_a_series_does_by_nature_is_believed(name, days):
    values = history((ZEROS | PLATEAUS)[name], days)
    missing = treated(matrix(values[None], HOURS[: len(values)])).missing
    assert missing.mean() <= 0.005
    assert not missing[:, -24:].any()


@pytest.mark.parametrize("name", CHANGES)
def test_a_lasting_change_is_believed_and_the_past_brought_to_its_level(name):
    values = history(CHANGES[name])
    found = treated(matrix(values[None]))
    assert not found.missing[0, -60:].any()
    new = np.nanmedian(values[-48:])
    before = np.nanmedian(found.panel.array[0, :168])
    if "open" in name or "12 days" in name:
        return
    assert before == pytest.approx(new, rel=0.3)
    assert set(found.table()["reason"]) == {"other level"}


def test_a_change_is_located_to_the_hour():
    values = history(CHANGES["three times as much for 4 days"])
    assert treated(matrix(values[None])).table()["last_hour"].tolist() == [HOURS[-101]]


def test_the_table_gives_series_hours_and_reasons(simulated):
    spoilt = simulated[:4].copy()
    for row, fault in enumerate([set_to(0, 5), times(100, 30, 29), stuck(24)]):
        spoilt[row] = fault(spoilt[row])
    wide = pd.DataFrame(spoilt.T, HOURS, pd.Index(list("abcd"), name="series"))
    panel = wide.melt(ignore_index=False, value_name="load").set_index("series", append=True)
    table = doubts(panel.swaplevel().sort_index())
    assert table.to_dict("list") == {
        "series": ["a", "b", "c"],
        "first_hour": [HOURS[-5], HOURS[-30], HOURS[-24]],
        "last_hour": [HOURS[-1], HOURS[-30], HOURS[-1]],
        "reason": ["zero", "spike", "stuck"],
        "hours": [5, 1, 24],
    }


def test_each_series_is_treated_by_itself(simulated):
    spoilt = simulated.copy()
    for row, fault in enumerate(FAULTS.values()):
        spoilt[row] = fault(spoilt[row])
    together = treated(matrix(spoilt)).reasons
    alone = [treated(matrix(spoilt[row : row + 1])).reasons for row in range(len(spoilt))]
    np.testing.assert_array_equal(together, np.vstack(alone))


def test_the_quick_look_spares_no_series_that_has_doubts(simulated, monkeypatch):
    rng = np.random.default_rng(0)
    spoilt = simulated.copy()
    for row in range(len(spoilt)):
        fault = scattered(rng.choice([0.002, 0.02]), rng.choice([0, 0.05, 3, 3.5, 5, -1]), row)
        spoilt[row] = fault(spoilt[row])
    quick = treated(matrix(spoilt)).reasons
    monkeypatch.setattr(treatment, "may_be_unusual", lambda values: np.ones(len(values), bool))
    np.testing.assert_array_equal(quick, treated(matrix(spoilt)).reasons)


@pytest.mark.parametrize("factor", [1e-6, 1e6, -1])
def test_the_unit_and_the_sign_do_not_matter(simulated, factor):
    for fault in FAULTS.values():
        spoilt = np.stack([fault(values) for values in simulated[:8]])
        np.testing.assert_array_equal(
            treated(matrix(spoilt)).reasons, treated(matrix(factor * spoilt)).reasons
        )


def test_long_windows_are_judged_month_by_month():
    hours = pd.date_range("2022-01-01", periods=24 * 365, freq="h")
    number = hours.to_numpy().astype("datetime64[h]").astype(np.int64)
    clean = consumption_model.consumption(number).T
    assert not treated(matrix(clean, hours)).missing.any()
    spoilt = np.stack([times(30, 5000, 4999)(set_to(0, 3000, 2990)(values)) for values in clean])
    missing = treated(matrix(spoilt, hours)).missing
    assert missing.sum() == pytest.approx(11 * len(clean), rel=0.05)
