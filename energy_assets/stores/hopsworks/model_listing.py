"""Find versions in Hopsworks' model registry without listing all of them.

Hopsworks lists the versions of a model in pages, sorted by one metric, those without it last. It
cannot list a range. So each version has its hour of training as a metric, the first page holds the
newest hours, and the place of an earlier hour is found by bisection.

Versions of earlier releases lack the metric. They are listed only for hours before the first one
was registered that has it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from energy_assets.stores.hopsworks.connection.errors import ServerError
from energy_assets.stores.hopsworks.model_description import (
    EPOCH,
    HOUR_METRIC,
    NAME,
    Registered,
    hour_number,
    parse,
    sorted_since,
)

if TYPE_CHECKING:
    from hopsworks.project import Project

PAGE = 50
"""Versions a page. Each takes one to two kilobytes."""

Hour = tuple[datetime, list[Registered]]
"""An hour, and the versions that were trained for it in the order of their registration."""


class ModelListing:
    """The versions of one source in a project's model registry."""

    def __init__(self, project: Project, source_id: str) -> None:
        self.registry_id = project.get_model_registry().model_registry_id
        self.source_id = source_id

    def count(self) -> int:
        """How many versions there are, those of other sources included."""
        return self._list(limit=1)[0]

    def newest_number(self) -> tuple[int, datetime | None]:
        """The highest number of a version, and since when versions can be sorted by hour.

        The time is None if the version with that number cannot.
        """
        _, items = self._list(limit=1, filters=("latest_version",))
        return (int(items[0]["version"]), sorted_since(items[0])) if items else (0, EPOCH)

    def of_hour(self, hour: datetime) -> list[Registered]:
        """The versions trained for an hour, in the order of their registration."""
        return dict(self.hours(hour + timedelta(hours=1), hour)).get(hour, [])

    def hours(self, newest: datetime, oldest: datetime | None = None) -> Iterator[Hour]:
        """The hours from `newest` back to `oldest` that have versions, newest first.

        For `newest` itself, versions of earlier releases are left out if there are later ones.
        """
        unsorted: dict[datetime, list[Registered]] | None = None
        since: datetime | None = None
        last = newest
        for hour, versions in self._sorted(newest):
            since = max(version.sorted_since or EPOCH for version in versions)
            if oldest is not None and hour < oldest:
                break
            if hour < newest:
                if unsorted is None:
                    unsorted = self._unsorted(last, oldest, since)
                for earlier in [earlier for earlier in unsorted if earlier > hour]:
                    yield earlier, unsorted.pop(earlier)
                versions = [*unsorted.pop(hour, []), *versions]
            yield hour, versions
            last = hour - timedelta(hours=1)
        if unsorted is None:
            unsorted = self._unsorted(last, oldest, since)
        yield from unsorted.items()

    def _sorted(self, newest: datetime) -> Iterator[Hour]:
        """The hours at or before `newest`, newest first, of versions that have the metric."""
        count, items = self._list(limit=PAGE)
        start = 0
        if items and _is_after(items[-1], newest):
            start = self._offset(count, -hour_number(newest))
            count, items = self._list(offset=start, limit=PAGE)
        limit = PAGE
        while items:
            by_hour = [list(group) for _, group in groupby(items, _hour)]
            if len(items) == limit:  # the next page may have more of the last hour
                if len(by_hour) == 1:
                    limit *= 2
                by_hour.pop()
            for group in by_hour:
                if _hour(group[0]) is None:
                    return
                versions = self._parsed(group)
                if versions and versions[0].model.hour <= newest:
                    yield versions[0].model.hour, versions
            start += sum(map(len, by_hour))
            _, items = self._list(offset=start, limit=limit)

    def _unsorted(
        self, newest: datetime, oldest: datetime | None, since: datetime | None
    ) -> dict[datetime, list[Registered]]:
        """The versions of earlier releases by hour, newest first, if the range may have some."""
        if oldest is not None and since is not None and since < oldest:
            return {}
        count, items = self._list(limit=1)
        if count > 1:
            _, items = self._list(offset=count - 1, limit=1)
        if not items or _hour(items[0]) is not None:  # they would come last
            return {}
        first = self._offset(count, 0)
        _, items = self._list(offset=first, limit=count - first)
        versions = sorted(self._parsed(items), key=lambda version: version.model.hour, reverse=True)
        return {
            hour: list(group)
            for hour, group in groupby(versions, lambda version: version.model.hour)
            if hour <= newest and (oldest is None or hour >= oldest)
        }

    def _offset(self, count: int, key: int) -> int:
        """Where the versions begin whose hour is not after `-key`; with 0, those without one."""

        @cache
        def key_at(offset: int) -> int:
            hour = next(map(_hour, self._list(offset=offset, limit=1)[1]), None)
            return 0 if hour is None else -hour

        return bisect_left(range(count), key, key=key_at)

    def _parsed(self, items: list[Mapping[str, Any]]) -> list[Registered]:
        parsed = [parse(item, self.source_id) for item in items]
        return sorted(filter(None, parsed), key=lambda registered: registered.number)

    def _list(
        self, offset: int = 0, limit: int = PAGE, filters: tuple[str, ...] = ()
    ) -> tuple[int, list[Mapping[str, Any]]]:
        """How many versions there are, and some of them: newest hour first, without one last."""
        from hopsworks_common import client

        rest = client._get_instance()
        answer = rest._send_request(
            "GET",
            ["project", rest._project_id, "modelregistries", self.registry_id, "models"],
            {
                "filter_by": [f"name_eq:{NAME}", *filters],
                "sort_by": f"{HOUR_METRIC}:desc",
                "offset": offset,
                "limit": limit,
            },
        )
        items = answer.get("items") or []
        keys = [0 if hour is None else -hour for hour in map(_hour, items)]
        if keys != sorted(keys):
            raise ServerError(f"Hopsworks lists the versions of {NAME} in another order than asked")
        return answer.get("count", 0), items


def _hour(item: Mapping[str, Any]) -> int | None:
    value = (item.get("metrics") or {}).get(HOUR_METRIC)
    return None if value is None else int(float(value))


def _is_after(item: Mapping[str, Any], hour: datetime) -> bool:
    number = _hour(item)
    return number is not None and number > hour_number(hour)
