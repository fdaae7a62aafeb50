"""`GlobalForecaster`: one model for all series of an hourly panel, with the interface of sktime."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Any, ClassVar

import lightgbm as lgb
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from energy_assets.forecasting import fitted
from energy_assets.forecasting.fitted import Fitted
from energy_assets.forecasting.models.blend import BlendedModel
from energy_assets.forecasting.models.quantiles.intervals import Calibration
from energy_assets.forecasting.panel.horizons import steps_ahead
from energy_assets.forecasting.panel.matrix import Ints, PanelMatrix, in_order, to_matrix
from energy_assets.forecasting.parameters import Parameters

_MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class GlobalForecaster(BaseForecaster):
    """Forecasts every series of an hourly panel with one blend of trees and linear models.

    Each forecast is made from values known at the origin; none is fed back. The base forecast is a
    mix of the same hour yesterday and a week ago, on a logarithmic scale relative to the series'
    level. LightGBM and a partially pooled ridge regression predict its error. With months of
    history an autoregression takes part as well. New series can be forecast too. The same input
    gives the same forecasts to the last bit, for any order of rows and any number of threads.

    Columns of `X`, which are known ahead, are taken into account first: each series is divided by
    its response to them, forecast without it, and multiplied by that of the hours ahead.

    Gaps are filled from the past for the features and are not used as targets. Doubtful values (see
    `doubts_`) count as gaps. The past of a series with less than a week of history is filled in
    with the weeks of series that are like it. The steps of a regular index that is not hourly
    (days, plain numbers) count as hours, without a calendar.

    Parameters
    ----------
    horizon : hours ahead that can be forecast.
    linear_weight : share of the ridge regression in the forecast; the trees have the rest.
    lear_weight : share of the autoregression, in windows of a hundred days or more; it is larger
        for the next hours. The rest is divided by `linear_weight`.
    n_estimators, learning_rate, num_leaves, min_child_samples, colsample_bytree, reg_lambda :
        LightGBM's parameters, named as in its scikit-learn interface.
    origin_step : hours between training origins. A step that does not divide 24 reaches every hour
        of the day.
    thinning : trees are trained on one row in `thinning`, linear models on all of them.
    calibration_days : days at the end of the window that are held out once, to score the model and
        to calibrate intervals, before the final fit to the whole window; 0 for none.
    coverage : nominal coverage of the intervals in `holdout_`.
    country : ISO 3166 code of the country whose public holidays count, which are forecast between
        a working day and a Sunday; None for no holidays.
    timezone : IANA name of the time zone of local hours and days.
    n_jobs : number of threads. By default the final and the held-out model are trained in parallel,
        in one thread each; 1 trains them in turn. More LightGBM threads than idle cores make
        training many times slower, because the threads wait for each other at every step.
    random_state : seed of the sampling of columns.

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
    _fitted: Fitted
    _cutoff: pd.Index | None

    # `history_` is all the data that is needed, so sktime should not keep a copy.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}

    def __init__(
        self,
        horizon: int = Parameters.horizon,
        linear_weight: float = Parameters.linear_weight,
        lear_weight: float = Parameters.lear_weight,
        n_estimators: int = Parameters.n_estimators,
        learning_rate: float = Parameters.learning_rate,
        num_leaves: int = Parameters.num_leaves,
        min_child_samples: int = Parameters.min_child_samples,
        colsample_bytree: float = Parameters.colsample_bytree,
        reg_lambda: float = Parameters.reg_lambda,
        origin_step: int = Parameters.origin_step,
        thinning: int = Parameters.thinning,
        calibration_days: int = Parameters.calibration_days,
        coverage: float = Parameters.coverage,
        country: str | None = Parameters.country,
        timezone: str = Parameters.timezone,
        n_jobs: int | None = Parameters.n_jobs,
        random_state: int = Parameters.random_state,
    ) -> None:
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        super().__init__()
        # sktime sets these only if it keeps the data, but always reads them.
        self._y = self._X = None

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """The parameters that sktime's own tests use."""
        return [
            {"n_estimators": 5, "calibration_days": 1},
            {"n_estimators": 3, "num_leaves": 7, "origin_step": 4, "country": "DK"},
        ]

    @property
    def model_(self) -> BlendedModel:
        """The fitted models."""
        return self._fitted.model

    @property
    def booster_(self) -> lgb.Booster | None:
        """The trees; None if there was too little to train on, or if `linear_weight` is 1."""
        return self._fitted.model.booster

    @property
    def calibration_(self) -> Calibration | None:
        """The calibration of the intervals; None if there are none."""
        return self._fitted.calibration

    @property
    def levels_(self) -> tuple[str | None, ...]:
        """The names of the index levels that identify a series."""
        return self._fitted.levels

    @property
    def history_(self) -> PanelMatrix | None:
        """The last hours, treated and without gaps, that forecasts need; None after loading."""
        return self._fitted.past.history if self._fitted.past else None

    @property
    def doubts_(self) -> pd.DataFrame:
        """The doubtful hours of the window; see `Fitted.doubts`."""
        return self._fitted.doubts

    @property
    def little_history_(self) -> pd.DataFrame:
        """The series with less than a week of history; see `Fitted.little_history`."""
        return self._fitted.little_history

    @property
    def holdout_(self) -> pd.DataFrame | None:
        """Forecasts of the held-out days by a model fitted to the days before them.

        The columns are the series levels, `origin`, `horizon`, `datetime_utc` (the target hour),
        `actual`, `forecast`, `lower` and `upper`, and what quantiles are scored by (see
        `metrics.distribution_terms`); all of these are calibrated on the other days. None
        if no days were held out.
        """
        return self._fitted.holdout

    def fit(self, y: Any, X: Any = None, fh: Any = None) -> GlobalForecaster:
        """Fit to a panel, whose rows may be in any order; see sktime's `BaseForecaster.fit`.

        If the window is too short to train on, a warning says so, and forecasts are the base or the
        means of the series.

        Raises ForecastError if the panel has steps shorter than a day that are not hours, or a row
        twice, or if a parameter cannot be used.
        """
        return super().fit(in_order(y), in_order(X), fh)

    def update(self, y: Any, X: Any = None, update_params: bool = True) -> GlobalForecaster:
        """Move the origin to the end of `y`, which is joined to the history.

        The model stays as it is; `update_params=False` acknowledges this. A loaded model has no
        history, so `y` should then hold at least `HISTORY_HOURS`, or `autoregression.REACH` + 1 for
        a model with an autoregression.
        """
        return super().update(in_order(y), in_order(X), update_params)

    @classmethod
    def of(cls, fitted: Fitted) -> GlobalForecaster:
        """The forecaster with the interface of sktime, from one that is fitted or loaded."""
        forecaster = cls(**asdict(fitted.parameters))
        forecaster._fitted = fitted
        forecaster._is_vectorized = False
        forecaster._state = "fitted"
        return forecaster

    @property
    def fitted_(self) -> Fitted:
        """The forecaster without the interface of sktime, as `model_files` saves it."""
        self.check_is_fitted()
        return self._fitted

    def _fit(
        self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None
    ) -> GlobalForecaster:
        self._fitted = fitted.fit(y, X, Parameters(**self.get_params(deep=False)))
        return self

    def _update(
        self, y: pd.DataFrame, X: pd.DataFrame | None = None, update_params: bool = True
    ) -> GlobalForecaster:
        if update_params:
            warnings.warn(
                "update only moves the origin, the model stays as it is: call fit with the whole "
                "window to train again, or pass update_params=False.",
                stacklevel=3,
            )
        self._fitted = self._fitted.updated(y, X)
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        steps = self._steps(fh)
        forecast = self._fitted.forecast(steps, X).reshape(-1, 1)
        return pd.DataFrame(forecast, self._fitted.index(steps), self._get_columns())

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: list[float]
    ) -> pd.DataFrame:
        steps = self._steps(fh)
        quantiles = self._fitted.quantiles(steps, alpha, X).reshape(-1, len(alpha))
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        return pd.DataFrame(quantiles, self._fitted.index(steps), columns)

    def _steps(self, fh: ForecastingHorizon) -> Ints:
        return steps_ahead(fh, self._fitted.required_history.hours[-1:], self.horizon)

    def _check_fh(self, fh: Any, pred_int: bool = False) -> ForecastingHorizon:
        if self.is_fitted and not self._is_vectorized:
            # Otherwise sktime looks for the cutoff, which a loaded model does not have.
            _ = self._fitted.required_history
        return super()._check_fh(fh, pred_int)

    def _set_cutoff_from_y(self, y: pd.DataFrame) -> None:
        super()._set_cutoff_from_y(y)
        cutoff = self._cutoff
        if isinstance(cutoff, pd.DatetimeIndex) and cutoff.freq is None:
            # The index of a panel has no frequency, but sktime needs one for an absolute fh.
            state = getattr(self, "_fitted", None)
            hours = state.past.history.hours if state and state.past else to_matrix(y).hours
            self._cutoff = pd.DatetimeIndex(cutoff, freq=hours.freq)
