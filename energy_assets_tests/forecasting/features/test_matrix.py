"""The feature matrix against a slow oracle: plain loops over pandas, one row at a time."""

import holidays
import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.features.calendar import calendar_features
from energy_assets.forecasting.panel.matrix import HourlyMatrix, fill_gaps, to_matrix

DANISH = holidays.country_holidays("DK", years=[2022, 2023])


def build(matrix, origins, horizon):
    filled = HourlyMatrix(fill_gaps(matrix.array), matrix.hours, matrix.series)
    scale = features.series_scale(matrix.array)
    days = features.calendar(matrix.hours, int(horizon.max()), "DK", "Europe/Copenhagen")
    return features.build_rows(filled.array, scale, origins, horizon, days), filled, scale


def slow_row(level: pd.Series, origin: pd.Timestamp, horizon: int) -> dict[str, float]:
    """The features of one series, origin and horizon, from its transformed values by hour."""

    def at(hour):
        return level.get(hour, np.nan)

    def mean(end, hours):
        return level.reindex(pd.date_range(end=end, periods=hours, freq="h")).mean()

    def ago(hours):
        return target - pd.Timedelta(hours=hours)

    def is_holiday(local):
        return float(local.date() in DANISH)

    target = origin + pd.Timedelta(hours=horizon)
    local = target.tz_localize("UTC").tz_convert("Europe/Copenhagen").tz_localize(None)
    day = pd.Timedelta(days=1)
    centre = mean(origin, 168)
    row = {
        "horizon": horizon,
        "target_hour": local.hour,
        "target_weekday": local.weekday(),
        "target_holiday": is_holiday(local),
        "target_holiday_before": is_holiday(local - day),
        "target_holiday_after": is_holiday(local + day),
        "holiday_lag_24": is_holiday(local - day),
        "holiday_lag_168": is_holiday(local - 7 * day),
    }
    for lag in features.LAGS:
        row[f"lag_{lag}"] = at(ago(lag)) - centre
    row["same_hour_mean_7d"] = pd.Series([at(ago(24 * n)) - centre for n in range(1, 8)]).mean()
    for back in range(3):
        row[f"last_{back}"] = at(origin - pd.Timedelta(hours=back)) - centre
    for hours in (3, 6, 12, 24):
        for lag in (24, 168):
            earlier = mean(origin - pd.Timedelta(hours=lag), hours)
            row[f"mean_{hours}_minus_lag_{lag}"] = mean(origin, hours) - earlier
    for days in range(7):
        row[f"day_mean_{days}"] = mean(origin - days * day, 24) - centre
    for name, hours in (("day_deviation", 24), ("week_deviation", 168)):
        known = level.reindex(pd.date_range(end=origin, periods=hours, freq="h"))
        row[name] = known.std(ddof=0)
    return row


def test_build_rows__as_the_slow_oracle(panel):
    late = panel.drop(panel.index[672 : 672 + 500])
    matrix = to_matrix(late.drop(late.index[300:340]))
    origins, horizon = np.array([30, 200, 400, 671]), np.array([1, 2, 13, 24])
    rows, filled, scale = build(matrix, origins, horizon)
    assert list(features.FEATURES) == list(slow_row(pd.Series(dtype=float), matrix.hours[30], 1))
    for series in range(len(matrix.array)):
        level = pd.Series(np.arcsinh(filled.array[series] / scale[series]), matrix.hours)
        for o, origin in enumerate(origins):
            for h, hours in enumerate(horizon):
                slow = slow_row(level, matrix.hours[origin], int(hours))
                fast = rows.features[:, series, o, h]
                np.testing.assert_allclose(fast, list(slow.values()), rtol=1e-4, atol=2e-5)


def test_build_rows__later_values_changed__same_rows(panel):
    matrix = to_matrix(panel)
    changed = matrix.array.copy()
    changed[:, 401:] *= 3
    origins, horizon = np.array([300, 400]), np.arange(1, 25)
    scale = features.series_scale(matrix.array, 400)
    days = features.calendar(matrix.hours, 24, "DK", "UTC")
    rows = [
        features.build_rows(array, scale, origins, horizon, days)
        for array in (matrix.array, changed)
    ]
    np.testing.assert_array_equal(rows[0].features, rows[1].features)
    np.testing.assert_array_equal(rows[0].base, rows[1].base)


