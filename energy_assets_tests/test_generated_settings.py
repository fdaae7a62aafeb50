"""Any environment and any .env is settings that can be used, or a SettingsError."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_assets.errors import EnergyAssetsError, SettingsError
from energy_assets.settings import PARTITION_FORMAT, Settings, read_settings
from energy_assets.sources import open_source
from energy_assets_tests.generated import any_text, damaged, many_examples


@pytest.fixture(scope="module", autouse=True)
def clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        yield


names = st.sampled_from(sorted(Settings.model_fields))
odd_values = (
    st.sampled_from(
        [
            *("", " ", "0", "-1", "1.5", "1e400", "nan", "inf", "9" * 5000, "١٢", "0x10", "true"),
            *("file", "energidataservice", "ConsumptionDE35Hour", "hopsworks", "gcs", "online"),
            *("http://", "http://a..b", "https://[::1", "/", ".", "~", "/dev/null", "a" * 5000),
            *("9999-12-31-23:00", "0001-01-01-00:00", "1969-12-31-23:00", "2023-02-29-00:00"),
        ]
    )
    | st.integers().map(str)
    | st.floats().map(str)
    | st.datetimes().map(lambda time: time.strftime(PARTITION_FORMAT))
    | any_text
)


def check(env_file: Path | None, **values: object) -> None:
    try:
        settings = read_settings(_env_file=env_file, **values)
    except SettingsError as error:
        if len(values) > 1 or all(name.upper() in str(error) for name in values):
            return
        raise
    # The newest partition can be told, and does not take years to find.
    dg.HourlyPartitionsDefinition(
        start_date=settings.first_hour,
        end_offset=-24 * settings.days_delay,
        timezone="UTC",
        fmt=PARTITION_FORMAT,
    ).get_last_partition_key()
    try:
        source = open_source(settings)
    except EnergyAssetsError:
        return
    assert source.name == settings.energy_source


@many_examples
@given(values=st.dictionaries(names, odd_values, min_size=1, max_size=3))
def test_any_values_are_settings_or_an_error_that_names_a_single_one(
    values: dict[str, str],
) -> None:
    check(None, **values)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings") / ".env"


lines = st.builds(
    lambda name, sign, value: f"{name.upper()}{sign}{value}".encode("utf-8", "replace"),
    names,
    st.sampled_from(["=", " = ", "='", '="', "=${", ""]),
    odd_values,
)
files = st.lists(lines, max_size=4).map(b"\n".join)


@many_examples
@given(content=files | damaged(files) | st.binary(max_size=60))
def test_any_env_file_is_settings_or_an_error(env: Path, content: bytes) -> None:
    env.write_bytes(content)
    check(env)
