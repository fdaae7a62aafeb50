"""Where the shards of the series are worked on: in turn, in local processes, or on a Dask cluster.

Everything that is handed over is pickled and sent, so it should be small: how to read a shard, not
its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

from energy_assets.errors import SettingsError, UnreachableError
from energy_assets.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

Apply: TypeAlias = Callable[..., Iterable[Any]]
"""Works like the built-in `map`."""

_CONNECT_SECONDS = 30
_RETRIES = 3
"""How often a task is tried again after its worker has died."""


@contextmanager
def open_workers(settings: Settings) -> Iterator[Apply]:
    """What applies a function to shards, as SHARD_WORKERS says.

    Raises UnreachableError if there is no Dask scheduler, SettingsError if Dask is not installed.
    """
    where = settings.shard_workers
    if not where:
        yield map
    elif where.isdigit():
        # Spawned: a forked process would inherit the threads of Arrow and LightGBM half-way.
        with ProcessPoolExecutor(int(where), get_context("spawn")) as pool:
            yield pool.map
    else:
        with _client(where) as client:
            yield partial(_on_cluster, client)


def _client(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError(
            f"SHARD_WORKERS is {address}, but Dask is not installed: pip install "
            "'energy-assets[dask]' here and on the workers"
        ) from error
    try:
        return Client(address, timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise UnreachableError(
            f"SHARD_WORKERS: no Dask scheduler answers at {address} within {_CONNECT_SECONDS} "
            "seconds. Start it (dask scheduler), or correct the address"
        ) from error


def _on_cluster(
    client: Client, function: Callable[..., Any], *arguments: Iterable[Any]
) -> Iterator[Any]:
    """The results in order. A task of a worker that dies is given to another one."""
    futures = client.map(function, *map(list, arguments), pure=False, retries=_RETRIES)
    for future in futures:
        yield future.result()
        future.release()
