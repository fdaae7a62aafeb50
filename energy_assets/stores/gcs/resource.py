"""Dagster's own resource for Google Cloud Storage, with a key file. It imports Google's client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_gcp import GCSResource
from pydantic import Field

if TYPE_CHECKING:
    from google.cloud.storage import Client


class KeyFileGCSResource(GCSResource):
    """Makes clients with the rights of a service account's key file.

    Without a key file it uses application default credentials, as its base class does.
    """

    key_file: str | None = Field(default=None, description="Path of a service account's key file")

    def get_client(self) -> Client:
        if self.key_file is None:
            return super().get_client()
        from google.cloud.storage import Client

        return Client.from_service_account_json(self.key_file, project=self.project)
