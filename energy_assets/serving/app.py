"""The app: routes, guards, and what goes on in the background."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware

from energy_assets.serving import problems
from energy_assets.serving.metrics import add_gauges
from energy_assets.serving.page_files import page_router
from energy_assets.serving.routes import (
    course,
    forecasts,
    monitoring,
    observations,
    operations,
    state,
)
from energy_assets.serving.security import Guard
from energy_assets.serving.service import Service

DESCRIPTION = """Hourly forecasts of electricity consumption, and how good they are.

All times are UTC and name the start of an hour. A range is half-open: `start` is in it, `end` is
not. Energies are kWh in the hour. Every answer names the forecast that it comes from: its `origin`
(the last hour that it knew), when it was made, the model, and its `quality`.
"""


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI app. It watches the published forecast while it runs."""
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.watcher.start()
        yield
        service.watcher.stop()

    app = FastAPI(
        title="energy-assets",
        version=version("energy-assets"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.service = service
    app.state.registry = registry
    problems.add_handlers(app)
    for module in (forecasts, observations, monitoring, state, operations, course):
        app.include_router(module.router)
    # For proxies that pass on `/v1` alone, and for those that look for it at the root.
    app.include_router(operations.router, prefix="/v1", include_in_schema=False)
    app.add_api_route("/last-updated", state.last_updated, include_in_schema=False)
    app.include_router(page_router())
    app.add_middleware(Guard, settings=service.settings, registry=registry)
    origins = [origin.strip() for origin in service.settings.serve_cors_origins.split(",")]
    if any(origins):  # outside the guard: a browser asks without a key, and may read a refusal
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin for origin in origins if origin],
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "X-API-Key", "If-None-Match"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    add_gauges(registry, service)
    return app
