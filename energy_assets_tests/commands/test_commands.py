"""`run`, `tune` and `backfill` from end to end, as a user starts them, on the real file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from energy_assets.automation.dead_runs import fail_dead_runs
from energy_assets.commands.execution import RunFailedError, execute
from energy_assets.commands.run import run
from energy_assets.commands.steps import Step, steps_to_forecast, steps_to_replay, steps_to_tune
from energy_assets.errors import NoDataError, SourceError
from energy_assets.partitions import HOUR
from energy_assets.settings import PROJECT_ROOT
from energy_assets.sources.simulator import Simulator
from energy_assets_tests.world import SERIES, Changed, Only, World

H = datetime(2023, 3, 13, 21)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def energy_assets(home: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, "-m", "energy_assets", *arguments],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "STORAGE_ROOT": str(home / "storage"),
            "DAGSTER_HOME": str(home),
            "TUNING_TRIALS": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert "Traceback" not in process.stderr, process.stderr
    return process.returncode, process.stdout + process.stderr


def test_a_run_on_the_real_file_forecasts_scores_and_shows_a_picture(
    home: Path, de35_csv: Path
) -> None:
    """After the missing day, again, and before the missing day, which leaves the newest alone."""
    settings = {"ENERGY_SOURCE": "file", "ENERGY_FILE": str(de35_csv)}
    objects = home / "storage" / "file-ConsumptionDE35Hour" / "objects"

    status, printed = energy_assets(home, "run", "--origin", "2023-03-13-21:00", **settings)
    assert status == 0, printed
    for part in ("series   76", "origin   2023-03-13-21:00", "source=file", "quality: model"):
        assert part in printed
    assert "1,824 forecasts scored" in printed
    picture = objects.parent / "forecast.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    newest = (objects / "predictions.parquet").read_bytes()
    assert len(pd.read_parquet(objects / "predictions.parquet")) == 76 * 24

    status, printed = energy_assets(home, "run", "--origin", "2023-03-13-21:00", **settings)
    assert status == 0
    assert "nothing was run" in printed

    status, printed = energy_assets(home, "run", "--origin", "2023-02-27-10:00", **settings)
    assert status == 0, printed
    assert "origin   2023-02-27-10:00" in printed
    assert (objects / "predictions.parquet").read_bytes() == newest


def test_tuning_on_the_real_file_prints_the_best_beside_default_and_naive(
    home: Path, de35_csv: Path
) -> None:
    settings = {"ENERGY_SOURCE": "file", "ENERGY_FILE": str(de35_csv)}
    status, printed = energy_assets(
        home, "tune", "--hour", "2023-03-12-21:00", "--trials", "2", **settings
    )
    assert status == 0, printed
    for part in ("trial 1 of 2: 0.0", "trial 2 of 2: ", "learning_rate", "last week", "default"):
        assert part in printed
    stored = home / "storage" / "file-ConsumptionDE35Hour"
    assert (stored / "tuning.png").read_bytes().startswith(b"\x89PNG")
    assert f"picture  {stored / 'tuning.png'}" in printed
    assert (stored / "objects" / "best_config" / "2023-03-12" / "21.json").is_file()


def test_a_window_too_short_for_a_search_is_one_clear_line_that_names_the_setting(
    tmp_path: Path, de35_csv: Path
) -> None:
    settings = {"ENERGY_SOURCE": "file", "ENERGY_FILE": str(de35_csv), "DAYS_EXPORT": "5"}
    status, printed = energy_assets(tmp_path, "tune", "--hour", "2023-03-12-21:00", **settings)
    assert status == 1
    (message,) = (line for line in printed.splitlines() if line.startswith("energy-assets: "))
    assert "DAYS_EXPORT=5" in message
    assert "120 hours" in message


@pytest.mark.parametrize("budget", [("--trials", "0"), ("--trials", "2.5"), ("--seconds", "nan")])
def test_a_budget_that_is_not_positive_is_refused(budget: tuple[str, str], tmp_path: Path) -> None:
    status, printed = energy_assets(tmp_path, "tune", *budget)
    assert status == 2
    assert f"'{budget[1]}' is not a" in printed


def test_an_origin_that_the_source_does_not_have_is_one_clear_line(
    home: Path, de35_csv: Path
) -> None:
    settings = {"ENERGY_SOURCE": "file", "ENERGY_FILE": str(de35_csv)}
    status, printed = energy_assets(home, "run", "--origin", "2024-01-01-00:00", **settings)
    assert status == 1
    assert "2023-01-31-23:00 to 2023-03-16-22:00" in printed
    assert len(printed.strip().splitlines()) <= 2


def test_a_storage_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("a file where a folder should be")
    status, printed = energy_assets(tmp_path, "run", "--origin", "2023-03-13-21:00")
    assert status == 1
    assert "STORAGE_ROOT" in printed


@pytest.mark.parametrize("origin", ["yesterday", "2023-03-10-21:30"])
def test_an_origin_that_is_not_a_full_hour_is_refused(origin: str, tmp_path: Path) -> None:
    status, printed = energy_assets(tmp_path, "run", "--origin", origin)
    assert status == 2
    assert "2023-03-10-21:00" in printed


@pytest.fixture
def small(tmp_path: Path) -> World:
    return World.build(tmp_path, Only(Simulator(now=lambda: datetime(2023, 3, 15)), SERIES))


def steps_to(world: World, origin: datetime) -> list[tuple[str, datetime, datetime]]:
    steps = steps_to_forecast(world.deployment, origin)
    return [(step.job, step.first, step.last) for step in steps]


def test_an_interrupted_first_load_is_repeated(small: World) -> None:
    first = H - timedelta(days=31) + HOUR
    small.run("ingestion_job", first, H, assets=["raw_consumption"])
    assert steps_to(small, H)[0] == ("ingestion_job", first, H)


def test_empty_hours_are_not_requested_again(small: World) -> None:
    small.put_history(H - timedelta(days=32), H - timedelta(days=10))
    small.put_history(H - timedelta(days=9), H + HOUR)
    gap = (H - timedelta(days=10), H - timedelta(days=9) - HOUR)
    assert steps_to(small, H)[0] == ("ingestion_job", *gap)

    nothing = small.with_source(Only(small.source, series=set()))
    nothing.run("ingestion_job", *gap)
    assert all(job != "ingestion_job" for job, *_ in steps_to(small, H))


def test_an_origin_whose_scores_exist_but_not_its_forecast_is_forecast(small: World) -> None:
    small.put_history(H - timedelta(days=32), H + HOUR)
    small.put_config(H - timedelta(days=1))
    small.run("repair_job", H)
    assert ("hourly_job", H, H) in steps_to(small, H)


def test_tuning_loads_the_history_it_lacks_and_searches_again_where_there_is_a_result(
    small: World,
) -> None:
    small.put_config(H)
    steps = list(steps_to_tune(small.deployment, H, {"trials": 3}))
    first = H - timedelta(days=30) + HOUR
    assert [(step.job, step.first, step.last) for step in steps] == [
        ("ingestion_job", first, H),
        ("tuning_job", H, H),
    ]
    assert steps[-1].config == {"best_config": {"trials": 3}}


def test_a_backfill_forecasts_every_hour_of_its_range_in_order(small: World) -> None:
    small.put_history(H - timedelta(days=32), H + HOUR)
    small.put_config(H - timedelta(days=3))
    steps = list(steps_to_replay(small.deployment, H - timedelta(hours=30), H))
    assert [(step.job, step.hours) for step in steps] == [("hourly_job", 24), ("hourly_job", 7)]
    assert steps[0].last + HOUR == steps[1].first


def test_a_range_that_ends_before_it_starts_is_refused(small: World) -> None:
    with pytest.raises(NoDataError, match="swap them"):
        list(steps_to_replay(small.deployment, H, H - HOUR))


def test_a_failed_contract_says_hour_and_reason(
    small: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    broken = small.with_source(
        Changed(small.source, lambda records: records.assign(TotalCon="broken"))
    )
    step = Step("ingestion_job", H, H, "load")
    with pytest.raises(RunFailedError, match=r"2023-03-13 21:00 UTC: value not a number"):
        execute(broken.deployment, [step])


def test_a_command_that_is_told_to_stop_ends_within_seconds_and_leaves_no_run_unfinished(
    tmp_path: Path,
) -> None:
    environment = {
        **os.environ,
        "STORAGE_ROOT": str(tmp_path / "storage"),
        "DAGSTER_HOME": str(tmp_path),
        "DAYS_EXPORT": "9",
    }
    command = [sys.executable, "-m", "energy_assets", "run", "--origin", "2023-03-13-21:00"]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        runs = tmp_path / "running"
        while not (runs.is_dir() and any(runs.iterdir())):
            time.sleep(0.05)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=30)
    assert time.monotonic() - told < 5
    assert process.returncode == 143
    assert b"finished work is kept" in printed

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        fail_dead_runs(instance)
        assert all(run.is_finished for run in instance.get_runs())


def test_a_run_whose_source_fails_prints_the_forecast_from_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    world = World.build(tmp_path, Only(Simulator(), SERIES), {"days_export": 12})
    world.put_history(H - timedelta(days=12), H)
    world.put_config(H - timedelta(days=2), n_estimators=5)

    def fails(records: pd.DataFrame) -> pd.DataFrame:
        raise SourceError("the API is down")

    away = world.with_source(Changed(world.source, fails))
    with pytest.raises(RunFailedError, match="the API is down"):
        run(away.deployment, H)
    printed = capsys.readouterr().out
    assert "a run failed: SourceError: the API is down" in printed
    assert "quality: baseline" in printed
    assert len(world.frame("predictions_parquet", H)) == 24 * len(SERIES)
