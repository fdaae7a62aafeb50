"""Calibrating intervals on held-out days: for forecasts, and for each of these days on the others.

Does not belong here: how intervals follow from residuals (`intervals`) and from the history
(`same_hour`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from energy_assets.forecasting.models.held_out import HeldOut
from energy_assets.forecasting.models.quantiles import intervals, same_hour
from energy_assets.forecasting.models.quantiles.intervals import Calibration, Key
from energy_assets.forecasting.models.quantiles.same_hour import SameHour, Table
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, Bools, Floats


def pool(held_out: HeldOut) -> Calibration:
    """What the series have in common.

    Raises ForecastError if there are no residuals at all.
    """
    return _pool(held_out, _before(held_out))


def calibrate(held_out: HeldOut, keys: list[Key], pooled: Calibration | None = None) -> Calibration:
    """The calibration of the series, which have the `keys`.

    `pooled` is what other series have taught; by default these series. Raises ForecastError if
    there are no residuals at all, and no `pooled`.
    """
    before = _before(held_out)
    found = _calibrate(held_out, before, keys, pooled or _pool(held_out, before))
    if found.same_hour is None or held_out.hours is None:
        return found
    rows = [row for row, key in enumerate(keys) if key in found.same_hour.weights]
    tables = same_hour.table_of(held_out.panel.array[rows], held_out.hours)
    return replace(found, same_hour=found.same_hour.with_tables(tables))


def pool_by_day(held_out: HeldOut) -> list[Calibration]:
    """What the other days teach about each day; a single day has to teach about itself."""
    before = _before(held_out)
    return [_pool(_others(held_out, on_day), before) for on_day in _days(held_out)]


@dataclass(frozen=True)
class ByDay:
    """Held-out days, each with a calibration on the others only, so that scores can be trusted."""

    held_out: HeldOut
    calibrations: Sequence[Calibration]

    @classmethod
    def of(cls, held_out: HeldOut, pooled: Sequence[Calibration] | None = None) -> ByDay:
        """`pooled` is the result of `pool_by_day`; by default that of these series."""
        before, keys = _before(held_out), _rows(held_out)
        calibrations = [
            _calibrate(_others(held_out, on_day), before, keys, of_others)
            for on_day, of_others in zip(
                _days(held_out), pooled or pool_by_day(held_out), strict=True
            )
        ]
        return cls(held_out, calibrations)

    def forecast(self) -> Floats:
        """The forecasts as `Fitted` makes them, shape (series, origins, horizons)."""

        def mean(part: HeldOut, found: Calibration) -> Floats:
            if found.same_hour is None:
                return part.forecast
            return found.same_hour.mean(part.forecast, _rows(part), part.target_hours)

        return self._each(mean)

    def quantile(self, probability: float) -> Floats:
        """The quantiles at a probability, in the same shape."""

        def quantile(part: HeldOut, found: Calibration) -> Floats:
            keys, hours = _rows(part), part.target_hours
            return found.quantile(probability, part.forecast, part.scale, keys, part.steps, hours)

        return self._each(quantile)

    def _each(self, values: Callable[[HeldOut, Calibration], Floats]) -> Floats:
        found = np.empty(self.held_out.forecast.shape)
        for on_day, calibration in zip(_days(self.held_out), self.calibrations, strict=True):
            found[:, on_day] = values(self.held_out.at(on_day), calibration)
        return found


def _pool(part: HeldOut, before: Table | None) -> Calibration:
    """What some origins teach about all series."""
    pooled = intervals.pool(part.residuals, part.usual)
    if before is None:
        return pooled
    keys = _rows(part)
    found = intervals.calibrate(part.residuals, keys, pooled, part.usual)
    ratio = same_hour.pooled_ratio(_ratios(part, found, keys, before))
    return replace(pooled, same_hour=SameHour({}, {}, ratio))


def _calibrate(
    part: HeldOut, before: Table | None, keys: list[Key], pooled: Calibration
) -> Calibration:
    """What some origins teach about each series, given what is pooled."""
    found = intervals.calibrate(part.residuals, keys, pooled, part.usual)
    if before is None or pooled.same_hour is None:
        return found
    ratios = _ratios(part, found, keys, before)
    return replace(found, same_hour=pooled.same_hour.of(keys, ratios, before))


def _ratios(part: HeldOut, calibration: Calibration, keys: list[Key], before: Table) -> Floats:
    """The losses of the quantiles of the history as a share of those around the forecast."""
    hours = part.target_hours

    def around(probability: float) -> Floats:
        return calibration.quantile(probability, part.forecast, part.scale, keys, part.steps)

    def own(probability: float) -> Floats:
        return same_hour.at(before, hours, probability)

    of_own, of_others = (same_hour.losses(part.actual, quantile) for quantile in (own, around))
    return np.divide(of_own, of_others, out=np.full(len(keys), np.nan), where=of_others > 0)


def _before(held_out: HeldOut) -> Table | None:
    """The quantiles of the hours before the held-out days, if the hours of the day are known."""
    if held_out.hours is None:
        return None
    end = held_out.origins[0] + 1
    return same_hour.table_of(held_out.panel.array[:, :end], held_out.hours[:end])


def _rows(held_out: HeldOut) -> list[Key]:
    """Keys of the series, where their names do not matter."""
    return [(row,) for row in range(len(held_out.actual))]


def _days(held_out: HeldOut) -> list[Bools]:
    """The origins of each held-out day."""
    return [held_out.days == day for day in np.unique(held_out.days)]


def _others(held_out: HeldOut, on_day: Bools) -> HeldOut:
    """Without the origins and usual errors of a day, unless nothing would be left."""
    others, usual = held_out.at(~on_day), held_out.usual
    if not np.isfinite(others.actual).any():
        return held_out
    if usual is None:
        return others
    last = held_out.panel.array.shape[1] - 1
    days_ago = (last - held_out.origins[on_day][:, None] - held_out.steps) // HOURS_PER_DAY
    of_day = np.isin(np.arange(len(usual.held_out))[::-1], days_ago)
    return replace(others, usual=usual.without(of_day))
