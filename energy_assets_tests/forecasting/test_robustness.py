"""Whatever a meter has done, forecasts stay sensible, and those of other series as they were."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_assets.forecasting import model_files, sharded
from energy_assets.forecasting.fitted import Fitted, fit
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES, forecast
from energy_assets.forecasting.panel.matrix import to_matrix
from energy_assets.forecasting.parameters import Parameters
from energy_assets.schemas import QUANTILES
from energy_assets.sources import consumption_model
from energy_assets_tests.forecasting.conftest import DENMARK
from energy_assets_tests.forecasting.faults import FAULTS, Fault, spoil_some
from energy_assets_tests.forecasting.true_histories import CHANGES, PLATEAUS, ZEROS, Hours
from energy_assets_tests.generated import many_examples

PARAMETERS = Parameters(n_estimators=20, n_jobs=1, **DENMARK)
HOURS = pd.date_range("2023-02-08", periods=31 * 24, freq="h", name="datetime_utc")
EVERY = 8
IRREGULAR = {"a vehicle", "a household that is often at zero", "whole numbers"}
LOST = {"zeros in the last 48 hours", "stuck for 3 days", "zero until 3 days ago, then alive"}
"""With these, the better naive would know a day that we cannot know."""


def as_panel(wide: pd.DataFrame) -> pd.DataFrame:
    rows = wide.rename_axis("datetime_utc").melt(
        ignore_index=False, var_name="series", value_name="load"
    )
    return rows.set_index("series", append=True).swaplevel().sort_index()


def errors(values: pd.Series, actual: pd.DataFrame) -> pd.Series:
    """The mean absolute error of each series divided by its mean."""
    return (wide_of(values)[actual.columns] - actual).abs().mean() / actual.abs().mean()


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """Every third series of the simulator, 30 days and the day to forecast."""
    number = HOURS.to_numpy().astype("datetime64[h]").astype(np.int64)
    names = ["/".join(keys) for keys in consumption_model.SERIES]
    return pd.DataFrame(consumption_model.consumption(number), HOURS, names).iloc[:, ::3]


@pytest.fixture(scope="module")
def de35(de35_panel: pd.DataFrame) -> pd.DataFrame:
    """Every third series of the real file, 30 days and the day to forecast."""
    wide = to_matrix(de35_panel)
    names = ["/".join(map(str, key)) for key in wide.keys]
    values = pd.DataFrame(wide.array.T, wide.hours, names)
    return values.loc[:"2023-03-11 05:00"].iloc[-31 * 24 :, ::3]


@dataclass(frozen=True)
class World:
    """A panel without faults, the day after it, and the forecaster and forecasts of it."""

    panel: pd.DataFrame
    actual: pd.DataFrame
    model: Fitted
    made: pd.DataFrame

    @property
    def spoilt(self) -> np.ndarray:
        """The series that are spoilt."""
        return np.arange(len(self.actual.columns)) % EVERY == 0

    @property
    def bound(self) -> float:
        """What a forecast of the spoilt series must not exceed."""
        naives = (forecast(self.panel, 24, rule.season) for rule in SEASONAL_NAIVES)
        clean = [errors(naive["forecast"], self.actual)[self.spoilt].mean() for naive in naives]
        return 1.5 * min(clean)


@pytest.fixture(scope="module", params=["simulated", "de35"])
def world(request: pytest.FixtureRequest) -> World:
    wide = request.getfixturevalue(request.param)
    panel = as_panel(wide.iloc[:-24])
    model = fit(panel, None, PARAMETERS)
    return World(panel, wide.iloc[-24:], model, model.predict(24, QUANTILES))


def test_without_faults_there_are_no_doubts(world):
    assert world.model.doubts.empty
    assert world.model.little_history.empty


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_before_the_origin_leaves_forecasts_as_good_as_naives_without_it(world, name):
    model = fit(spoil_some(world.panel, FAULTS[name], EVERY), None, PARAMETERS)
    made = model.predict(24, QUANTILES)
    error = errors(made["forecast"], world.actual)
    assert error[world.spoilt].mean() <= world.bound * (1.2 if name in LOST else 1)
    others = ~world.spoilt
    expected = errors(world.made["forecast"], world.actual)[others]
    assert error[others].mean() <= 1.05 * expected.mean()
    # Each of the others is forecast by trees that have seen a little less.
    change = errors(made["forecast"], wide_of(world.made["forecast"]))[others]
    assert change.mean() < 0.012
    assert (made.to_numpy() >= 0).all()
    largest = wide_of(made["forecast"]).max() / world.panel.iloc[:, 0].groupby(level=0).max()
    assert largest.max() <= 2


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_forecast_time_changes_no_other_series(world, name):
    made = world.model.updated(spoil_some(world.panel, FAULTS[name], EVERY)).predict(24, QUANTILES)
    others = np.repeat(~world.spoilt, 24)
    pd.testing.assert_frame_equal(made[others], world.made[others], check_exact=True)
    error = errors(made["forecast"], world.actual)[world.spoilt]
    assert error.mean() <= world.bound * (1.2 if name in LOST else 1)


def test_with_many_faults_at_once_forecasts_are_nearly_as_good(world):
    rng = np.random.default_rng(5)
    spoilt = world.panel
    for name in rng.permutation(list(FAULTS)):
        # One series in twenty has each of the faults: most have one, some have several.
        spoilt = spoil_some(spoilt, FAULTS[name], 20, int(rng.integers(20)))
    model = fit(spoilt, None, PARAMETERS)
    made = model.predict(24, QUANTILES)
    clean = errors(world.made["forecast"], world.actual).mean()
    assert errors(made["forecast"], world.actual).mean() <= 1.5 * clean
    assert (made.to_numpy() >= 0).all()
    assert len(model.doubts) > 5


def test_intervals_are_wider_if_the_inputs_are_doubtful(world):
    def width(made: pd.DataFrame) -> pd.Series:
        return wide_of(made["upper"] - made["lower"]).mean()

    hours = {12: 1.3, 24: 1.7}
    for last, factor in hours.items():
        spoilt = spoil_some(world.panel, FAULTS[f"zeros in the last {last} hours"], EVERY)
        made = world.model.updated(spoilt).predict(24, QUANTILES)
        wider = (width(made) / width(world.made))[world.spoilt]
        assert wider.mean() > factor


@pytest.mark.parametrize("name", [*ZEROS, *PLATEAUS, *CHANGES])
def test_true_zeros_plateaus_and_changes_are_forecast(simulated, name):
    history = (ZEROS | PLATEAUS | CHANGES)[name]
    values = history(Hours(simulated.index, np.random.default_rng(3))).astype(float)
    wide = simulated.iloc[:, :8].assign(strange=values)
    panel = as_panel(wide.iloc[:-24])
    made = fit(panel, None, PARAMETERS).predict(24, QUANTILES).loc["strange"]
    actual = wide["strange"].iloc[-24:]
    known = wide["strange"].iloc[:-24]
    size = max(known.abs().mean(), 1e-9)
    naives = [known.iloc[-24:].to_numpy(), known.iloc[-168:-144].to_numpy()]
    better = max if name in IRREGULAR else min
    naive = better(np.abs(values - actual).mean() for values in naives)
    assert np.abs(made["forecast"] - actual).mean() <= 1.1 * naive + 0.03 * size
    if (known >= 0).all():
        assert (made >= 0).all().all()
    if (known <= 0).all():
        assert (made <= 0).all().all()


@pytest.mark.parametrize("hours", [1, 3, 8, 16, 24, 48, 72, 120, 167])
def test_a_new_series_is_forecast_from_its_level_and_the_shapes_of_others(world, hours):
    fault = started_late(hours)
    late = spoil_some(world.panel, fault, EVERY).dropna()
    model = fit(late, None, PARAMETERS)
    made = model.predict(24, QUANTILES)
    error = errors(made["forecast"], world.actual)[world.spoilt]
    assert error.median() <= (0.35 if hours < 8 else 0.25 if hours < 24 else 0.1)
    expected = np.asarray(world.actual.columns)[world.spoilt]
    assert model.little_history.to_dict("list") == {
        "series": expected.tolist(),
        "hours": [hours] * len(expected),
    }
    widths = wide_of(made["upper"] / made["lower"]).mean()
    assert widths[world.spoilt].mean() > widths[~world.spoilt].mean()


def test_kinds_are_saved_with_the_model(world, tmp_path):
    late = spoil_some(world.panel, started_late(16), EVERY).dropna()
    model_files.save(world.model, tmp_path)
    pd.testing.assert_frame_equal(
        model_files.load(tmp_path).updated(late).predict(24, QUANTILES),
        replace(world.model, past=None).updated(late).predict(24, QUANTILES),
        check_exact=True,
    )


def test_shards_of_a_spoilt_panel_give_the_forecasts_of_the_whole(world):
    spoilt = spoil_some(world.panel, FAULTS["zeros in the last 24 hours"], EVERY)
    spoilt = spoil_some(spoilt, FAULTS["stuck for 24 hours"], EVERY, 1)
    spoilt = spoil_some(spoilt, started_late(40), EVERY, 2).dropna()
    names = world.actual.columns
    series = spoilt.index.get_level_values(0)
    shards = [lambda part=part: spoilt[series.isin(names[part::3])] for part in range(3)]
    model, _ = sharded.fit(shards, PARAMETERS)
    pd.testing.assert_frame_equal(
        model.updated(spoilt).predict(24, QUANTILES),
        fit(spoilt, None, PARAMETERS).predict(24, QUANTILES),
        rtol=1e-6,
    )


def test_a_stuck_meter_is_recognised_hour_by_hour(world):
    spoilt = spoil_some(world.panel, FAULTS["stuck for 24 hours"], EVERY)
    hours = spoilt.index.get_level_values(-1)
    model = world.model.updated(spoilt[hours < hours[-24]])
    for hour in hours.unique()[-24:]:
        model = model.updated(spoilt[hours == hour])
    at_once = world.model.updated(spoilt)
    pd.testing.assert_frame_equal(model.predict(24), at_once.predict(24))
    assert model.doubts["reason"].eq("stuck").all()


ANY = st.floats(-1e12, 1e12, allow_nan=False) | st.sampled_from([0.0, 1e-12, 1.0, 100.0, np.nan])


@st.composite
def histories(draw: st.DrawFn) -> np.ndarray:
    """Hours of any values: pieces of noise, zeros, repetitions, gaps and extremes."""
    pieces = []
    for _ in range(draw(st.integers(1, 5))):
        length = draw(st.integers(1, 200))
        value = draw(ANY)
        noise = np.random.default_rng(draw(st.integers(0, 9))).lognormal(0, 1, length)
        pieces.append(value * noise if draw(st.booleans()) else np.full(length, value))
    values = np.concatenate(pieces)
    for _ in range(draw(st.integers(0, 4))):
        values[draw(st.integers(0, len(values) - 1))] = draw(ANY)
    return np.append(values, draw(ANY.filter(np.isfinite)))


@pytest.fixture(scope="module")
def model(simulated: pd.DataFrame) -> Fitted:
    return fit(as_panel(simulated.iloc[:-24]), None, PARAMETERS)


@many_examples
@given(values=histories())
def test_no_history_gives_forecasts_beyond_all_bounds(model, values):
    require_sensible(replace(model, past=None).updated(alone(values)), values)


@many_examples
@given(values=histories())
def test_no_history_gives_a_model_beyond_all_bounds(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        few = replace(PARAMETERS, n_estimators=2, calibration_days=1)
        require_sensible(fit(alone(values), None, few), values)


def alone(values: np.ndarray) -> pd.DataFrame:
    """A panel of one series that ends with the others."""
    hours = pd.date_range(end=HOURS[-25], periods=len(values), freq="h", name="datetime_utc")
    return as_panel(pd.DataFrame({"any": values}, hours))


def require_sensible(model: Fitted, values: np.ndarray) -> None:
    """Forecasts are finite, ordered, and within the bounds of what was observed."""
    quantiles = QUANTILES if model.calibration else {}
    made = model.predict(24, quantiles).to_numpy()
    assert np.isfinite(made).all()
    assert (np.diff(made[:, 1:]) >= 0).all()
    known = values[np.isfinite(values)]
    # Other levels are scaled, but never beyond what follows them.
    assert made.min() >= min(0, 2 * known.min()) * (1 + 1e-9)
    if model.little_history.empty:
        assert made.max() <= max(0, 2 * known.max()) * (1 + 1e-9)


def started_late(hours: int) -> Fault:
    """Nothing is known of a series until so many hours ago."""
    return lambda values: np.where(np.arange(len(values)) < len(values) - hours, np.nan, values)


def wide_of(values: pd.Series) -> pd.DataFrame:
    return values.to_frame("load").pivot_table(
        "load", index="datetime_utc", columns="series", dropna=False
    )
