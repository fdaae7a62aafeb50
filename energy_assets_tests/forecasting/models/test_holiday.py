"""A holiday is forecast between a working day and a Sunday, by what earlier holidays were like."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from energy_assets.forecasting.features.calendar import holiday_names
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.model_files import load, save
from energy_assets.forecasting.models import holiday
from energy_assets.forecasting.panel.matrix import to_matrix
from energy_assets.forecasting.parameters import Parameters

SUNDAY = 0.7
"""A Sunday to a working day."""

PARAMETERS = Parameters(n_estimators=10, country="US", calibration_days=0, n_jobs=1)
DESIGN = Design(24, "US", "UTC")


def panel_of(first: str, last: str, share: float = 1.0, named: dict[str, float] | None = None):
    """Two series whose holidays go so far of the way from a working day to a Sunday."""
    hours = pd.date_range(first, f"{last} 23:00", freq="h", name="datetime_utc")
    names = holiday_names(hours, "US", "UTC")
    shares = np.array([(named or {}).get(name, share) if name else 0.0 for name in names])
    weekend = np.where(hours.weekday == 6, 1.0, np.where(hours.weekday == 5, 0.5, shares))
    rng = np.random.default_rng(3)
    shape = 5 + np.sin(2 * np.pi * hours.hour / 24)
    values = {
        name: mean * shape * SUNDAY**weekend * np.exp(0.01 * rng.standard_normal(len(hours)))
        for name, mean in (("a", 10), ("b", 300))
    }
    index = pd.MultiIndex.from_product([values, hours], names=["series", hours.name])
    return pd.DataFrame({"load": np.concatenate(list(values.values()))}, index)


def before(panel, day):
    return panel[panel.index.get_level_values(-1) < pd.Timestamp(day)]


def on(table, day):
    times = table.index.get_level_values(-1)
    return table[(times >= day) & (times < pd.Timestamp(day) + pd.Timedelta(days=1))]


def share_of(forecast, working_day):
    """How far a day is from a working day to a Sunday."""
    ratio = np.log(forecast["forecast"].to_numpy() / working_day["load"].to_numpy())
    return ratio.mean() / np.log(SUNDAY)


def test_without_a_holiday_in_the_window_a_holiday_is_partly_a_sunday():
    panel = panel_of("2023-07-31", "2023-09-04")  # Labor Day
    forecast = fit(before(panel, "2023-09-04"), None, PARAMETERS).predict(24)
    share = share_of(forecast, on(panel, "2023-08-28"))
    assert share == pytest.approx(holiday.USUAL_SHARE, abs=0.1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_year_shows_what_holidays_are_like(share):
    panel = panel_of("2022-09-10", "2023-09-04", share)
    forecast = fit(before(panel, "2023-09-04"), None, PARAMETERS).predict(24)
    assert share_of(forecast, on(panel, "2023-08-28")) == pytest.approx(share, abs=0.15)


def test_the_same_holiday_a_year_ago_counts_more_than_others():
    panel = panel_of("2021-10-20", "2023-10-09", 1.0, {"Columbus Day": 0.0})
    shares = holiday.pool(np.log(to_matrix(panel).array), DESIGN, to_matrix(panel).hours).shares
    assert shares.named["Labor Day"] > 0.8
    assert shares.named["Columbus Day"] < 0.5


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_holiday_in_the_held_out_days_teaches_the_final_model_alone(share):
    window = before(panel_of("2023-07-31", "2023-09-05", share), "2023-09-05")
    both = replace(PARAMETERS, calibration_days=4)
    final, plain = (fit(window, None, given).model.holidays for given in (both, PARAMETERS))
    assert final is not None
    assert final.shares == plain.shares
    assert abs(final.shares.named["Labor Day"] - share) < abs(holiday.USUAL_SHARE - share)


def test_the_day_after_a_holiday_is_forecast_more_like_other_working_days():
    panel = panel_of("2023-07-31", "2023-09-05")
    actual = on(panel, "2023-09-05")["load"].to_numpy()
    errors = {}
    for country in ("US", None):
        fitted = fit(before(panel, "2023-09-05"), None, replace(PARAMETERS, country=country))
        errors[country] = abs(fitted.predict(24)["forecast"].to_numpy() / actual - 1).mean()
    assert errors["US"] < 0.6 * errors[None]


def test_without_a_country_there_are_no_holidays():
    panel = panel_of("2023-07-31", "2023-09-03")
    fitted = fit(panel, None, Parameters(n_estimators=10, calibration_days=0, n_jobs=1))
    assert fitted.model.holidays is None


def test_the_held_out_days_are_scored_in_the_unit_of_the_panel():
    panel = panel_of("2023-07-31", "2023-09-05")
    table = fit(panel, None, Parameters(n_estimators=10, country="US", n_jobs=1)).holdout
    times = pd.MultiIndex.from_frame(table[["series", "datetime_utc"]])
    np.testing.assert_allclose(table["actual"], panel["load"].reindex(times))


def test_a_saved_model_forecasts_a_holiday_with_the_same_bits(tmp_path):
    panel = panel_of("2023-06-10", "2023-09-03")
    fitted = fit(panel, None, PARAMETERS)
    save(fitted, tmp_path)
    loaded = load(tmp_path).updated(panel)
    pd.testing.assert_frame_equal(loaded.predict(24), fitted.predict(24), check_exact=True)


def test_a_new_series_has_the_holidays_of_the_others():
    panel = panel_of("2023-07-31", "2023-09-03")
    renamed = pd.concat([panel, panel.loc[["a"]].rename(index={"a": "c"})]).sort_index()
    forecast = fit(panel, None, PARAMETERS).updated(renamed).predict(24)["forecast"]
    np.testing.assert_allclose(forecast["c"], forecast["a"], rtol=0.05)
