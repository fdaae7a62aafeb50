"""Reaching Google Cloud Storage: a bucket from the settings, and its refusals as our errors.

Belongs here: credentials, time-outs, retries, and what every answer but the wished one means. A
message holds the server's own words and never an address: an upload's address is a right to write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_assets.errors import CredentialError, SettingsError, StorageError, UnreachableError
from energy_assets.settings import Settings, refused_credential, required_setting

if TYPE_CHECKING:
    from google.cloud.storage import Bucket, Client

STORE = "Google Cloud Storage"
KEY_FILE = "google_cloud_service_account_json_path"
ROLE = "roles/storage.objectUser"
"""The predefined role that lists, reads, creates, overwrites and deletes objects, and no more."""


@dataclass(frozen=True)
class Patience:
    """How long a request may take, in seconds. An outage is found out within about a minute."""

    connect: float = 5.0
    answer: float = 20.0
    """Without a byte of an answer for so long, an attempt has failed."""
    first_wait: float = 1.0
    """The wait before the second attempt, at most; each later one is up to twice as long."""
    retry: float = 35.0
    """No attempt is begun later than this after the first one."""

    def options(self) -> dict[str, Any]:
        """What every request of the client is given, so that transient faults are retried."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        waits = DEFAULT_RETRY.with_delay(initial=self.first_wait, maximum=8.0)
        return {
            "timeout": (self.connect, self.answer),
            "retry": waits.with_timeout(self.retry),
        }


def open_bucket(settings: Settings) -> Bucket:
    """The bucket of the settings, without a request; raises CredentialError or SettingsError."""
    name = required_setting(settings, "google_cloud_bucket_name")
    if "/" in name or not (name[0].isalnum() and name[-1].isalnum()):
        raise SettingsError(
            f"GOOGLE_CLOUD_BUCKET_NAME={name} is no bucket's name: give the name alone, without "
            "gs://, and a folder as GOOGLE_CLOUD_BUCKET_FOLDER"
        )
    return _client(settings).bucket(name)


@contextmanager
def answers_of_gcs(settings: Settings) -> Iterator[None]:
    """Turn the client's exceptions into errors that say what to do.

    A missing object and a failed precondition are to be handled inside: here, not found means that
    there is no such bucket.
    """
    import requests
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.cloud.storage.exceptions import DataCorruption

    try:
        yield
    except (
        api.RetryError,
        api.TooManyRequests,
        api.ServerError,
        TransportError,
        requests.RequestException,
        ConnectionError,
    ) as error:
        raise UnreachableError(
            f"{STORE} does not answer, also after retries ({_reason(error)}): try again later. "
            "If it never does, see whether storage.googleapis.com can be reached from here."
        ) from None
    except (GoogleAuthError, api.Unauthorized) as error:
        raise _no_access(settings, error) from None
    except api.Forbidden as error:
        raise CredentialError(
            f"{STORE} denies the use of the bucket GOOGLE_CLOUD_BUCKET_NAME="
            f"{settings.google_cloud_bucket_name}: grant {ROLE} on it to the service account. "
            f"{STORE} says: {_reason(error)}"
        ) from None
    except api.NotFound:
        raise SettingsError(
            f"{STORE} has no bucket GOOGLE_CLOUD_BUCKET_NAME={settings.google_cloud_bucket_name}: "
            "correct the name, or make the bucket first"
        ) from None
    except DataCorruption:
        raise StorageError(
            f"content from or for {STORE} does not fit its checksum: run it again"
        ) from None
    except api.GoogleAPICallError as error:
        raise StorageError(f"{STORE} refuses a request: {_reason(error)}") from None


def _client(settings: Settings) -> Client:
    """A client with the key file's rights, or with application default credentials."""
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud.storage import Client

    # Otherwise it looks up the bucket's own record in the background, also where nothing is traced,
    # and the role does not allow that.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    path, project = settings.google_cloud_service_account_json_path, settings.google_cloud_project
    if path is None:
        try:
            return Client(project=project)
        except DefaultCredentialsError:
            raise CredentialError(
                "there are no application default credentials for Google Cloud that can be used. "
                f"Set {KEY_FILE.upper()} to the key file of a service account, or run: gcloud auth "
                "application-default login"
            ) from None
    try:
        return Client.from_service_account_json(str(path), project=project)
    except OSError as error:
        raise CredentialError(
            f"cannot read the file of {KEY_FILE.upper()}, {path}: {error.strerror}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, DefaultCredentialsError):
        raise CredentialError(
            f"the file of {KEY_FILE.upper()}, {path}, is not the key of a service account: make "
            "one in Google Cloud under IAM & Admin > Service accounts > Keys, as JSON"
        ) from None


def _no_access(settings: Settings, error: Exception) -> SettingsError | UnreachableError:
    """The error for credentials that give no access."""
    if getattr(error, "retryable", False):
        return UnreachableError(f"Google's token server does not answer ({_reason(error)})")
    if settings.google_cloud_service_account_json_path is not None:
        return CredentialError(
            f"{refused_credential(KEY_FILE, STORE)} {STORE} says: {_reason(error)}"
        )
    return CredentialError(
        f"{STORE} refuses the application default credentials ({_reason(error)}): run gcloud auth "
        f"application-default login again, or set {KEY_FILE.upper()} to the key file of a service "
        "account"
    )


def _reason(error: Exception) -> str:
    """The server's words, its status, or failing both the exception's name."""
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    if response is not None:
        try:
            return str(response.json()["error"]["message"])
        except (AttributeError, KeyError, TypeError, ValueError):
            if status := getattr(response, "status_code", None):
                return f"HTTP status {status}"
    # A token server's answer comes as a mapping behind the text.
    for detail in cause.args[1:]:
        if isinstance(detail, dict) and "error" in detail:
            return ": ".join(
                str(detail[name]) for name in ("error", "error_description") if name in detail
            )
    return type(cause).__name__
