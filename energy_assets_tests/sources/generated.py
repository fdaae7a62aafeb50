"""Published records as they could be, good, odd and broken, and the answers and files they fill."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from energy_assets.sources.profiles import DatasetProfile
from energy_assets_tests.generated import any_text, damaged, text

START = datetime(2024, 8, 1)
HOUR = timedelta(hours=1)

Record = dict[str, Any]

_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M:%S.000+02:00")

good_times = st.builds(
    lambda hour, form: (START + hour * HOUR).strftime(form),
    st.integers(0, 3),
    st.sampled_from(_FORMS),
)
odd_times = (
    st.sampled_from(
        [
            *("", " ", "2024-08-01", "24:00", "2024-08-01 24:00", "2024-02-30 00:00", "NaT", "now"),
            *("9999-12-31 23:00", "0001-01-01 00:00", "2262-04-11 23:47:16.854775808"),
            *("1677-09-21 00:12:43", "2024-08-01 00:30", "2024-08-01 00:00:00.0000000000001"),
            *("2024-08-01 00:00+99:99", "٢٠٢٤-08-01 00:00", "2199-12-31 23:59-23:59"),
            "1900-01-01 00:00+23:59",
        ]
    )
    | st.datetimes().map(str)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}[+-][0-9]{4}", fullmatch=True)
    | text
    | st.none()
)
good_values = st.integers(0, 100_000).map(str) | st.decimals(0, 1000, places=2).map(str)
odd_values = (
    st.sampled_from(
        [
            *("", " ", "-1", "1,5", "1.000,5", "inf", "-Infinity", "nan", "1e400", "1e-400", "-0"),
            *("0x10", "1_000", "١٢", "²", "9" * 400, "1e5", ".", ",5", "True"),
        ]
    )
    | st.floats().map(str)
    | text
    | st.none()
)


@st.composite
def records(draw: st.DrawFn, profile: DatasetProfile, max_size: int = 8) -> list[Record]:
    """Records of a data set: text by column, or None; one may be repeated with a change."""
    types = sorted(profile.known_consumer_types or {"Privat", "Erhverv"})[:3]
    areas = sorted(profile.known_areas or {"DK1", "Region Sjælland"})[:2]
    columns = {
        profile.time_column: mostly(good_times, odd_times),
        profile.consumer_type_column: mostly(st.sampled_from(types), text | st.none()),
        profile.value_column: mostly(good_values, odd_values),
    }
    if profile.area_column is not None:
        columns[profile.area_column] = mostly(st.sampled_from(areas), text | st.none())
    published = draw(st.lists(st.fixed_dictionaries(columns), max_size=max_size))
    if published and draw(st.booleans()):
        column = draw(st.sampled_from(sorted(columns)))
        again = draw(st.sampled_from(published))
        published.append({**again, column: draw(columns[column])})
    return published


def frame(published: list[Record], profile: DatasetProfile) -> pd.DataFrame:
    """Records as a source returns them."""
    return pd.DataFrame(published, columns=list(profile.columns), dtype=object)


def mostly(good: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Four good ones for each odd one."""
    return st.integers(0, 4).flatmap(lambda chance: odd if chance == 4 else good)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def pages(draw: st.DrawFn, profile: DatasetProfile) -> bytes:
    """Pages of the API with any JSON among their values and columns."""
    published = draw(records(profile))
    for record in published:
        if draw(st.integers(0, 3)) == 3:
            column = draw(st.sampled_from([*profile.columns, "More"]))
            record[column] = draw(json_values)
    total = draw(mostly(st.just(len(published)), json_values))
    return json.dumps({"total": total, "records": published}).encode()


def bodies(profile: DatasetProfile) -> st.SearchStrategy[bytes]:
    """Bodies of answers, from whole pages to any bytes."""
    return (
        pages(profile)
        | damaged(pages(profile))
        | json_values.map(lambda value: json.dumps(value).encode())
        | st.builds(lambda n, sign: sign * n, st.integers(0, 20_000), st.sampled_from([b"[", b"{"]))
        | st.binary(max_size=60)
    )


