"""Data frames as Parquet, with text metadata in the file itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from energy_assets.errors import StorageError
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file


def encode(frame: pd.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """The frame as a Parquet file, with `metadata` beside pandas' own in the file's schema."""
    table = pa.Table.from_pandas(frame)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", coerce_timestamps="us")
    return buffer.getvalue()


def read_hour(objects: ObjectStore, asset: str, hour: datetime) -> pd.DataFrame:
    """The frame of an asset's hour, with its index and types.

    Raises NotFoundError if it does not exist, StorageError if it is not readable Parquet.
    """
    data = read_hour_file(objects, asset, hour, "parquet")
    return decode(data, objects.url(hour_path(asset, hour, "parquet")))


def decode(data: bytes, url: str) -> pd.DataFrame:
    """The frame in a Parquet file, with its index and types.

    Raises StorageError, naming the file by its `url`, if it is not readable Parquet.
    """
    try:
        frame = pd.read_parquet(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:  # what pyarrow raises for damaged content
        raise StorageError(
            f"{url} is not readable as Parquet ({error}): restore it from a backup"
        ) from error
    # Parquet keeps microseconds; this project keeps all times as nanoseconds.
    times = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(times, "datetime64[ns]"))


def read_metadata(data: bytes) -> dict[str, str]:
    """The text metadata of a Parquet file, without pandas' own."""
    metadata = pq.read_schema(io.BytesIO(data)).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items() if key != b"pandas"}
