"""Old models and publications are removed, but nothing that is still named."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from energy_assets.forecasts.publishing import publish
from energy_assets.forecasts.retention import remove_old_models, remove_old_publications
from energy_assets.partitions import DAY, HOUR
from energy_assets.stores.embedded.model_registry import FolderModelRegistry
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode
from energy_assets.stores.paths import hour_path

H = datetime(2023, 3, 13, 21)
MAX_AGE = timedelta(hours=6)


class Recording:
    """A registry that records what it is asked to remove."""

    def remove_old(self, before: datetime, keep: set[str]) -> int:
        self.before, self.keep = before, keep
        return 3


def forecast(objects: ObjectStore, origin: datetime, version: str) -> None:
    frame = pd.DataFrame({"origin": [origin], "model_version": version})
    objects.write(hour_path("predictions_parquet", origin, "parquet"), encode(frame, {}))


def test_models_of_forecasts_that_may_have_used_an_old_one_are_kept(
    object_store: ObjectStore,
) -> None:
    for origin, version in (
        (H - HOUR, "before"),
        (H, "at"),
        (H + 6 * HOUR, "last"),
        (H + 7 * HOUR, "later"),
    ):
        forecast(object_store, origin, version)
    registry = Recording()
    assert remove_old_models(registry, object_store, H, MAX_AGE) == 3
    assert (registry.before, registry.keep) == (H, {"at", "last"})


def test_publications_of_the_last_week_and_the_newest_stay(object_store: ObjectStore) -> None:
    table = pd.DataFrame({"x": [1]})
    for days in range(12):
        version = pd.DataFrame(
            {
                "origin": [pd.Timestamp(H + days * DAY)],
                "made_at": pd.Timestamp(H + days * DAY),
                "quality": "model",
                "model_version": "m",
            }
        )
        publish(object_store, version, {"y.parquet": table}, "simulator")
    assert remove_old_publications(object_store) == 4
    kept = {path.split("/")[1] for path in object_store.list("published")}
    assert kept == {f"{H + days * DAY:%Y-%m-%d}" for days in range(4, 12)}
    assert remove_old_publications(object_store) == 0


def test_with_nothing_stored_there_is_nothing_to_remove(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    assert remove_old_publications(object_store) == 0
    assert remove_old_models(FolderModelRegistry(tmp_path), object_store, H, MAX_AGE) == 0
