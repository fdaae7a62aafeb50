"""The embedded object store: files below a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from energy_assets.errors import NotFoundError
from energy_assets.stores.files import write_whole, writing_to


class LocalObjectStore:
    """Objects as files below `root`, each made visible by an atomic rename."""

    def __init__(self, root: Path) -> None:
        from upath import UPath

        self.root = UPath(root)

    def write(self, path: str, data: bytes) -> None:
        write_whole(self.root / path, data)

    def read(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no {self.url(path)}") from None

    def exists(self, path: str) -> bool:
        return (self.root / path).is_file()

    def list(self, prefix: str) -> list[str]:
        found = (path for path in (self.root / prefix).rglob("*") if path.is_file())
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in found
            if not path.name.startswith(".")
        )

    def generation(self, path: str) -> str | None:
        try:
            return hashlib.sha256((self.root / path).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None

    def write_if(self, path: str, data: bytes, generation: str | None) -> bool:
        from filelock import FileLock

        lock = self.root / f".{path.replace('/', '_')}.lock"
        with writing_to(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(str(lock)):
                if self.generation(path) != generation:
                    return False
                self.write(path, data)
                return True

    def url(self, path: str) -> str:
        return str(self.root / path)

    def check(self) -> str:
        with writing_to(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        return str(self.root)
