"""What killed writers leave behind: hidden files and folders that never became visible."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from energy_assets.stores.files import write_errors

_UNFINISHED = re.compile(
    r"\..+\.[0-9a-f]{32}"  # write_whole, and the versions of a model
    r"|_commit_.+\.json\.tmp"  # Delta Lake's commits
    r"|.+\.parquet#\d+"  # Delta Lake's data
)


def remove_leftovers(root: Path, before: float) -> int:
    """Remove unfinished files and folders below `root` last changed before a time; how many.

    `before` is in seconds since 1970. A writer that is still at work has younger ones.
    """
    removed = 0
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder) / name
            if not _UNFINISHED.fullmatch(name) or _changed(path) >= before:
                continue
            with write_errors(path):
                if path.is_dir():
                    shutil.rmtree(path)
                    folders.remove(name)
                else:
                    path.unlink(missing_ok=True)
            removed += 1
    return removed


def _changed(path: Path) -> float:
    """When a file, or the newest file of a folder, was last changed; infinity once it is gone."""
    try:
        return max(entry.stat().st_mtime for entry in (path, *path.rglob("*")))
    except FileNotFoundError:
        return float("inf")
