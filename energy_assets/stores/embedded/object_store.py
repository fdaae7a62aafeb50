"""The embedded object store: files below a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from filelock import FileLock

from energy_assets.errors import NotFoundError
from energy_assets.stores.files import read_errors, write_errors, write_whole


class LocalObjectStore:
    """Objects as files below `root`, each made visible by an atomic rename."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, data: bytes) -> None:
        write_whole(self.root / path, data)

    def read(self, path: str) -> bytes:
        with read_errors(self.root / path):
            try:
                return (self.root / path).read_bytes()
            except FileNotFoundError:
                raise NotFoundError(f"there is no {self.url(path)}") from None

    def exists(self, path: str) -> bool:
        with read_errors(self.root / path):
            return (self.root / path).is_file()

    def list(self, prefix: str) -> list[str]:
        files = (path for path in (self.root / prefix).rglob("*") if path.is_file())
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in files
            if not path.name.startswith(".")
        )

    def generation(self, path: str) -> str | None:
        try:
            return hashlib.sha256(self.read(path)).hexdigest()
        except NotFoundError:
            return None

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        # One lock for each top folder: one for each path would leave a file for every hour.
        lock = self.root / f".{path.partition('/')[0]}.lock"
        with write_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(str(lock)):
                if self.generation(path) != generation:
                    return False
                self.write(path, data)
                return True

    def delete(self, path: str) -> None:
        with write_errors(self.root / path):
            (self.root / path).unlink(missing_ok=True)

    def url(self, path: str) -> str:
        return str(self.root / path)

    def check(self) -> str:
        with write_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        return str(self.root)
