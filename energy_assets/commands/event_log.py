"""Dagster's event log in SQLite, made quicker: loading a month of hours stores thousands of events.

For each event, Dagster creates engines of SQLAlchemy, opens connections and closes them again. An
engine compiles its statements anew, and each of several commits and each close waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine


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


@contextmanager
def kept_engines() -> Iterator[None]:
    """A database of the event log has one engine, while this lasts.

    Its connections are still opened and closed for each event.
    """
    create = getattr(sqlite_event_log, "create_engine", None)
    if create is None:  # a version of Dagster that does it differently
        yield
        return
    engines: dict[str | URL, Engine] = {}

    def kept(url: str | URL, **options: Any) -> Engine:
        if url not in engines:
            engines[url] = create(url, **options)
        return engines[url]

    sqlite_event_log.create_engine = kept
    try:
        yield
    finally:
        sqlite_event_log.create_engine = create
