"""The login to Hopsworks, what happens when something is wrong, and what must never be told."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pandas as pd
import pytest

from energy_assets.errors import (
    BrokenModelError,
    CredentialError,
    EnergyAssetsError,
    NotFoundError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from energy_assets.schemas import CONSUMPTION
from energy_assets.settings import PROJECT_ROOT, read_settings, utc_now
from energy_assets.stores import open_stores
from energy_assets.stores.hopsworks import connection as hopsworks_connection
from energy_assets.stores.hopsworks import feature_store as hopsworks_feature_store
from energy_assets.stores.hopsworks.connection import ATTEMPTS, HopsworksConnection
from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry
from energy_assets_tests.hopsworks_server import HopsworksServer, Project
from energy_assets_tests.stores.test_feature_store import HOUR, T0, rows

OWNER = "simulator-made-up"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hopsworks_connection, "LONGEST_PAUSE", 0.01)


def connect(project: Project, **others: Any) -> HopsworksConnection:
    return HopsworksConnection(read_settings(_env_file=None, **{**project.settings(), **others}))


def features(project: Project, owner: str = OWNER, **others: Any) -> HopsworksFeatureStore:
    connection = connect(project, **others)
    return HopsworksFeatureStore(connection, connection.settings, owner)


def models(project: Project, storage_root: Path, owner: str = OWNER) -> HopsworksModelRegistry:
    return HopsworksModelRegistry(connect(project, storage_root=storage_root), owner)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "model.txt").write_text("trees " * 1000)
    return folder


def register(registry: HopsworksModelRegistry, files: Path, hour: datetime = T0) -> str:
    model = registry.register(
        files, hour, promoted=True, metrics={"mape": 0.06}, tags={"gate": "promoted"}
    )
    return model.version


# --- What is missing or refused -----------------------------------------------------------------


def test_the_stores_are_opened_without_any_credential() -> None:
    stores = open_stores(read_settings(_env_file=None, feature_store="hopsworks"))
    assert isinstance(stores.feature_store, HopsworksFeatureStore)
    assert isinstance(stores.model_registry, HopsworksModelRegistry)


@pytest.mark.parametrize("name", ["fs_api_key", "fs_project_name"])
@pytest.mark.parametrize(("value", "said"), [(None, "not set"), ("<paste here>", "placeholder")])
def test_a_missing_setting_is_named_before_anything_is_sent(
    hopsworks: Project, name: str, value: str | None, said: str
) -> None:
    with pytest.raises(CredentialError, match=f"{name.upper()} is (still a )?{said}"):
        features(hopsworks, **{name: value}).read(T0, T0 + HOUR)
    assert not hopsworks.requests


def test_a_wrong_key_is_refused_at_once(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match="refuses FS_API_KEY") as caught:
        features(hopsworks, fs_api_key="a-wrong-key").check()
    assert "a-wrong-key" not in str(caught.value)


def test_a_key_that_is_revoked_later_is_refused_and_a_new_one_accepted(hopsworks: Project) -> None:
    store, old = features(hopsworks), hopsworks.key
    store.upsert(rows())
    hopsworks.key = "another-key"
    with pytest.raises(CredentialError, match="FS_API_KEY"):
        store.upsert(rows())
    hopsworks.key = old
    assert len(store.read(T0, T0 + HOUR)) == 2


def test_a_project_that_does_not_exist_is_named(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match=r"no project elsewhere.*FS_PROJECT_NAME"):
        features(hopsworks, fs_project_name="elsewhere").check()


def test_a_key_without_the_rights_says_what_it_needs(hopsworks: Project) -> None:
    hopsworks.fail("POST", "/featuregroups", status=403)
    with pytest.raises(CredentialError, match=r"FS_API_KEY is no member.*scope.*feature store"):
        features(hopsworks).upsert(rows())


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    server = HopsworksServer(tmp_path_factory.mktemp("expired"), expired=True)
    yield server.new_project()
    server.close()


def test_an_expired_certificate_is_told_apart(expired: Project) -> None:
    with pytest.raises(CredentialError, match=r"certificate has expired.*FS_TRUST_STORE"):
        features(expired).check()


def test_a_certificate_of_an_unknown_authority_names_the_trust_store(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match=r"not trusted.*FS_TRUST_STORE"):
        features(hopsworks, fs_trust_store=None).check()
    with pytest.raises(CredentialError, match=r"FS_TRUST_STORE names .*missing\.pem"):
        features(hopsworks, fs_trust_store="missing.pem").check()


# --- What may pass ------------------------------------------------------------------------------


def test_a_cluster_that_nobody_answers_for_is_unreachable(hopsworks: Project) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} does not answer"):
        features(hopsworks, fs_port=port).check()


def test_a_failure_of_the_server_is_tried_again(hopsworks: Project) -> None:
    store = features(hopsworks)
    hopsworks.fail("GET", "/project$", status=500)
    hopsworks.fail("POST", "/featuregroups$", status=503)
    store.upsert(rows())
    hopsworks.fail("GET", "/query/batch", status=429)
    hopsworks.fail("POST", "/trainingdatasets$", status=500)
    hopsworks.fail("GET", "/trainingdatasets/version/", status=502)
    assert store.create_training_dataset(T0, T0 + 9 * HOUR).rows == 6
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())
    assert not any(fault.times for fault in hopsworks.faults)


def test_a_server_that_keeps_failing_is_unreachable_in_the_end(hopsworks: Project) -> None:
    hopsworks.fail("GET", "/featuregroups/", status=502, times=99)
    with pytest.raises(UnreachableError, match="HTTP 502"):
        features(hopsworks).check()
    assert hopsworks.asked("GET", "/featuregroups/energy_consumption_denmark") == ATTEMPTS


def test_a_slow_answer_is_not_waited_for(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hopsworks_connection, "TIMEOUT", (10.0, 1.5))
    slow = hopsworks.fail("GET", "/credentials", seconds=4.0)
    assert "empty" in features(hopsworks).check()
    assert slow.times == 0
    assert hopsworks.asked("GET", "/credentials") > 1


def test_an_upload_that_breaks_off_is_made_again_and_never_seen_half(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    hopsworks.fail("POST", "/upload/", drop=True, then=lambda: seen.append(dict(hopsworks.models)))
    seen: list[Any] = []
    version = register(registry, files)
    (found,) = registry.promoted(T0)
    registry.download(found, tmp_path / "fresh")
    assert found.version == version
    assert seen == [{}]
    assert len(hopsworks.models) == 1


def test_what_was_uploaded_before_a_crash_is_in_nobodys_way(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    unfinished = hopsworks.path_of("Models/best_model/1/Files")
    unfinished.mkdir(parents=True)
    (unfinished / "model.txt").write_text("tre")
    registry = models(hopsworks, tmp_path)
    assert not list(registry.promoted(T0))
    version = register(registry, files)
    assert [model.version for model in registry.promoted(T0)] == [version]
    assert list(hopsworks.models) == ["best_model_2"]


def test_rows_that_were_merged_before_a_failure_are_there_once(hopsworks: Project) -> None:
    hopsworks.fail("POST", "/commits", status=500)
    store = features(hopsworks)
    store.upsert(rows())
    assert hopsworks.asked("POST", "/commits") == 2
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())


def test_a_feature_group_without_its_table_is_empty_and_can_be_written(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(rows())
    shutil.rmtree(hopsworks.location(CONSUMPTION.name, 1))
    assert len(store.read(T0, T0 + 9 * HOUR)) == 0
    store.upsert(rows())
    assert len(store.read(T0, T0 + 9 * HOUR)) == 6


def test_what_another_process_creates_meanwhile_is_used(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(rows())
    store.read(T0, T0 + HOUR)
    hopsworks.fail("GET", f"/featuregroups/{CONSUMPTION.name}$", status=404, code=270009)
    store.upsert(rows(value=5.0))
    hopsworks.fail("GET", "_view/version/1$", status=404, code=270181)
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows(value=5.0))
    assert not any(fault.times for fault in hopsworks.faults)


@pytest.mark.parametrize("lost", ["a file", "all files", "the folder"])
def test_a_training_dataset_that_has_lost_its_files_is_no_empty_one(
    hopsworks: Project, lost: str
) -> None:
    store = features(hopsworks)
    store.upsert(rows())
    pinned = store.create_training_dataset(T0, T0 + HOUR)
    folder = hopsworks.path_of(hopsworks.training_datasets[1]["location"])
    if lost == "the folder":
        shutil.rmtree(folder)
    else:
        for file in folder.rglob("*.parquet" if lost == "a file" else "*"):
            if file.is_file():
                file.unlink()
    with pytest.raises(NotFoundError, match="materialise feature_view again"):
        store.read_training_dataset(pinned)


def test_a_query_service_that_is_down_is_named_and_used_again_once_it_is_back(
    hopsworks: Project, hopsworks_server: HopsworksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import retrying

    # The client's own pauses: half a minute of them.
    monkeypatch.setattr(retrying, "time", SimpleNamespace(time=lambda: 0, sleep=lambda _: None))
    store = features(hopsworks)
    store.upsert(rows())
    for _ in range(2):  # at the first contact with the service, and later
        monkeypatch.setattr(hopsworks_server.query_service, "down", True)
        with pytest.raises(UnreachableError, match=r"Query Service|does not answer"):
            store.read(T0, T0 + HOUR)
        monkeypatch.setattr(hopsworks_server.query_service, "down", False)
        assert len(store.read(T0, T0 + HOUR)) == 2


def test_a_writer_that_always_comes_second_gives_up_in_the_end(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake.exceptions import CommitFailedError
    from hsfs.core.delta_engine import DeltaEngine

    def conflict(*_: object, **__: object) -> None:
        raise CommitFailedError("a concurrent transaction has changed the table")

    monkeypatch.setattr(DeltaEngine, "_write_delta_rs_dataset", conflict)
    monkeypatch.setattr(HopsworksFeatureStore.upsert.retry, "sleep", lambda _: None)
    with pytest.raises(StorageError, match="run fewer writers at a time"):
        features(hopsworks).upsert(rows())


# --- What is kept -------------------------------------------------------------------------------


def test_rows_of_two_sources_do_not_mix(hopsworks: Project) -> None:
    features(hopsworks).upsert(rows())
    other = features(hopsworks, owner="file-ConsumptionDE35Hour")
    for use in (
        lambda: other.upsert(rows()),
        lambda: other.read(T0, T0 + HOUR),
        lambda: other.create_training_dataset(T0, T0 + HOUR),
        lambda: other.maintain(keep=1),
        other.check,
    ):
        with pytest.raises(SettingsError, match=f"holds {OWNER}.*FEATURE_GROUP_VERSION"):
            use()
    apart = features(hopsworks, owner="file-ConsumptionDE35Hour", feature_group_version=2)
    apart.upsert(rows(value=7.0))
    pd.testing.assert_frame_equal(features(hopsworks).read(T0, T0 + 9 * HOUR), rows())
    pd.testing.assert_frame_equal(apart.read(T0, T0 + 9 * HOUR), rows(value=7.0))


def test_models_of_two_sources_do_not_mix(hopsworks: Project, files: Path, tmp_path: Path) -> None:
    mine, other = models(hopsworks, tmp_path), models(hopsworks, tmp_path, owner="file-other")
    register(mine, files)
    assert not list(other.promoted(T0))
    register(other, files)
    assert len(list(mine.promoted(T0))) == len(list(other.promoted(T0))) == 1


def test_a_version_that_somebody_else_made_is_passed_over(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    version = register(registry, files)
    by_hand = {**hopsworks.models["best_model_1"], "description": "my own {test}", "version": 7}
    hopsworks.models["best_model_7"] = by_hand
    assert [model.version for model in registry.promoted(T0)] == [version]


def test_a_version_carries_a_tag_where_an_administrator_has_defined_it(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    register(registry, files, T0)
    hopsworks.tag_schemas.append("energy_assets")
    register(registry, files, T0 + HOUR)
    hopsworks.fail("PUT", "/tags/", status=400)
    register(registry, files, T0 + 2 * HOUR)
    tags = [model["tags"] for model in hopsworks.models.values()]
    assert (tags[0], tags[2]) == ([], [])
    assert tags[1][0]["value"]["hour"] == "2023-03-01T01"


def test_a_changed_file_is_noticed_and_registering_again_repairs_it(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    registry = models(hopsworks, tmp_path)
    register(registry, files)
    (model,) = registry.promoted(T0)
    hopsworks.path_of("Models/best_model/1/Files/model.txt").write_text("tampered with")
    with pytest.raises(BrokenModelError, match="materialise model for 2023-03-01-00:00 again"):
        registry.download(model, tmp_path / "fresh")
    register(registry, files)
    registry.download(model, tmp_path / "fresh")


@pytest.mark.parametrize("lost", ["files", "version"])
def test_a_version_that_is_gone_is_named_and_can_be_registered_again(
    hopsworks: Project, files: Path, tmp_path: Path, lost: str
) -> None:
    registry = models(hopsworks, tmp_path)
    register(registry, files)
    (model,) = registry.promoted(T0)
    hopsworks.remove("Models/best_model/1")
    if lost == "version":
        hopsworks.models.clear()
    with pytest.raises(NotFoundError, match=model.version):
        registry.download(model, tmp_path / "fresh")
    register(registry, files)
    registry.download(model, tmp_path / "fresh")


@pytest.mark.parametrize("stream", [False, True])
def test_the_feature_group_says_what_it_holds(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    from hsfs.engine.python import Engine

    monkeypatch.setattr(Engine, "_run_materialization_job", lambda *_: None)
    features(hopsworks, fs_statistics=True, fs_stream=stream).upsert(rows())
    group = hopsworks.feature_groups["energy_consumption_denmark", 1]
    assert OWNER in group["description"]
    assert group["eventTime"] == "datetime_utc"
    assert group["statisticsConfig"]["enabled"]
    assert group["type"] == ("streamFeatureGroupDTO" if stream else "cachedFeaturegroupDTO")
    described = {feature["name"]: feature["description"] for feature in group["features"]}
    assert described == {column.name: column.description for column in CONSUMPTION.columns}
    primary = {feature["name"] for feature in group["features"] if feature["primary"]}
    assert primary == {"area", "consumer_type"}
    features(hopsworks, fs_statistics=False).upsert(rows())
    group = hopsworks.feature_groups["energy_consumption_denmark", 1]
    assert not group["statisticsConfig"]["enabled"]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_a_stream_is_waited_for_and_its_failure_told(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    from hopsworks_common.job import Job
    from hsfs.engine.python import Engine

    job = create_autospec(Job, instance=True)
    job.name = "materialise"
    job.get_final_state.return_value = state
    # What goes through Kafka and a job on the cluster.
    materialise = create_autospec(Engine._run_materialization_job, return_value=job)
    monkeypatch.setattr(Engine, "_run_materialization_job", materialise)
    store = features(hopsworks, fs_stream=True)
    if state == "SUCCEEDED":
        store.upsert(rows())
    else:
        with pytest.raises(StorageError, match=r"job materialise.*has ended as FAILED"):
            store.upsert(rows())
    (_, group, frame, options, _), _ = materialise.call_args
    assert group.stream
    assert len(frame) == 6
    assert options["wait_for_job"]
    assert not Path(group.location).exists(), "nothing is written from here"


def test_there_is_one_feature_view_however_often_is_read(hopsworks: Project) -> None:
    store = features(hopsworks)
    store.upsert(rows())
    for number in range(2):
        store.read(T0 + number * HOUR, T0 + (number + 1) * HOUR)
        store.create_training_dataset(T0, T0 + number * HOUR)
    assert list(hopsworks.feature_views) == [("energy_consumption_denmark_view", 1)]
    for dataset in hopsworks.training_datasets.values():  # no Spark job, neither of two kinds
        assert dataset["dataFormat"] == "parquet"
        assert not dataset["statisticsConfig"]["enabled"]


def test_maintenance_leaves_a_training_dataset_that_a_run_may_be_making(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = features(hopsworks)
    store.upsert(rows())
    for _ in range(3):
        store.create_training_dataset(T0, T0 + HOUR)
    hopsworks.training_datasets[9] = {
        **hopsworks.training_datasets[1],
        "version": 9,
        "description": "made by hand",
    }
    assert store.maintain(keep=2)["training datasets removed"] == 0
    monkeypatch.setattr(hopsworks_feature_store, "utc_now", lambda: utc_now() + 25 * HOUR)
    assert store.maintain(keep=2)["training datasets removed"] == 1
    assert list(hopsworks.training_datasets) == [2, 3, 9]


def test_maintenance_compacts_the_table(
    hopsworks: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hopsworks_feature_store, "UNFINISHED_HOURS", 0)
    store = features(hopsworks)
    for number in range(3):
        store.upsert(rows(hours=1, start=T0 + number * HOUR))
    table = Path(hopsworks.location(CONSUMPTION.name, 1))
    before = len(list(table.glob("*.parquet")))
    assert store.maintain(keep=1)["files compacted"] == before
    assert len(list(table.glob("*.parquet"))) == 1
    assert len(store.read(T0, T0 + 9 * HOUR)) == 6


# --- One login ----------------------------------------------------------------------------------


def test_a_process_logs_in_once_whatever_uses_the_connection(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    threads = [threading.Thread(target=lambda: features(hopsworks).check()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    features(hopsworks).upsert(rows())
    register(models(hopsworks, tmp_path), files)
    assert hopsworks.asked("GET", "/credentials") == 1


def test_two_projects_in_turn_are_each_logged_in_to_and_know_nothing_of_each_other(
    hopsworks: Project, hopsworks_server: HopsworksServer
) -> None:
    other = hopsworks_server.new_project()
    features(hopsworks).upsert(rows())
    assert len(features(other).read(T0, T0 + HOUR)) == 0
    features(other).upsert(rows(value=7.0))
    pd.testing.assert_frame_equal(features(hopsworks).read(T0, T0 + 9 * HOUR), rows())
    for project in (other, hopsworks):
        assert features(project).create_training_dataset(T0, T0 + HOUR).rows == 2


def start(code: str, project: Project, temporary: Path) -> subprocess.Popen[str]:
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=PROJECT_ROOT,
        env={**os.environ, **project.environment(), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


TWO_STEPS = """
from datetime import datetime
from energy_assets.settings import settings
from energy_assets.stores.hopsworks_connection import HopsworksConnection
from energy_assets.stores.hopsworks_feature_store import HopsworksFeatureStore

