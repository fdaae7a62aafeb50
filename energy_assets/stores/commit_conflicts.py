"""Two writers of one Delta Lake table: the second makes its change again on what it finds."""

from __future__ import annotations

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from energy_assets.errors import StorageError


class CommitConflictError(StorageError):
    """Another writer committed first."""


again_after_conflicts = retry(
    retry=retry_if_exception_type(CommitConflictError),
    wait=wait_random_exponential(multiplier=0.05, max=2),
    stop=stop_after_attempt(20),
    reraise=True,
)
"""Decorates what may be done again as a whole."""

UNFINISHED_HOURS = 24
"""Files younger than this are left alone: a writer or a reader may be at work on them."""
