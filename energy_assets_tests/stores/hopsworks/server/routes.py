"""What the parts of the REST API share: the form of a route, and of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Route = tuple[str, str, Callable[..., Any]]
"""Method, pattern of the path, and the function that answers. It gets the project, the request and
the named groups of the pattern, and returns a JSON value, None or a Response."""

P = "/project/[0-9]+"
CREATED = "2023-01-01T00:00:00.000Z"


class ApiError(Exception):
    """A refusal, in the form that Hopsworks gives it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
