"""The newest forecast only moves forward, in every object store."""

from __future__ import annotations

import threading
from datetime import datetime

import pandas as pd
import pytest

from energy_assets.errors import UnreachableError
from energy_assets.forecasts.publishing import publish_newest, published_origin
from energy_assets.partitions import HOUR
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import read_metadata
from energy_assets_tests.stores.gcs.server import (
    IMPATIENT,
    GcsServer,
    answers,
    gcs_store,
    loses_the_answer,
)

ORIGIN = datetime(2023, 3, 13, 21)
FILES = ("predictions.parquet", "X.parquet", "y.parquet")


def rows(start: datetime) -> pd.DataFrame:
    hours = pd.date_range(start, periods=24, freq="h")
    return pd.DataFrame(
        {"area": "DK1", "consumer_type": "111", "datetime_utc": hours, "energy_consumption": 1.0}
    )


def publish(objects: ObjectStore, origin: datetime) -> bool:
    observed, predicted = rows(origin - 23 * HOUR), rows(origin + HOUR)
    return publish_newest(objects, origin, observed, predicted, {"source": "simulator"})


def published(objects: ObjectStore) -> dict[str, bytes]:
    return {name: objects.read(name) for name in FILES}


def origins(objects: ObjectStore) -> set[datetime | None]:
    return {published_origin(objects, name) for name in FILES}


def test_a_newer_forecast_replaces_an_older_one(object_store: ObjectStore) -> None:
    assert published_origin(object_store) is None
    for origin in (ORIGIN, ORIGIN + HOUR):
        assert publish(object_store, origin)
        assert origins(object_store) == {origin}
    assert read_metadata(object_store.read("predictions.parquet"))["source"] == "simulator"


def test_an_older_forecast_never_replaces_a_newer_one(object_store: ObjectStore) -> None:
    publish(object_store, ORIGIN)
    before = published(object_store)
    assert not publish(object_store, ORIGIN - HOUR)
    assert published(object_store) == before


def test_publishing_the_same_hour_again_leaves_the_same_bytes(object_store: ObjectStore) -> None:
    publish(object_store, ORIGIN)
    before = published(object_store)
    assert publish(object_store, ORIGIN)
    assert published(object_store) == before


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_damaged_file_is_replaced(object_store: ObjectStore, content: bytes) -> None:
    for name in FILES:
        object_store.write(name, content)
    assert publish(object_store, ORIGIN)
    assert origins(object_store) == {ORIGIN}


def test_racing_forecasts_never_move_the_newest_one_back(object_store: ObjectStore) -> None:
    racing = [ORIGIN + number * HOUR for number in (7, 2, 11, 0, 5, 9, 1, 10, 4, 8, 3, 6)]
    newest: list[datetime] = []
    errors: list[Exception] = []
    start = threading.Barrier(len(racing))

    def run(origin: datetime) -> None:
        start.wait()
        try:
            publish(object_store, origin)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(origin,)) for origin in racing]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if (origin := published_origin(object_store)) is not None:
            newest.append(origin)
    for thread in threads:
        thread.join()
    assert errors == []
    assert newest == sorted(newest)
    assert origins(object_store) == {max(racing)}


def test_a_forecast_whose_answer_was_lost_is_published(gcs: GcsServer) -> None:
    objects = gcs_store()
    publish(objects, ORIGIN)
    gcs.fail(*[loses_the_answer] * 3, at="ifGenerationMatch")
    assert publish(objects, ORIGIN + HOUR)
    assert origins(objects) == {ORIGIN + HOUR}


def test_a_store_that_does_not_answer_is_not_treated_as_empty(
    gcs: GcsServer,
) -> None:
    publish(gcs_store(), ORIGIN)
    before = published(gcs_store())
    objects = gcs_store(policy=IMPATIENT)
    objects.exists("predictions.parquet")
    # Reading the content fails, and writing would not.
    gcs.fail(*[answers(503)] * 100, at="GET /download")
    with pytest.raises(UnreachableError):
        publish(objects, ORIGIN - HOUR)
    assert {name: gcs.objects[name] for name in FILES} == before
