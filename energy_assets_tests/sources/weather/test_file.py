"""Weather files: rows in any order, times with or without a zone, forecasts by time of issue."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import SettingsError, SourceError
from energy_assets.sources.weather.file import WeatherFile

HOUR = datetime(2023, 3, 1, 10)


def written(path: Path, *lines: str) -> WeatherFile:
    path.write_text("\n".join(lines) + "\n")
    return WeatherFile(path)


def temperatures(rows: pd.DataFrame) -> list[str]:
    return rows["temperature"].tolist()


def test_observations_are_given_with_their_own_hour(tmp_path: Path) -> None:
    source = written(
        tmp_path / "weather.csv",
        "temperature;area;datetime_utc;station",
        "3.5;DK1;2023-03-01 11:00;x",
        "2.5;DK1;2023-03-01T11:00+01:00;x",
        "1.5;DK2;2023-03-01 09:00;x",
    )
    (row,) = source.fetch(HOUR).to_dict("records")
    assert (row["area"], row["temperature"]) == ("DK1", "2.5")
    assert (row["issued_at"], row["wind_speed"]) == (None, None)
    assert source.fetch(datetime(2022, 1, 1)).empty


def test_the_newest_forecast_that_had_been_issued_counts(tmp_path: Path) -> None:
    source = written(
        tmp_path / "weather.csv",
        "area,datetime_utc,issued_at,temperature",
        "DK1,2023-03-01 12:00,2023-03-01 03:00,1",
        "DK1,2023-03-01 12:00,2023-03-01 09:00,2",
        "DK1,2023-03-01 12:00,2023-03-01 10:30,3",
        "DK1,2023-03-01 13:00,2023-03-01 03:00,4",
        "DK1,2023-03-01 13:00,2023-02-20 03:00,5",
        "DK1,2023-03-01 14:00,2023-02-20 03:00,6",
        "DK1,2023-03-04 14:00,2023-03-01 03:00,7",
        "DK1,2023-03-01 12:00,,8",
    )
    assert temperatures(source.fetch(HOUR)) == ["2", "4"]
    assert temperatures(source.fetch(datetime(2023, 3, 1, 11))) == ["3", "4"]
    assert temperatures(source.fetch(datetime(2023, 3, 1, 12))) == ["8", "4"]


def test_an_observation_that_became_known_later_comes_with_that_hour(tmp_path: Path) -> None:
    source = written(
        tmp_path / "weather.csv",
        "area,datetime_utc,issued_at,temperature",
        "DK1,2023-03-01 08:00,2023-03-01 09:20,1",
    )
    fetched = [source.fetch(datetime(2023, 3, 1, hour)) for hour in (8, 9, 10, 11)]
    assert [len(rows) for rows in fetched] == [0, 0, 1, 0]


def test_parquet_with_times_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "weather.parquet"
    pd.DataFrame(
        {
            "area": ["DK1"],
            "datetime_utc": pd.to_datetime(["2023-03-01 10:00"], utc=True),
            "temperature": [2.5],
            "radiation": [None],
        }
    ).to_parquet(path)
    (row,) = WeatherFile(path).fetch(HOUR).to_dict("records")
    assert float(row["temperature"]) == 2.5
    assert row["radiation"] is None


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    header, path = "area,datetime_utc,temperature", tmp_path / "weather.csv"
    source = written(path, header, "DK1,2023-03-01 10:00,1")
    assert temperatures(source.fetch(HOUR)) == ["1"]
    written(path, header, "DK1,2023-03-01 10:00,22")
    os.utime(path, (1, 1))
    assert temperatures(source.fetch(HOUR)) == ["22"]


def test_a_record_without_a_time_comes_with_the_one_before_it(tmp_path: Path) -> None:
    source = written(
        tmp_path / "weather.csv",
        "area,datetime_utc,temperature",
        "DK1,2023-03-01 10:00,1",
        "DK1,noon,2",
    )
    assert temperatures(source.fetch(HOUR)) == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, SettingsError, "WEATHER_FILE .*weather.csv cannot be opened"),
        (b"", SourceError, "WEATHER_FILE .* is empty"),
        (b"area,temperature\nDK1,1\n", SourceError, "no column datetime_utc, which a weather file"),
        (b"area,datetime_utc,temperature\n\xff,1,2\n", SourceError, "line 2: .* not UTF-8"),
        (b"PAR1 and no more", SourceError, "cannot be read as Parquet"),
        (b"\x1f\x8b truncated", SourceError, "WEATHER_FILE"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(
    content: bytes | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "weather.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message):
        WeatherFile(path).fetch(HOUR)


def test_a_file_without_rows_has_nothing(tmp_path: Path) -> None:
    source = written(tmp_path / "weather.csv", "area,datetime_utc,temperature")
    assert source.fetch(HOUR).empty
    assert "no rows" in source.check()
