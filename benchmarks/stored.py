"""What a deployment has stored, in a form to compare: the content, without the times of making it.

Reads the files as anybody could, and knows little of their formats.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from deltalake import DeltaTable

from energy_assets.stores.model_registry import checksum

_TIMES = ("_at", "_seen")
"""Ends of the names of columns and fields that hold the time at which something was made."""

_MADE = re.compile(r"\b\d{8}T\d{6,}\b")
"""A time of making in a path, such as `20230313T220501003495`."""

_OF_THE_RUN = {"seconds", "table"}
"""Fields that differ between two runs with the same result."""


def unreadable(root: Path) -> list[str]:
    """The visible files and folders of the stores below `root` that cannot be read as a whole."""
    problems = ((path.relative_to(root), _problem(path)) for path in _visible(root))
    return [f"{path}: {problem}" for path, problem in problems if problem]


def contents(root: Path) -> dict[str, Any]:
    """The contents of the visible files, tables and models below `root`, by their paths.

    Paths that differ only in the time of making are one, with all contents that they have. Of an
    hour that was published twice, only the last publication counts.
    """
    found: dict[str, list[Any]] = {}
    for path in _visible(root):
        known = found.setdefault(_MADE.sub("", path.relative_to(root).as_posix()), [])
        content = _read(path)
        if "published" in path.parts:
            known.clear()
        if content not in known:
            known.append(content)
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The paths whose contents differ, or that only one of the two has."""
    return [path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]


def _visible(root: Path) -> Iterator[Path]:
    """Tables and model versions as folders, the rest as files. Hidden ones are unfinished."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name.startswith((".", "_")):
            continue
        if path.suffix in (".parquet", ".json") or _is_whole(path):
            yield path
        elif path.is_dir():
            yield from _visible(path)


def _problem(path: Path) -> str | None:
    try:
        _read(path)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _is_whole(path: Path) -> bool:
    return path.parent.name == "versions" or (path / "_delta_log").is_dir()


def _read(path: Path) -> Any:
    if path.parent.name == "versions":
        digest = checksum(path)
        if not path.name.endswith(digest[:8]):
            raise ValueError("its files do not match its checksum")
        return digest
    if path.is_dir():
        if not DeltaTable.is_deltatable(str(path)):  # killed before its first commit
            return []
        return _rows(DeltaTable(path).to_pyarrow_table().to_pandas())
    if path.suffix == ".parquet":
        return _rows(pd.read_parquet(io.BytesIO(path.read_bytes())))
    return _fields(json.loads(path.read_bytes()))


def _rows(frame: pd.DataFrame) -> list[str]:
    """The distinct rows as text: a row that was made twice is stored twice, at two times."""
    frame = frame.reset_index(drop=frame.index.name is None and frame.index.nlevels == 1)
    kept = [column for column in frame.columns if not str(column).endswith(_TIMES)]
    return sorted(set(frame[kept].to_csv(index=False).splitlines()))


def _fields(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _fields(field)
            for name, field in value.items()
            if not name.endswith(_TIMES)
            and name not in _OF_THE_RUN
            # The version of a table counts commits, and another commit is no other content.
            and not (name.endswith("version") and str(field).isdigit())
        }
    if isinstance(value, list):
        return [_fields(item) for item in value]
    return _time_or_text(value)


def _time_or_text(value: Any) -> Any:
    """A number, a text, or for a text with a time to the second: nothing."""
    if isinstance(value, str) and len(value) > len("2023-03-01T10:00:00"):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return _MADE.sub("", value)
        return None
    return value