store = HopsworksFeatureStore(HopsworksConnection(settings()), settings(), "simulator-made-up")
store.connection.call(lambda project: project.name)
from hopsworks_common import client
open(client._get_instance()._get_certs_folder() + "/something_else", "w").close()
print("logged in", flush=True)
input()
print(len(store.read(datetime(2023, 3, 1), datetime(2023, 3, 2))), flush=True)
input()
"""


def test_a_process_that_ends_takes_only_its_own_certificates_with_it(
    hopsworks: Project, tmp_path: Path
) -> None:
    features(hopsworks).upsert(rows())
    temporary = tmp_path / "temporary"
    first, second = (start(TWO_STEPS, hopsworks, temporary) for _ in range(2))
    for process in (first, second):
        assert process.stdout.readline() == "logged in\n"
    folders = list(temporary.glob("energy-assets-hopsworks-*"))
    assert len(folders) == 2
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders)
    assert first.communicate("\n\n", timeout=60) == ("6\n", "")
    assert len(list(temporary.glob("energy-assets-hopsworks-*"))) == 1
    assert second.communicate("\n\n", timeout=60) == ("6\n", "")
    assert not list(temporary.glob("energy-assets-hopsworks-*"))


FORK = """
import logging, os, sys, warnings

before = logging.root.handlers[:], logging.root.level, warnings.formatwarning, sys.stdout
from energy_assets.settings import settings
from energy_assets.stores.hopsworks_connection import HopsworksConnection
connection = HopsworksConnection(settings())
assert "hopsworks" not in sys.modules
name = connection.call(lambda project: project.name)
assert (logging.root.handlers[:], logging.root.level, warnings.formatwarning, sys.stdout) == before

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
child = os.fork()
if not child:
    assert connection.call(lambda project: project.name) == name
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
from hopsworks_common import client
assert os.path.isfile(client._get_instance()._get_client_key_path())
assert connection.call(lambda project: project.name) == name
"""


def test_a_forked_process_has_a_login_of_its_own_and_the_rest_is_as_it_was(
    hopsworks: Project, tmp_path: Path
) -> None:
    process = start(FORK, hopsworks, tmp_path / "temporary")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert hopsworks.asked("GET", "/credentials") == 2
    assert not list((tmp_path / "temporary").glob("energy-assets-hopsworks-*"))


# --- Secrets ------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_the_key_is_in_no_message_log_or_output(
    hopsworks: Project,
    files: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    store, registry = features(hopsworks), models(hopsworks, tmp_path)
    store.upsert(rows())
    store.create_training_dataset(T0, T0 + HOUR)
    register(registry, files)
    registry.download(next(registry.promoted(T0)), tmp_path / "fresh")
    said = [store.check(), registry.check(), repr(vars(store)), repr(hopsworks_connection._login)]
    for fault in ({"status": 500}, {"status": 403}, {"status": 400}, {"drop": True}):
        hopsworks.faults.clear()
        hopsworks.fail("GET", ".", times=99, **fault)
        with pytest.raises(EnergyAssetsError) as caught:
            store.check()
        for error in chain(caught.value):
            assert isinstance(error, EnergyAssetsError), "the client's hold the request"
            said.append(f"{error} {error!r} {vars(error)}")
    output = capfd.readouterr()
    assert not output.out
    assert not output.err
    for secret in (hopsworks.key, f"password-of-{hopsworks.key}"):
        assert secret not in "\n".join(said)
        assert secret not in caplog.text
    assert "Logged in to project" in caplog.text, "what the client prints is in the debug log"
