"""Answers that never change, kept in files so that they are not asked for again."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KEPT_SECONDS = 30 * 86_400
"""Older files are removed. What was made of them is in the object store."""


@dataclass(frozen=True)
class AnswerCache:
    """A folder with a file for each answer. One that cannot be read or written does no harm."""

    folder: Path

    def get(self, url: str, query: Mapping[str, str]) -> bytes | None:
        """The answer to a request, if there is one."""
        try:
            return self._path(url, query).read_bytes()
        except OSError:
            return None

    def put(self, url: str, query: Mapping[str, str], content: bytes) -> None:
        """Keep the answer to a request, and remove old ones."""
        path = self._path(url, query)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(content)
            unfinished.replace(path)
            for other in self.folder.iterdir():
                if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                    other.unlink()

    def _path(self, url: str, query: Mapping[str, str]) -> Path:
        request = json.dumps([url, dict(query)], sort_keys=True).encode()
        return self.folder / f"{hashlib.sha256(request).hexdigest()}.json"
