"""Data frames as Parquet, with text metadata in the file itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from energy_assets.settings import PARTITION_FORMAT
from energy_assets.stores.files import reading
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file

if TYPE_CHECKING:
    import pandas as pd


def encode(frame: pd.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """The frame as a Parquet file; `metadata` goes beside pandas' own in the file's schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", coerce_timestamps="us")
    return buffer.getvalue()


def read_hour(objects: ObjectStore, asset: str, hour: datetime) -> pd.DataFrame:
    """The frame of an asset's hour, index and types included.

    Raises NotFoundError if there is none, StorageError if it is damaged.
    """
    import pandas as pd

    path, key = hour_path(asset, hour, "parquet"), f"{hour:{PARTITION_FORMAT}}"
    data = read_hour_file(objects, asset, hour, "parquet")
    with reading(path, f"materialise {asset} for {key} again"):
        frame = pd.read_parquet(io.BytesIO(data))
    # Parquet keeps microseconds; all of this project's times are nanoseconds.
    times = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(times, "datetime64[ns]"))


def read_metadata(data: bytes) -> dict[str, str]:
    """The metadata of a Parquet file, pandas' own left out."""
    import pyarrow.parquet as pq

    found = pq.read_schema(io.BytesIO(data)).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items() if key != b"pandas"}
