"""Data frames as Parquet, with text metadata in the file itself."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from energy_assets.errors import NotFoundError, StorageError, UnreachableError
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path, read_hour_file

_WORKERS = 8

_log = logging.getLogger(__name__)


Filters: TypeAlias = Sequence[tuple[str, str, object]]
"""Conditions that all rows meet, such as `("horizon", "<", 3)`."""


def encode(frame: pd.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """The frame as a Parquet file, with `metadata` beside pandas' own in the file's schema."""
    return encode_tables([{"": frame}], metadata)[""]


def encode_tables(
    parts: Iterable[Mapping[str, pd.DataFrame]], metadata: Mapping[str, str]
) -> dict[str, bytes]:
    """Tables by name as Parquet files. Each of the `parts` has rows of some of them, in order.

    The rows of a part have row groups of their own.
    """
    buffers: dict[str, io.BytesIO] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    empty: dict[str, pd.DataFrame] = {}

    def write(name: str, frame: pd.DataFrame) -> None:
        rows = _as_table(frame)
        if name not in writers:
            schema = rows.schema.with_metadata({**(rows.schema.metadata or {}), **metadata})
            buffers[name] = io.BytesIO()
            writers[name] = pq.ParquetWriter(
                buffers[name], schema, compression="zstd", coerce_timestamps="us"
            )
        writers[name].write_table(rows.replace_schema_metadata(writers[name].schema.metadata))

    for part in parts:
        for name, frame in part.items():
            if frame.empty:  # its columns may have other types than those of frames with rows
                empty.setdefault(name, frame)
            else:
                write(name, frame)
    for name in empty.keys() - writers.keys():
        write(name, empty[name])
    for writer in writers.values():
        writer.close()
    return {name: buffer.getvalue() for name, buffer in buffers.items()}


def _as_table(frame: pd.DataFrame) -> pa.Table:
    """The frame with its index and pandas' metadata."""
    if isinstance(frame.index, pd.RangeIndex) or None in frame.index.names:
        return pa.Table.from_pandas(frame)
    schema = pa.Table.from_pandas(frame.iloc[:1]).schema
    columns = frame.reset_index()
    arrays = []
    for name in schema.names:
        column = columns[name]
        # Otherwise pyarrow makes an object of each period, which takes many times as long.
        period = isinstance(column.dtype, pd.PeriodDtype)
        arrays.append(pa.array(column.array if period else column, from_pandas=True))
    return pa.table(arrays, schema.names).replace_schema_metadata(schema.metadata)


def read_hour(
    objects: ObjectStore,
    asset: str,
    hour: datetime,
    columns: Sequence[str] | None = None,
    filters: Filters | None = None,
) -> pd.DataFrame:
    """The frame of an asset's hour, with its index and types; or those `columns` that it has.

    With `filters`, the rows that meet them; others are never in memory together.

    Raises NotFoundError if it does not exist, StorageError if it is not readable Parquet.
    """
    data = read_hour_file(objects, asset, hour, "parquet")
    return decode(data, objects.url(hour_path(asset, hour, "parquet")), columns, filters)


def read_hours(
    objects: ObjectStore,
    asset: str,
    hours: Iterable[datetime],
    filters: Filters | None = None,
    hour_column: str | None = None,
) -> pd.DataFrame:
    """The rows of an asset's hours, in the order of `hours`; without columns if there are none.

    With `filters`, the rows that meet them. With `hour_column`, a column of that name tells the
    hour of each row's file. Hours without a file are left out, and so, with a warning, are those
    whose file is damaged.

    Raises UnreachableError if the store does not answer.
    """

    def read(hour: datetime) -> pa.Table | None:
        try:
            data = read_hour_file(objects, asset, hour, "parquet")
            url = objects.url(hour_path(asset, hour, "parquet"))
            table = _table(data, url, filters=filters)
        except UnreachableError:
            raise
        except NotFoundError:
            return None
        except StorageError as error:
            _log.warning("%s of %s is left out: %s", asset, hour, error)
            return None
        if hour_column is None:
            return table
        of_file = pa.repeat(pa.scalar(hour, pa.timestamp("us")), table.num_rows)
        return table.append_column(hour_column, of_file)

    with ThreadPoolExecutor(_WORKERS) as pool:
        # Without rows, the columns of a file may have any type.
        tables = [table for table in pool.map(read, hours) if table]
    if not tables:
        return pd.DataFrame()
    # As one table: to turn each of the small ones into a frame would take ten times as long.
    whole = pa.concat_tables(tables, promote_options="permissive")
    return _in_nanoseconds(whole.to_pandas(ignore_metadata=True))


def decode(
    data: bytes,
    url: str,
    columns: Sequence[str] | None = None,
    filters: Filters | None = None,
) -> pd.DataFrame:
    """The frame in a Parquet file, with its index and types; or those `columns` that it has.

    With `filters`, the rows that meet them.

    Raises StorageError, naming the file by its `url`, if it is not readable Parquet.
    """
    return _in_nanoseconds(_table(data, url, columns, filters).to_pandas())


def _table(
    data: bytes,
    url: str,
    columns: Sequence[str] | None = None,
    filters: Filters | None = None,
) -> pa.Table:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if columns is not None:
            columns = [name for name in columns if name in file.schema_arrow.names]
        if filters and file.metadata.num_rows:
            return pq.read_table(pa.BufferReader(data), columns=columns, filters=filters)
        return file.read(columns)
    except (pa.ArrowInvalid, OSError) as error:  # what pyarrow raises for damaged content
        raise StorageError(
            f"{url} is not readable as Parquet ({error}): restore it from a backup"
        ) from error


def _in_nanoseconds(frame: pd.DataFrame) -> pd.DataFrame:
    """Parquet keeps microseconds; this project keeps all times as nanoseconds."""
    times = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(times, "datetime64[ns]"))


def read_metadata(data: bytes) -> dict[str, str]:
    """The text metadata of a Parquet file, without pandas' own."""
    metadata = pq.read_schema(pa.BufferReader(data)).metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items() if key != b"pandas"}
