"""`/v1/status`, `/v1/model`, `/v1/last-updated`: how things stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from energy_assets.errors import NotFoundError
from energy_assets.forecasting.tuning.result import NotTuned, read_result
from energy_assets.io_managers.config import POINTER as NEWEST_CONFIG
from energy_assets.partitions import HOUR, hour_of
from energy_assets.serving.answers import iso
from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.routes.answering import DOCUMENT, DocumentAnswer, document
from energy_assets.serving.routes.queries import DocumentQuery
from energy_assets.serving.service import PATIENCE_SECONDS, Service
from energy_assets.stores.files import document_errors
from energy_assets.stores.paths import hour_path
from energy_assets.time_limit import within

router = APIRouter(prefix="/v1", tags=["state"])


@router.get("/status", response_model=DocumentAnswer, responses=DOCUMENT)
async def status(request: Request, _: Annotated[DocumentQuery, Query()]) -> Response:
    """The newest hour, how late its forecast is, what is missing, and what to know about it."""
    return await document(request, _status, max_age=5)


@router.get("/model", response_model=DocumentAnswer, responses=DOCUMENT)
async def model(request: Request, _: Annotated[DocumentQuery, Query()]) -> Response:
    """The model in force and the configuration it may have been trained with."""
    return await document(request, _model)


@router.get("/last-updated", response_model=None, responses=DOCUMENT)
async def last_updated(request: Request, _: Annotated[DocumentQuery, Query()]) -> Response:
    """The newest forecast: its origin, and when it was made. Cheap, for those who poll."""

    def make(_: Service, snapshot: Snapshot) -> dict[str, Any]:
        published = snapshot.published
        return {
            "origin": iso(published.origin),
            "made_at": iso(published.made_at),
            "published_at": iso(published.published_at),
            "quality": published.quality,
            "model_version": published.model_version,
            "source": published.source,
        }

    return await document(request, make, max_age=0)


def _status(service: Service, snapshot: Snapshot) -> dict[str, Any]:
    state = service.state(snapshot)
    published = state.published
    grace = timedelta(minutes=service.settings.forecast_grace_minutes)
    caught_up = []
    if state.missing_forecasts:
        caught_up.append(f"{_hours(len(state.missing_forecasts))} without a forecast")
    if state.gaps:
        hours = sum((last - first) // HOUR + 1 for first, last in state.gaps)
        caught_up.append(f"{_hours(hours)} without all measurements")
    if state.unpublished is not None:
        caught_up.append(f"the publication of the forecast of {iso(state.unpublished)}")
    data = {
        "now": iso(state.now.replace(microsecond=0)),
        "newest_hour": iso(state.newest_hour),
        "forecast": {
            "origin": iso(published.origin),
            "made_at": iso(published.made_at),
            "due": iso(published.made_at - state.late),
            "late_minutes": round(state.late.total_seconds() / 60, 1),
            "late": state.late > grace,
            "behind_hours": state.behind,
            "quality": published.quality,
            "model_version": published.model_version,
        },
        "missing_forecasts": [iso(hour) for hour in state.missing_forecasts],
        "unpublished": iso(state.unpublished),
        "gaps": [{"start": iso(first), "end": iso(last + HOUR)} for first, last in state.gaps],
        "newest_observation": iso(state.newest_observation),
        "being_caught_up": caught_up,
        "messages": [{"level": one.level, "text": one.text} for one in state.messages],
    }
    return {"meta": service.meta(snapshot), "data": data}


def _hours(count: int) -> str:
    return "1 hour" if count == 1 else f"{count} hours"


def _model(service: Service, snapshot: Snapshot) -> dict[str, Any]:
    """The newest promoted model that may make a forecast, as the fallback ladder would choose."""
    origin = snapshot.published.origin
    oldest = origin - timedelta(hours=service.settings.model_max_age_hours)

    def newest() -> Any:
        return next(iter(service.stores.model_registry.promoted(origin, oldest)), None)

    found = within(PATIENCE_SECONDS, newest)
    data: dict[str, Any] = {"version": None, "configuration": _configuration(service, origin)}
    if found is not None:
        data |= {
            "version": found.version,
            "hour": iso(found.hour),
            "promoted_since": iso(found.hour + HOUR),
            "metrics": dict(found.metrics),
            "tags": dict(found.tags),
        }
    return {"meta": service.meta(snapshot), "data": data}


def _configuration(service: Service, origin: datetime) -> dict[str, Any] | None:
    """The newest tuned configuration; None if nothing has been tuned."""
    objects = service.stores.object_store
    try:
        hour = hour_of(objects.read(NEWEST_CONFIG).decode())
        path = hour_path("best_config", hour, "json")
        with document_errors(path, "run tuning_job again"):
            config = read_result(objects.read(path))
    except (NotFoundError, ValueError):
        return None
    if isinstance(config, NotTuned):
        return None
    return {
        "hour": iso(hour),
        "parameters": dict(config.best_parameters),
        "score": config.best_score,
        "metric": config.metric,
        "is_newer_than_the_forecast": hour > origin,
    }
