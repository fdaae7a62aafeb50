"""A Parquet file for each hour: raw_consumption, weather, forecasts, monitoring_metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import dagster as dg
import pandas as pd

from energy_assets.partitions import hour_of
from energy_assets.stores.compare_and_set import compare_and_set
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import decode, encode, read_hour
from energy_assets.stores.paths import hour_path

_WORKERS = 8  # a remote store takes far longer to answer than we take to process the answer

Add = Callable[[pd.DataFrame | None, pd.DataFrame], pd.DataFrame | None]
"""(stored, new) -> what to store; None if nothing changes. `stored` is None for a new file."""


class Named(Protocol):
    """A source, whose name the files have in their metadata."""

    @property
    def name(self) -> str:
        """The setting that chooses it."""


class ParquetIOManager(dg.IOManager):
    """`{partition key: frame}` <-> `<asset>/<date>/<hour>.parquet`.

    A frame replaces the stored one, unless `add` says how to add it to what is stored.
    """

    def __init__(self, objects: ObjectStore, source: Named, add: Add | None = None) -> None:
        self.objects = objects
        self.source = source
        self.add = add

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, pd.DataFrame]) -> None:
        asset = context.asset_key.path[-1]

        def write(key: str) -> None:
            path, add = hour_path(asset, hour_of(key), "parquet"), self.add
            metadata = {"source": self.source.name, "partition": key}
            if add is None:
                self.objects.write(path, encode(obj[key], metadata))
                return

            def change(content: bytes | None) -> bytes | None:
                stored = None if content is None else decode(content, self.objects.url(path))
                frame = add(stored, obj[key])
                return None if frame is None else encode(frame, metadata)

            compare_and_set(self.objects, path, change)

        keys = context.asset_partition_keys
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(write, keys))
        context.add_output_metadata({"folder": self.objects.url(asset)})

    def load_input(self, context: dg.InputContext) -> dict[str, pd.DataFrame]:
        asset = context.asset_key.path[-1]
        keys = context.asset_partition_keys
        with ThreadPoolExecutor(_WORKERS) as pool:
            frames = pool.map(lambda key: read_hour(self.objects, asset, hour_of(key)), keys)
            return dict(zip(keys, frames, strict=True))
