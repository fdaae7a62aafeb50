"""`GlobalForecaster`: one gradient-boosted model for all series of an hourly panel."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from energy_assets.errors import ForecastError
from energy_assets.forecasting import features, intervals
from energy_assets.forecasting.features import FEATURES, LAGS
from energy_assets.forecasting.panel import (
    DAY,
    HOUR,
    Floats,
    HourlyMatrix,
    Ints,
    fill_gaps,
    in_order,
    to_matrix,
)


class GlobalForecaster(BaseForecaster):
    """Direct multi-horizon forecasts of every series of an hourly panel by one LightGBM model.

    The horizon is a feature: each forecast is made from values known at the origin, no forecast
    is fed back. Values enter as logarithms relative to their series' mean of the last week, and
    the model predicts what a blend of the same hour yesterday and a week ago gets wrong. One
    model is fitted to all series, none of which it knows by name, so that it forecasts series it
    has never seen. The same input gives the same forecasts to the last bit, whatever the order of
    its rows and the number of threads.

    Gaps are filled from the past when they are inputs and left out when they are targets. A
    series with less than a day of history is forecast by its mean.

    Parameters
    ----------
    horizon : hours ahead that can be forecast.
    n_estimators, learning_rate, num_leaves, min_child_samples, colsample_bytree, reg_lambda :
        of LightGBM, under the names of its scikit-learn interface.
    origin_step : hours between the origins that are trained on; one that does not divide 24
        makes every hour of the day an origin.
    calibration_days : days at the end of the window that are held out once, to score the model
        and to calibrate its intervals, before it is fitted to the whole window; 0 for none.
    coverage : nominal coverage of the intervals in `holdout_`.
    country : ISO 3166 code of the country whose public holidays count, None for none.
    timezone : IANA name of the zone in which people live by the clock.
    n_jobs : threads, None for all.
    random_state : seed of the sampling of columns.

    Attributes
    ----------
    holdout_ : pd.DataFrame or None
        Forecasts for the held-out days by a model fitted to what is before them: the levels of
        the series, `origin`, `horizon`, `datetime_utc` (the target hour), `actual`, `forecast`,
        and `lower` and `upper`, whose calibration left out the origin's own day.
    calibration_ : intervals.Calibration or None
    booster_ : lgb.Booster
    history_ : HourlyMatrix or None
        The filled hours before the origin that forecasts need. None after loading.
    """

    _tags: ClassVar[dict[str, Any]] = {
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:missing_values": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "capability:multivariate": False,
        "requires-fh-in-fit": False,
        "python_dependencies": ["lightgbm", "holidays"],
    }
    # What is kept of the data is `history_`; sktime need not keep all of it as well.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}

    def __init__(
        self,
        horizon: int = 24,
        n_estimators: int = 150,
        learning_rate: float = 0.1,
        num_leaves: int = 31,
        min_child_samples: int = 20,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 0.0,
        origin_step: int = 7,
        calibration_days: int = 4,
        coverage: float = 0.8,
        country: str | None = "DK",
        timezone: str = "Europe/Copenhagen",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.horizon = horizon
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.origin_step = origin_step
        self.calibration_days = calibration_days
        self.coverage = coverage
        self.country = country
        self.timezone = timezone
        self.n_jobs = n_jobs
        self.random_state = random_state
        super().__init__()

    def fit(self, y: Any, X: Any = None, fh: Any = None) -> GlobalForecaster:
        """Fit to a panel whose rows may be in any order; see sktime's `BaseForecaster.fit`.

        Raises ForecastError if the panel is not hourly, has a row twice, or is too short.
        """
        return super().fit(_sorted(y), X, fh)

    def update(self, y: Any, X: Any = None, update_params: bool = True) -> GlobalForecaster:
        """Move the origin to the end of `y`, which is joined to the history that is kept.

        The trees stay as they are, which takes milliseconds; pass `update_params=False` to say so.
        After loading no history is kept, and `y` should hold `features.HISTORY_HOURS` or more.
        """
        return super().update(_sorted(y), X, update_params)

    def restored(
        self, booster: lgb.Booster, calibration: intervals.Calibration | None
    ) -> GlobalForecaster:
        """This forecaster as fitted before, without a history: `update` it before forecasting."""
        self.booster_ = booster
        self.calibration_ = calibration
        self.holdout_ = self.history_ = None
        self._is_vectorized = False
        self._state = "fitted"
        return self

    def _fit(self, y: pd.DataFrame, X: None, fh: ForecastingHorizon | None) -> GlobalForecaster:
        window = to_matrix(y)
        hours = len(window.hours)
        held_out = DAY * self.calibration_days
        self._check_length(window, held_out)
        filled = HourlyMatrix(fill_gaps(window.values), window.hours, window.series)

        seen = hours - held_out
        # Counted back from the newest hour, so that the newest targets are always trained on.
        origins = np.arange(hours - 2, DAY - 2, -self.origin_step)[::-1]
        steps = np.arange(1, self.horizon + 1)
        scale = features.series_scale(window.values, seen)
        rows = features.build_rows(filled, scale, origins, steps, self.country, self.timezone)

        target = origins[:, None] + steps
        padded = np.pad(window.values, ((0, 0), (0, self.horizon)), constant_values=np.nan)
        residual = features.to_log(padded[:, target], rows.scale) - rows.centre - rows.base

        self.holdout_ = self.calibration_ = None
        if held_out:
            booster = self._train(rows, residual, target < seen)
            complete = (origins >= seen - 1) & (origins + self.horizon < hours)
            self._hold_out(booster, window, rows.at(complete), origins[complete])
        self.booster_ = self._train(rows, residual, target < hours)
        self.history_ = filled.last(features.HISTORY_HOURS)
        return self

    def _update(
        self, y: pd.DataFrame, X: None = None, update_params: bool = True
    ) -> GlobalForecaster:
        if update_params:
            warnings.warn(
                "The trees stay as they are, only the origin moves: call fit with the whole "
                "window to train again, or update with update_params=False.",
                stacklevel=3,
            )
        window = to_matrix(y)
        if self.history_ is not None:
            window = self.history_.until(window.hours[-1]).joined(window)
        filled = HourlyMatrix(fill_gaps(window.values), window.hours, window.series)
        self.history_ = filled.last(features.HISTORY_HOURS)
        return self

    def _predict(self, fh: ForecastingHorizon, X: None) -> pd.DataFrame:
        steps = self._steps(fh)
        forecast = self._forecast(self.booster_, self._rows_now(steps))
        return pd.DataFrame(
            forecast.reshape(-1, 1), index=self._index(steps), columns=self._get_columns()
        )

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: None, alpha: list[float]
    ) -> pd.DataFrame:
        if self.calibration_ is None:
            raise ForecastError(
                "There are no intervals: calibration_days was 0 in fit. Fit with 4 or so."
            )
        steps = self._steps(fh)
        rows = self._rows_now(steps)
        forecast = self._forecast(self.booster_, rows)[:, 0]
        keys = self.history_.keys
        bounds = [
            intervals.bound(self.calibration_, forecast, rows.scale[:, 0], share, keys, steps)
            for share in alpha
        ]
        return pd.DataFrame(
            np.column_stack([bound.ravel() for bound in bounds]),
            index=self._index(steps),
            columns=self._get_columns("predict_quantiles", alpha=alpha),
        )

    def _rows_now(self, steps: Ints) -> features.Rows:
        """The features at the origin, the last hour of the history."""
        history = self.history_
        origin = np.array([len(history.hours) - 1])
        scale = features.series_scale(history.values)
        return features.build_rows(history, scale, origin, steps, self.country, self.timezone)

    def _index(self, steps: Ints) -> pd.Index:
        return self.history_.index(self.history_.hours[-1] + pd.to_timedelta(steps, unit="h"))

    def _check_fh(self, fh: Any, pred_int: bool = False) -> ForecastingHorizon:
        if self.is_fitted and self.history_ is None:
            raise ForecastError(
                "A loaded model has no history to forecast from: call "
                "update(panel, update_params=False) with the hours up to the origin first."
            )
        return super()._check_fh(fh, pred_int)

    def _set_cutoff_from_y(self, y: pd.DataFrame) -> None:
        super()._set_cutoff_from_y(y)
        if isinstance(self._cutoff, pd.DatetimeIndex):
            # A panel's index has no frequency, and without one sktime cannot use an absolute fh.
            self._cutoff = pd.DatetimeIndex(self._cutoff, freq="h")

    def _steps(self, fh: ForecastingHorizon) -> Ints:
        """Hours ahead, ascending; raises ForecastError beyond the horizon trained for."""
        values = fh.to_pandas()
        if isinstance(values, pd.PeriodIndex):
            values = values.to_timestamp()
        if not fh.is_relative:
            values = values - self.history_.hours[-1]
        steps = np.asarray(values / HOUR if isinstance(values, pd.TimedeltaIndex) else values)
        if (steps != np.rint(steps)).any() or steps.max() > self.horizon:
            raise ForecastError(
                f"fh asks for {steps.tolist()} hours ahead, and horizon={self.horizon} allows "
                f"whole hours from 1 to {self.horizon}: ask for those, or fit with a longer horizon."
            )
        return steps.astype(np.int64)

    def _check_length(self, window: HourlyMatrix, held_out: int) -> None:
        if 0 < held_out < self.horizon:
            raise ForecastError(
                f"calibration_days={self.calibration_days} is shorter than horizon={self.horizon} "
                "hours: hold out at least as much, or nothing with calibration_days=0."
            )
        needed = DAY + self.horizon + held_out
        if len(window.hours) < needed:
            raise ForecastError(
                f"The window has {len(window.hours)} hours, from {window.hours[0]} to "
                f"{window.hours[-1]}, and {needed} are needed to train for horizon="
                f"{self.horizon} with calibration_days={self.calibration_days}: use a longer "
                "window, or hold out fewer days."
            )

    def _hold_out(
        self, booster: lgb.Booster, window: HourlyMatrix, rows: features.Rows, origins: Ints
    ) -> None:
        """Set `holdout_` and `calibration_` from forecasts of hours `booster` has not seen."""
        steps = np.arange(1, self.horizon + 1)
        target = origins[:, None] + steps
        actual = window.values[:, target]
        forecast = self._forecast(booster, rows)
        residual = features.to_log(actual, rows.scale) - features.to_log(forecast, rows.scale)
        self.calibration_ = intervals.calibrate(residual, window.keys)
        lower, upper = intervals.cross_calibrated(
            residual, forecast, rows.scale, (origins - origins[0]) // DAY, self.coverage
        )
        shape = actual.shape
        table = window.index(window.hours[target.ravel()]).to_frame(index=False)
        table = table.rename(columns={table.columns[-1]: "datetime_utc"})
        table.insert(
            table.shape[1] - 1,
            "origin",
            np.broadcast_to(window.hours.to_numpy()[origins][:, None], shape).ravel(),
        )
        table.insert(table.shape[1] - 1, "horizon", np.broadcast_to(steps, shape).ravel())
        columns = {"actual": actual, "forecast": forecast, "lower": lower, "upper": upper}
        table = table.assign(**{name: values.ravel() for name, values in columns.items()})
        self.holdout_ = table.dropna(subset="actual").reset_index(drop=True)

    def _train(
        self, rows: features.Rows, residual: Floats, chosen: npt.NDArray[np.bool_]
    ) -> lgb.Booster:
        """The model of `residual` fitted to the rows of the `chosen` (origin, horizon)."""
        chosen = chosen & np.isfinite(residual)
        if not chosen.any():
            raise ForecastError(
                "No hour of the window has an observation both at it and a day before: there is "
                "nothing to train on. Use a longer window or fill it with data first."
            )
        # Rows from before a series' first week are unlike those to be forecast, so that a series
        # trains on them only while it has little else.
        complete = chosen & np.isfinite(rows.features[FEATURES.index(f"lag_{max(LAGS)}")])
        few = 2 * complete.sum(axis=(1, 2)) < chosen.sum(axis=(1, 2))
        chosen = np.where(few[:, None, None], chosen, complete)
        parameters = {
            "objective": "regression_l1",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.colsample_bytree,
            "lambda_l2": self.reg_lambda,
            "seed": self.random_state,
            "num_threads": self.n_jobs or 0,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        # One row a feature in memory: transposed it is the column-major form LightGBM reads as is.
        data = lgb.Dataset(
            rows.features[:, chosen].T,
            label=residual[chosen],
            feature_name=list(FEATURES),
            params=parameters,
        )
        try:
            return lgb.train(parameters, data, num_boost_round=self.n_estimators)
        except lgb.basic.LightGBMError as error:
            raise ForecastError(f"LightGBM cannot train with {parameters}: {error}") from error

    def _forecast(self, booster: lgb.Booster, rows: features.Rows) -> Floats:
        """Forecasts in the panel's unit for all rows, shape (series, origins, horizons)."""
        flat = rows.features.reshape(len(FEATURES), -1).T
        residual = booster.predict(flat, num_threads=self.n_jobs or 0)
        return rows.to_level(np.asarray(residual).reshape(rows.base.shape))


def _sorted(y: Any) -> Any:
    """`y` with its rows in order where it is a pandas object; sktime takes no other order."""
    return in_order(y) if isinstance(y, pd.Series | pd.DataFrame) else y
