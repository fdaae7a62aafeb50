"""How long calls to Hopsworks may take, and how long failures are retried."""

from __future__ import annotations

from dataclasses import dataclass

from tenacity import RetryCallState, wait_random_exponential

from energy_assets.stores.hopsworks.connection.errors import ServerError


@dataclass(frozen=True)
class RetryPolicy:
    """Times in seconds. The client itself would wait forever."""

    retry_seconds: float = 300.0
    """A server that cannot be reached is tried again for this long."""
    first_pause: float = 1.0
    """The longest pause before the second attempt. Each later one is up to twice as long."""
    longest_pause: float = 20.0
    server_errors: int = 4
    """How often a call is tried that the server answers with an internal error."""
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    """For each part of a response."""
    response_timeout: float = 180.0
    """For a response as a whole."""
    query_timeout: float = 300.0
    """For one response of the Query Service, which takes seconds to read a month of rows."""

    @property
    def pauses(self) -> wait_random_exponential:
        """Random pauses, longer and longer: many clients of one server do not return at once."""
        return wait_random_exponential(multiplier=self.first_pause, max=self.longest_pause)

    def is_over(self, call: RetryCallState) -> bool:
        """Whether the last attempt at a call was the last."""
        error = call.outcome.exception() if call.outcome else None
        if isinstance(error, ServerError):
            return call.attempt_number >= self.server_errors
        return (call.seconds_since_start or 0.0) + call.upcoming_sleep >= self.retry_seconds