def test_build_rows__exogenous_values__count_at_the_target_and_as_change_since_the_day_before(
    panel,
):
    matrix = to_matrix(panel)
    hours = len(matrix.hours)
    temperature = np.arange(4 * (hours + 2), dtype=float).reshape(1, 4, hours + 2) ** 2
    days = features.calendar(matrix.hours, 2, None, "UTC")
    origins, horizon = np.array([10, 300]), np.array([1, 2])
    scale = features.series_scale(matrix.array)
    rows = features.build_rows(matrix.array, scale, origins, horizon, days, temperature)
    at, change, unusual = rows.features[-3:]
    assert at[3, 1, 1] == np.float32(temperature[0, 3, 302])
    assert change[3, 1, 1] == np.float32(temperature[0, 3, 302] - temperature[0, 3, 278])
    assert np.isnan(change[:, 0]).all()
    week = temperature[0, 3, 133:301].mean()
    np.testing.assert_allclose(unusual[3, 1, 1], temperature[0, 3, 302] - week, rtol=1e-5)


def test_rows__hour_of_week__is_local(panel):
    rows = build(to_matrix(panel), np.array([30]), np.array([1, 24]))[0]
    # Hour 30 of the panel is Thursday 06:00 UTC, 07:00 in Denmark.
    assert rows.hour_of_week.tolist() == [[3 * 24 + 8, 4 * 24 + 7]]


def test_known_lag__beyond_a_day__steps_back_to_what_is_known():
    horizon = np.arange(1, 337)
    for lag in features.LAGS:
        known = features.known_lag(lag, horizon)
        assert (known >= horizon).all()
        assert (known[horizon <= min(lag, 24)] == lag).all()
    assert features.known_lag(24, np.array([24, 25, 49])).tolist() == [24, 48, 72]
    assert features.known_lag(168, np.array([168, 169])).tolist() == [168, 336]


@pytest.mark.parametrize("level", [1e-3, 1.0, 1e9])
def test_to_log__any_unit__is_the_logarithm_of_usual_values(level):
    values = level * np.array([[0.5, 1.0, 2.0]])
    scale = features.series_scale(values)
    steps = np.diff(features.to_log(values, scale))
    np.testing.assert_allclose(steps, np.log(2), atol=1e-3)
    np.testing.assert_allclose(features.from_log(features.to_log(values, scale), scale), values)


def test_to_log__zeros_and_negatives__are_finite():
    values = np.array([[0.0, 0.0, 0.0], [-5.0, 0.0, 5.0]])
    assert np.isfinite(features.to_log(values, features.series_scale(values))).all()


def test_series_scale__later_hours__do_not_count():
    values = np.array([[1.0, 1.0, 9.0], [np.nan, np.nan, 4.0]])
    np.testing.assert_allclose(features.series_scale(values, 2), [[0.01], [0.04]])


def test_calendar_features__summer_time__is_local():
    hours = pd.DatetimeIndex(["2023-03-25 12:00", "2023-03-26 12:00", "2023-04-06 23:00"])
    hour, weekday, holiday, before, _ = calendar_features(hours, "DK", "Europe/Copenhagen").T
    assert hour.tolist() == [13, 14, 1]
    assert weekday.tolist() == [5, 6, 4]
    assert holiday.tolist() == [0, 0, 1]  # 23:00 UTC on Maundy Thursday is Good Friday in Denmark.
    assert before.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("country", "timezone"), [("XX", "UTC"), ("DK", "Mars/Olympus"), (None, "")]
)
def test_calendar_features__unknown_place__error_names_it(country, timezone):
    with pytest.raises(ForecastError, match="is unknown"):
        calendar_features(pd.date_range("2023", periods=3, freq="h"), country, timezone)
