"""Two Celery workers share the steps, and one of them is killed in the middle of its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from energy_assets.forecasts.publishing import read_published
from energy_assets.partitions import HOUR, key_of
from energy_assets_tests.cluster.celery_cluster import CeleryCluster
from energy_assets_tests.cluster.small_world import SERIES, as_environment, small_world
from energy_assets_tests.world import ORIGIN, World

HOURS = [ORIGIN - HOUR, ORIGIN]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return small_world(tmp_path_factory.mktemp("storage"), HOURS)


@pytest.fixture(scope="module")
def cluster(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    slow = str(tmp_path_factory.mktemp("slow") / "slow.txt")
    cluster = CeleryCluster(folder, {**as_environment(world), "SLOW_FILE": slow})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def test_a_step_that_takes_longer_than_a_worker_may_be_silent_runs_once(
    cluster: CeleryCluster,
) -> None:
    cluster.start_run("slow", "energy_assets_tests.cluster.slow_job", "slow_job", {})
    assert cluster.processes["slow"].wait(120) == 0, cluster.log("slow")
    assert Path(cluster.environment["SLOW_FILE"]).read_text() == "begun\n"


def test_each_hour_has_one_forecast_though_a_worker_was_killed_in_the_middle_of_its_work(
    cluster: CeleryCluster, world: World
) -> None:
    for hour in HOURS:
        tags = {"dagster/partition": key_of(hour)}
        cluster.start_run(key_of(hour), "energy_assets.definitions", "hourly_job", tags)
    [(run_id, lost), *_] = cluster.wait_for(lambda: cluster.workers_of("model"))
    cluster.kill(lost)
    for hour in HOURS:
        assert cluster.processes[key_of(hour)].wait(180) == 0, cluster.log(key_of(hour))

    (other,) = {"first", "second"} - {lost}
    attempts = cluster.workers_of("model")
    assert (run_id, other) in attempts
    assert len(attempts) == len(HOURS) + 1
    for hour in HOURS:
        forecast = world.frame("predictions_parquet", hour)
        assert forecast["made_at"].nunique() == 1
        assert len(forecast) == len(SERIES) * 24
    published = read_published(world.stores.object_store)
    assert published is not None
    assert published.origin == ORIGIN


def test_the_password_of_the_broker_is_in_no_event_and_no_log(cluster: CeleryCluster) -> None:
    files = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    knowing = {path.name for path in files if cluster.password.encode() in path.read_bytes()}
    assert knowing == {"redis.conf"}
