"""A CSV or Parquet file -> a table with every value as text.

Messages begin with `name`, which names the file, and say the line if there is one.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from energy_assets.errors import SettingsError, SourceError
from energy_assets.sources.profiles import PROFILES
from energy_assets.sources.source import MAX_COLUMNS, listed

_DELIMITERS = (";", ",")

_MAX_ROWS = 50_000_000
"""Rows of a Parquet file, which can be far more than its size suggests; decades of any data set."""


class Layout(Protocol):
    """What a file must have: a profile is one."""

    @property
    def dataset(self) -> str:
        """What messages call it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, of which a file may have more."""


def version_of(name: str, path: Path, content: str) -> tuple[int, int]:
    """Modification time and size: if either differs, the file has changed.

    Raises SettingsError if there is no such file, and SourceError if it is empty. `content` is what
    the file should hold.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise SettingsError(
            f"{name} cannot be opened ({error.strerror}). Set it to the path of a CSV or Parquet "
            f"file {content}."
        ) from None
    if path.is_dir():
        raise SettingsError(f"{name} is a folder. Set it to one file in that folder.")
    if status.st_size == 0:
        raise SourceError(f"{name} is empty. Export or download it again.")
    return status.st_mtime_ns, status.st_size


def read_table(name: str, path: Path, layout: Layout, max_bytes: int) -> pa.Table:
    """The table in a CSV file, which may be gzipped, or a Parquet file.

    Raises SourceError if it cannot be read, lacks columns of the layout, or has, decompressed, more
    than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as compressed:
                data = compressed.read(max_bytes + 1)
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read ({error}). Check its permissions. If it is "
            "damaged, export it again."
        ) from None
    except (EOFError, zlib.error) as error:
        raise SourceError(f"{name} is truncated or damaged ({error}). Download it again.") from None

    if len(data) > max_bytes:
        raise SourceError(f"{name} has more than {max_bytes:,} bytes. Export fewer hours.")
    is_parquet = data.startswith(b"PAR1") or path.suffix == ".parquet"
    return (parquet_table if is_parquet else csv_table)(name, layout, data)


def csv_table(name: str, layout: Layout, data: bytes) -> pa.Table:
    """The table in a CSV file; raises SourceError if there is none with the layout's columns."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{name}, line {line}: the bytes are not UTF-8 text. Save the file as UTF-8. If it is "
            "damaged, export it again."
        ) from None
    header, delimiter = _header(name, layout, data)
    _check_columns(name, layout, header)
    invalid_rows: list[arrow_csv.InvalidRow] = []

    def stop(row: arrow_csv.InvalidRow) -> str:
        invalid_rows.append(row)
        return "error"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False),  # with threads, rows have no numbers
            arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=stop),
            arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in header},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowException as error:
        if invalid_rows:
            raise _invalid_row(name, data, delimiter, invalid_rows[0]) from None
        raise SourceError(
            f"{name} cannot be read as CSV ({_first_line(error)}). It is damaged: export or "
            "download it again."
        ) from None
    if table.column_names != header:
        raise SourceError(
            f"{name}, line 1: a quote in the header is not closed. Export or download it again."
        )
    return table


def parquet_table(name: str, layout: Layout, data: bytes) -> pa.Table:
    """The table in a Parquet file; raises SourceError if there is none as of `csv_table`."""
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        names = file.schema_arrow.names
        _check_columns(name, layout, names)
        if file.metadata.num_rows > _MAX_ROWS:
            raise SourceError(f"{name} has more than {_MAX_ROWS:,} rows. Export fewer hours.")
        table = pa.table([column.cast(pa.string()) for column in file.read().columns], names=names)
        table.validate(full=True)  # or text that is not UTF-8 fails later
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceError(
            f"{name} cannot be read as Parquet ({_first_line(error)}). It is truncated or "
            "damaged, or has nested columns: export or download it again."
        ) from None
    return table


def _header(name: str, layout: Layout, data: bytes) -> tuple[list[str], str]:
    """The column names and the delimiter: the one that gives the layout's columns."""
    first_line = re.split(rb"[\r\n]", data, maxsplit=1)[0].decode()
    try:
        headers = {sign: next(csv.reader([first_line], delimiter=sign), []) for sign in _DELIMITERS}
    except csv.Error:  # a name of more than 100,000 characters
        headers = {_DELIMITERS[0]: [first_line]}
    for delimiter, names in headers.items():
        if set(layout.columns) <= set(names):
            return names, delimiter
    delimiter = max(headers, key=lambda sign: len(headers[sign]))
    if len(headers[delimiter]) <= 1:
        raise SourceError(
            f"{name}: the first line, {first_line[:80]!r}, is not a header with columns separated "
            f"by ';' or ','. Export it as CSV with ';' and the columns "
            f"{', '.join(layout.columns)}."
        )
    return headers[delimiter], delimiter


def _check_columns(name: str, layout: Layout, names: Sequence[str]) -> None:
    """Raise SourceError unless there are the layout's columns, each once, and few others.

    The message suggests a profile that fits.
    """
    if missing := [column for column in layout.columns if column not in names]:
        fitting = [other.dataset for other in PROFILES.values() if set(other.columns) <= set(names)]
        advice = (
            f"Set ENERGY_DATASET={fitting[0]}, which fits it." if fitting else "Export it again."
        )
        raise SourceError(
            f"{name} has no column {', '.join(missing)}, which {layout.dataset} must have; it has "
            f"{listed(names)}. {advice}"
        )
    if len(names) > MAX_COLUMNS:
        raise SourceError(
            f"{name} has {len(names):,} columns, more than {MAX_COLUMNS}. Export it with the "
            f"columns {', '.join(layout.columns)} alone."
        )
    if repeated := next((column for column in names if names.count(column) > 1), None):
        raise SourceError(f"{name} has more than one column {repeated[:60]}. Export it again.")


def _invalid_row(name: str, data: bytes, delimiter: str, row: arrow_csv.InvalidRow) -> SourceError:
    advice = "The file is truncated or damaged: export or download it again."
    if row.actual_columns > row.expected_columns:
        advice = f"Values that contain {delimiter!r} must be quoted: export it with ';'."
    # Blank lines are not rows. The header is row 1.
    lines = [number for number, line in enumerate(data.splitlines(), 1) if line]
    return SourceError(
        f"{name}, line {lines[row.number - 1]}: {row.actual_columns} fields, but the header names "
        f"{row.expected_columns}. {advice}"
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
