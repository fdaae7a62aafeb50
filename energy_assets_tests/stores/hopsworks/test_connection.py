"""What the connection to Hopsworks does when a setting is wrong."""

from __future__ import annotations

import socket

import pytest

from energy_assets.errors import CredentialError, SettingsError, UnreachableError
from energy_assets.settings import read_settings
from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore
from energy_assets.stores.hopsworks.model_registry import HopsworksModelRegistry
from energy_assets.stores.opening import open_stores
from energy_assets_tests.stores.hopsworks.clients import IMPATIENT, connect, features
from energy_assets_tests.stores.hopsworks.server import Project
from energy_assets_tests.stores.samples import HOUR, SOURCE_ID, T0, versions


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


@pytest.mark.parametrize("status", [400, 404])
def test_a_project_that_does_not_exist_is_named(hopsworks: Project, status: int) -> None:
    hopsworks.status_of_missing = status
    with pytest.raises(CredentialError, match=r"no project elsewhere.*FS_PROJECT_NAME"):
        features(hopsworks, fs_project_name="elsewhere").check()


def test_a_key_without_the_needed_rights_says_what_it_needs(hopsworks: Project) -> None:
    hopsworks.fail("POST", "/featuregroups", status=403)
    with pytest.raises(CredentialError, match=r"owner of FS_API_KEY.*scopes.*featurestore"):
        features(hopsworks).upsert(versions())


def test_a_host_where_nothing_listens_is_unreachable(hopsworks: Project) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} does not answer.*FS_HOST"):
        features(hopsworks, policy=IMPATIENT, fs_port=port).check()


@pytest.mark.parametrize("form", ["https://{}:{}/p/119/view?x=1", "{}:{}", " https://{}:{} "])
def test_the_host_may_be_given_as_a_url(hopsworks: Project, form: str) -> None:
    host = form.format("127.0.0.1", hopsworks.cluster.port)
    assert "empty" in features(hopsworks, fs_host=host, fs_port=1).check()


@pytest.mark.parametrize("host", ["http://127.0.0.1", "https://", "my cluster", "a:port", "[::1"])
def test_what_is_not_a_host_is_refused_with_the_name_of_the_setting(
    hopsworks: Project, host: str
) -> None:
    with pytest.raises(SettingsError, match="FS_HOST is not the name of a host"):
        features(hopsworks, fs_host=host).check()
    assert "FS_HOST" in repr(connect(hopsworks, fs_host=host))
