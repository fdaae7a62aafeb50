"""Whatever a source reads, the result is records that can be stored, or an error of ours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_assets.errors import EnergyAssetsError
from energy_assets.sources.energidataservice import EnergiDataService
from energy_assets.sources.file import FileSource
from energy_assets.sources.pages import read_page
from energy_assets.sources.profiles import DE35, PROFILES, DatasetProfile
from energy_assets.sources.times import utc_times
from energy_assets_tests.generated import any_text, many_examples
from energy_assets_tests.sources.generated import (
    HOUR,
    START,
    Record,
    answers,
    bodies,
    csv_files,
    frame,
    good_times,
    odd_times,
    parquet_files,
    records,
)
from energy_assets_tests.sources.raw_server import RawServer

datasets = st.sampled_from(list(PROFILES))


def check_records(records: pd.DataFrame, profile: DatasetProfile) -> None:
    assert set(profile.columns) <= set(records.columns)
    values = records.to_numpy(dtype=object).ravel().tolist()
    assert all(value is None or isinstance(value, str) for value in values)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in records.items()})
    assert table.num_rows == len(records)


@many_examples
@given(st.lists(good_times | odd_times | any_text))
def test_each_time_is_read_on_its_own_or_is_no_time(texts: list[str | None]) -> None:
    times = utc_times(pd.Series(texts, dtype=object))
    assert times.dtype == "datetime64[ns]"
    hours = times.dt.floor("h")
    assert (hours.isna() == times.isna()).all()
    assert hours.dropna().dt.year.between(1899, 2200).all()
    backwards = utc_times(pd.Series(texts[::-1], dtype=object))
    assert times.equals(backwards[::-1].reset_index(drop=True))


@many_examples
@given(bodies(DE35))
def test_a_body_is_a_page_of_text_or_a_value_error(body: bytes) -> None:
    try:
        page, _ = read_page(body)
    except ValueError:
        return
    for record in page:
        for part in (*record, *record.values()):
            assert part is None or part.encode().decode() == part


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer().running() as server:
        yield server


@many_examples
@given(data=st.data(), dataset=datasets)
def test_an_answer_gives_records_or_an_error_of_ours(
    server: RawServer, data: st.DataObject, dataset: str
) -> None:
    profile = PROFILES[dataset]
    answer = data.draw(answers(profile))
    server.answer = lambda: [answer]
    source = EnergiDataService(server.url, profile, wait_budget=2.0, sleep=lambda _: None)
    try:
        published = source.fetch(START, START + 3 * HOUR)
    except EnergyAssetsError:
        return
    check_records(published, profile)


@pytest.fixture(scope="module")
def new_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    folder = tmp_path_factory.mktemp("files")
    numbers = itertools.count()
    return lambda: folder / str(next(numbers))


def check_file(path: Path, profile: DatasetProfile) -> None:
    source = FileSource(path, profile)
    try:
        oldest, newest = source.oldest_hour(), source.newest_hour()
    except EnergyAssetsError:
        return
    published = source.fetch(oldest, newest + HOUR)
    check_records(published, profile)
    hours = {oldest, newest, *profile_hours(published, profile)}
    parts = [source.fetch(hour, hour + HOUR) for hour in sorted(hours)]
    assert sum(map(len, parts)) == len(published)


def profile_hours(published: pd.DataFrame, profile: DatasetProfile) -> list[pd.Timestamp]:
    return list(utc_times(published[profile.time_column]).dropna().dt.floor("h"))


@many_examples
@given(data=st.data(), dataset=datasets)
def test_a_csv_file_gives_each_record_in_one_hour_or_an_error_of_ours(
    new_path: Callable[[], Path], data: st.DataObject, dataset: str
) -> None:
    profile, path = PROFILES[dataset], new_path()
    path.write_bytes(data.draw(csv_files(profile)) or b" ")
    check_file(path, profile)
    path.unlink()


@many_examples
@given(data=st.data(), dataset=datasets)
def test_a_parquet_file_gives_each_record_in_one_hour_or_an_error_of_ours(
    new_path: Callable[[], Path], data: st.DataObject, dataset: str
) -> None:
    profile, path = PROFILES[dataset], new_path()
    path.write_bytes(data.draw(parquet_files(profile)) or b" ")
    check_file(path, profile)
    path.unlink()


@many_examples
@given(data=st.data(), dataset=datasets)
def test_generated_records_are_what_a_source_returns(data: st.DataObject, dataset: str) -> None:
    profile = PROFILES[dataset]
    published: list[Record] = data.draw(records(profile))
    check_records(frame(published, profile), profile)
