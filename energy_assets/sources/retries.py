"""Trying again what fails transiently, within a budget of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, cast

from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

T = TypeVar("T")

_BACKOFF = wait_exponential_jitter(initial=1, max=60, jitter=1)


class TransientError(Exception):
    """A transient failure, with the seconds that the server asks to wait."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GaveUpError(Exception):
    """No attempt succeeded within the budget."""

    def __init__(self, attempts: int, failure: TransientError) -> None:
        super().__init__(f"{attempts} attempt(s), the last: {failure}")
        self.attempts = attempts
        self.failure = failure


def retried(attempt: Callable[[float], T], *, budget: float, sleep: Callable[[float], None]) -> T:
    """The result of the first attempt that raises no TransientError.

    An attempt is passed the seconds that are left of the `budget`, which also holds the waits
    between attempts: they grow, and are as long as the server asks. Raises GaveUpError if the next
    wait would exceed the budget, and any other error of an attempt at once.
    """

    def is_over(state: RetryCallState) -> bool:
        spent = max(state.seconds_since_start or 0.0, state.idle_for)
        return spent + state.upcoming_sleep > budget

    retrying = Retrying(
        retry=retry_if_exception_type(TransientError), wait=_wait, stop=is_over, sleep=sleep
    )
    began = time.monotonic()

    def timed() -> T:
        spent = max(time.monotonic() - began, retrying.statistics.get("idle_for", 0.0))
        return attempt(max(budget - spent, 0.001))

    try:
        return retrying(timed)
    except RetryError as error:
        # Nothing else is tried again.
        failure = cast(TransientError, error.last_attempt.exception())
        raise GaveUpError(error.last_attempt.attempt_number, failure) from failure


def _wait(state: RetryCallState) -> float:
    """Seconds before the next attempt: exponential backoff, or longer if the server asks."""
    failure = state.outcome.exception() if state.outcome else None
    requested = failure.retry_after if isinstance(failure, TransientError) else None
    return max(_BACKOFF(state), requested or 0.0)