_retry_after = (
    st.sampled_from(["9" * 400, "-1", "1.5", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 1 Jan 1"])
    | st.integers(0, 10**30).map(str)
    | st.datetimes().map(lambda time: f"{time:%a, %d %b %Y %H:%M:%S} GMT")
)


@st.composite
def answers(draw: st.DrawFn, profile: DatasetProfile) -> bytes:
    """All that a server sends: an HTTP answer, good or bad, or anything else."""
    if draw(st.integers(0, 9)) == 9:
        return draw(st.binary(max_size=200))
    body = draw(bodies(profile))
    headers = {"Content-Length": str(len(body)), "Connection": "close"}
    encoding = draw(mostly(st.none(), st.sampled_from(["gzip", "deflate", "br", "x, y", "zstd"])))
    if encoding:
        headers["Content-Encoding"] = encoding
        if draw(st.booleans()):
            body = gzip.compress(body)
            headers["Content-Length"] = str(len(body))
    status = draw(mostly(st.just(200), st.sampled_from([100, 204, 302, 304, 404, 429, 503, 999])))
    if status == 302:
        headers["Location"] = draw(
            st.sampled_from(["/", "ftp://x", "http://", "//", "http://xn--a"])
        )
    if status in (429, 503):
        headers["Retry-After"] = draw(_retry_after)
    if draw(st.integers(0, 9)) == 9:
        headers["Content-Length"] = draw(st.sampled_from(["0", "10", "99999", "-1", "x", ""]))
    lines = [f"HTTP/1.1 {status} ?", *(f"{name}: {value}" for name, value in headers.items())]
    answer = "\r\n".join([*lines, "", ""]).encode() + body
    return draw(damaged(st.just(answer))) if draw(st.integers(0, 9)) == 9 else answer


@st.composite
def csv_files(draw: st.DrawFn, profile: DatasetProfile) -> bytes:
    """CSV files of all dialects, whole and damaged."""
    columns = list(profile.columns)
    if draw(st.integers(0, 4)) == 4:
        columns += draw(st.lists(text, max_size=3))
    rows = [[record.get(column) for column in columns] for record in draw(records(profile))]
    target = io.StringIO()
    writer = csv.writer(
        target,
        delimiter=draw(st.sampled_from(";,\t")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows([columns, *rows])
    content = target.getvalue().encode()
    content = draw(st.just(content) | damaged(st.just(content)) | st.binary(max_size=60))
    return gzip.compress(content) if draw(st.integers(0, 9)) == 9 else content


_arrays = st.sampled_from(
    [
        pa.array([1, None, 3]),
        pa.array([1.5, float("nan"), None]),
        pa.array([START, None, START + HOUR], pa.timestamp("us")),
        pa.array([0, 1, 2**43], pa.timestamp("s")),
        pa.array([0, 1, 2], pa.timestamp("ns", "Europe/Copenhagen")),
        pa.array([0, 1, -(10**6)], pa.date32()),
        pa.array([True, None, False]),
        pa.array([b"\xff\xfe", b"", None]),
        pa.array([["a"], [], None]),
        pa.array([{"a": 1}, None, {}]),
        pa.nulls(3),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([1, 2, 3], pa.decimal128(38, 10)),
        pa.array([1, 2, 3], pa.duration("s")),
        pa.array([1, 2, 3], pa.time64("us")),
    ]
)


@st.composite
def parquet_files(draw: st.DrawFn, profile: DatasetProfile) -> bytes:
    """Parquet files with columns of all types, whole and damaged."""
    published = (draw(records(profile)) * 3 + [{}] * 3)[:3]
    names = [*profile.columns, *draw(st.lists(text, max_size=2))]
    odd = st.lists(text | st.none(), min_size=3, max_size=3).map(
        lambda row: pa.array(row, pa.string())
    )
    columns = [
        draw(
            mostly(
                st.just(pa.array([row.get(name) for row in published], pa.string())), _arrays | odd
            )
        )
        for name in names
    ]
    target = io.BytesIO()
    parquet.write_table(pa.table(columns, names=names), target)
    content = target.getvalue()
    return draw(st.just(content) | damaged(st.just(content)))
