"""`make status` says on one screen how things stand, whatever answers and whatever does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from energy_assets.automation.jobs import range_tags
from energy_assets.commands import status
from energy_assets.errors import UnreachableError
from energy_assets.forecasts.publishing import publish
from energy_assets.forecasts.versions import newest as newest_version
from energy_assets.forecasts.versions import read_versions
from energy_assets.partitions import DAY, HOUR, hour_of, hourly, key_of
from energy_assets.settings import utc_now
from energy_assets.sources.simulator import Simulator
from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.world import SERIES, Only, World


@pytest.fixture
def newest() -> datetime:
    key = hourly.get_last_partition_key()
    assert key is not None
    return hour_of(key)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


class Promoted:
    """A registry that has a promoted model but not its files."""

    def __init__(self, hour: datetime) -> None:
        self.model = ModelVersion("the version", "", hour, promoted=True, metrics={"mase": 0.5})

    def promoted(self, *_: object) -> Iterator[ModelVersion]:
        return iter([self.model])

    def download(self, *_: object) -> None:
        raise UnreachableError("the registry does not answer (503)")


def operating(root: Path, newest: datetime, **overrides: Any) -> World:
    settings = {"days_export": 12, "forecast_grace_minutes": 60 * 24}
    world = World.build(root, Only(Simulator(), SERIES), settings, **overrides)
    world.put_config(newest - 2 * DAY, n_estimators=20)
    return world


def screen(world: World, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    healthy = status.status(world.deployment, patience=60)
    return healthy, capsys.readouterr().out


def test_a_fresh_project_says_what_to_do_first(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy, text = screen(World.build(root, Simulator()), capsys)
    assert not healthy
    assert "source=simulator" in text
    assert "simulated data" in text
    assert "no tuned configuration" in text
    assert "none has been published" in text
    assert "run `make run`" in text


def test_a_project_in_operation_needs_nobody(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    world = operating(root, newest, model_registry=Promoted(newest))
    world.put_history(newest - 12 * DAY, newest + HOUR)
    for hour in (newest - HOUR, newest):
        world.run("prediction_job", hour)
    world.run("hourly_job", newest, assets=["monitoring_metrics"])
    by_baseline, text = screen(world, capsys)
    assert not by_baseline
    assert "no model of this hour made it" in text

    objects = world.stores.object_store
    forecast = newest_version(read_versions(objects, newest))
    by_model = forecast.assign(quality="model", model_version="the version", made_at=utc_now())
    publish(objects, by_model, {}, "simulator")
    healthy, text = screen(world, capsys)
    assert healthy, text
    for part in (
        f"from {key_of(newest)}, model, the version",
        "the version, MASE 0.500",
        "last day: MAPE",
        "last week's",
        "none in progress",
        "Nothing is left to do.",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_newest_training_is_that_of_the_newest_hour_although_a_backfill_came_later(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World.build(root, Simulator())
    with dg.DagsterInstance.get() as instance:
        for hour, verdict in ((newest, "beats both"), (newest - 9 * DAY, "beats none")):
            made = dg.AssetMaterialization(
                "model", metadata={"verdict": verdict}, partition=key_of(hour)
            )
            instance.report_runless_asset_event(made)
    _, text = screen(world, capsys)
    assert f"newest training: {key_of(newest)}, beats both" in text
    assert "beats none" not in text


def test_a_baseline_missing_forecasts_and_a_failed_run_are_named(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    world = operating(root, newest)
    world.put_history(newest - 12 * DAY, newest - 3 * HOUR)
    world.run("prediction_job", newest - 5 * HOUR)
    with dg.DagsterInstance.get() as instance:
        instance.add_run(dg.DagsterRun("hourly_job", status=dg.DagsterRunStatus.FAILURE))
        instance.add_run(dg.DagsterRun("tuning_job", status=dg.DagsterRunStatus.STARTED))
    healthy, text = screen(world, capsys)
    assert not healthy
    assert "4 h late" in text
    assert "baseline" in text
    assert "no forecast for 5 of the last 72 hours" in text
    assert "passed its gate" in text
    assert "1 of hourly_job failed in the last day" in text
    assert "1 in progress: tuning_job" in text


def test_rows_that_stay_away_for_days_and_gaps_are_named(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    world = operating(root, newest)
    world.put_history(newest - 12 * DAY, newest - 8 * DAY)
    world.put_history(newest - 7 * DAY, newest - 4 * DAY)
    _, text = screen(world, capsys)
    assert "97 h late" in text
    assert "look at the source and DAYS_DELAY" in text
    assert f"rows: {key_of(newest - 8 * DAY)} to {key_of(newest - 7 * DAY - HOUR)}" in text


def test_the_error_of_a_failed_run_is_shown_until_the_job_succeeds(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    @dg.op(config_schema={"fails": bool})
    def step(context) -> None:
        if context.op_config["fails"]:
            raise UnreachableError("the API [does not] answer")

    @dg.job
    def some_job() -> None:
        step()

    def run(fails: bool) -> None:
        config = {"ops": {"step": {"config": {"fails": fails}}}}
        with dg.DagsterInstance.get() as instance:
            some_job.execute_in_process(config, instance=instance, raise_on_error=False)

    world = operating(root, newest)
    run(fails=True)
    assert "-> UnreachableError: the API [does not] answer" in screen(world, capsys)[1]
    run(fails=False)
    text = screen(world, capsys)[1]
    assert "1 of some_job failed in the last day; it has succeeded since" in text
    assert "the API" not in text


def test_checks_that_a_run_has_yet_to_make_are_no_trouble(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    world = operating(root, newest)
    job = world.deployment.defs.resolve_job_def("prediction_job")
    with dg.DagsterInstance.get() as instance:
        instance.create_run_for_job(job, tags=range_tags(newest, newest))
    text = screen(world, capsys)[1]
    assert "check " not in text
    assert "Invariant" not in text


def test_a_run_whose_process_has_died_is_named(
    root: Path, newest: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    run = dg.DagsterRun("hourly_job", status=dg.DagsterRunStatus.STARTED)
    with dg.DagsterInstance.get() as instance:
        instance.add_run(run)
    (root / "running").mkdir(exist_ok=True)
    (root / "running" / run.run_id).touch()  # no process has locked it
    text = screen(operating(root, newest), capsys)[1]
    assert "1 had died and count as failed" in text
    assert "none in progress" in text


class Unreachable:
    """A model registry that does not answer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def promoted(self, *_: object) -> list[object]:
        time.sleep(self.seconds)
        raise UnreachableError("the registry does not answer (503)")


@pytest.mark.parametrize(("seconds", "reason"), [(0, "503"), (60, "no answer within")])
def test_a_store_that_does_not_answer_hides_only_its_own_line(
    root: Path,
    newest: datetime,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    reason: str,
) -> None:
    world = operating(root, newest, model_registry=Unreachable(seconds))
    world.put_history(newest - 12 * DAY, newest + HOUR)
    started = time.monotonic()
    healthy = status.status(world.deployment, patience=3)
    assert time.monotonic() - started < 15
    text = capsys.readouterr().out
    assert not healthy
    assert reason in text
    assert f"newest hour {key_of(newest)}" in text
    assert "gaps" in text
