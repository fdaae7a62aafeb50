"""The forecaster itself: fitting to a panel, forecasting from the origin, and moving the origin.

Does not belong here: the sktime interface (`forecaster`), and files (`model_files`). Nothing here
imports sktime, which takes as long as a training.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.evaluation import held_out as held_out_days
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.feature_matrix import HISTORY_HOURS
from energy_assets.forecasting.features.known_ahead import exogenous, factors
from energy_assets.forecasting.features.known_ahead.response import Response
from energy_assets.forecasting.features.transform import series_scale
from energy_assets.forecasting.models import autoregression
from energy_assets.forecasting.models.blend import NEXT_HOURS, BlendedModel, Shares
from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.kinds import Kinds
from energy_assets.forecasting.models.quantiles import calibrating, intervals
from energy_assets.forecasting.models.training import Training, base_errors, train
from energy_assets.forecasting.models.training_rows import Sampling
from energy_assets.forecasting.models.trees import TreeParameters
from energy_assets.forecasting.panel import time_axis
from energy_assets.forecasting.panel.horizons import check_lengths, required_hours, steps_until
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    Bools,
    Floats,
    Ints,
    PanelMatrix,
    to_matrix,
)
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasting.past import Past
from energy_assets.forecasting.usual_panel import UsualPanel


@dataclass(frozen=True)
class Fitted:
    """A fitted model, its calibration, and the past of the panel that forecasts need.

    `levels` are the names of the index levels that identify a series. `kinds` stand in for the past
    of new series; models of earlier releases have none. A loaded model has no `past`, which is
    without the `response` to exogenous columns. `past_exogenous` are the exogenous values of the
    last two weeks. `held_out` are the forecasts of the held-out days, which are not saved. `plain`
    is a model of the same panel that needs no exogenous columns, if one stands by.
    """

    parameters: Parameters
    model: BlendedModel
    calibration: intervals.Calibration | None
    levels: tuple[str | None, ...]
    kinds: Kinds | None = None
    past: Past | None = None
    past_exogenous: pd.DataFrame | None = None
    held_out: HeldOut | None = None
    response: Response | None = None
    plain: Fitted | None = None

    @property
    def required_past(self) -> Past:
        """The past; raises ForecastError if there is none."""
        if self.past is None:
            raise ForecastError(
                "A loaded model has no history to forecast from. Give it the hours up to the "
                "origin first: update(panel, update_params=False), or here updated(panel)."
            )
        return self.past

    @property
    def required_history(self) -> PanelMatrix:
        """The last hours, treated and without gaps; raises ForecastError if there are none."""
        return self.required_past.history

    @property
    def doubts(self) -> pd.DataFrame:
        """The doubtful hours of the window, and how they were treated; see `doubts.treatment`.

        The columns are the series levels, `first_hour`, `last_hour`, `reason` and `hours`. Raises
        ForecastError if there is no history.
        """
        return self.required_past.doubts

    @property
    def little_history(self) -> pd.DataFrame:
        """The series with less than a week of history, whose forecasts are first guesses.

        The columns are the series levels and `hours`, the hours since the first observation. Raises
        ForecastError if there is no history.
        """
        return self.required_past.little

    @property
    def holdout(self) -> pd.DataFrame | None:
        """The table of forecasts of the held-out days; see `GlobalForecaster.holdout_`."""
        if self.held_out is None:
            return None
        return held_out_days.table(self.held_out, self.parameters.coverage)

    def predict(
        self,
        hours: int,
        quantiles: Mapping[float, str] | None = None,
        X: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """The column `forecast` for the next `hours` hours of every series, sorted by series.

        `quantiles` asks for quantiles beside it: probability -> column. `X` are the exogenous
        columns of these hours, for a model that was fitted with some.

        Raises ForecastError if `hours` is longer than the horizon, or if there is no history.
        """
        steps = steps_until(hours, self.parameters.horizon)
        median = self._median(steps, X)
        columns = {"forecast": self._mean(steps, median, X).ravel()}
        if quantiles:
            values = self._quantiles(steps, median, list(quantiles), X)
            values = values.reshape(-1, len(quantiles))
            columns |= dict(zip(quantiles.values(), values.T, strict=True))
        return pd.DataFrame(columns, self.index(steps))

    def index(self, steps: Ints) -> pd.Index:
        """The index of forecasts `steps` hours ahead, sorted by series."""
        history = self.required_history
        return history.index(time_axis.ahead(history.hours, steps))

    def forecast(self, steps: Ints, X: pd.DataFrame | None = None) -> Floats:
        """Forecasts at the origin, shape (series, steps)."""
        return self._mean(steps, self._median(steps, X), X)

    def quantiles(
        self, steps: Ints, probabilities: Sequence[float], X: pd.DataFrame | None = None
    ) -> Floats:
        """Quantiles at the origin, shape (series, steps, probabilities).

        Raises ForecastError for a model without a calibration.
        """
        return self._quantiles(steps, self._median(steps, X), probabilities, X)

    def _median(self, steps: Ints, X: pd.DataFrame | None) -> Floats:
        """What the models forecast, shape (series, steps)."""
        history, design = self.required_history, self.model.design
        values = exogenous.ahead(X, self.past_exogenous, design, history, int(steps.max()))
        forecast = self.model.forecast(history, steps, values, self.parameters.n_jobs)
        return self.required_past.bounds.clip(forecast) * self._factor_of(steps, X)

    def _mean(self, steps: Ints, median: Floats, X: pd.DataFrame | None) -> Floats:
        """The forecasts, given what the models forecast."""
        own = self.calibration.same_hour if self.calibration else None
        if own is None or not own.weights:
            return median
        hours, _ = self._hours_and_holidays(steps)
        return own.mean(median, self.required_history.keys, hours, self._factor_of(steps, X))

    def _quantiles(
        self, steps: Ints, median: Floats, probabilities: Sequence[float], X: pd.DataFrame | None
    ) -> Floats:
        if self.calibration is None:
            raise ForecastError(
                "There are no intervals: calibration_days was 0 in fit, or the held-out days had "
                "no observations. Fit with calibration_days=4 or so, on a window that holds them."
            )
        past, history = self.required_past, self.required_history
        factor = self._factor_of(steps, X)
        scale, calibration = series_scale(history.array) * factor, self.calibration
        hours, holidays = self._hours_and_holidays(steps)
        wider = past.wider * np.where(holidays, calibration.holiday, 1.0)
        quantiles = [
            calibration.quantile(
                probability, median, scale, history.keys, steps, hours, wider, factor
            )
            for probability in probabilities
        ]
        return past.bounds.times(factor).clip(np.stack(quantiles, axis=-1))

    def _hours_and_holidays(self, steps: Ints) -> tuple[Ints, Bools]:
        """The local hours of the day `steps` ahead, and whether it is a holiday: (steps,) each."""
        hours = self.required_history.hours
        calendar = self.model.design.calendar(hours, int(steps.max()))
        ahead = len(hours) - 1 + steps
        of_day, holiday = (calendar.column(name, ahead) for name in ("hour", "holiday"))
        return of_day.astype(np.int64), holiday > 0

    def exogenous_effect(self, hours: int, X: pd.DataFrame | None = None) -> Floats | None:
        """The share of each forecast that is due to exogenous columns unlike those of last week.

        Compared with the same hour of the seven days before the origin. In the order of `predict`,
        shape (series * hours,); None for a model without a response.
        """
        if self.response is None:
            return None
        factor = self._factor_ahead(1 - HOURS_PER_WEEK, hours, X)
        past, ahead = factor[:, :HOURS_PER_WEEK], factor[:, HOURS_PER_WEEK:]
        by_hour = past.reshape(len(past), -1, HOURS_PER_DAY).mean(axis=1)
        return np.asarray(1 - by_hour[:, np.arange(hours) % HOURS_PER_DAY] / ahead).ravel()

    def updated(self, y: pd.DataFrame, X: pd.DataFrame | None = None) -> Fitted:
        """The same model with its origin at the end of `y`, which is joined to the history.

        Raises ForecastError if the series of `y` have other index levels than in fit.
        """
        past = self.past
        window = to_matrix(y, like=past.observed if past else None)
        if levels_of(window.series) != self.levels:
            raise ForecastError(
                f"The model was fitted to a panel whose series have the levels "
                f"{list(self.levels)}, and this one has {list(levels_of(window.series))}: pass "
                "the same levels, or fit to this panel."
            )
        exogenous_values = self.past_exogenous
        if X is not None and (self.model.design.exogenous or self.response):
            exogenous_values = exogenous.updated(exogenous_values, X.rename(columns=str))
        if self.response is not None:
            design, first = self.model.design, 1 - len(window.hours)
            factor = factors.of_hours(self.response, window, design, exogenous_values, first, 0)
            window = replace(window, array=window.array / factor)
        if past is not None:
            window = past.joined(window)
        past = Past.of(window, _reach(self.model), self.kinds)
        return replace(self, past=past, past_exogenous=exogenous_values)

    def _factor_of(self, steps: Ints, X: pd.DataFrame | None) -> Floats:
        """The factor `steps` hours ahead, shape (series, steps)."""
        return self._factor_ahead(1, int(steps.max()), X)[:, steps - 1]

    def _factor_ahead(self, first: int, last: int, X: pd.DataFrame | None) -> Floats:
        """The factor of the hours `first` to `last` after the origin, shape (series, hours)."""
        history, found = self.required_history, self.response
        if found is None:
            return np.ones((len(history.array), last + 1 - first))
        X = exogenous.updated(self.past_exogenous, exogenous.require(X, found.names))
        return factors.of_hours(found, history, self.model.design, X, first, last)


def fit(
    y: pd.DataFrame,
    X: pd.DataFrame | None,
    parameters: Parameters,
    X_ahead: pd.DataFrame | None = None,
) -> Fitted:
    """Fit to a panel, and forecast its held-out days.

    `X_ahead` are the columns of `X` as they were expected before their hours, such as weather
    forecasts. The held-out days are forecast with them, and where they are missing with `X`.

    A window that is too short to hold out days gives a warning, and intervals from the errors of
    the base forecast.

    Raises ForecastError if the panel or a parameter cannot be used.
    """
    return fit_panel(to_matrix(y), parameters, X, X_ahead)


def fit_panel(
    observed: PanelMatrix,
    parameters: Parameters,
    X: pd.DataFrame | None = None,
    X_ahead: pd.DataFrame | None = None,
) -> Fitted:
    """The same as `fit`, for a panel as a matrix."""
    training = training_of(parameters)
    design, calibration_days = training.design, parameters.calibration_days
    check_lengths(design.horizon, calibration_days)
    long_enough = len(observed.hours) >= required_hours(design.horizon, calibration_days)
    held_out_hours = HOURS_PER_DAY * calibration_days if long_enough else 0
    past_exogenous = None
    usual = UsualPanel.of(observed, held_out_hours)
    if X is not None and len(X.columns):
        past_exogenous = exogenous.last_weeks(X.rename(columns=str), observed)
        usual = usual.divided(X, X_ahead, training)
    model, held_out = train(usual.window, training)
    if held_out is not None:
        held_out = usual.judged(held_out, design)
    calibration = None
    if calibration_days:
        if held_out is None:
            warnings.warn(
                f"The window of {len(observed.hours)} hours is too short to hold out "
                f"{calibration_days} days, so intervals are calibrated on a forecast without "
                "training. Use a longer window.",
                stacklevel=6,
            )
        errors = held_out or base_errors(usual.window, design)
        if np.isfinite(errors.residuals).any():
            calibration = calibrating.calibrate(errors, observed.keys)
    kinds = Kinds.of(usual.found.panel)
    return Fitted(
        parameters,
        model,
        calibration,
        levels_of(observed.series),
        kinds,
        Past.of_treated(usual.panel, usual.found, usual.window.filled, _reach(model), kinds),
        past_exogenous,
        None if held_out is None else usual.in_its_unit(held_out),
        usual.factors.response if usual.factors else None,
    )


def training_of(parameters: Parameters) -> Training:
    """How to train with these parameters."""
    return Training(
        Design(parameters.horizon, parameters.country, parameters.timezone),
        Shares(parameters.linear_weight, parameters.lear_weight, NEXT_HOURS),
        TreeParameters(**{f.name: getattr(parameters, f.name) for f in fields(TreeParameters)}),
        Sampling(parameters.origin_step, parameters.thinning),
        parameters.n_jobs,
    )


def _reach(model: BlendedModel) -> int:
    """How many hours forecasts look back at."""
    return HISTORY_HOURS if model.hourly is None else autoregression.REACH + 1


def levels_of(series: pd.Index | None) -> tuple[str | None, ...]:
    """The names of the index levels that identify a series."""
    names = () if series is None else series.names
    return tuple(None if name is None else str(name) for name in names)
