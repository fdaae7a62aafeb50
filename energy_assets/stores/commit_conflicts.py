"""Two writers of one Delta Lake table: the one that commits second has to try again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from energy_assets.errors import StorageError

T = TypeVar("T")

ATTEMPTS = 20

LONGEST_PAUSE = 2.0
"""Longest pause between two attempts, in seconds."""

RETENTION_HOURS = 24
"""Maintenance leaves files younger than this alone: a running writer or reader may need them."""


class CommitConflictError(StorageError):
    """Another writer committed first."""


def retry_on_conflict(write: Callable[[], T], longest_pause: float = LONGEST_PAUSE) -> T:
    """Call `write`, and call it again as a whole each time that another writer commits first.

    Raises CommitConflictError after `ATTEMPTS` attempts.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(CommitConflictError),
        wait=wait_random_exponential(multiplier=0.05, max=longest_pause),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    return attempts(write)
