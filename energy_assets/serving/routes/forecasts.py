"""`/v1/forecasts`: forecasts of series and sums, the newest or as issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from energy_assets.forecasting.panel.matrix import Floats
from energy_assets.partitions import DAY, HORIZON, HOUR, WEEK, due
from energy_assets.serving.answers import Answer, Columns, iso
from energy_assets.serving.data.forecast import Forecast, Quantiles
from energy_assets.serving.data.observations import Observations
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.data.sums import PAST, Group, Label, groups_of, sum_forecast
from energy_assets.serving.problems import ProblemError, not_found, unusable
from energy_assets.serving.routes.answering import TABLE, TableAnswer, next_address, table
from energy_assets.serving.routes.queries import (
    ForecastQuery,
    check_size,
    key_columns,
    local_times,
    page_of,
)
from energy_assets.serving.service import Service

router = APIRouter(prefix="/v1", tags=["tables"])

_NAIVES = (("seasonal_naive_24", DAY), ("seasonal_naive_168", WEEK))


@router.get("/forecasts", response_model=TableAnswer, responses=TABLE)
async def forecasts(request: Request, query: Annotated[ForecastQuery, Query()]) -> Response:
    """Forecasts in kWh, with an 80 % interval from `lower` to `upper`."""

    def make(service: Service, snapshot: Snapshot) -> Answer:
        if query.horizon is not None:
            return _by_horizon(request, query, query.horizon, service, snapshot)
        return _of_one_origin(request, query, service, snapshot)

    return await table(request, query, "forecasts", make)


@dataclass(frozen=True)
class _Lines:
    """The lines of an answer, series or sums: values of shape (lines, horizons)."""

    labels: Sequence[Label]
    groups: Sequence[Group] | None
    """The series of each sum; None: the lines are series."""
    positions: np.ndarray
    """Of the series that the lines are, or are made from."""
    point: Floats
    quantiles: Quantiles
    note: dict[str, Any]

    def qualities(self, forecast: Forecast) -> np.ndarray:
        """The quality of each line."""
        if self.groups is None:
            return forecast.qualities(self.positions)
        return np.full(len(self.labels), forecast.quality, dtype=object)


def _of_one_origin(
    request: Request, query: ForecastQuery, service: Service, snapshot: Snapshot
) -> Answer:
    forecast = _chosen(query, service, snapshot)
    first = forecast.origin - (query.history - 1) * HOUR
    start, end = query.hours(
        service.profile.timezone, first, forecast.origin + (HORIZON + 1) * HOUR
    )
    start, end = max(start, first), min(end, forecast.origin + (HORIZON + 1) * HOUR)
    count = max((end - start) // HOUR, 0)
    lines, more = _lines(query, service, snapshot, forecast, count)
    hours = np.datetime64(start, "h") + np.arange(count)
    steps = (hours - np.datetime64(forecast.origin, "h")).astype(int)
    ahead = steps >= 1

    def placed(values: Floats) -> Floats:
        """Values by horizon at their hours, NaN in the hours before."""
        matrix = np.full((len(lines.labels), count), np.nan)
        matrix[:, ahead] = values[:, steps[ahead] - 1]
        return matrix

    columns = key_columns(lines.labels, hours)
    horizons = np.array([step if step > 0 else None for step in steps.tolist()], dtype=object)
    columns["horizon"] = np.tile(horizons, len(lines.labels))
    for name, values in _values(query, lines.point, lines.quantiles).items():
        columns[name] = placed(values).ravel()
    if query.history or query.naives:
        back = WEEK if query.naives else timedelta()
        observed = service.observations(snapshot, start - back, end)
        if query.history:
            columns["observed"] = _observed(observed, forecast, lines, hours).ravel()
        if query.naives:
            for name, season in _NAIVES:
                before = hours - np.timedelta64(season // HOUR, "h")
                columns[name] = _observed(observed, forecast, lines, before).ravel()
    if query.local_time:
        columns["datetime_local"] = np.tile(
            local_times(hours, service.profile.timezone), len(lines.labels)
        )
    rows = len(columns["datetime_utc"])
    qualities = lines.qualities(forecast)
    about = {
        "origin": iso(forecast.origin),
        "made_at": iso(forecast.made_at),
        "model_version": forecast.model_version,
        "quality": qualities[0] if len(qualities) == 1 else forecast.quality,
    }
    which, quality = np.zeros(rows, dtype=int), np.repeat(qualities, count)
    return Answer(
        columns,
        service.meta(snapshot, **about, **lines.note),
        next_address(request, query, more),
        _provenance(service, snapshot, [forecast], which, quality),
    )


def _by_horizon(
    request: Request, query: ForecastQuery, horizon: int, service: Service, snapshot: Snapshot
) -> Answer:
    """For each hour the forecast that was issued `horizon` hours before it."""
    if query.origin or query.as_of or query.history or query.naives:
        raise unusable("horizon", "leave out origin, as_of, history and naives with a horizon")
    origin = snapshot.published.origin
    last = origin + (horizon + 1) * HOUR
    start, end = query.hours(service.profile.timezone, last - WEEK, last)
    end = min(end, last)
    # A file is read for each hour, and for a sum also what was known then.
    longest = 14 if query.sum else 400
    if end - start > longest * DAY:
        what = "of sums " if query.sum else ""
        raise unusable("start", f"ask for at most {longest} days {what}at a horizon")
    chosen = snapshot.forecast.index.select(query.area, query.consumer_type)
    count = max((end - start) // HOUR, 0)
    check_size(1 if query.sum else min(len(chosen), query.limit), count)
    blocks: list[Columns] = []
    found: list[Forecast] = []
    more = False
    issued = service.archive.at_horizon(np.datetime64(start, "h") + np.arange(count), horizon)
    for forecast in issued:
        try:
            lines, more = _lines(query, service, snapshot, forecast, 1)
        except ProblemError:  # series that are new had no forecasts then
            continue
        step = slice(horizon - 1, horizon)
        block = key_columns(lines.labels, forecast.hours[step])
        block["horizon"] = np.full(len(lines.labels), horizon)
        block["quality"] = lines.qualities(forecast)
        for name, values in _values(query, lines.point, lines.quantiles).items():
            block[name] = values[:, step].ravel()
        blocks.append(block)
        found.append(forecast)
    if not blocks:
        raise not_found("start", "no forecast is stored for these hours at this horizon")
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    which = np.repeat(np.arange(len(found)), [len(block["horizon"]) for block in blocks])
    if query.local_time:
        columns["datetime_local"] = local_times(columns["datetime_utc"], service.profile.timezone)
    where_from = _provenance(service, snapshot, found, which, columns.pop("quality"))
    columns |= {
        name: where_from[name] for name in ("origin", "made_at", "model_version", "quality")
    }
    # Series by series, as in every other table.
    order = np.lexsort([columns["datetime_utc"], *_sortable(columns)])
    columns = {name: values[order] for name, values in columns.items()}
    return Answer(
        columns,
        service.meta(snapshot),
        next_address(request, query, more),
        {"source": where_from["source"]},
    )


def _sortable(columns: Columns) -> list[np.ndarray]:
    return [
        np.unique(np.array([code or "" for code in columns[name]]), return_inverse=True)[1]
        for name in ("consumer_type", "area")
    ]


def _chosen(query: ForecastQuery, service: Service, snapshot: Snapshot) -> Forecast:
    """The version of the forecast that the query asks for; raises ProblemError (404)."""
    if query.origin is not None:
        is_newest = query.origin == snapshot.published.origin
        if is_newest and (query.as_of is None or query.as_of >= snapshot.published.made_at):
            return snapshot.forecast
        forecast = service.archive.read(query.origin, known_by=query.as_of)
        if forecast is None or query.origin > snapshot.published.origin:
            raise not_found("origin", "no forecast from this hour is stored, or was by then")
        return forecast
    if query.as_of is None or query.as_of >= snapshot.published.made_at:
        return snapshot.forecast
    delay = timedelta(days=service.settings.days_delay)
    newest = query.as_of.replace(minute=0, second=0, microsecond=0) - delay
    forecast = service.archive.known_at(query.as_of, min(newest, snapshot.published.origin))
    if forecast is None:
        raise not_found("as_of", "no forecast had been made by then")
    return forecast


def _lines(
    query: ForecastQuery, service: Service, snapshot: Snapshot, forecast: Forecast, hours: int
) -> tuple[_Lines, bool]:
    """The series or sums on the page, and whether there are more."""
    index = forecast.index
    positions = index.select(query.area, query.consumer_type)
    if query.sum is None:
        positions, more = page_of(positions, query)
        check_size(len(positions), hours)
        labels = [index.keys[position] for position in positions]
        quantiles = Quantiles(forecast.quantiles.probabilities, forecast.quantiles.array[positions])
        return _Lines(labels, None, positions, forecast.point[positions], quantiles, {}), more
    groups, more = page_of(groups_of(index, positions, query.sum), query)
    check_size(len(groups) * 50, hours)  # a sum costs as much as many series
    if not groups:
        empty = np.empty((0, forecast.point.shape[1]))
        none = Quantiles(forecast.quantiles.probabilities, np.empty((*empty.shape, 9)))
        return _Lines([], [], positions[:0], empty, none, {}), more
    known_by = None
    if forecast.origin != snapshot.published.origin:
        known_by = due(forecast.origin, service.settings.days_delay)
    start, end = forecast.origin - PAST, forecast.origin + HOUR
    observed = service.observations(snapshot, start, end, known_by)
    past = service.past_sums.before(forecast.origin, index, groups)
    point, quantiles, errors = sum_forecast(forecast, groups, past, observed)
    note = {
        "sum_intervals": "joint errors" if errors else "added bounds: no errors are known yet",
        "sum_interval_hours": errors,
    }
    return _Lines([g.label for g in groups], groups, positions, point, quantiles, note), more


def _values(query: ForecastQuery, point: Floats, quantiles: Quantiles) -> dict[str, Floats]:
    """The columns of values, shape (lines, horizons)."""
    values = {
        "energy_consumption": point,
        "lower": quantiles.at(0.1),
        "upper": quantiles.at(0.9),
    }
    for probability in query.quantiles:
        values[f"q{probability}"] = quantiles.at(probability)
    if query.threshold is not None:
        values["probability_above"] = quantiles.probability_above(query.threshold)
    return values


def _observed(
    observations: Observations, forecast: Forecast, lines: _Lines, hours: np.ndarray
) -> Floats:
    """What was observed of each line, NaN where it was not, or not of all series of a sum."""
    if not len(hours):
        return np.empty((len(lines.labels), 0))
    index, start, count = forecast.index, hours[0], len(hours)
    if lines.groups is None:
        return observations.between(index, start, count, lines.positions).values
    return observations.sums(index, [group.positions for group in lines.groups], start, count)


def _provenance(
    service: Service,
    snapshot: Snapshot,
    found: Sequence[Forecast],
    which: np.ndarray,
    quality: np.ndarray,
) -> dict[str, np.ndarray]:
    """Columns that say which forecast each row is from; `which` is its place in `found`.

    `quality` is that of each row.
    """

    def times(values: list[datetime]) -> np.ndarray:
        return np.array(values, dtype="datetime64[us]")[which]

    def texts(values: list[str]) -> np.ndarray:
        return np.array(values, dtype=object)[which]

    return {
        "origin": times([forecast.origin for forecast in found]),
        "made_at": times([forecast.made_at for forecast in found]),
        "model_version": texts([forecast.model_version for forecast in found]),
        "quality": quality,
        "source": texts([snapshot.published.source] * len(found)),
    }
