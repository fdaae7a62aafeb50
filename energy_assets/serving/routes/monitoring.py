"""`/v1/monitoring`: how good the forecasts were, beside both seasonal naives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasting.panel.matrix import Floats
from energy_assets.partitions import HORIZON, HOUR, WEEK
from energy_assets.serving.answers import Answer, Columns, iso
from energy_assets.serving.data.observations import Observations
from energy_assets.serving.data.scores import ErrorSums, ScoredHour, local_days
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.data.sums import Label, groups_of
from energy_assets.serving.problems import unusable
from energy_assets.serving.routes.answering import TABLE, TableAnswer, next_address, table
from energy_assets.serving.routes.queries import MonitoringQuery, page_of
from energy_assets.serving.service import Service

router = APIRouter(prefix="/v1", tags=["tables"])

_LONGEST = 400 * 24 * HOUR


@router.get("/monitoring", response_model=TableAnswer, responses=TABLE)
async def monitoring(request: Request, query: Annotated[MonitoringQuery, Query()]) -> Response:
    """Errors of the forecasts that were issued, as shares: 0.05 is 5 %.

    `mape` is the mean over hours of each series and horizon, then over series, then over horizons.
    `coverage` is the share of observations inside the 80 % interval; sums have none.
    """

    def make(service: Service, snapshot: Snapshot) -> Answer:
        end = snapshot.published.origin + HOUR
        start, end = query.hours(service.profile.timezone, end - WEEK, end)
        if end - start > _LONGEST:
            raise unusable("start", "ask for at most 400 days")
        hours = np.datetime64(start, "h") + np.arange((end - start) // HOUR)
        scored = service.scores.read(hours)
        observed = service.observations(snapshot, start - WEEK, end)
        index = snapshot.forecast.index
        labels, groups = _lines(query, index)
        if query.by == "day":
            days = local_days(np.array([one.hour for one in scored]), service.profile.timezone)
            parts = [
                (day, [one for one, its in zip(scored, days, strict=True) if its == day])
                for day in np.unique(days)
            ]
        else:
            parts = [(None, scored)]
        tables: list[Columns] = []
        for day, some in parts:
            sums = ErrorSums(len(labels), [naive.name for naive in SEASONAL_NAIVES])
            for one in some:
                forecast, actual, covered = _of(one, index, groups)
                naives = [
                    _naive(observed, index, groups, one.hour, naive.season)
                    for naive in SEASONAL_NAIVES
                ]
                sums.add(actual, forecast, covered, naives)
            axis = "total" if query.by == "day" else query.by
            scores = sums.scores(axis)
            tables.append({**_keys(query, labels, day), **scores})
        columns = _together(tables, query)
        more = False
        if query.by == "series":
            rows, more = page_of(np.arange(len(labels)), query)
            columns = {name: values[rows] for name, values in columns.items()}
        about = {
            "start": iso(start),
            "end": iso(end),
            "scored_hours": len(scored),
        }
        return Answer(columns, service.meta(snapshot, **about), next_address(request, query, more))

    return await table(request, query, "monitoring", make)


def _lines(
    query: MonitoringQuery, index: SeriesIndex
) -> tuple[Sequence[Label], Sequence[np.ndarray]]:
    """The series or sums that are scored, each with the positions of its series."""
    positions = index.select(query.area, query.consumer_type)
    if query.sum is None:
        return [index.keys[row] for row in positions], [
            positions[n : n + 1] for n in range(len(positions))
        ]
    groups = groups_of(index, positions, query.sum)
    return [group.label for group in groups], [group.positions for group in groups]


def _of(
    scored: ScoredHour, index: SeriesIndex, groups: Sequence[np.ndarray]
) -> tuple[Floats, Floats, Floats]:
    """Forecasts (lines, horizons), observations (lines,) and coverage (lines, horizons)."""
    rows = np.arange(len(index)) if scored.index == index else scored.index.positions_of(index.keys)
    missing = rows < 0
    if len(scored.index) == 0:
        missing = np.ones(len(index), dtype=bool)
    forecast, actual = scored.forecast[rows], scored.actual[rows]
    covered = scored.covered[rows]
    if missing.any():
        forecast[missing], actual[missing], covered[missing] = np.nan, np.nan, np.nan
    if all(len(group) == 1 for group in groups):
        chosen = np.concatenate([*groups, np.empty(0, dtype=int)])
        return forecast[chosen], actual[chosen], covered[chosen]
    shape = len(groups), HORIZON
    return (
        np.stack([forecast[group].sum(axis=0) for group in groups]),
        np.array([actual[group].sum() for group in groups]),
        np.full(shape, np.nan),
    )


def _naive(
    observed: Observations,
    index: SeriesIndex,
    groups: Sequence[np.ndarray],
    hour: np.datetime64,
    season: int,
) -> Floats:
    values = observed.between(index, hour - season, 1).values[:, 0]
    return np.array([values[group].sum() for group in groups])


def _keys(query: MonitoringQuery, labels: Sequence[Label], day: np.datetime64 | None) -> Columns:
    if query.by == "series":
        codes = np.array([*labels, (None, None)], dtype=object)[:-1]
        return {"area": codes[:, 0], "consumer_type": codes[:, 1]}
    if query.by == "horizon":
        return {"horizon": np.arange(1, HORIZON + 1)}
    if query.by == "day":
        return {"day": np.array([str(day)], dtype=object)}
    return {}


def _together(tables: Iterable[Columns], query: MonitoringQuery) -> dict[str, np.ndarray]:
    tables = list(tables)
    if not tables:  # no day has scores
        sums = ErrorSums(0, [naive.name for naive in SEASONAL_NAIVES])
        tables = [{**_keys(query, [], None), **sums.scores("total")}]
        return {name: values[:0] for name, values in tables[0].items()}
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
