"""What all routes work with: the snapshot, the archives and the stores, opened once."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from energy_assets.errors import StorageError
from energy_assets.forecasts.publishing import Published, read_published
from energy_assets.partitions import HOUR
from energy_assets.schemas import CONSUMPTION_VERSIONS
from energy_assets.serving.answers import AnswerCache, iso
from energy_assets.serving.data.archive import ForecastArchive
from energy_assets.serving.data.observations import Observations, observations_of
from energy_assets.serving.data.scores import ScoreArchive
from energy_assets.serving.data.snapshot import Snapshot, Watcher, load_snapshot
from energy_assets.serving.data.state import State, state_of
from energy_assets.serving.data.sums import PastSums
from energy_assets.serving.problems import unavailable
from energy_assets.settings import Settings, typed, utc_now
from energy_assets.sources import DatasetProfile, dataset_profile, source_id
from energy_assets.stores.opening import Stores, open_stores
from energy_assets.time_limit import within

LONGEST_WAIT = 10 * 60
"""Seconds for which a client may keep an answer at most."""

STATE_SECONDS = 10
"""How old the state of a status may be."""

PATIENCE_SECONDS = 30.0
"""How long a request waits for the feature store."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    profile: DatasetProfile
    stores: Stores
    archive: ForecastArchive
    past_sums: PastSums
    scores: ScoreArchive
    watcher: Watcher
    answers: AnswerCache = field(default_factory=AnswerCache)
    _state: list[State] = field(default_factory=list)
    _state_lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, settings: Settings, stores: Stores | None = None) -> Service:
        """The service over the stores that the settings choose, or over others."""
        profile = dataset_profile(settings)
        stores = stores or open_stores(settings, source_id(settings))
        objects = stores.object_store
        archive = ForecastArchive(objects)
        past_sums, scores = PastSums(objects), ScoreArchive(objects)

        def load(published: Published) -> Snapshot:
            scores.forget()  # hours may have been scored anew
            return load_snapshot(objects, archive, published, profile, settings.days_delay)

        def loaded(snapshot: Snapshot) -> None:
            # So that nobody has to wait for them.
            try:
                _ = snapshot.course
            except StorageError as error:
                _log.warning("the course's tables cannot be read yet: %s", error)
            past_sums.warm(snapshot.published.origin, snapshot.forecast.index)

        watcher = Watcher(lambda: read_published(objects), load, loaded)
        return cls(settings, profile, stores, archive, past_sums, scores, watcher)

    @property
    def snapshot(self) -> Snapshot:
        """The published forecast; raises ProblemError (503) while there is none."""
        if (snapshot := self.watcher.snapshot) is None:
            raise unavailable(
                f"no forecast has been published yet: `{typed('run')}` makes the first one"
                if self.watcher.failing_since is None
                else "the store that holds the forecasts cannot be read; the service tries again",
                retry_after=10,
            )
        return snapshot

    def observations(
        self, snapshot: Snapshot, start: datetime, end: datetime, as_of: datetime | None = None
    ) -> Observations:
        """The observations of [start, end) and perhaps more, as known to the newest forecast.

        Those published with it are in memory. Others come from the feature store, as they were
        known then, so that both say the same; with `as_of`, as they were known at that time.

        Raises StorageError if the feature store cannot be read.
        """
        known_by = snapshot.known_by if as_of is None else min(as_of, snapshot.known_by)
        end = min(end, snapshot.published.origin + HOUR)
        if start >= end or (start >= snapshot.observations.start and known_by == snapshot.known_by):
            return snapshot.observations
        feature_store = self.stores.feature_store
        rows = within(
            PATIENCE_SECONDS,
            lambda: feature_store.read(start, end, known_by, table=CONSUMPTION_VERSIONS),
        )
        return observations_of(rows, start, end)

    def state(self, snapshot: Snapshot) -> State:
        """How things stand; at most `STATE_SECONDS` old, because it lists what is stored.

        Raises StorageError if the stores cannot be read.
        """
        with self._state_lock:
            now, known = utc_now(), self._state
            if (
                not known
                or now - known[0].now > timedelta(seconds=STATE_SECONDS)
                or known[0].published != snapshot.published
            ):
                failing = self.watcher.failing_since
                known[:] = [
                    within(
                        PATIENCE_SECONDS,
                        lambda: state_of(
                            snapshot, self.stores.object_store, self.settings, now, failing
                        ),
                    )
                ]
            return known[0]

    def meta(self, snapshot: Snapshot, **changed: object) -> dict[str, object]:
        """What every answer says about where it comes from; `changed` for another forecast."""
        published = snapshot.published
        return {
            "source": published.source,
            "simulated": published.source == "simulator",
            "dataset": self.profile.dataset,
            "unit": "kWh",
            "timezone": self.profile.timezone,
            "origin": iso(published.origin),
            "made_at": iso(published.made_at),
            "published_at": iso(published.published_at),
            "model_version": published.model_version,
            "quality": published.quality,
            "next_expected": iso(snapshot.next_expected),
            **changed,
        }

    def max_age(self, snapshot: Snapshot) -> int:
        """For how many seconds a client may keep an answer: until the next forecast may come."""
        left = (snapshot.next_due - utc_now()).total_seconds()
        # A version made again, or an earlier hour caught up, may move the pointer at any time.
        return int(min(max(left, 0), LONGEST_WAIT))
