"""Commands store their events quickly, and lose none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy.pool import NullPool

from energy_assets.commands.event_log import few_syncs, kept_engines

FULL, NORMAL = 2, 1


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    """A database with a write-ahead log, opened anew for each use, as Dagster does."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'events.db'}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (number INTEGER)"))
        connection.execute(sa.text("PRAGMA journal_mode = WAL"))
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA journal_mode = WAL"))
    return engine


def store(engine: sa.Engine, number: int) -> int:
    """Store an event, and return how the connection waits for the disk."""
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO events VALUES (:number)"), {"number": number})
    with engine.connect() as connection:
        return int(connection.execute(sa.text("PRAGMA synchronous")).scalar_one())


def test_the_disk_is_waited_for_at_checkpoints_only(engine: sa.Engine, tmp_path: Path) -> None:
    log = tmp_path / "events.db-wal"
    assert store(engine, 0) == FULL
    assert not log.exists()
    with few_syncs():
        assert store(engine, 1) == NORMAL
        assert log.stat().st_size > 0
        assert store(engine, 2) == NORMAL
    # The last connection makes the checkpoint.
    assert not log.exists()
    assert store(engine, 3) == FULL
    with engine.connect() as connection:
        stored = connection.execute(sa.text("SELECT number FROM events")).scalars().all()
    assert stored == [0, 1, 2, 3]


def test_other_databases_are_left_alone() -> None:
    with few_syncs():
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1


def stopped(engine: sa.Engine) -> None:
    with few_syncs():
        store(engine, 1)
        raise RuntimeError("stopped")


def test_a_command_that_fails_leaves_nothing_behind(engine: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        stopped(engine)
    assert not (tmp_path / "events.db-wal").exists()
    assert store(engine, 2) == FULL


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
def letters() -> None:
    """An asset of three partitions."""


def test_a_run_has_one_engine_for_each_database_of_its_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    create = sqlite_event_log.create_engine

    def counted(url: str, **options: Any) -> sa.Engine:
        made.append(url)
        return create(url, **options)

    monkeypatch.setattr(sqlite_event_log, "create_engine", counted)
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        made.clear()
        with kept_engines():
            run = dg.materialize([letters], instance=instance, tags=tags)
        assert len(made) == len(set(made)) == 2
        assert len(run.asset_materializations_for_node("letters")) == 3
        assert instance.get_materialized_partitions(dg.AssetKey("letters")) == {"a", "b", "c"}
        assert len(instance.all_logs(run.run_id)) > 3
        assert len(made) > 2, "afterwards, everything is as it was"
