"""Credentials for Google Cloud: a key file or application default credentials, good and bad."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from energy_assets.errors import CredentialError, SettingsError, UnreachableError
from energy_assets.settings import read_settings
from energy_assets_tests.stores.gcs.google_account import ACCOUNT, TOKEN, TokenServer, as_json
from energy_assets_tests.stores.gcs.server import IMPATIENT, GcsServer, answers, gcs_store

VARIABLE = "GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON_PATH"
PERMANENT = [
    ("invalid_grant", "Invalid JWT Signature."),
    ("invalid_grant", "Invalid grant: account not found"),
    ("invalid_scope", "Invalid OAuth scope or ID token audience provided."),
]


def assert_holds_no_secret(error: BaseException, *secrets: str) -> None:
    """Neither the error nor its traceback shows a secret."""
    shown: BaseException | None = error
    while shown is not None:
        for secret in (*secrets, TOKEN):
            assert secret not in f"{shown} {shown!r}"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_key_file_gets_access_tokens(gcs: GcsServer, tokens: TokenServer, key_file: Path) -> None:
    gcs.tokens = {TOKEN}
    store = gcs_store(google_cloud_service_account_json_path=key_file)
    store.write("x", b"content")
    assert store.read("x") == b"content"
    assert [claims["iss"] for claims in tokens.claims] == [ACCOUNT]
    with pytest.raises(CredentialError):
        gcs_store().read("x")


def test_a_refused_token_is_renewed(gcs: GcsServer, tokens: TokenServer, key_file: Path) -> None:
    gcs.tokens = {TOKEN}
    store = gcs_store(google_cloud_service_account_json_path=key_file)
    store.write("x", b"content")
    gcs.fail(answers(401, "Invalid Credentials"))
    assert store.read("x") == b"content"
    assert len(tokens.claims) == 2


@pytest.mark.parametrize(("error", "description"), PERMANENT)
def test_a_revoked_key_names_the_setting_at_once(
    gcs: GcsServer, tokens: TokenServer, key_file: Path, error: str, description: str
) -> None:
    tokens.faults = [as_json(400, error=error, error_description=description)]
    store = gcs_store(google_cloud_service_account_json_path=key_file)
    with pytest.raises(CredentialError, match=f"{VARIABLE}.*{error}: {description}") as raised:
        store.write("x", b"")
    assert len(tokens.assertions) == 1
    assert gcs.requests == []
    assert_holds_no_secret(raised.value, tokens.assertions[0])


def test_a_token_that_is_always_refused_names_the_setting(gcs: GcsServer, key_file: Path) -> None:
    gcs.tokens = set()
    store = gcs_store(google_cloud_service_account_json_path=key_file)
    with pytest.raises(CredentialError, match=f"{VARIABLE}.*Invalid Credentials") as raised:
        store.read("x")
    assert_holds_no_secret(raised.value)


def test_a_request_to_a_token_server_that_fails_once_is_repeated(
    gcs: GcsServer, tokens: TokenServer, key_file: Path
) -> None:
    gcs.tokens = {TOKEN}
    tokens.faults = [as_json(503, error="temporarily_unavailable")]
    gcs_store(google_cloud_service_account_json_path=key_file).write("x", b"")
    assert "x" in gcs.objects


def test_a_token_server_that_keeps_failing_is_unreachable(
    gcs: GcsServer, tokens: TokenServer, key_file: Path
) -> None:
    tokens.faults = [as_json(503, error="temporarily_unavailable")] * 20
    store = gcs_store(google_cloud_service_account_json_path=key_file, policy=IMPATIENT)
    with pytest.raises(UnreachableError, match="token server"):
        store.read("x")
    key_file.write_text(key_file.read_text().replace(tokens.url, "http://127.0.0.1:9/token"))
    store = gcs_store(google_cloud_service_account_json_path=key_file, policy=IMPATIENT)
    with pytest.raises(UnreachableError):
        store.read("x")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("not JSON: private", "not the key of a service account"),
        ("[]", "not the key of a service account"),
        ('{"type": "authorized_user", "refresh_token": "private"}', "not the key of"),
        (
            '{"type": "service_account", "client_email": "a@b", "token_uri": "http://c", '
            '"private_key": "private"}',
            "not the key of a service account",
        ),
    ],
)
def test_a_file_that_is_not_a_key_is_named_with_its_setting(
    gcs: GcsServer, tmp_path: Path, content: str | None, says: str
) -> None:
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialError, match=rf"{VARIABLE}.*wrong\.json.*{says}") as raised:
        gcs_store(google_cloud_service_account_json_path=path).read("x")
    assert gcs.requests == []
    assert_holds_no_secret(raised.value, "private")


def test_a_key_set_instead_of_its_path_is_refused_and_not_shown(
    key_file: Path, private_key: str
) -> None:
    with pytest.raises(SettingsError, match=f"{VARIABLE}.*the path of the key file") as raised:
        read_settings(_env_file=None, google_cloud_service_account_json_path=key_file.read_text())
    assert_holds_no_secret(raised.value, private_key.splitlines()[1])


@pytest.mark.parametrize("adc_file", [None, "missing.json", "empty.json"])
def test_without_any_credentials_the_message_names_both_ways_to_give_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adc_file: str | None
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # no request to a metadata server
    if adc_file:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / adc_file))
    with pytest.raises(CredentialError, match=f"{VARIABLE}.*application-default login"):
        gcs_store().read("x")


def test_application_default_credentials_work_and_a_refusal_says_how_to_renew_them(
    gcs: GcsServer, tokens: TokenServer, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("API_ENDPOINT_OVERRIDE", gcs.url)  # as above, but with credentials
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    gcs.tokens = {TOKEN}
    gcs_store().write("x", b"content")
    assert gcs.objects["x"] == b"content"
    gcs.tokens = set()
    with pytest.raises(CredentialError, match="application-default login"):
        gcs_store().read("x")


def test_threads_share_a_store(gcs: GcsServer, tokens: TokenServer, key_file: Path) -> None:
    gcs.tokens = {TOKEN}
    store = gcs_store(google_cloud_service_account_json_path=key_file)
    contents = {str(number): str(number).encode() for number in range(12)}
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(store.write, contents, contents.values()))  # raises what a thread raises
    assert {name: gcs.objects[name] for name in contents} == contents
