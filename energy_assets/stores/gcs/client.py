"""Access to Google Cloud Storage: the bucket that the settings name, time-outs and retries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_assets.errors import CredentialError, SettingsError
from energy_assets.settings import Settings, required_setting
from energy_assets.stores.gcs.errors import KEY_FILE

if TYPE_CHECKING:
    from google.cloud.storage import Bucket, Client


@dataclass(frozen=True)
class RetryPolicy:
    """How long a request may take, in seconds. An outage is noticed within about a minute."""

    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    """An attempt has failed if no byte arrives for this long."""
    first_delay: float = 1.0
    """The longest delay before the second attempt; each later one is up to twice as long."""
    deadline: float = 35.0
    """No attempt starts later than this after the first one."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for every request of the client: transient faults are retried."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        delays = DEFAULT_RETRY.with_delay(initial=self.first_delay, maximum=8.0)
        return {
            "timeout": (self.connect_timeout, self.read_timeout),
            "retry": delays.with_timeout(self.deadline),
        }


def open_bucket(settings: Settings) -> Bucket:
    """The bucket that the settings name; sends no request.

    Raises CredentialError or SettingsError.
    """
    name = required_setting(settings, "google_cloud_bucket_name")
    if "/" in name or not (name[0].isalnum() and name[-1].isalnum()):
        raise SettingsError(
            f"GOOGLE_CLOUD_BUCKET_NAME={name} is not the name of a bucket: give the name alone, "
            "without gs://, and a folder as GOOGLE_CLOUD_BUCKET_FOLDER"
        )
    return _client(settings).bucket(name)


def _client(settings: Settings) -> Client:
    """A client with the rights of the key file, or with application default credentials."""
    from google.auth.exceptions import DefaultCredentialsError

    from energy_assets.stores.gcs.resource import KeyFileGCSResource

    # Otherwise the client requests the bucket's metadata in the background, even without tracing,
    # and the role does not allow that.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    path = settings.google_cloud_service_account_json_path
    resource = KeyFileGCSResource(
        project=settings.google_cloud_project, key_file=None if path is None else str(path)
    )
    if path is None:
        try:
            return resource.get_client()
        except DefaultCredentialsError:
            raise CredentialError(
                "there are no usable application default credentials for Google Cloud. Set "
                f"{KEY_FILE.upper()} to the key file of a service account, or run: gcloud auth "
                "application-default login"
            ) from None
    try:
        return resource.get_client()
    except OSError as error:
        raise CredentialError(
            f"cannot read the file of {KEY_FILE.upper()}, {path}: {error.strerror}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, DefaultCredentialsError):
        raise CredentialError(
            f"the file of {KEY_FILE.upper()}, {path}, is not the key of a service account: make "
            "one in Google Cloud under IAM & Admin > Service accounts > Keys, as JSON"
        ) from None
