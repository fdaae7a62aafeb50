"""DAGSTER_HOME, where Dagster keeps its runs and events: whether it can, and what to do if not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dotenv import dotenv_values
from sqlalchemy.exc import DBAPIError

from energy_assets.commands.project_files import HOME
from energy_assets.errors import SettingsError, StorageError
from energy_assets.settings import PROJECT_ROOT


def set_default() -> None:
    """Without DAGSTER_HOME in the environment it is the one that `.env` names, or the project's."""
    if not os.environ.get("DAGSTER_HOME"):
        named = dotenv_values(PROJECT_ROOT / ".env").get("DAGSTER_HOME")
        os.environ["DAGSTER_HOME"] = named or str(HOME)


def check() -> str:
    """Write a line to Dagster's storage, and say where that is.

    Raises SettingsError if there is no such folder, StorageError if it cannot be written.
    """
    try:
        with naming_dagster_home(), dg.DagsterInstance.get() as instance:
            instance.run_storage.set_cursor_values({"energy-assets check-settings": "written"})
            return instance.root_directory
    except dg.DagsterError as error:
        raise SettingsError(str(error)) from error


@contextmanager
def naming_dagster_home() -> Iterator[None]:
    """Turn a failure of Dagster's own storage into a StorageError that names DAGSTER_HOME."""
    try:
        yield
    except DBAPIError as error:
        raise _unusable(str(error.orig)) from error
    except OSError as error:
        home = Path(os.environ["DAGSTER_HOME"])
        # A full disk is reported without a file.
        if error.filename is not None and home not in Path(os.fsdecode(error.filename)).parents:
            raise
        raise _unusable(error.strerror or str(error)) from error
    except Exception as error:  # dagster-postgres, which need not be installed, has its own
        if not isinstance(error.__cause__, DBAPIError):
            raise
        reason = str(error.__cause__.orig).partition("\n")[0].strip()
        raise StorageError(
            f"Dagster keeps its runs and events in PostgreSQL, which does not answer ({reason}). "
            "See whether it runs, and whether the entry `energy_assets` of the file that "
            "PGSERVICEFILE names says how to connect. Finished work is kept."
        ) from error


def _unusable(reason: str) -> StorageError:
    return StorageError(
        f"Dagster cannot keep its runs and events in DAGSTER_HOME={os.environ['DAGSTER_HOME']} "
        f"({reason}). If its disk is full, make space. If it is read-only, give this user the "
        "right to write, or set DAGSTER_HOME to another folder. Finished work is kept."
    )
