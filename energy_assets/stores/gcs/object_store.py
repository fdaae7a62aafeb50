"""The hosted object store: a bucket of Google Cloud Storage, or a folder in one."""

from __future__ import annotations

import base64
import json
import mimetypes
import uuid
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from energy_assets.errors import NotFoundError, SettingsError
from energy_assets.settings import Settings, required_setting
from energy_assets.stores.gcs.client import RetryPolicy, open_bucket
from energy_assets.stores.gcs.errors import gcs_errors

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

MARKER = "source.json"
"""The object that says which source a folder belongs to."""

_WRITE = "write"
"""Metadata key of an object: the id of the write that made it."""


class GcsObjectStore:
    """Objects of one source and its data set; readers see an upload whole or not at all.

    A folder belongs to the source that writes to it first, so that simulated and real rows never
    mix.
    """

    def __init__(
        self, settings: Settings, source_id: str, policy: RetryPolicy | None = None
    ) -> None:
        self.settings = settings
        self.source_id = source_id
        self.policy = policy or RetryPolicy()
        self._folder_is_ours = False

    def write(self, path: str, data: bytes) -> None:
        self._check_folder(claim=True)
        self._upload(path, data)

    def read(self, path: str) -> bytes:
        self._check_folder()
        data = self._download(path)
        if data is None:
            raise NotFoundError(f"there is no {self.url(path)}")
        return data

    def exists(self, path: str) -> bool:
        return self.generation(path) is not None

    def list(self, prefix: str) -> list[str]:
        self._check_folder()
        return [path for path in self._paths(f"{prefix}/" if prefix else "") if path != MARKER]

    def generation(self, path: str) -> str | None:
        self._check_folder()
        with gcs_errors(self.settings):
            blob = self._bucket.get_blob(self._name(path), **self._options)
        return None if blob is None else str(blob.generation)

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        self._check_folder(claim=True)
        return self._upload(path, data, int(generation or 0))

    def delete(self, path: str) -> None:
        from google.api_core.exceptions import NotFound

        self._check_folder()
        with gcs_errors(self.settings), suppress(NotFound):
            self._blob(path).delete(**self._options)

    def url(self, path: str) -> str:
        return (
            f"gs://{required_setting(self.settings, 'google_cloud_bucket_name')}/{self._name(path)}"
        )

    def check(self) -> str:
        """Also write an object and remove it again."""
        self._check_folder()
        path = f".check/{uuid.uuid4().hex}"
        self._upload(path, b"")
        self.delete(path)
        return f"{self.url('')}: {self.source_id if self._folder_is_ours else 'empty'}"

    @cached_property
    def _bucket(self) -> Bucket:
        return open_bucket(self.settings)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return self.policy.options()

    def _name(self, path: str) -> str:
        folder = self.settings.google_cloud_bucket_folder.strip("/")
        return f"{folder}/{path}" if folder else path

    def _blob(self, path: str) -> Blob:
        return self._bucket.blob(self._name(path))

    def _check_folder(self, claim: bool = False) -> None:
        """Raise SettingsError if the folder belongs to another source; `claim` it if to none."""
        if self._folder_is_ours:
            return
        marker = self._download(MARKER)
        if marker is None and claim:
            # If several sources claim it at the same time, the first one wins. All read who it is.
            self._upload(MARKER, json.dumps({"owner": self.source_id}).encode(), generation=0)
            marker = self._download(MARKER)
        if marker is None:
            self._paths(MARKER)  # raises if the bucket itself is missing
            return
        if (stored_id := _source_of(marker)) != self.source_id:
            raise SettingsError(
                f"{self.url('')} holds the objects of {stored_id}, and this is {self.source_id}: "
                "set GOOGLE_CLOUD_BUCKET_FOLDER to a folder of its own, or "
                "GOOGLE_CLOUD_BUCKET_NAME to another bucket"
            )
        self._folder_is_ours = True

    def _download(self, path: str) -> bytes | None:
        """The object's content, checked against its checksum; None if it does not exist."""
        from google.api_core.exceptions import NotFound

        with gcs_errors(self.settings):
            try:
                content: bytes = self._blob(path).download_as_bytes(**self._options)
            except NotFound:
                return None
            return content

    def _paths(self, prefix: str) -> Sequence[str]:
        folder = self._name("")
        with gcs_errors(self.settings):
            blobs = self._bucket.list_blobs(
                prefix=folder + prefix, fields="items(name),nextPageToken", **self._options
            )
            return sorted(blob.name.removeprefix(folder) for blob in blobs)

    def _upload(self, path: str, data: bytes, generation: int | None = None) -> bool:
        """Write an object; with a `generation`, only if it is still current. 0 means no object."""
        import google_crc32c
        from google.api_core.exceptions import PreconditionFailed

        blob, write = self._blob(path), uuid.uuid4().hex
        blob.metadata = {_WRITE: write}
        with gcs_errors(self.settings):
            try:
                blob.upload_from_string(
                    data,
                    content_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
                    if_generation_match=generation,
                    # The server checks it, and refuses damaged content before it is visible.
                    crc32c_checksum_value=base64.b64encode(
                        google_crc32c.Checksum(data).digest()
                    ).decode(),
                    **self._options,
                )
            except PreconditionFailed:
                # Another write came first, or this one succeeded and its response was lost.
                current = self._bucket.get_blob(self._name(path), **self._options)
                return current is not None and (current.metadata or {}).get(_WRITE) == write
        return True


def _source_of(marker: bytes) -> str:
    try:
        return str(json.loads(marker)["owner"])
    except (ValueError, KeyError, TypeError):
        return f"something else (its {MARKER} cannot be read)"
