"""The published forecast in memory, replaced as a whole when the pointer moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial

from energy_assets.errors import EnergyAssetsError, NotFoundError
from energy_assets.forecasts.publishing import POINTER, Published
from energy_assets.partitions import HOUR, due
from energy_assets.serving.data.archive import ForecastArchive
from energy_assets.serving.data.course_tables import CourseTables, published_tables
from energy_assets.serving.data.forecast import Forecast
from energy_assets.serving.data.observations import Observations, published_observations
from energy_assets.settings import utc_now
from energy_assets.sources import DatasetProfile
from energy_assets.stores.object_store import ObjectStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """Everything that belongs to one published forecast."""

    published: Published
    forecast: Forecast
    observations: Observations
    known_by: datetime
    """When the forecast was due; the observations are those known by then."""
    read_course: Callable[[], CourseTables]

    @property
    def late(self) -> timedelta:
        """How long after it was due the forecast was made."""
        return self.published.made_at - self.known_by

    @property
    def next_due(self) -> datetime:
        """When the next forecast is due."""
        return self.known_by + HOUR

    @property
    def next_expected(self) -> datetime:
        """When the next forecast is to be expected, if it takes as long as this one did."""
        took = self.published.published_at - self.known_by
        return self.next_due + min(max(took, 0 * HOUR), HOUR / 4)

    @cached_property
    def course(self) -> CourseTables:
        """The tables of the course, read when they are first asked for."""
        return self.read_course()


def load_snapshot(
    objects: ObjectStore,
    archive: ForecastArchive,
    published: Published,
    profile: DatasetProfile,
    days_delay: int,
) -> Snapshot:
    """Read what a pointer names. Raises StorageError if a part of it cannot be read."""
    with ThreadPoolExecutor(1) as pool:  # both take long if there are many series
        reading = pool.submit(archive.read, published.origin, made_at=published.made_at)
        observations = published_observations(
            objects.read(published.files["y.parquet"]), profile, published.origin
        )
        forecast = reading.result()
    if forecast is None:
        raise NotFoundError(f"the published forecast of {published.origin} is not stored")
    if observations.index == forecast.index:  # one object, so that they need no comparison later
        observations = replace(observations, index=forecast.index)
    return Snapshot(
        published,
        forecast,
        observations,
        due(published.origin, days_delay),
        partial(published_tables, objects, published),
    )


class Watcher:
    """Keeps the newest snapshot: a thread looks at the pointer every `interval` seconds.

    Requests read `snapshot`, which is replaced in one step; then `loaded` is called in a thread.
    While the store does not answer, or what the pointer names cannot be read, the last snapshot
    stays.
    """

    def __init__(
        self,
        read: Callable[[], Published | None],
        load: Callable[[Published], Snapshot],
        loaded: Callable[[Snapshot], None] = lambda _: None,
        interval: float = 0.25,
    ) -> None:
        self._read = read
        self._load = load
        self._loaded = loaded
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pointer", daemon=True)
        self.snapshot: Snapshot | None = None
        self.failing_since: datetime | None = None
        """Since when the store cannot be read; None if it can."""

    def start(self) -> None:
        """Look at the pointer once, then go on in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that waits for the store does not hold the process up."""
        self._stopped.set()
        self._thread.join(2 * self._interval)

    def look(self) -> None:
        """Load what the pointer names, if that is not in memory yet."""
        try:
            published = self._read()
            if published is None and self.snapshot is not None:
                raise NotFoundError(f"{POINTER} is gone or damaged: the next forecast replaces it")
            if published is not None and (
                self.snapshot is None or self.snapshot.published != published
            ):
                snapshot = self._load(published)
                # First, so that nobody sees a new forecast of a store that still seems to fail.
                self.failing_since = None
                self.snapshot = snapshot
                threading.Thread(target=self._loaded, args=(snapshot,), daemon=True).start()
            self.failing_since = None
        except Exception as error:  # whatever a store or a damaged file raises
            if self.failing_since is None:
                self.failing_since = utc_now()
                reason = str(error) if isinstance(error, EnergyAssetsError) else repr(error)
                _log.warning("the published forecast cannot be read: %s", reason)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(self._interval)
