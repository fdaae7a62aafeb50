"""A request to the API ends in time and in bounds, whatever the server sends."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Iterable, Iterator

import pytest
from werkzeug import Response

from energy_assets.errors import EnergyAssetsError, SettingsError, SourceError
from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.profiles import CONSUMER_CATEGORY
from energy_assets_tests.sources.fake_api import (
    END,
    NOW,
    PATH,
    START,
    Api,
    a_data_set,
    a_page,
)
from energy_assets_tests.sources.raw_server import RawServer, http
from energy_assets_tests.sources.test_energidataservice_faults import too_many

MEGABYTE = 1024**2
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def raw() -> Iterator[RawServer]:
    with RawServer().running() as server:
        yield server


def dripping(begin: bytes, drop: bytes) -> Iterable[bytes]:
    """A server that stays busy: one small part every 50 ms, for ever."""
    yield begin
    for _ in itertools.count():
        time.sleep(0.05)
        yield drop


DRIPPING = {
    "body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body without a length": (HEAD + b"\r\n" + b'{"total": 0, "records": []}', b" "),
    "headers": (HEAD, b"X: y\r\n"),
    "first line": (b"HTTP/1.1 2", b"0"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.parametrize("case", DRIPPING)
def test_a_server_that_never_finishes_is_given_up_when_the_budget_ends(
    raw: RawServer, case: str
) -> None:
    raw.answer = lambda: dripping(*DRIPPING[case])
    source = EnergiDataService(raw.url, CONSUMER_CATEGORY, wait_budget=0.6, now=lambda: NOW)
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"gave no answer for .* try again later"):
        source.fetch(START, END)
    assert time.monotonic() - began < 2.0


def endless(parts: bytes) -> Iterable[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"%x\r\n%b\r\n" % (len(parts), parts))


def test_an_endless_answer_is_given_up_at_the_limit(raw: RawServer) -> None:
    raw.answer = lambda: endless(b" " * 65_536)
    source = EnergiDataService(raw.url, CONSUMER_CATEGORY, max_bytes=MEGABYTE)
    with pytest.raises(SourceError, match=r"more than 1,048,576 bytes.*ENERGY_API_URL"):
        source.fetch(START, END)
    assert raw.sent < 20 * MEGABYTE  # what is under way in buffers is sent, but not read
    assert raw.connections == 1


@pytest.mark.parametrize("size", [MEGABYTE, MEGABYTE + 1])
def test_the_limit_is_for_the_decompressed_answer(raw: RawServer, size: int) -> None:
    body = json.dumps({"total": 144, "records": a_data_set()}).encode().ljust(size)
    raw.answer = lambda: [http(gzip.compress(body), "Content-Encoding: gzip")]
    source = EnergiDataService(raw.url, CONSUMER_CATEGORY, max_bytes=MEGABYTE)
    if size == MEGABYTE:
        assert len(source.fetch(START, END)) == 144
    else:
        with pytest.raises(SourceError, match="more than 1,048,576 bytes"):
            source.fetch(START, END)


def test_an_answer_that_decompresses_to_a_thousand_times_its_size_is_given_up(
    raw: RawServer,
) -> None:
    bomb = http(gzip.compress(bytes(100 * MEGABYTE)), "Content-Encoding: gzip")
    raw.answer = lambda: [bomb]
    with pytest.raises(SourceError, match="more than 33,554,432 bytes"):
        EnergiDataService(raw.url, CONSUMER_CATEGORY).fetch(START, END)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("zstd", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b"x"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-3]),
    ],
    ids=["zstd", "gzip twice", "not gzip", "truncated gzip"],
)
def test_an_answer_that_cannot_be_decompressed_is_an_error(
    raw: RawServer, encoding: str, body: bytes
) -> None:
    raw.answer = lambda: [http(body, f"Content-Encoding: {encoding}")]
    with pytest.raises(SourceError, match=r"cannot be read for 2024-08-01.*ENERGY_API_URL"):
        EnergiDataService(raw.url, CONSUMER_CATEGORY).fetch(START, END)


def test_a_redirect_is_followed_and_a_circle_of_them_is_an_error(api: Api, raw: RawServer) -> None:
    target = f"{api.url.rstrip('/')}{PATH}?timezone=UTC&sort=TimeUTC%20asc&limit=144"
    raw.answer = lambda: [http(b"", f"Location: {target}", status="301 Moved")]
    assert len(EnergiDataService(raw.url, CONSUMER_CATEGORY).fetch(START, END)) == 144
    target = raw.url
    with pytest.raises(SourceError, match="more than 5 redirects"):
        EnergiDataService(raw.url, CONSUMER_CATEGORY).fetch(START, END)


def test_pages_of_one_row_do_not_go_on_for_ever(api: Api) -> None:
    row = a_data_set(hours=1)[0]
    api.failures = [a_page([{**row, "RegionName": str(k)}], 10**9) for k in range(30)]
    slow = EnergiDataService(api.url, CONSUMER_CATEGORY, max_pages=20, now=lambda: NOW)
    with pytest.raises(SourceError, match=r"20 of 1000000000 rows .* in 20 pages"):
        slow.fetch(START, END)
    assert len(api.requests) == 20


@pytest.mark.parametrize(
    "header",
    [
        "9" * 400,
        "9" * 5000,
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 99 Dec 2024 99:99:99 GMT",
    ],
)
def test_a_retry_after_that_nobody_means_leaves_the_usual_backoff(
    api: Api, source: EnergiDataService, waits: list[float], header: str
) -> None:
    api.failures = [too_many(**{"Retry-After": header})]
    assert len(source.fetch(START, END)) == 144
    assert 1 <= waits[0] <= 2


@pytest.mark.parametrize("depth", [500, 990, 200_000])
def test_a_deeply_nested_answer_is_an_error(
    api: Api, source: EnergiDataService, depth: int
) -> None:
    nested = "[" * depth + "]" * depth
    api.failures = [Response(f'{{"total": 1, "records": {nested}}}')]
    with pytest.raises(SourceError, match=r"with JSON that is .*Check ENERGY_API_URL"):
        source.fetch(START, END)


ODD_VALUES = {
    "list": (["Privat"], '["Privat"]'),
    "object": ({"code": ["1"]}, '{"code": ["1"]}'),
    "lone surrogate": ("Pri\ud800vat", "Pri\\ud800vat"),
    "surrogate pair": ("\U0001f50c", "\U0001f50c"),
    "null character": ("Pri\0vat", "Pri\0vat"),
    "flag": (True, "true"),
}


@pytest.mark.parametrize("case", ODD_VALUES)
@pytest.mark.parametrize("column", CONSUMER_CATEGORY.columns)
def test_an_odd_value_is_handed_on_as_text_that_can_be_stored(
    api: Api, source: EnergiDataService, column: str, case: str
) -> None:
    value, text = ODD_VALUES[case]
    rows = a_data_set(hours=1)
    api.failures = [a_page([rows[0], {**rows[1], column: value}], 2)]
    records = source.fetch(START, END)
    assert records[column].iloc[1] == text
    records.to_parquet()


def test_a_record_whose_time_cannot_be_read_is_handed_on_too(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    odd = [{**rows[k], "TimeUTC": time} for k, time in enumerate([None, "9999-12-31T23:00:00"])]
    api.failures = [a_page([*odd, *rows[2:]], len(rows))]
    assert source.fetch(START, END)["TimeUTC"].tolist()[:3] == [
        None,
        odd[1]["TimeUTC"],
        str(rows[2]["TimeUTC"]),
    ]


def test_a_record_whose_time_cannot_be_read_does_not_hide_the_newest_hour(
    api: Api, source: EnergiDataService
) -> None:
    rows = a_data_set(hours=1)
    api.failures = [a_page([{**rows[0], "TimeUTC": "9999-12-31T23:00:00"}, rows[1]], 2)]
    assert source.newest_hour() == START
    api.failures = [a_page([{**rows[0], "TimeUTC": "soon"}], 1)]
    with pytest.raises(SourceError, match="TimeUTC = 'soon'"):
        source.oldest_hour()


def test_records_of_thousands_of_columns_are_an_error(api: Api, source: EnergiDataService) -> None:
    row = a_data_set(hours=1)[0]
    api.failures = [a_page([{**row, f"x{k}": k} for k in range(20_000)], 20_000)]
    with pytest.raises(SourceError, match="of over 100 columns") as error:
        source.fetch(START, END)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http://a..b", f"http://{'a' * 64}.dk", "http://a:99999", "http://a:-1"),
        *(
            "http://\ud800",
            "http://a\0b",
            "http://a b",
            "http://[::1",
            "http://xn--a",
            "https:///x",
        ),
    ],
)
def test_an_address_that_is_none_is_an_error_that_names_the_variable(url: str) -> None:
    with pytest.raises(EnergyAssetsError, match="ENERGY_API_URL") as error:
        EnergiDataService(url, CONSUMER_CATEGORY, wait_budget=0.5, sleep=lambda _: None).fetch(
            START, END
        )
    assert isinstance(error.value, SettingsError | SourceError)
