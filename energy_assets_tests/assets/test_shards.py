"""A feature group that is divided into shards gives the same forecasts, wherever they are made."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from energy_assets.commands.terminal import scored_forecasts
from energy_assets.errors import SettingsError, StorageError
from energy_assets.forecasts.publishing import read_published
from energy_assets.forecasts.scoring import errors_by_horizon
from energy_assets.partitions import HOUR, window_of
from energy_assets.schemas import of_the_same_series
from energy_assets.settings import Settings, read_settings
from energy_assets.sources import Source
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.parquet import decode
from energy_assets.time_limit import in_background, within
from energy_assets.workers import Shared, open_workers
from energy_assets_tests.world import ORIGIN, SERIES, Only, World

distributed = pytest.importorskip("distributed", reason="Dask is an extra: pip install '.[dask]'")

DAYS = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two Dask workers in processes of their own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def made(
    folder: Path, settings: dict[str, Any], source: Source | None = None, **overrides: Any
) -> World:
    """A deployment with the forecasts of two hours, the second of which was scored."""
    source = source or Only(Simulator(), SERIES)
    world = World.build(folder, source, {"days_export": DAYS, **settings}, **overrides)
    start, _ = world.window(ORIGIN)
    world.put_config(start, n_estimators=20)
    world.put_history(start, ORIGIN)
    world.put_weather(start, ORIGIN)
    for hour in (ORIGIN, ORIGIN + HOUR):
        assert world.run("hourly_job", hour).success
    return world


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A deployment that is not divided."""
    return made(tmp_path_factory.mktemp("whole"), {})


def assert_same(world: World, whole: World) -> None:
    """Both have the same forecasts, scores and published tables."""
    for asset in ("predictions_parquet", "monitoring_metrics"):
        for hour in (ORIGIN, ORIGIN + HOUR):
            ours, theirs = (one.frame(asset, hour) for one in (world, whole))
            own = [name for name in ("made_at", "model_version") if name in ours]
            pd.testing.assert_frame_equal(
                ours.drop(columns=own), theirs.drop(columns=own), rtol=1e-6
            )
    for name in ("y.parquet", "X.parquet", "predictions.parquet", "y_monitoring.parquet"):
        ours, theirs = (table(one, name) for one in (world, whole))
        columns = [name for name in ours if name not in ("made_at", "known_at", "model_version")]
        pd.testing.assert_frame_equal(
            ours[columns].sort_index(), theirs[columns].sort_index(), rtol=1e-6
        )


def table(world: World, name: str) -> pd.DataFrame:
    objects = world.stores.object_store
    published = read_published(objects)
    assert published is not None
    return decode(objects.read(published.files[name]), name)


def test_shards_in_turn_give_the_same_forecasts_scores_and_files(
    whole: World, tmp_path: Path
) -> None:
    world = made(tmp_path, {"series_shards": 3})
    assert world.stores.feature_store.shards == 3
    assert_same(world, whole)
    assert {"model"} == set(world.frame("predictions_parquet", ORIGIN)["quality"])


def test_commands_show_the_series_of_one_shard(whole: World, tmp_path: Path) -> None:
    world = made(tmp_path, {"series_shards": 3})
    ours, all_series = (
        scored_forecasts(one.deployment, ORIGIN, ORIGIN + HOUR) for one in (world, whole)
    )
    first = world.stores.feature_store.read(*window_of(ORIGIN, DAYS), shard=0)
    assert 0 < len(ours.rows) < len(all_series.rows)
    of_first = of_the_same_series(all_series.rows, first)
    assert len(ours.rows) == len(of_first)
    pd.testing.assert_frame_equal(
        ours.by_horizon, errors_by_horizon(of_first, all_series.observations), rtol=1e-6
    )


def test_a_search_is_made_on_a_sample_of_the_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energy_assets.assets.training._SEARCH_SERIES", 6)
    settings = {"days_export": DAYS, "series_shards": 3, "tuning_trials": 1}
    world = World.build(tmp_path, Only(Simulator(), SERIES), settings)
    world.put_history(*window_of(ORIGIN, DAYS))
    result = world.run("tuning_job", ORIGIN)
    [event] = result.asset_materializations_for_node("best_config")
    assert str(event.metadata["searched on"].value).startswith("6 series")


def test_local_processes_give_the_same_forecasts(whole: World, tmp_path: Path) -> None:
    assert_same(made(tmp_path, {"series_shards": 3, "shard_workers": "2"}), whole)


