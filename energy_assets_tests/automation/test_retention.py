"""Old runs are removed with their logs, and the state of the partitions stays."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from deploy.postgres import Postgres
from energy_assets.automation.retention import remove_old_runs
from energy_assets.settings import PROJECT_ROOT, utc_now
from energy_assets_tests.postgres import running_postgres

PICTURE = "![plot](data:image/png;base64,aGVsbG8=)"
KEY = dg.AssetKey("drawn")
CHECK = dg.AssetCheckKey(KEY, "good")
KEPT = {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"}
HOURS = dg.HourlyPartitionsDefinition(datetime(2023, 3, 1), end_date=datetime(2023, 3, 2))


@dg.asset(partitions_def=HOURS, check_specs=[dg.AssetCheckSpec("good", asset=KEY)])
def drawn() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"picture": dg.MetadataValue.md(PICTURE), "rows": 7},
        check_results=[dg.AssetCheckResult(passed=True, check_name="good")],
    )


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    settings = "telemetry: {enabled: false}\n"
    if request.param == "PostgreSQL":
        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("PGSERVICEFILE", str(server.service_file))
        settings += (PROJECT_ROOT / "deploy" / "postgres.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(settings)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        if request.param == "PostgreSQL":
            instance.wipe()
        yield instance


def materialise(instance: dg.DagsterInstance, hour: int) -> str:
    key = f"2023-03-01-{hour:02d}:00"
    return dg.materialize([drawn], instance=instance, partition_key=key).run_id


def newest(instance: dg.DagsterInstance) -> dg.EventLogRecord:
    (record,) = instance.fetch_materializations(KEY, limit=1).records
    return record


def files_of(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    return list(Path(instance.root_directory).rglob(f"*{run_id}*"))


def test_the_partitions_of_removed_runs_stay_materialised(instance: dg.DagsterInstance) -> None:
    removed = [materialise(instance, hour) for hour in range(3)]
    cursor = newest(instance).storage_id
    assert all(files_of(instance, run_id) for run_id in removed)

    assert remove_old_runs(instance, utc_now() + timedelta(hours=1)) == 3

    assert not instance.get_runs()
    assert not any(files_of(instance, run_id) for run_id in removed)
    kept = [event.dagster_event for run_id in removed for event in instance.all_logs(run_id)]
    assert {event.event_type_value for event in kept if event} <= KEPT
    partitions = {f"2023-03-01-{hour:02d}:00" for hour in range(3)}
    assert instance.get_materialized_partitions(KEY) == partitions
    cached = get_and_update_asset_status_cache_value(instance, KEY, HOURS)
    assert cached is not None
    shown = cached.deserialize_materialized_partition_subsets(HOURS)
    assert set(shown.get_partition_keys()) == partitions
    materialization = newest(instance).asset_materialization
    assert materialization is not None
    assert materialization.metadata["rows"].value == 7
    assert "no longer kept" in str(materialization.metadata["picture"].value)
    checked = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])
    assert checked[CHECK].status.value == "SUCCEEDED"

    materialise(instance, 3)
    assert newest(instance).storage_id > cursor


def test_runs_that_are_young_or_not_at_their_end_stay_whole(instance: dg.DagsterInstance) -> None:
    young = materialise(instance, 0)
    unfinished = instance.create_run_for_job(
        dg.define_asset_job("job").resolve(
            asset_graph=dg.Definitions([drawn]).resolve_asset_graph()
        )
    )
    assert remove_old_runs(instance, utc_now() - timedelta(hours=1)) == 0
    assert remove_old_runs(instance, utc_now() + timedelta(hours=1)) == 1
    assert [run.run_id for run in instance.get_runs()] == [unfinished.run_id]
    assert not files_of(instance, young)


def test_an_interrupted_removal_is_completed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = materialise(instance, 0)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(instance.run_storage, "delete_run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove_old_runs(instance, utc_now() + timedelta(hours=1))
    assert remove_old_runs(instance, utc_now() + timedelta(hours=1)) == 1
    assert not instance.get_runs()
    assert not files_of(instance, run_id)
