"""`GlobalForecaster`: one model for all series of an hourly panel, as sktime knows forecasters."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from energy_assets.errors import ForecastError
from energy_assets.forecasting import recursive
from energy_assets.forecasting.features import exogenous
from energy_assets.forecasting.features import matrix as features
from energy_assets.forecasting.models import autoregression as lear
from energy_assets.forecasting.models import blend as direct
from energy_assets.forecasting.models import intervals
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.horizons import check_lengths, steps_ahead
from energy_assets.forecasting.panel.matrix import (
    DAY,
    Floats,
    HourlyMatrix,
    Ints,
    fill_gaps,
    in_order,
    to_matrix,
)

_MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]
_STRATEGIES = ("direct", "recursive")


class GlobalForecaster(BaseForecaster):
    """Forecasts of every series of an hourly panel by one global model, trees and ridge together.

    By default (`strategy="direct"`) the horizon is a feature: each forecast is made from values
    known at the origin, no forecast is fed back. Values enter as logarithms relative to their
    series' mean of the last week; LightGBM, fitted to all series, and a ridge regression, whose
    weights each series draws from those of all, predict what a blend of the same hour yesterday
    and a week ago gets wrong, and the forecast is the weighted mean of both. With months of history
    an autoregression for each part of the day has its share too. A series never seen is forecast
    as well. The same input gives the same forecasts to the last bit, whatever the order of
    its rows and the number of threads.

    `strategy="recursive"` is what sktime's `make_reduction` does with LightGBM, a
    `WindowSummarizer` and `DateTimeFeatures`, without its loops: one hour ahead is learnt and
    forecasts are fed back.

    Gaps are filled from the past when they are inputs and left out when they are targets. A
    series with less than a day of history is forecast by its mean. An index whose steps are not
    hours (days, plain numbers) is taken as steps: the same lags, and no calendar.

    Parameters
    ----------
    strategy : "direct" or "recursive".
    horizon : hours ahead that can be forecast.
    linear_weight : share of the linear model in the forecast, 0 for LightGBM alone and 1 for the
        linear model alone. Direct strategy only.
    lear_weight : share of the autoregression by the hour of the day (see `lear`), which takes part
        where the window has a hundred days or more; the rest is shared as `linear_weight` says.
    n_estimators, learning_rate, num_leaves, min_child_samples, colsample_bytree, reg_lambda :
        of LightGBM, under the names of its scikit-learn interface.
    origin_step : hours between the origins that are trained on; one that does not divide 24
        makes every hour of the day an origin.
    thinning : of the rows, every how many-th the trees are trained on; the linear model, which
        costs little, is fitted to all.
    calibration_days : days at the end of the window that are held out once, to score the model
        and to calibrate its intervals, before it is fitted to the whole window; 0 for none.
    coverage : nominal coverage of the intervals in `holdout_`.
    country : ISO 3166 code of the country whose public holidays count, None for none.
    timezone : IANA name of the zone in which people live by the clock.
    recursive_features : lags and windows of the recursive strategy, by default the 72 lags, three
        means and two standard deviations of `recursive.DEFAULT`.
    n_jobs : threads. By default the model that is scored and the final one are trained side by
        side in one thread each; 1 trains them in turn; more are shared out between them.
        LightGBM's threads wait for each other at every step, so that more of them than there are
        idle cores make training many times slower.
    random_state : seed of the sampling of columns.

    Attributes
    ----------
    model_ : direct.DirectModel or recursive.RecursiveModel
    booster_ : lgb.Booster or None
        LightGBM's trees; None where there was too little to train on, or no tree was asked for.
    holdout_ : pd.DataFrame or None
        Forecasts for the held-out days by a model fitted to what is before them: the levels of
        the series, `origin`, `horizon`, `datetime_utc` (the target hour), `actual`, `forecast`,
        and `lower` and `upper`, whose calibration left out the origin's own day.
    calibration_ : intervals.Calibration or None
    levels_ : tuple
        The names of the index levels that tell the series apart.
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
        "capability:exogenous": True,
        "capability:insample": False,
        "capability:missing_values": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "capability:multivariate": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": False,
        "python_dependencies": ["lightgbm", "holidays"],
    }
    model_: direct.DirectModel | recursive.RecursiveModel
    calibration_: intervals.Calibration | None
    levels_: tuple[str | None, ...]
    history_: HourlyMatrix | None
    _held_out: HeldOut | None
    _exogenous: pd.DataFrame | None
    _window: HourlyMatrix | None
    _cutoff: pd.Index | None

    # What is kept of the data is `history_`; sktime need not keep all of it as well.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}

    def __init__(
        self,
        strategy: str = "direct",
        horizon: int = 24,
        linear_weight: float = 0.5,
        lear_weight: float = 0.5,
        n_estimators: int = 40,
        learning_rate: float = 0.15,
        num_leaves: int = 31,
        min_child_samples: int = 20,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 0.0,
        origin_step: int = 5,
        thinning: int = 3,
        calibration_days: int = 4,
        coverage: float = 0.8,
        country: str | None = "DK",
        timezone: str = "Europe/Copenhagen",
        recursive_features: recursive.RecursiveFeatures | None = None,
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.strategy = strategy
        self.horizon = horizon
        self.linear_weight = linear_weight
        self.lear_weight = lear_weight
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.origin_step = origin_step
        self.thinning = thinning
        self.calibration_days = calibration_days
        self.coverage = coverage
        self.country = country
        self.timezone = timezone
        self.recursive_features = recursive_features
        self.n_jobs = n_jobs
        self.random_state = random_state
        super().__init__()
        # What sktime keeps when told to; it makes them only where that is the default.
        self._y = self._X = None
        if strategy == "recursive":
            self.set_tags(**{"capability:exogenous": False})

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters with which sktime's own tests run."""
        few = recursive.RecursiveFeatures(lags=(1, 2, 3), means=((1, 4),), stds=())
        return [
            {"n_estimators": 5, "calibration_days": 1},
            {"n_estimators": 3, "num_leaves": 7, "origin_step": 4, "country": None},
            {"strategy": "recursive", "n_estimators": 3, "recursive_features": few},
        ]

    @property
    def booster_(self) -> lgb.Booster | None:
        """LightGBM's trees."""
        return self.model_.booster

    @property
    def holdout_(self) -> pd.DataFrame | None:
        """Forecasts for the held-out days as a table; see the class."""
        held_out, window = self._held_out, self._window
        if held_out is None or window is None:
            return None
        days = (held_out.origins - held_out.origins[0]) // DAY
        lower, upper = intervals.cross_calibrated(
            held_out.residuals, held_out.forecast, held_out.scale, days, self.coverage
        )
        columns = {
            "actual": held_out.actual,
            "forecast": held_out.forecast,
            "lower": lower,
            "upper": upper,
        }
        table = window.table(held_out.origins, columns)
        return table.dropna(subset="actual", ignore_index=True)

    def fit(self, y: Any, X: Any = None, fh: Any = None) -> GlobalForecaster:
        """Fit to a panel whose rows may be in any order; see sktime's `BaseForecaster.fit`.

        A window that is too short to train on gives a warning, and forecasts from the same hours
        before or from the series' means.

        Raises ForecastError if the panel has sub-daily steps that are not hours, a row twice, or a
        parameter cannot be used.
        """
        return super().fit(in_order(y), in_order(X), fh)

    def update(self, y: Any, X: Any = None, update_params: bool = True) -> GlobalForecaster:
        """Move the origin to the end of `y`, which is joined to the history that is kept.

        The model stays as it is, which takes milliseconds; pass `update_params=False` to say so.
        After loading no history is kept, and `y` should hold `features.HISTORY_HOURS` or more.
        """
        return super().update(in_order(y), in_order(X), update_params)

    def restored(
        self,
        model: direct.DirectModel | recursive.RecursiveModel,
        calibration: intervals.Calibration | None,
        levels: tuple[str | None, ...],
    ) -> GlobalForecaster:
        """The same forecaster as it was fitted before, without a history; `update` it next."""
        self.model_ = model
        self.calibration_ = calibration
        self.levels_ = levels
        self._held_out = self._window = self.history_ = self._exogenous = None
        self._is_vectorized = False
        self._state = "fitted"
        return self

    def _fit(
        self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None
    ) -> GlobalForecaster:
        if self.strategy not in _STRATEGIES:
            raise ForecastError(f"strategy={self.strategy!r} is unknown: choose of {_STRATEGIES}.")
        window = to_matrix(y)
        self.levels_ = _levels(window.series)
        filled = HourlyMatrix(fill_gaps(window.array), window.hours, window.series)
        held_out = DAY * self.calibration_days
        check_lengths(self.horizon, self.calibration_days)
        if len(window.hours) < DAY + self.horizon + held_out:
            held_out = 0
        self._exogenous = None
        if self.strategy == "recursive":
            self.model_, self._held_out = self._fit_recursive(window, filled, held_out)
        else:
            self.model_, self._held_out = self._fit_direct(window, filled, X, held_out)
        self._window = window if self._held_out is not None else None
        self.calibration_ = self._calibrated(window, filled)
        self.history_ = filled.last(self._history_hours)
        return self

    def _fit_direct(
        self, window: HourlyMatrix, filled: HourlyMatrix, X: pd.DataFrame | None, held_out: int
    ) -> tuple[direct.DirectModel, HeldOut | None]:
        design = direct.Design(self.horizon, self.country, self.timezone)
        values: Floats | None = None
        if X is not None and len(X.columns):
            values, means = exogenous.of_window(X, window, self.horizon)
            names = tuple(map(str, X.columns))
            design = replace(design, exogenous=names, exogenous_means=tuple(means))
            self._exogenous = exogenous.last_week(X, window)
        return direct.train(
            window,
            filled,
            values,
            design,
            linear_weight=self.linear_weight,
            lear_weight=self.lear_weight,
            parameters={
                "num_iterations": self.n_estimators,
                "learning_rate": self.learning_rate,
                "num_leaves": self.num_leaves,
                "min_data_in_leaf": self.min_child_samples,
                "feature_fraction": self.colsample_bytree,
                "lambda_l2": self.reg_lambda,
                "seed": self.random_state,
            },
            origin_step=self.origin_step,
            thinning=self.thinning,
            held_out=held_out,
            threads=self.n_jobs,
            workers=self.n_jobs or os.cpu_count() or 1,
        )

    def _fit_recursive(
        self, window: HourlyMatrix, filled: HourlyMatrix, held_out: int
    ) -> tuple[recursive.RecursiveModel, HeldOut | None]:
        return recursive.fit(
            window,
            filled,
            self.recursive_features or recursive.DEFAULT,
            {
                "n_estimators": self.n_estimators,
                "learning_rate": self.learning_rate,
                "num_leaves": self.num_leaves,
                "min_child_samples": self.min_child_samples,
                "colsample_bytree": self.colsample_bytree,
                "reg_lambda": self.reg_lambda,
                "random_state": self.random_state,
                "n_jobs": self.n_jobs or 1,
            },
            horizon=self.horizon,
            origin_step=self.origin_step,
            held_out=held_out,
        )

    def _calibrated(
        self, window: HourlyMatrix, filled: HourlyMatrix
    ) -> intervals.Calibration | None:
        if not self.calibration_days:
            return None
        held_out = self._held_out
        if held_out is None:
            warnings.warn(
                f"The window of {len(window.hours)} hours is too short to hold out "
                f"{self.calibration_days} days: intervals are those of a forecast without "
                "training. Use a longer window.",
                stacklevel=4,
            )
            held_out = direct.base_errors(
                window, filled, direct.Design(self.horizon, self.country, self.timezone)
            )
        residuals = held_out.residuals
        return intervals.calibrate(residuals, window.keys) if np.isfinite(residuals).any() else None

    def _update(
        self, y: pd.DataFrame, X: pd.DataFrame | None = None, update_params: bool = True
    ) -> GlobalForecaster:
        if update_params:
            warnings.warn(
                "The model stays as it is, only the origin moves: call fit with the whole "
                "window to train again, or update with update_params=False.",
                stacklevel=3,
            )
        window = to_matrix(y, like=self.history_)
        if _levels(window.series) != self.levels_:
            raise ForecastError(
                f"The model was fitted to a panel whose series have the levels "
                f"{list(self.levels_)}, and this one has {list(_levels(window.series))}: pass "
                "the same levels, or fit to this panel."
            )
        if self.history_ is not None:
            window = self.history_.until(window.hours[-1]).joined(window)
        filled = HourlyMatrix(fill_gaps(window.array), window.hours, window.series)
        self.history_ = filled.last(self._history_hours)
        model = self.model_
        if X is not None and isinstance(model, direct.DirectModel) and model.design.exogenous:
            self._exogenous = exogenous.newest(self._exogenous, X)
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        steps = self._steps(fh)
        forecast = self._forecast(steps, X)
        return pd.DataFrame(
            forecast.reshape(-1, 1), index=self._index(steps), columns=self._get_columns()
        )

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: list[float]
    ) -> pd.DataFrame:
        if self.calibration_ is None:
            raise ForecastError(
                "There are no intervals: calibration_days was 0 in fit, or nothing was observed to "
                "calibrate them by. Fit with 4 days or so, and a window that holds them."
            )
        steps = self._steps(fh)
        history = self._known_history()
        quantiles = intervals.quantiles(
            self.calibration_,
            self._forecast(steps, X),
            features.series_scale(history.array),
            alpha,
            history.keys,
            steps,
        )
        return pd.DataFrame(
            quantiles.reshape(-1, len(alpha)),
            index=self._index(steps),
            columns=self._get_columns("predict_quantiles", alpha=alpha),
        )

    def _forecast(self, steps: Ints, X: pd.DataFrame | None) -> Floats:
        """Forecasts at the origin, shape (series, steps)."""
        history = self._known_history()
        model = self.model_
        if isinstance(model, recursive.RecursiveModel):
            return model.forecast(history, steps, self.n_jobs)
        reach = int(steps.max())
        values = exogenous.ahead(X, self._exogenous, model.design, history, reach)
        return model.forecast(history, steps, values, self.n_jobs)

    @property
    def _history_hours(self) -> int:
        if self.strategy == "recursive":
            return (self.recursive_features or recursive.DEFAULT).window
        if getattr(self.model_, "hourly", None) is not None:
            return lear.REACH + 1
        return features.HISTORY_HOURS

    def _known_history(self) -> HourlyMatrix:
        if self.history_ is None:
            raise ForecastError(
                "A loaded model has no history to forecast from: call "
                "update(panel, update_params=False) with the hours up to the origin first."
            )
        return self.history_

    def _index(self, steps: Ints) -> pd.Index:
        history = self._known_history()
        return history.index(time_axis.ahead(history.hours, steps))

    def _check_fh(self, fh: Any, pred_int: bool = False) -> ForecastingHorizon:
        if self.is_fitted and not self._is_vectorized:
            # Before sktime looks for the origin, which a loaded model lacks.
            self._known_history()
        return super()._check_fh(fh, pred_int)

    def _set_cutoff_from_y(self, y: pd.DataFrame) -> None:
        super()._set_cutoff_from_y(y)
        cutoff = self._cutoff
        if isinstance(cutoff, pd.DatetimeIndex) and cutoff.freq is None:
            # A panel's index has no frequency, and without one sktime cannot use an absolute fh.
            history = getattr(self, "history_", None)
            step = to_matrix(y).hours.freq if history is None else history.hours.freq
            self._cutoff = pd.DatetimeIndex(cutoff, freq=step)

    def _steps(self, fh: ForecastingHorizon) -> Ints:
        history = self._known_history()
        return steps_ahead(fh, history.hours[-1:], self.horizon)


def _name(level: object) -> str | None:
    return None if level is None else str(level)


def _levels(series: pd.Index | None) -> tuple[str | None, ...]:
    """The names of the index levels that tell the series apart."""
    return () if series is None else tuple(map(_name, series.names))
