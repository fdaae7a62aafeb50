"""A time limit for calls that may hang, such as those of a remote store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from energy_assets.errors import UnreachableError

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The result of `call`, or its error. Raises UnreachableError if it takes longer.

    Python cannot stop a thread, so a call that takes too long goes on in the background.
    """
    future = in_background(call)
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # the call's own error
            raise
        raise UnreachableError(f"no answer within {seconds:g} seconds") from None


def in_background(call: Callable[[], T]) -> Future[T]:
    """Make the call in a thread that does not keep the process alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="in background", daemon=True).start()
    return future
