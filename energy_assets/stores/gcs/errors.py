"""Failures of Google Cloud Storage as our typed errors, which say what to do.

Messages repeat the server's words, but never a URL: anyone who has an upload's URL may write to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from energy_assets.errors import CredentialError, SettingsError, StorageError, UnreachableError
from energy_assets.settings import Settings, refused_credential

STORE = "Google Cloud Storage"
KEY_FILE = "google_cloud_service_account_json_path"
ROLE = "roles/storage.objectUser"
"""The predefined role that may list, read, create, overwrite and delete objects, and no more."""


@contextmanager
def gcs_errors(settings: Settings) -> Iterator[None]:
    """Turn the client's exceptions into our errors.

    Code in the block handles missing objects and failed preconditions itself. Any other "not found"
    means that the bucket does not exist.
    """
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
            f"{STORE} does not answer, even after retries ({_reason(error)}): try again later. "
            "If it never does, check that this machine can reach storage.googleapis.com."
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
            "correct the name, or create the bucket first"
        ) from None
    except DataCorruption:
        raise StorageError(
            f"content sent to or read from {STORE} does not match its checksum: run it again"
        ) from None
    except api.GoogleAPICallError as error:
        raise StorageError(f"{STORE} refuses a request: {_reason(error)}") from None


def _no_access(settings: Settings, error: Exception) -> SettingsError | UnreachableError:
    """The error for credentials that give no access."""
    if getattr(error, "retryable", False):
        return UnreachableError(
            f"Google's token server does not answer ({_reason(error)}): try again later"
        )
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
    """The server's message, else its status, else the exception's name."""
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    if response is not None:
        try:
            return str(response.json()["error"]["message"])
        except (AttributeError, KeyError, TypeError, ValueError):
            if status := getattr(response, "status_code", None):
                return f"HTTP status {status}"
    # The token server's answer is a mapping in the exception's second argument.
    for detail in cause.args[1:]:
        if isinstance(detail, dict) and "error" in detail:
            return ": ".join(
                str(detail[name]) for name in ("error", "error_description") if name in detail
            )
    return type(cause).__name__
