"""The key goes to no server whose certificate is not trusted."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from energy_assets.errors import CredentialError
from energy_assets_tests.stores.hopsworks.clients import features
from energy_assets_tests.stores.hopsworks.server import HopsworksServer, Project


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


def test_a_trust_store_without_a_certificate_is_named(hopsworks: Project, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(CredentialError, match=r"FS_TRUST_STORE names .*empty\.pem"):
        features(hopsworks, fs_trust_store=tmp_path / "empty.pem").check()


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of a cluster whose certificate is made out to another name."""
    server = HopsworksServer(tmp_path_factory.mktemp("renamed"), name="elsewhere.test")
    yield server.new_project()
    server.close()


def test_a_certificate_with_another_name_is_accepted_only_without_hostname_verification(
    renamed: Project,
) -> None:
    with pytest.raises(CredentialError, match=r"not trusted.*FS_HOSTNAME_VERIFICATION=false"):
        features(renamed).check()
    assert not renamed.requests
    assert "empty" in features(renamed, fs_hostname_verification=False).check()


class Impostor:
    """A TLS server with a certificate of its own. It keeps what it is sent."""

    def __init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        self.received: list[bytes] = []
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as secured:
                    self.received.append(secured.recv(65_536))
            except OSError as error:
                self.received.append(f"handshake failed: {error}".encode())


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    impostor = Impostor()
    yield impostor
    impostor.listener.close()


@pytest.mark.parametrize("verify_name", [True, False])
@pytest.mark.parametrize("with_trust_store", [True, False])
def test_a_server_that_is_not_trusted_never_gets_the_key(
    hopsworks: Project, impostor: Impostor, verify_name: bool, with_trust_store: bool
) -> None:
    store = features(
        hopsworks,
        fs_port=impostor.listener.getsockname()[1],
        fs_hostname_verification=verify_name,
        **({} if with_trust_store else {"fs_trust_store": None}),
    )
    with pytest.raises(CredentialError, match=r"not trusted.*FS_TRUST_STORE"):
        store.check()
    assert impostor.received
    assert all(b"handshake failed" in part for part in impostor.received)
