"""Commands store their events without waiting for the disk each time, and lose none."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from energy_assets.commands.event_log import few_syncs

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
