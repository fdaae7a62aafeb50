"""The API of the batch-serving course: its paths and its answers, from what is published.

The web apps of the course work with it unchanged. Answers have no envelope. Times are hours since
1970 in UTC, energies are in kWh. Areas and consumer types are the course's numbers; those of a data
set that the course does not know are its codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from energy_assets.serving.data.course_tables import CourseTables, Hours, Values
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.routes.answering import PROBLEMS

VERSION = "v1"

router = APIRouter(prefix=f"/api/{VERSION}", tags=["course"])


class Health(BaseModel):
    """That the service runs."""

    name: str
    api_version: str


class Codes(BaseModel):
    """The areas, or the consumer types."""

    values: list[int | str]


class PredictionResults(BaseModel):
    """The newest observations of a series, a week at most, and its newest forecast."""

    datetime_utc: list[int]
    energy_consumption: list[float | None]
    preds_datetime_utc: list[int]
    preds_energy_consumption: list[float | None]


class MonitoringMetrics(BaseModel):
    """The mean percentage error of each hour, as a share."""

    datetime_utc: list[int]
    mape: list[float | None]


class MonitoringValues(BaseModel):
    """The observations of a series in the last week, and the newest forecasts made for them."""

    y_monitoring_datetime_utc: list[int]
    y_monitoring_energy_consumption: list[float | None]
    predictions_monitoring_datetime_utc: list[int]
    predictions_monitoring_energy_consumptionc: list[float | None]
    """The c at the end is the course's."""


async def course_tables(request: Request) -> CourseTables:
    """The tables to answer from; raises ProblemError (503) while nothing has been published."""
    snapshot: Snapshot = request.app.state.service.snapshot
    if "course" in vars(snapshot):
        return snapshot.course
    # Read in the background as a rule, so that this is rare.
    return await run_in_threadpool(lambda: snapshot.course)


Tables = Annotated[CourseTables, Depends(course_tables)]
_UNPUBLISHED: dict[int | str, dict[str, Any]] = {
    status: PROBLEMS[status] for status in (401, 429, 503)
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {**_UNPUBLISHED, 404: PROBLEMS[404]}


@router.get("/health", response_model=Health)
async def health() -> Response:
    """Say that the service runs."""
    return _json({"name": "energy-assets", "api_version": VERSION})


@router.get("/area_values", response_model=Codes, responses=_UNPUBLISHED)
async def area_values(tables: Tables) -> Response:
    """List the areas."""
    return _json({"values": tables.y.areas})


@router.get("/consumer_type_values", response_model=Codes, responses=_UNPUBLISHED)
async def consumer_type_values(tables: Tables) -> Response:
    """List the consumer types."""
    return _json({"values": tables.y.consumer_types})


@router.get(
    "/predictions/{area}/{consumer_type}", response_model=PredictionResults, responses=_UNKNOWN
)
async def predictions(area: str, consumer_type: str, tables: Tables) -> Response:
    """Return the newest observations of a series and its newest forecast."""
    observed = tables.y.series(area, consumer_type)
    forecast = tables.predictions.series(area, consumer_type)
    return _pair(
        area,
        consumer_type,
        ("datetime_utc", "energy_consumption", observed),
        ("preds_datetime_utc", "preds_energy_consumption", forecast),
    )


@router.get("/monitoring/metrics", response_model=MonitoringMetrics, responses=_UNPUBLISHED)
async def monitoring_metrics(tables: Tables) -> Response:
    """Return the mean percentage error of each hour of the last week."""
    hours, errors = tables.metrics
    return _json({"datetime_utc": hours, "mape": errors})


@router.get(
    "/monitoring/values/{area}/{consumer_type}",
    response_model=MonitoringValues,
    responses=_UNKNOWN,
)
async def monitoring_values(area: str, consumer_type: str, tables: Tables) -> Response:
    """Return the observations of a series in the last week beside the forecasts made for them."""
    observed = tables.y_monitoring.series(area, consumer_type)
    forecast = tables.predictions_monitoring.series(area, consumer_type)
    return _pair(
        area,
        consumer_type,
        ("y_monitoring_datetime_utc", "y_monitoring_energy_consumption", observed),
        (
            "predictions_monitoring_datetime_utc",
            "predictions_monitoring_energy_consumptionc",
            forecast,
        ),
    )


def _pair(
    area: str, consumer_type: str, *columns: tuple[str, str, tuple[Hours, Values] | None]
) -> Response:
    """An answer of two series; 404 if either is missing, as in the course."""
    answer: dict[str, Hours | Values] = {}
    for hours_name, values_name, series in columns:
        if series is None:
            raise HTTPException(
                404, f"No data found for the given area and consumer type: {area}, {consumer_type}"
            )
        answer[hours_name], answer[values_name] = series
    return _json(answer)


def _json(answer: Mapping[str, Any]) -> Response:
    """The answer as JSON; numbers that are missing become null."""
    return Response(
        orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
