"""`/v1/observations` and `/v1/series`: what was observed, and which series there are."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from energy_assets.partitions import HOUR, WEEK
from energy_assets.serving.answers import Answer
from energy_assets.serving.data.observations import NEVER
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.data.sums import Label, groups_of
from energy_assets.serving.problems import unusable
from energy_assets.serving.routes.answering import TABLE, TableAnswer, next_address, table
from energy_assets.serving.routes.queries import (
    ObservationsQuery,
    SeriesQuery,
    check_size,
    key_columns,
    local_times,
    page_of,
)
from energy_assets.serving.service import Service

router = APIRouter(prefix="/v1", tags=["tables"])


@router.get("/series", response_model=TableAnswer, responses=TABLE)
async def series(request: Request, query: Annotated[SeriesQuery, Query()]) -> Response:
    """The series of the newest forecast, with their names where the data set has any."""

    def make(service: Service, snapshot: Snapshot) -> Answer:
        index, profile = snapshot.forecast.index, service.profile
        positions, more = page_of(index.select(query.area, query.consumer_type), query)
        keys = [index.keys[position] for position in positions]
        columns = {
            "area": [area for area, _ in keys],
            "area_name": [profile.area_names.get(area) for area, _ in keys],
            "consumer_type": [code for _, code in keys],
            "consumer_type_name": [profile.consumer_type_names.get(code) for _, code in keys],
        }
        return Answer(
            {name: np.array(values, dtype=object) for name, values in columns.items()},
            service.meta(snapshot),
            next_address(request, query, more),
        )

    return await table(request, query, "series", make)


@router.get("/observations", response_model=TableAnswer, responses=TABLE)
async def observations(request: Request, query: Annotated[ObservationsQuery, Query()]) -> Response:
    """Observed consumption in kWh, and from when on each value was known.

    Without `as_of`, the values are those that the newest forecast knew. A sum is given for the
    hours in which all of its series were observed.
    """

    def make(service: Service, snapshot: Snapshot) -> Answer:
        end = snapshot.published.origin + HOUR
        start, end = query.hours(service.profile.timezone, end - WEEK, end)
        if end - start > 3_700 * 24 * HOUR:
            raise unusable("start", "ask for at most ten years")
        found = service.observations(snapshot, start, end, query.as_of)
        index = snapshot.forecast.index
        if query.as_of is not None:  # there may have been others then
            index = SeriesIndex(sorted({*index.keys, *found.index.keys}))
        positions = index.select(query.area, query.consumer_type)
        count = (end - start) // HOUR
        check_size(1 if query.sum else min(len(positions), query.limit), count)
        first = np.datetime64(start, "h")
        labels: list[Label]
        if query.sum is None:
            rows, more = page_of(positions, query)
            here = found.between(index, first, count, rows)
            labels = list(here.index.keys)
            values, known_at = here.values, here.known_at
        else:
            groups, more = page_of(groups_of(index, positions, query.sum), query)
            labels = [group.label for group in groups]
            values = found.sums(index, [group.positions for group in groups], first, count)
            known_at = np.full(values.shape, NEVER)
            for number, group in enumerate(groups):
                its = found.between(index, first, count, group.positions)
                known_at[number] = its.known_at.max(axis=0)
        hours = first + np.arange(count)
        columns = key_columns(labels, hours)
        columns |= {"energy_consumption": values.ravel(), "known_at": known_at.ravel()}
        if query.local_time:
            times = local_times(hours, service.profile.timezone)
            columns["datetime_local"] = np.tile(times, len(labels))
        observed = np.isfinite(columns["energy_consumption"])
        columns = {name: values[observed] for name, values in columns.items()}
        return Answer(columns, service.meta(snapshot), next_address(request, query, more))

    return await table(request, query, "observations", make)
