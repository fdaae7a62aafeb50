"""`/health`, `/ready`, `/metrics`: for load balancers and Prometheus."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from energy_assets.serving.routes.answering import PROBLEMS
from energy_assets.serving.service import Service

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """That the process answers."""

    name: str
    version: str


class Readiness(BaseModel):
    """That there is a forecast to answer with."""

    ready: bool
    origin: str


@router.get("/health")
async def health() -> Health:
    """Whether the process answers, whatever the stores do."""
    return Health(name="energy-assets", version=version("energy-assets"))


@router.get("/ready", responses={503: PROBLEMS[503]})
async def ready(request: Request) -> Readiness:
    """Whether there is a published forecast in memory; 503 if not."""
    service: Service = request.app.state.service
    return Readiness(ready=True, origin=f"{service.snapshot.published.origin.isoformat()}Z")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, 401: PROBLEMS[401], 429: PROBLEMS[429]},
)
async def metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format."""
    body = await run_in_threadpool(generate_latest, request.app.state.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
