"""Where the shards of the series are worked on: in turn, in local processes, or on a Dask cluster.

Everything that is handed over is pickled and sent, so it should be small: how to read a shard, not
its rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

Apply: TypeAlias = Callable[..., Iterable[Any]]
"""Works like the built-in `map`."""

_CONNECT_SECONDS = 30
_RETRIES = 3
"""How often a task is tried again after its worker has died."""

_log = logging.getLogger(__name__)


@contextmanager
def open_workers(settings: Settings, shards: int) -> Iterator[Apply]:
    """What applies a function to so many shards, as SHARD_WORKERS says.

    A forecast must not depend on other machines: shards whose workers cannot be reached, or are
    lost, are worked on here, one after the other. Raises SettingsError if Dask is not installed.
    """
    where = settings.shard_workers
    if not where or shards == 1:
        yield map
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
        yield map
        return
    with client:
        lost = (OSError, CancelledError, KilledWorker)
        yield partial(_or_here, partial(_on_cluster, client), lost)


def _or_here(
    apply: Apply,
    lost: type[BaseException] | tuple[type[BaseException], ...],
    function: Callable[..., Any],
    *arguments: Iterable[Any],
) -> Iterable[Any]:
    """The results by `apply`; if it raises one of `lost`, those of the built-in `map`."""
    lists = [list(argument) for argument in arguments]
    try:
        return list(apply(function, *lists))
    except lost as error:
        _log.warning("the workers of the shards are lost (%r), so they are worked on here", error)
        return map(function, *lists)


def _on_cluster(
    client: Client, function: Callable[..., Any], *arguments: list[Any]
) -> Iterator[Any]:
    """The results in order. A task of a worker that dies is given to another one."""
    futures = client.map(function, *arguments, pure=False, retries=_RETRIES)
    for future in futures:
        yield future.result()
        future.release()
