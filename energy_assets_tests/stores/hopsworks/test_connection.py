"""What the connection to Hopsworks does when a setting is wrong or the server fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from energy_assets.errors import CredentialError, UnreachableError
from energy_assets.settings import read_settings
from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry
from energy_assets.stores.opening import open_stores
from energy_assets_tests.stores.hopsworks.clients import QUICK, features
from energy_assets_tests.stores.hopsworks.server import HopsworksServer, Project
from energy_assets_tests.stores.samples import HOUR, SOURCE_ID, T0, rows, versions


def test_the_stores_open_without_credentials() -> None:
    stores = open_stores(read_settings(_env_file=None, feature_store="hopsworks"), SOURCE_ID)
    assert isinstance(stores.feature_store, HopsworksFeatureStore)
    assert isinstance(stores.model_registry, HopsworksModelRegistry)


@pytest.mark.parametrize("name", ["fs_api_key", "fs_project_name"])
@pytest.mark.parametrize(("value", "state"), [(None, "not set"), ("<paste here>", "placeholder")])
def test_a_missing_setting_is_named_before_any_request(
    hopsworks: Project, name: str, value: str | None, state: str
) -> None:
    with pytest.raises(CredentialError, match=f"{name.upper()} is (still a )?{state}"):
        features(hopsworks, **{name: value}).read(T0, T0 + HOUR)
    assert not hopsworks.requests


def test_a_wrong_key_is_refused_at_once(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match="refuses FS_API_KEY") as raised:
        features(hopsworks, fs_api_key="a-wrong-key").check()
    assert "a-wrong-key" not in str(raised.value)


def test_a_key_that_is_revoked_is_refused_and_works_again_once_it_is_valid(
    hopsworks: Project,
) -> None:
    store, old = features(hopsworks), hopsworks.key
    store.upsert(versions())
    hopsworks.key = "another-key"
    with pytest.raises(CredentialError, match="FS_API_KEY"):
        store.upsert(versions())
    hopsworks.key = old
    assert len(store.read(T0, T0 + HOUR)) == 2


def test_a_project_that_does_not_exist_is_named(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match=r"no project elsewhere.*FS_PROJECT_NAME"):
        features(hopsworks, fs_project_name="elsewhere").check()


def test_a_key_without_the_needed_rights_says_what_it_needs(hopsworks: Project) -> None:
    hopsworks.fail("POST", "/featuregroups", status=403)
    with pytest.raises(CredentialError, match=r"owner of FS_API_KEY.*scopes.*featurestore"):
        features(hopsworks).upsert(versions())


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    server = HopsworksServer(tmp_path_factory.mktemp("expired"), expired=True)
    yield server.new_project()
    server.close()


def test_an_expired_certificate_is_named_as_the_reason(expired: Project) -> None:
    with pytest.raises(CredentialError, match=r"certificate has expired.*FS_TRUST_STORE"):
        features(expired).check()


def test_a_certificate_of_an_unknown_authority_names_the_trust_store(hopsworks: Project) -> None:
    with pytest.raises(CredentialError, match=r"not trusted.*FS_TRUST_STORE"):
        features(hopsworks, fs_trust_store=None).check()
    with pytest.raises(CredentialError, match=r"FS_TRUST_STORE names .*missing\.pem"):
        features(hopsworks, fs_trust_store="missing.pem").check()


def test_a_host_where_nothing_listens_is_unreachable(hopsworks: Project) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} does not answer.*FS_HOST"):
        features(hopsworks, fs_port=port).check()


def test_a_call_is_repeated_after_a_server_error(hopsworks: Project) -> None:
    store = features(hopsworks)
    hopsworks.fail("GET", "/project$", status=500)
    hopsworks.fail("POST", "/featuregroups$", status=503)
    store.upsert(versions())
    hopsworks.fail("GET", "/query/batch", status=429)
    hopsworks.fail("POST", "/trainingdatasets$", status=500)
    hopsworks.fail("GET", "/trainingdatasets/version/", status=502)
    assert store.create_training_dataset(T0, T0 + 9 * HOUR).rows == 6
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())
    assert not any(fault.times for fault in hopsworks.faults)


def test_a_server_that_keeps_failing_is_unreachable_after_the_last_attempt(
    hopsworks: Project,
) -> None:
    hopsworks.fail("GET", "/featuregroups/", status=502, times=99)
    with pytest.raises(UnreachableError, match="HTTP 502"):
        features(hopsworks).check()
    assert hopsworks.count("GET", "/featuregroups/energy_consumption_denmark") == QUICK.attempts


@pytest.mark.parametrize("request_path", ["/variables/versions", "/credentials"])
def test_a_slow_answer_times_out_and_is_requested_again(
    hopsworks: Project, request_path: str
) -> None:
    """The first request of a login, and the last."""
    slow = hopsworks.fail("GET", f"{request_path}$", seconds=4.0)
    store = features(hopsworks, policy=replace(QUICK, read_timeout=1.5))
    assert "empty" in store.check()
    assert slow.times == 0
    assert hopsworks.count("GET", request_path) > 1


def test_a_query_service_that_is_down_is_named_and_used_again_once_it_is_back(
    hopsworks: Project, hopsworks_server: HopsworksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import retrying

    # The client's own pauses add up to half a minute.
    monkeypatch.setattr(retrying, "time", SimpleNamespace(time=lambda: 0, sleep=lambda _: None))
    store = features(hopsworks)
    store.upsert(versions())
    for _ in range(2):  # at the first contact with the service, and later
        monkeypatch.setattr(hopsworks_server.query_service, "down", True)
        with pytest.raises(UnreachableError, match=r"Query Service|does not answer"):
            store.read(T0, T0 + HOUR)
        monkeypatch.setattr(hopsworks_server.query_service, "down", False)
        assert len(store.read(T0, T0 + HOUR)) == 2
