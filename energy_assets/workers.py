"""Where the shards of the series are worked on: in turn, in local processes, or on a Dask cluster.

Everything that is handed over is pickled and sent, so it should be small: how to read a shard, not
its rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar
from uuid import uuid4

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings
from energy_assets.time_limit import in_background

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

Read: TypeAlias = Callable[[], Any]
"""Reads a shard."""

Apply: TypeAlias = Callable[[Callable[[Read], Any], Iterable[Read]], Iterable[Any]]
"""Applies a function to what reads each shard, like the built-in `map`."""

_CONNECT_SECONDS = 30
_RETRIES = 3
"""How often a task is tried again after its worker has died."""

_log = logging.getLogger(__name__)


class Shared(Generic[T]):
    """A value that is too large to send with each task: every process makes it once, when needed.

    A process holds one such value at a time. Making one may hang: that holds up nobody who needs
    another.
    """

    _held: ClassVar[tuple[str, Future[Any]]] = ("", Future())
    _lock: ClassVar[Lock] = Lock()

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._token = uuid4().hex

    def get(self) -> T:
        """The value; raises what making it raises."""
        with Shared._lock:
            if is_missing := Shared._held[0] != self._token:
                Shared._held = self._token, Future()
            value: Future[T] = Shared._held[1]
        if is_missing:
            try:
                value.set_result(self._make())
            except BaseException as error:
                value.set_exception(error)
                self._forget(value)
        return value.result()

    def _forget(self, value: Future[T]) -> None:
        """Let the next call make it again."""
        with Shared._lock:
            if Shared._held[1] is value:
                Shared._held = "", Future()


@contextmanager
def open_workers(settings: Settings, shards: int) -> Iterator[Apply]:
    """What applies a function to so many shards, as SHARD_WORKERS says.

    A forecast must not depend on other machines: shards whose workers cannot be reached, or are
    lost, are worked on here, one after the other. Raises SettingsError if Dask is not installed.
    """
    where = settings.shard_workers
    if not where or shards == 1:
        yield in_turn
    elif where.isdigit():
        # Spawned: a forked process would inherit the threads of Arrow and LightGBM half-way.
        with ProcessPoolExecutor(int(where), get_context("spawn")) as pool:
            yield partial(_or_here, pool.map, BrokenExecutor)
    else:
        with _cluster(where) as apply:
            yield apply


@contextmanager
def _cluster(address: str) -> Iterator[Apply]:
    try:
        from distributed import CancelledError, Client, KilledWorker
    except ImportError as error:
        raise SettingsError(
            f"SHARD_WORKERS is {address}, but Dask is not installed: pip install "
            "'energy-assets[dask]' here and on the workers"
        ) from error
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)
    except OSError as error:
        _log.warning(
            "SHARD_WORKERS: no Dask scheduler answers at %s (%s), so shards are worked on here",
            address,
            error,
        )
        yield in_turn
        return
    with client:
        lost = (OSError, CancelledError, KilledWorker)
        yield partial(_or_here, partial(_on_cluster, client), lost)


def in_turn(function: Callable[[Read], T], reads: Iterable[Read]) -> Iterator[T]:
    """The results in order. Each shard is read while the one before it is worked on."""
    waiting: Future[Any] | None = None
    for read in reads:
        current, waiting = waiting, in_background(read)
        if current is not None:
            yield function(current.result)
            del current  # and with it the rows
    if waiting is not None:
        yield function(waiting.result)


def _or_here(
    apply: Apply,
    lost: type[BaseException] | tuple[type[BaseException], ...],
    function: Callable[[Read], Any],
    reads: Iterable[Read],
) -> Iterable[Any]:
    """The results by `apply`; if it raises one of `lost`, those of `in_turn`."""
    reads = list(reads)
    try:
        return list(apply(function, reads))
    except lost as error:
        _log.warning("the workers of the shards are lost (%r), so they are worked on here", error)
        return in_turn(function, reads)


def _on_cluster(
    client: Client, function: Callable[[Read], Any], reads: Iterable[Read]
) -> Iterator[Any]:
    """The results in order. A task of a worker that dies is given to another one."""
    futures = client.map(function, list(reads), pure=False, retries=_RETRIES)
    for future in futures:
        yield future.result()
        future.release()
