"""`/v1/monitoring`: how good the forecasts were, beside both seasonal naives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.partitions import HORIZON, HOUR, WEEK
from energy_assets.serving.answers import Answer, Columns, iso
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
        index = snapshot.forecast.index
        lines = _lines(query, index)
        before = np.datetime64(start - WEEK, "h")
        observed = service.observations(snapshot, start - WEEK, end)
        past = lines.of(observed.between(index, before, len(hours) + WEEK // HOUR).values)
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
            sums = ErrorSums(len(lines.labels), [naive.name for naive in SEASONAL_NAIVES])
            for one in some:
                place = int((one.hour - before).astype(int))
                naives = [past[:, place - naive.season] for naive in SEASONAL_NAIVES]
                sums.add(*_of(one, index, lines), naives)
            axis = "total" if query.by == "day" else query.by
            scores = sums.scores(axis)
            tables.append({**_keys(query, lines.labels, day), **scores})
        columns = _together(tables, query)
        more = False
        if query.by == "series":
            rows, more = page_of(np.arange(len(lines.labels)), query)
            columns = {name: values[rows] for name, values in columns.items()}
        about = {
            "start": iso(start),
            "end": iso(end),
            "scored_hours": len(scored),
        }
        return Answer(columns, service.meta(snapshot, **about), next_address(request, query, more))

    return await table(request, query, "monitoring", make)


@dataclass(frozen=True)
class _Lines:
    """What is scored: series, or sums of series."""

    labels: Sequence[Label]
    positions: Ints
    groups: Sequence[Ints] | None
    """The series of each sum; None: the lines are series."""

    def of(self, values: Floats) -> Floats:
        """The values of the lines, from those of all series; series are the first axis."""
        if self.groups is None:
            return values[self.positions]
        return np.stack([values[group].sum(axis=0) for group in self.groups])


def _lines(query: MonitoringQuery, index: SeriesIndex) -> _Lines:
    positions = index.select(query.area, query.consumer_type)
    if query.sum is None:
        return _Lines(index.of(positions).keys, positions, None)
    groups = groups_of(index, positions, query.sum)
    return _Lines(
        [group.label for group in groups], positions, [group.positions for group in groups]
    )


def _of(scored: ScoredHour, index: SeriesIndex, lines: _Lines) -> tuple[Floats, Floats, Floats]:
    """Observations (lines,), forecasts (lines, horizons) and coverage (lines, horizons)."""
    parts = scored.actual, scored.forecast, scored.covered
    if scored.index != index:
        rows = scored.index.positions_of(index.keys)
        parts = scored.actual[rows], scored.forecast[rows], scored.covered[rows]
        for part in parts:
            part[rows < 0] = np.nan
    actual, forecast, covered = (lines.of(part) for part in parts)
    # Whether the interval of a sum held was not stored.
    return actual, forecast, covered if lines.groups is None else np.full_like(covered, np.nan)


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
