"""Failures of the Hopsworks client as our typed errors, without the API key in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import requests

from energy_assets.errors import (
    CredentialError,
    EnergyAssetsError,
    NotFoundError,
    StorageError,
    UnreachableError,
)
from energy_assets.settings import WHERE_TO_FIND, refused_credential
from energy_assets.stores.hopsworks.connection.credentials import Credentials

_TRANSIENT = (408, 429, 502, 503, 504)
_UNTRUSTED = "certificate verify failed: "
_MISSING = (
    110_008,  # file
    110_011,  # data set
    110_018,  # path
    150_004,  # project
    270_009,  # feature group
    270_012,  # training dataset
    270_181,  # feature view
    360_000,  # model
)
"""Hopsworks' own numbers of errors for what is not there; they come with HTTP 404 or 400."""

_log = logging.getLogger(__name__)


class ServerError(StorageError):
    """The server has failed; it may have been an accident, or it may fail each time."""


def refusal(response: requests.Response, credentials: Credentials) -> EnergyAssetsError | None:
    """The error for a response that the client must not see; None if it may see it."""
    status = response.status_code
    if status == 401:
        return refused_credential("fs_api_key", "Hopsworks")
    if status == 403:
        return CredentialError(
            f"Hopsworks refuses a request ({_reason(response)}): the owner of FS_API_KEY is not a "
            f"member of FS_PROJECT_NAME={credentials.project} or lacks a right, or the key lacks a "
            "scope. It needs the scopes project, featurestore, job, dataset.view, dataset.create, "
            f"dataset.delete and modelregistry; it is {WHERE_TO_FIND['fs_api_key']}."
        )
    if status in _TRANSIENT:
        return UnreachableError(f"{credentials.server} does not answer now: {_reason(response)}")
    if status >= 500:
        return ServerError(f"{credentials.server} fails: {_reason(response)}")
    if _is_missing(response) and "/project/getProjectInfo/" in (response.request.url or ""):
        return CredentialError(
            f"Hopsworks at {credentials.host} has no project {credentials.project}, or the key's "
            f"owner may not see it: FS_PROJECT_NAME is {WHERE_TO_FIND['fs_project_name']}"
        )
    return None


def translate(error: Exception, credentials: Credentials) -> EnergyAssetsError:
    """Our error for an exception of the client, or of the libraries below it."""
    from hopsworks_common.client.exceptions import RestAPIError
    from pyarrow import flight

    text = str(error).replace(credentials.key, "***")
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, EnergyAssetsError):
            return cause
    untrusted = [str(cause) for cause in causes if _UNTRUSTED in str(cause)]
    if untrusted:
        reason = untrusted[-1].rpartition(_UNTRUSTED)[2].partition(" (_ssl")[0]
        return CredentialError(
            f"the certificate of {credentials.server} is not trusted ({reason}): if it has "
            "expired, the cluster needs a new one; if the cluster is your own, set FS_TRUST_STORE "
            "to the PEM file of its certificate authority; if it has another name on purpose, set "
            "FS_HOSTNAME_VERIFICATION=false"
        )
    _log.debug("a call to %s failed: %s: %s", credentials.server, type(error).__name__, text)
    transient = (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        flight.FlightUnavailableError,
        flight.FlightTimedOutError,
    )
    if any(isinstance(cause, transient) for cause in causes) or "is busy right now" in text:
        return UnreachableError(
            f"{credentials.server} does not answer ({type(causes[-1]).__name__}): try again "
            "later. If it never does, check FS_HOST and FS_PORT, and that this machine can reach "
            "them."
        )
    service = [str(cause) for cause in causes if isinstance(cause, flight.FlightError)]
    if service:
        reason = service[-1].splitlines()[0].partition(". gRPC client debug context")[0]
        reason = reason.replace(credentials.key, "***")
        return ServerError(f"the Query Service of {credentials.server} fails: {reason}")
    if isinstance(error, RestAPIError):
        if _is_missing(error.response):
            return NotFoundError(f"{credentials.server} cannot find it: {_reason(error.response)}")
        return StorageError(f"{credentials.server} refuses: {_reason(error.response)}")
    return StorageError(f"{credentials.server}: {type(error).__name__}: {text}")


def _is_missing(response: requests.Response) -> bool:
    """Whether a response says that something does not exist."""
    return response.status_code == 404 or (
        response.status_code == 400 and _body(response).get("errorCode") in _MISSING
    )


def _reason(response: requests.Response) -> str:
    """Status and message of a response."""
    body = _body(response)
    message = body.get("usrMsg") or body.get("errorMsg") or ""
    return f"HTTP {response.status_code} {message}".strip()


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
