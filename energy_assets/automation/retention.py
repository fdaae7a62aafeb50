"""Dagster keeps every run and every event for ever. This removes what nobody needs of old runs.

What the partitions' state is read from stays: the event of each materialisation, the latest result
of each check, and the cursors of the sensors. Dagster's own `delete_run` would remove the events of
the materialisations as well, and with them the state of all partitions that the run has made. So
this works on Dagster's tables directly, in SQLite and in PostgreSQL; its tests fail if another
version of Dagster changes them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
_PICTURE = "data:image/"
_NO_PICTURE = "The picture is no longer kept; the asset can be materialised again."


def remove_old_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove the runs that ended before a time, with their logs; returns how many.

    An interrupted call is completed by the next one.
    """
    events, runs = instance.event_log_storage, instance.run_storage
    if not isinstance(events, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage):
        return 0
    old = dg.RunsFilter(statuses=_FINISHED, updated_before=before)
    removed = 0
    while records := instance.get_run_records(old, limit=100):
        for record in records:
            run_id = record.dagster_run.run_id
            with events.index_connection() as connection:
                _remove_events(connection, run_id)
            if isinstance(events, SqliteEventLogStorage):
                # The log of a run is a file of its own. The index has what concerns assets.
                for ending in ("", "-wal", "-shm"):
                    Path(events.path_for_shard(run_id) + ending).unlink(missing_ok=True)
            with suppress(NotImplementedError):  # not every log manager can delete
                instance.compute_log_manager.delete_logs(prefix=[run_id])
            with runs.connect() as connection:
                connection.execute(db.delete(RunTagsTable).where(RunTagsTable.c.run_id == run_id))
            runs.delete_run(run_id)  # last, so that an interrupted removal is found again
            removed += 1
    return removed


def _remove_events(connection: Any, run_id: str) -> None:
    """Remove a run's events, except the materialisations, whose pictures alone are removed."""
    latest = (
        db.select(db.func.max(Checks.c.id))
        .where(Checks.c.execution_status != "PLANNED")
        .group_by(Checks.c.asset_key, Checks.c.check_name)
    )
    connection.execute(
        db.delete(Checks).where(Checks.c.run_id == run_id, Checks.c.id.not_in(latest))
    )
    still_checked = db.select(Checks.c.evaluation_event_storage_id).where(
        Checks.c.evaluation_event_storage_id.is_not(None)
    )
    kind = Events.c.dagster_event_type
    needed = db.or_(
        kind == _MATERIALIZATION, db.and_(kind == _CHECKED, Events.c.id.in_(still_checked))
    )
    connection.execute(
        # The type is null for what a run logs itself.
        db.delete(Events).where(Events.c.run_id == run_id, db.or_(kind.is_(None), ~needed))
    )
    with_picture = db.select(Events.c.id, Events.c.event).where(
        Events.c.run_id == run_id, Events.c.event.contains(_PICTURE)
    )
    for number, event in connection.execute(with_picture).fetchall():
        smaller = json.dumps(_without_pictures(json.loads(event)))
        connection.execute(db.update(Events).where(Events.c.id == number).values(event=smaller))


def _without_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_pictures(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_pictures(part) for part in value]
    return _NO_PICTURE if isinstance(value, str) and _PICTURE in value else value
