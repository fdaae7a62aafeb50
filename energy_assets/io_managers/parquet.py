"""A Parquet file for each hour: raw_consumption, predictions_parquet, monitoring_metrics."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pandas as pd

from energy_assets.errors import NotFoundError
from energy_assets.partitions import hour_of
from energy_assets.sources import Source
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.parquet import encode, read_hour
from energy_assets.stores.paths import hour_path

MAY_BE_MISSING = "may_be_missing"
"""Input metadata: hours without a file are left out. Without it, they are an error."""

_WORKERS = 8  # a remote store takes far longer to answer than we take to process the answer


class ParquetIOManager(dg.IOManager):
    """`{partition key: frame}` <-> `<asset>/<date>/<hour>.parquet`."""

    def __init__(self, objects: ObjectStore, source: Source) -> None:
        self.objects = objects
        self.source = source

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, pd.DataFrame]) -> None:
        asset = context.asset_key.path[-1]

        def write(key: str) -> None:
            data = encode(obj[key], {"source": self.source.name, "partition": key})
            self.objects.write(hour_path(asset, hour_of(key), "parquet"), data)

        keys = context.asset_partition_keys
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(write, keys))
        context.add_output_metadata({"folder": self.objects.url(asset)})

    def load_input(self, context: dg.InputContext) -> dict[str, pd.DataFrame]:
        asset = context.asset_key.path[-1]
        optional = bool(context.definition_metadata.get(MAY_BE_MISSING))

        def read(key: str) -> pd.DataFrame | None:
            try:
                return read_hour(self.objects, asset, hour_of(key))
            except NotFoundError:
                if optional:
                    return None
                raise

        keys = context.asset_partition_keys
        with ThreadPoolExecutor(_WORKERS) as pool:
            frames = dict(zip(keys, pool.map(read, keys), strict=True))
        return {key: frame for key, frame in frames.items() if frame is not None}
