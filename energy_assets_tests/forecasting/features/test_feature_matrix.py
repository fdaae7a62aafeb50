"""The feature matrix against a slow oracle: loops over pandas, one row at a time."""

import holidays
import numpy as np
import pandas as pd

from energy_assets.forecasting.features import feature_matrix, transform
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.panel.matrix import PanelMatrix, fill_gaps, to_matrix

EVERY_FEATURE = (*feature_matrix.FEATURES, *feature_matrix.EARLIER_FEATURES)
DANISH = holidays.country_holidays("DK", years=[2022, 2023])


def build(matrix, origins, horizon):
    filled = PanelMatrix(fill_gaps(matrix.array), matrix.hours, matrix.series)
    scale = transform.series_scale(matrix.array)
    days = Design(int(horizon.max()), "DK", "Europe/Copenhagen").calendar(matrix.hours)
    rows = feature_matrix.build_features(
        filled.array, scale, origins, horizon, days, names=EVERY_FEATURE
    )
    return rows, filled, scale


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
    }
    for lag in feature_matrix.LAGS:
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
        values = level.reindex(pd.date_range(end=origin, periods=hours, freq="h"))
        row[name] = values.std(ddof=0)
    return row | {
        "target_holiday": is_holiday(local),
        "target_holiday_before": is_holiday(local - day),
        "target_holiday_after": is_holiday(local + day),
        "holiday_lag_24": is_holiday(local - day),
        "holiday_lag_168": is_holiday(local - 7 * day),
    }


def test_features_equal_those_of_the_slow_oracle(panel):
    late = panel.drop(panel.index[672 : 672 + 500])
    matrix = to_matrix(late.drop(late.index[300:340]))
    origins, horizon = np.array([30, 200, 400, 671]), np.array([1, 2, 13, 24])
    rows, filled, scale = build(matrix, origins, horizon)
    assert list(EVERY_FEATURE) == list(slow_row(pd.Series(dtype=float), matrix.hours[30], 1))
    for series in range(len(matrix.array)):
        level = pd.Series(np.arcsinh(filled.array[series] / scale[series]), matrix.hours)
        for o, origin in enumerate(origins):
            for h, hours in enumerate(horizon):
                slow = slow_row(level, matrix.hours[origin], int(hours))
                fast = rows.features[:, series, o, h]
                np.testing.assert_allclose(fast, list(slow.values()), rtol=1e-4, atol=2e-5)


def test_values_after_the_origin_do_not_change_features(panel):
    matrix = to_matrix(panel)
    changed = matrix.array.copy()
    changed[:, 401:] *= 3
    origins, horizon = np.array([300, 400]), np.arange(1, 25)
    scale = transform.series_scale(matrix.array, 400)
    days = Design(24, "DK", "UTC").calendar(matrix.hours)
    rows = [
        feature_matrix.build_features(array, scale, origins, horizon, days)
        for array in (matrix.array, changed)
    ]
    np.testing.assert_array_equal(rows[0].features, rows[1].features)
    np.testing.assert_array_equal(rows[0].base, rows[1].base)


def test_exogenous_values_count_at_the_target_and_relative_to_the_past(panel):
    matrix = to_matrix(panel)
    hours = len(matrix.hours)
    temperature = np.arange(4 * (hours + 2), dtype=float).reshape(1, 4, hours + 2) ** 2
    days = Design(2, None, "UTC").calendar(matrix.hours)
    origins, horizon = np.array([10, 300]), np.array([1, 2])
    scale = transform.series_scale(matrix.array)
    rows = feature_matrix.build_features(matrix.array, scale, origins, horizon, days, temperature)
    at, change, unusual = rows.features[-3:]
    assert at[3, 1, 1] == np.float32(temperature[0, 3, 302])
    assert change[3, 1, 1] == np.float32(temperature[0, 3, 302] - temperature[0, 3, 278])
    assert np.isnan(change[:, 0]).all()
    week = temperature[0, 3, 133:301].mean()
    np.testing.assert_allclose(unusual[3, 1, 1], temperature[0, 3, 302] - week, rtol=1e-5)


def test_the_hour_of_the_week_is_local(panel):
    rows = build(to_matrix(panel), np.array([30]), np.array([1, 24]))[0]
    # Hour 30 of the panel is Thursday 06:00 UTC, 07:00 in Denmark.
    assert rows.hour_of_week.tolist() == [[3 * 24 + 8, 4 * 24 + 7]]


def test_lags_that_are_not_known_yet_step_back_by_whole_seasons():
    horizon = np.arange(1, 337)
    for lag in feature_matrix.LAGS:
        lags = feature_matrix.known_lag(lag, horizon)
        assert (lags >= horizon).all()
        assert (lags[horizon <= min(lag, 24)] == lag).all()
    assert feature_matrix.known_lag(24, np.array([24, 25, 49])).tolist() == [24, 48, 72]
    assert feature_matrix.known_lag(168, np.array([168, 169])).tolist() == [168, 336]


def test_names_are_those_of_the_registered_features_in_order():
    names = Design(24, "DK", "UTC", exogenous=("wind",)).names
    assert names[:-3] == list(feature_matrix.FEATURES)
    assert names[-3:] == ["wind", "wind_minus_lag_24", "wind_minus_week_mean"]
