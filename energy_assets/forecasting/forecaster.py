"""`GlobalForecaster`: one gradient-boosted model for all series of an hourly panel."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from energy_assets.errors import ForecastError
from energy_assets.forecasting import boosting, features, intervals
from energy_assets.forecasting.horizons import require_hours, steps_ahead
from energy_assets.forecasting.panel import DAY, HourlyMatrix, Ints, fill_gaps, in_order, to_matrix

_MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


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
    n_jobs : threads. By default the model that is scored and the final one are trained side by
        side in one thread each; 1 trains them in turn; more are shared out between them.
        LightGBM's threads wait for each other at every step, so that more of them than there are
        idle cores make training many times slower.
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

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from energy_assets.forecasting import GlobalForecaster
    >>> hours = pd.date_range("2023-02-01", periods=21 * 24, freq="h", name="datetime_utc")
    >>> load = pd.Series(100 + 20 * np.sin(np.arange(504) / 24 * 2 * np.pi), hours)
    >>> forecaster = GlobalForecaster(n_estimators=10).fit(load)
    >>> forecaster.predict(fh=[1, 2]).round().tolist()
    [100.0, 105.0]
    """

    _tags: ClassVar[dict[str, Any]] = {
        "y_inner_mtype": _MTYPES,
        "X_inner_mtype": _MTYPES,
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:missing_values": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "capability:multivariate": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "requires-fh-in-fit": False,
        "python_dependencies": ["lightgbm", "holidays"],
    }
    holdout_: pd.DataFrame | None
    calibration_: intervals.Calibration | None
    booster_: lgb.Booster
    history_: HourlyMatrix | None
    _cutoff: pd.Index | None

    # What is kept of the data is `history_`; sktime need not keep all of it as well.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}

    def __init__(
        self,
        horizon: int = 24,
        n_estimators: int = 100,
        learning_rate: float = 0.15,
        num_leaves: int = 31,
        min_child_samples: int = 20,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 0.0,
        origin_step: int = 13,
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

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters with which sktime's own tests run."""
        return [
            {"n_estimators": 5, "calibration_days": 1},
            {"n_estimators": 3, "num_leaves": 7, "origin_step": 4, "country": None},
        ]

    def fit(self, y: Any, X: Any = None, fh: Any = None) -> GlobalForecaster:
        """Fit to a panel whose rows may be in any order; see sktime's `BaseForecaster.fit`.

        Raises ForecastError if the panel is not hourly, has a row twice, or is too short.
        """
        return super().fit(in_order(y), X, fh)

    def update(self, y: Any, X: Any = None, update_params: bool = True) -> GlobalForecaster:
        """Move the origin to the end of `y`, which is joined to the history that is kept.

        The trees stay as they are, which takes milliseconds; pass `update_params=False` to say so.
        After loading no history is kept, and `y` should hold `features.HISTORY_HOURS` or more.
        """
        return super().update(in_order(y), X, update_params)

    def restored(
        self, booster: lgb.Booster, calibration: intervals.Calibration | None
    ) -> GlobalForecaster:
        """The same forecaster as it was fitted before, without a history; `update` it next."""
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
        require_hours(window, self.horizon, self.calibration_days)
        filled = HourlyMatrix(fill_gaps(window.array), window.hours, window.series)

        seen = hours - held_out
        # Counted so that the newest origin with a whole horizon behind it is among them.
        newest = hours - 2 - (self.horizon - 1) % self.origin_step
        origins = np.arange(newest, DAY - 2, -self.origin_step)[::-1]
        steps = np.arange(1, self.horizon + 1)
        scale = features.series_scale(window.array, seen)
        rows = features.build_rows(filled, scale, origins, steps, self.country, self.timezone)

        target = origins[:, None] + steps
        padded = np.pad(window.array, ((0, 0), (0, self.horizon)), constant_values=np.nan)
        residual = features.to_log(padded[:, target], rows.scale) - rows.centre - rows.base

        self.holdout_ = self.calibration_ = None
        chosen = [target < hours] + ([target < seen] if held_out else [])
        parameters = {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.colsample_bytree,
            "lambda_l2": self.reg_lambda,
            "seed": self.random_state,
        }
        self.booster_, *unseeing = boosting.train(
            rows, residual, chosen, parameters, self.n_estimators, self.n_jobs
        )
        if unseeing:
            complete = (origins >= seen - 1) & (origins + self.horizon < hours)
            self._hold_out(unseeing[0], window, rows.at(complete), origins[complete])
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
        filled = HourlyMatrix(fill_gaps(window.array), window.hours, window.series)
        self.history_ = filled.last(features.HISTORY_HOURS)
        return self

    def _predict(self, fh: ForecastingHorizon, X: None) -> pd.DataFrame:
        steps = self._steps(fh)
        forecast = boosting.forecast(self.booster_, self._rows_now(steps), self.n_jobs)
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
        quantiles = intervals.quantiles(
            self.calibration_,
            boosting.forecast(self.booster_, rows, self.n_jobs)[:, 0],
            rows.scale[:, 0],
            alpha,
            self._known_history().keys,
            steps,
        )
        return pd.DataFrame(
            quantiles.reshape(-1, len(alpha)),
            index=self._index(steps),
            columns=self._get_columns("predict_quantiles", alpha=alpha),
        )

    def _known_history(self) -> HourlyMatrix:
        if self.history_ is None:
            raise ForecastError(
                "A loaded model has no history to forecast from: call "
                "update(panel, update_params=False) with the hours up to the origin first."
            )
        return self.history_

    def _rows_now(self, steps: Ints) -> features.Rows:
        """The features at the origin, the last hour of the history."""
        history = self._known_history()
        origin = np.array([len(history.hours) - 1])
        scale = features.series_scale(history.array)
        return features.build_rows(history, scale, origin, steps, self.country, self.timezone)

    def _index(self, steps: Ints) -> pd.Index:
        history = self._known_history()
        return history.index(history.hours[-1] + pd.to_timedelta(steps, unit="h"))

    def _check_fh(self, fh: Any, pred_int: bool = False) -> ForecastingHorizon:
        if self.is_fitted and not self._is_vectorized:
            # Before sktime looks for the origin, which a loaded model lacks.
            self._known_history()
        return super()._check_fh(fh, pred_int)

    def _set_cutoff_from_y(self, y: pd.DataFrame) -> None:
        super()._set_cutoff_from_y(y)
        if isinstance(self._cutoff, pd.DatetimeIndex) and self._cutoff.freq is None:
            # A panel's index has no frequency, and without one sktime cannot use an absolute fh.
            self._cutoff = pd.DatetimeIndex(self._cutoff, freq="h")

    def _steps(self, fh: ForecastingHorizon) -> Ints:
        return steps_ahead(fh, self._known_history().hours[-1], self.horizon)

    def _hold_out(
        self, booster: lgb.Booster, window: HourlyMatrix, rows: features.Rows, origins: Ints
    ) -> None:
        """Set `holdout_` and `calibration_` from forecasts of hours `booster` has not seen."""
        forecast = boosting.forecast(booster, rows, self.n_jobs)
        actual = window.array[:, origins[:, None] + np.arange(1, self.horizon + 1)]
        residual = features.to_log(actual, rows.scale) - features.to_log(forecast, rows.scale)
        days = (origins - origins[0]) // DAY
        lower, upper = intervals.cross_calibrated(
            residual, forecast, rows.scale, days, self.coverage
        )
        self.calibration_ = intervals.calibrate(residual, window.keys)
        columns = {"actual": actual, "forecast": forecast, "lower": lower, "upper": upper}
        self.holdout_ = window.table(origins, columns).dropna(subset="actual", ignore_index=True)
