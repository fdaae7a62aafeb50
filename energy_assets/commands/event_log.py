"""Dagster's event log in SQLite, with fewer waits for the disk.

Dagster opens a connection for each event, and closes it again. Each of several commits, and each
close, then waits for the disk. Loading a month of hours stores thousands of events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextmanager
def few_syncs() -> Iterator[None]:
    """SQLite databases wait for the disk at their checkpoints only, while this lasts.

    If the power fails, the events of the last moments may be lost; no database is damaged. That is
    how SQLite's mode `synchronous = NORMAL` works with a write-ahead log.
    """
    kept: set[str] = set()

    with ExitStack() as stack:

        def relaxed(connection: Any, _: Any) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            connection.execute("PRAGMA synchronous = NORMAL")
            path = connection.execute("PRAGMA database_list").fetchone()[2]
            has_log = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            if path and has_log and path not in kept:
                # SQLite makes a checkpoint when the last connection is closed: this one stays open.
                kept.add(path)
                another = stack.enter_context(
                    closing(sqlite3.connect(path, check_same_thread=False))
                )
                another.execute("SELECT 1 FROM sqlite_master").fetchone()

        event.listen(Engine, "connect", relaxed)
        try:
            yield
        finally:
            event.remove(Engine, "connect", relaxed)