def test_a_dask_cluster_gives_the_same_forecasts_although_a_worker_dies(
    whole: World, cluster: Any, tmp_path: Path
) -> None:
    killed = []

    def kill_one_that_works() -> None:
        with distributed.Client(cluster.scheduler_address) as client:
            pids = client.run(os.getpid)
            while not killed:
                for address, tasks in client.processing().items():
                    if tasks and any("fit_shard" in str(task) for task in tasks):
                        os.kill(pids[address], signal.SIGKILL)
                        killed.append(address)
                        return
                time.sleep(0.02)

    killer = threading.Thread(target=kill_one_that_works, daemon=True)
    killer.start()
    world = made(tmp_path, {"series_shards": 6, "shard_workers": cluster.scheduler_address})
    killer.join(10)
    assert killed, "no worker was killed in the middle of its work"
    assert_same(world, whole)


def test_without_a_scheduler_the_shards_are_worked_on_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("energy_assets.workers._CONNECT_SECONDS", 0.5)
    with open_workers(settings_with("tcp://127.0.0.1:9"), 2) as apply:
        assert list(apply(call, [os.getpid, os.getpid])) == [os.getpid()] * 2
    assert "tcp://127.0.0.1:9" in caplog.text


def test_lost_processes_leave_the_shards_to_this_one(caplog: pytest.LogCaptureFixture) -> None:
    home = partial(dies_elsewhere, os.getpid())
    with open_workers(settings_with("2"), 2) as apply:
        assert list(apply(call, [home, home])) == [os.getpid()] * 2
    assert "lost" in caplog.text


def call(read: Callable[[], int]) -> int:
    return read()


def dies_elsewhere(home: int) -> int:
    if os.getpid() != home:
        os._exit(1)
    return home


@pytest.mark.parametrize("workers", ["", "2"])
def test_an_error_of_the_work_itself_is_raised(workers: str) -> None:
    reads = [partial(int, "1"), partial(int, "x")]
    with (
        open_workers(settings_with(workers), 2) as apply,
        pytest.raises(ValueError, match="invalid"),
    ):
        list(apply(call, reads))


def test_in_turn_one_shard_is_read_ahead() -> None:
    done: list[str] = []

    def read(number: int) -> int:
        done.append(f"read {number}")
        return number

    def work(read: Callable[[], int]) -> int:
        number = read()
        # The next one is being read, and the one after it is not.
        wait_until(lambda: number == 2 or f"read {number + 1}" in done)
        assert f"read {number + 2}" not in done
        return number

    with open_workers(settings_with(""), 3) as apply:
        assert list(apply(work, [partial(read, number) for number in range(3)])) == [0, 1, 2]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_process_makes_a_shared_value_once(tmp_path: Path) -> None:
    shared = Shared(partial(leave_a_file, tmp_path))
    for workers in ("", "2"):
        with open_workers(settings_with(workers), 6) as apply:
            values = list(apply(partial(value_of, shared), [os.getpid] * 6))
        assert all(path.exists() for path in values)
    assert 1 < len(list(tmp_path.iterdir())) <= 3


def test_threads_make_a_shared_value_once() -> None:
    calls = []

    def make() -> str:
        calls.append(1)
        time.sleep(0.05)
        return "made"

    shared = Shared(make)
    values = [in_background(shared.get) for _ in range(3)]
    assert [value.result(10) for value in values] == ["made"] * 3
    assert len(calls) == 1


def test_a_shared_value_that_hangs_holds_up_no_other() -> None:
    answers = threading.Event()

    def hangs() -> str:
        answers.wait(60)
        return "at last"

    slow = in_background(Shared(hangs).get)
    try:
        assert within(10, Shared(lambda: "another").get) == "another"
    finally:
        answers.set()
    assert slow.result(10) == "at last"


def test_a_shared_value_that_could_not_be_made_is_made_by_the_next_call() -> None:
    outcomes = iter([StorageError("no answer"), None])

    def make() -> str:
        if error := next(outcomes):
            raise error
        return "made"

    shared = Shared(make)
    with pytest.raises(StorageError, match="no answer"):
        shared.get()
    assert shared.get() == shared.get() == "made"


def leave_a_file(folder: Path) -> Path:
    path = folder / f"{os.getpid()}-{time.monotonic_ns()}"
    path.touch()
    return path


def value_of(shared: Shared[Path], read: Callable[[], int]) -> Path:
    return shared.get()


def test_a_feature_group_that_is_not_divided_needs_no_workers(tmp_path: Path) -> None:
    world = made(tmp_path, {"shard_workers": "tcp://127.0.0.1:9"})
    assert {"model"} == set(world.frame("predictions_parquet", ORIGIN)["quality"])


def settings_with(workers: str) -> Settings:
    return read_settings().model_copy(update={"shard_workers": workers})


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(SettingsError, match=r"energy-assets\[dask\]"),
        open_workers(settings_with("tcp://127.0.0.1:9"), 2),
    ):
        pass
