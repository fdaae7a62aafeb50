"""The hosted object store: a bucket of Google Cloud Storage, or a folder of one."""

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
from energy_assets.stores.gcs.client import Patience, answers_of_gcs, open_bucket

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

MARKER = "source.json"
"""Says whose objects a folder holds."""

_WRITE = "write"
"""Metadata key of an object: which write has made it."""


class GcsObjectStore:
    """Objects of one owner, a source and its data set; an upload becomes visible whole.

    A folder belongs to the owner who first writes into it, so that simulated and real rows never
    mix.
    """

    def __init__(self, settings: Settings, owner: str, patience: Patience | None = None) -> None:
        self.settings = settings
        self.owner = owner
        self.patience = patience or Patience()
        self._is_owner = False

    def write(self, path: str, data: bytes) -> None:
        self._check_owner(claim=True)
        self._upload(path, data)

    def read(self, path: str) -> bytes:
        self._check_owner()
        data = self._download(path)
        if data is None:
            raise NotFoundError(f"there is no {self.url(path)}")
        return data

    def exists(self, path: str) -> bool:
        return self.generation(path) is not None

    def list(self, prefix: str) -> list[str]:
        self._check_owner()
        return [path for path in self._paths(f"{prefix}/" if prefix else "") if path != MARKER]

    def generation(self, path: str) -> str | None:
        self._check_owner()
        with answers_of_gcs(self.settings):
            blob = self._bucket.get_blob(self._name(path), **self._options)
        return None if blob is None else str(blob.generation)

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        self._check_owner(claim=True)
        return self._upload(path, data, int(generation or 0))

    def url(self, path: str) -> str:
        return (
            f"gs://{required_setting(self.settings, 'google_cloud_bucket_name')}/{self._name(path)}"
        )

    def check(self) -> str:
        """Also try to write, with an object that is removed again."""
        from google.api_core.exceptions import NotFound

        self._check_owner()
        trial = f".check/{uuid.uuid4().hex}"
        self._upload(trial, b"")
        with answers_of_gcs(self.settings), suppress(NotFound):
            self._blob(trial).delete(**self._options)
        return f"{self.url('')}: {self.owner if self._is_owner else 'nothing written yet'}"

    @cached_property
    def _bucket(self) -> Bucket:
        return open_bucket(self.settings)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return self.patience.options()

    def _name(self, path: str) -> str:
        folder = self.settings.google_cloud_bucket_folder.strip("/")
        return f"{folder}/{path}" if folder else path

    def _blob(self, path: str) -> Blob:
        return self._bucket.blob(self._name(path))

    def _check_owner(self, claim: bool = False) -> None:
        """Raise SettingsError if the folder is another owner's; `claim` it if it is nobody's."""
        if self._is_owner:
            return
        marker = self._download(MARKER)
        if marker is None and claim:
            # Of several who claim it at once, the first has it; all then read whose it is.
            self._upload(MARKER, json.dumps({"owner": self.owner}).encode(), generation=0)
            marker = self._download(MARKER)
        if marker is None:
            self._paths(MARKER)  # tells a missing bucket from a missing object
            return
        if (found := _owner_of(marker)) != self.owner:
            raise SettingsError(
                f"{self.url('')} holds the objects of {found}, and this is {self.owner}: set "
                "GOOGLE_CLOUD_BUCKET_FOLDER to a folder of its own, or GOOGLE_CLOUD_BUCKET_NAME "
                "to another bucket"
            )
        self._is_owner = True

    def _download(self, path: str) -> bytes | None:
        """The object's content, its checksum verified; None when there is none."""
        from google.api_core.exceptions import NotFound

        with answers_of_gcs(self.settings):
            try:
                content: bytes = self._blob(path).download_as_bytes(**self._options)
            except NotFound:
                return None
            return content

    def _paths(self, prefix: str) -> Sequence[str]:
        folder = self._name("")
        with answers_of_gcs(self.settings):
            found = self._bucket.list_blobs(
                prefix=folder + prefix, fields="items(name),nextPageToken", **self._options
            )
            return sorted(blob.name.removeprefix(folder) for blob in found)

    def _upload(self, path: str, data: bytes, generation: int | None = None) -> bool:
        """Write an object; with a generation, only if it is still that one, 0 meaning none."""
        import google_crc32c
        from google.api_core.exceptions import PreconditionFailed

        blob, write = self._blob(path), uuid.uuid4().hex
        blob.metadata = {_WRITE: write}
        with answers_of_gcs(self.settings):
            try:
                blob.upload_from_string(
                    data,
                    content_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
                    if_generation_match=generation,
                    # Sent along, so that damaged content is refused before it is visible.
                    crc32c_checksum_value=base64.b64encode(
                        google_crc32c.Checksum(data).digest()
                    ).decode(),
                    **self._options,
                )
            except PreconditionFailed:
                # Either another write came first, or this one did and its answer was lost.
                found = self._bucket.get_blob(self._name(path), **self._options)
                return found is not None and (found.metadata or {}).get(_WRITE) == write
        return True


def _owner_of(marker: bytes) -> str:
    try:
        return str(json.loads(marker)["owner"])
    except (ValueError, KeyError, TypeError):
        return f"something else (its {MARKER} cannot be read)"
