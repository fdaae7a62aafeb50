"""A published forecast that is quick to make, and the course's API over it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI

from energy_assets.forecasts.course_files import course_tables
from energy_assets.forecasts.publishing import Published, publish
from energy_assets.partitions import HOUR
from energy_assets.schemas import (
    CONSUMPTION_VERSIONS,
    MONITORING,
    PREDICTIONS,
    QUANTILES,
    first_versions,
)
from energy_assets.serving.data.course_tables import CourseTables
from energy_assets.serving.problems import add_handlers, unavailable
from energy_assets.serving.routes import course
from energy_assets.serving.routes.course import router
from energy_assets.sources.profiles import DE35, DatasetProfile
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path

ORIGIN = datetime(2023, 3, 13, 21)
LENGTHS = {("DK1", "111"): 200, ("DK1", "999"): 30, ("DK2", "111"): 200, ("DK2", "450"): 168}
"""Series -> how many hours of it are observed."""
SCORED_HOURS = 5


def hourly_values(first: datetime, count: int) -> pd.DataFrame:
    """Values that tell their hours apart."""
    hours = pd.date_range(first, periods=count, freq="h")
    return pd.DataFrame(
        {
            "datetime_utc": hours,
            "energy_consumption": 1000 + hours.dayofyear * 24.0 + hours.hour + 0.25,
        }
    )


def observations(lengths: Mapping[tuple[str, str], int] = LENGTHS) -> pd.DataFrame:
    """So many hours of each series, the last of them ORIGIN."""
    frames = [
        hourly_values(ORIGIN - (count - 1) * HOUR, count).assign(area=area, consumer_type=code)
        for (area, code), count in lengths.items()
    ]
    return first_versions(pd.concat(frames))[list(CONSUMPTION_VERSIONS.dtypes)].astype(
        CONSUMPTION_VERSIONS.dtypes
    )


def forecast(lengths: Mapping[tuple[str, str], int] = LENGTHS) -> pd.DataFrame:
    """The 24 hours after ORIGIN, of each series."""
    frames = [
        hourly_values(ORIGIN + HOUR, 24).assign(area=area, consumer_type=code)
        for area, code in lengths
    ]
    rows = pd.concat(frames).assign(
        **dict.fromkeys(QUANTILES.values(), 1.0),
        horizon=np.tile(np.arange(1, 25), len(frames)),
        origin=ORIGIN,
        model_version="m",
        quality="model",
        weather_effect=np.nan,
        made_at=ORIGIN + HOUR,
    )
    return rows[list(PREDICTIONS.dtypes)].astype(PREDICTIONS.dtypes)


def store_scores(objects: ObjectStore, lengths: Mapping[tuple[str, str], int] = LENGTHS) -> None:
    """Scores of the last hours: the forecasts were 10 % too high."""
    observed = observations(lengths)
    for back in range(SCORED_HOURS):
        hour = ORIGIN - back * HOUR
        rows = observed[observed["datetime_utc"] == hour].assign(
            horizon=1,
            origin=hour - HOUR,
            actual=lambda rows: rows["energy_consumption"],
            forecast=lambda rows: rows["actual"] * 1.1,
            error=lambda rows: rows["forecast"] - rows["actual"],
            absolute_error=lambda rows: rows["error"],
            ape=0.1,
            covered=True,
            pinball=0.1,
            above_q95=0.0,
            above_q99=0.0,
            model_version="m",
            quality="model",
        )
        frame = rows[list(MONITORING.dtypes)].astype(MONITORING.dtypes)
        objects.write(hour_path("monitoring_metrics", hour, "parquet"), encode(frame, {}))


def publish_sample(
    objects: ObjectStore, profile: DatasetProfile = DE35, version: pd.DataFrame | None = None
) -> Published:
    """Publish the sample as the project does."""
    version = forecast() if version is None else version
    tables = course_tables(objects, version, observations(), profile)
    return publish(objects, version, tables, "simulator")


def course_app(tables: CourseTables | None) -> FastAPI:
    """The course's API and nothing else."""
    app: Any = FastAPI(redirect_slashes=False)
    add_handlers(app)
    app.include_router(router)

    def given() -> CourseTables:
        if tables is None:
            raise unavailable("nothing is published", retry_after=10)
        return tables

    app.dependency_overrides[course.course_tables] = given
    return app
