"""The service over other deployments: in autumn, in Google Cloud Storage, and on real data."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.partitions import HOUR, WEEK
from energy_assets.schemas import MONITORING, TARGET
from energy_assets.sources.file import FileSource
from energy_assets.sources.profiles import DE35
from energy_assets.stores.parquet import read_hour
from energy_assets_tests.serving.answers import FORMS, asked, frame_of, meta_of
from energy_assets_tests.serving.made_up import SPRING, MadeUp, client_of
from energy_assets_tests.stores.gcs.server import GcsServer, gcs_store
from energy_assets_tests.world import ORIGIN, SERIES, Only, World

AUTUMN = datetime(2023, 10, 29, 23)


def test_a_local_day_of_25_hours_is_given_whole(tmp_path: Path) -> None:
    stored = MadeUp(tmp_path, AUTUMN - 200 * HOUR, AUTUMN)
    stored.run(AUTUMN - 28 * HOUR, AUTUMN)
    one = {"area": "DK1", "consumer_type": "111", "day": "2023-10-29"}
    with client_of(stored) as client:
        for form in FORMS:
            for frame in (
                asked(client, "/v1/observations", **one, **form, local_time=True),
                asked(client, "/v1/forecasts", **one, **form, local_time=True, horizon=1),
            ):
                assert len(frame) == 25
                local = frame["datetime_local"]
                assert local.iloc[0] == "2023-10-29T00:00:00+02:00"
                assert local.iloc[-1] == "2023-10-29T23:00:00+01:00"
                twice = local[local.str.contains("T02:")].tolist()
                assert twice == ["2023-10-29T02:00:00+02:00", "2023-10-29T02:00:00+01:00"]
        days = asked(client, "/v1/monitoring", by="day").set_index("day")
        hours = [AUTUMN - 25 * HOUR + number * HOUR for number in range(25)]
        objects = stored.stores.object_store
        scored = sum(len(read_hour(objects, MONITORING.name, hour)) for hour in hours)
        assert days.loc["2023-10-29", "forecasts"] == scored


def test_a_bucket_and_a_folder_answer_the_same(gcs: GcsServer, tmp_path: Path) -> None:
    answers = []
    paths = (
        *("/v1/forecasts?history=24", "/v1/forecasts?sum=area", "/v1/forecasts?horizon=2"),
        *("/v1/observations", "/v1/monitoring", "/v1/series"),
    )
    for objects in (None, gcs_store()):
        stored = MadeUp(tmp_path / str(bool(objects)), SPRING - 200 * HOUR, SPRING, objects)
        stored.run(SPRING - 3 * HOUR, SPRING)
        with client_of(stored) as client:
            answers.append([frame_of(client.get(path)) for path in paths])
    for folder, bucket in zip(*answers, strict=True):
        assert len(folder)
        pd.testing.assert_frame_equal(folder, bucket)


def test_a_deployment_on_real_data_is_served(de35_csv: Path, tmp_path: Path) -> None:
    settings = {"energy_source": "file", "energy_file": de35_csv}
    world = World.build(tmp_path, Only(FileSource(de35_csv, DE35), SERIES), settings)
    world.put_history(ORIGIN - 4 * WEEK, ORIGIN)
    world.put_config(ORIGIN - timedelta(days=1), n_estimators=20, num_leaves=7)
    for origin in (ORIGIN - HOUR, ORIGIN):
        world.run("hourly_job", origin)
    with client_of(world.deployment) as client:
        meta = meta_of(client, "/v1/forecasts")
        assert (meta["source"], meta["simulated"]) == ("file", False)
        assert (meta["origin"], meta["quality"]) == ("2023-03-13T21:00:00Z", "model")
        assert meta["dataset"] == DE35.dataset
        for back in (0, 1):
            origin = ORIGIN - back * HOUR
            stored = world.frame("predictions_parquet", origin)
            answered = asked(client, "/v1/forecasts", origin=origin.isoformat())
            keys = ["area", "consumer_type", "datetime_utc"]
            pd.testing.assert_frame_equal(
                answered[[*keys, TARGET, "lower", "upper"]],
                stored[[*keys, TARGET, "lower", "upper"]].sort_values(keys, ignore_index=True),
            )
        observed = asked(client, "/v1/observations", sum="total")
        real = pd.read_csv(
            de35_csv, sep=";", dtype={"ConsumerType_DE35": str}, parse_dates=["HourUTC"]
        )
        names = zip(real["PriceArea"], real["ConsumerType_DE35"], strict=True)
        real = real[[name in SERIES for name in names]]
        total = real.groupby("HourUTC")["TotalCon"].sum()
        for row in observed.itertuples():
            assert row.energy_consumption == pytest.approx(total[row.datetime_utc])
        assert len(observed) == 168
        model = client.get("/v1/model").json()["data"]
        assert model["version"] is not None
        assert model["configuration"] is None  # chosen by this test, not searched for
        scores = asked(client, "/v1/monitoring", by="horizon").set_index("horizon")
        assert scores.loc[1, "forecasts"] == len(SERIES)
        assert 0 < scores.loc[1, "mape"] < 0.5
