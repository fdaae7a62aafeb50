"""A service account: a key made for a test, and a server on loopback that gives tokens for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

ACCOUNT = "forecaster@energy.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""The audience of every JWT, whichever address it is sent to."""
TOKEN = "good-on-loopback"  # noqa: S105 - opens nothing


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TokenServer:
    """Gives a token for a JWT that is signed with the key, as Google's server does."""

    def __init__(self, server: HTTPServer, key: rsa.RSAPrivateKey) -> None:
        self.url = server.url_for("/token")
        self.public_key = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.assertions: list[str] = []
        self.claims: list[Any] = []
        self.faults: list[Response] = []
        server.expect_request("/token").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.assertions.append(request.form["assertion"])
        if self.faults:
            return self.faults.pop(0)
        claims = jwt.decode(request.form["assertion"], certs=self.public_key, audience=AUDIENCE)
        self.claims.append(claims)
        return as_json(200, access_token=TOKEN, expires_in=3600)


def as_json(status: int, **content: object) -> Response:
    return Response(json.dumps(content), status=status, mimetype="application/json")


@pytest.fixture(scope="module")
def http_server() -> Iterator[HTTPServer]:
    with HTTPServer() as server:
        yield server


@pytest.fixture
def tokens(http_server: HTTPServer, rsa_key: rsa.RSAPrivateKey) -> TokenServer:
    http_server.clear()
    return TokenServer(http_server, rsa_key)


@pytest.fixture
def private_key(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def key_file(tokens: TokenServer, private_key: str, tmp_path: Path) -> Path:
    content = {
        "type": "service_account",
        "project_id": "energy",
        "private_key_id": "0123",
        "private_key": private_key,
        "client_email": ACCOUNT,
        "token_uri": tokens.url,
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(content))
    return path
