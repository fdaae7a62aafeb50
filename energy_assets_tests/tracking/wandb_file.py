"""Reads the files that the wandb client writes offline, `run-<id>.wandb`, as `wandb sync` does.

The file is a log in LevelDB's format (blocks of 32 KiB that hold records, or parts of them) of the
client's own protobuf messages.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = 32 * 1024
_FILE_HEADER, _PART_HEADER = struct.Struct("<4sHB"), struct.Struct("<IHB")
_FULL, _LAST = 1, 4


@dataclass
class WrittenRun:
    """The content of a run's file."""

    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    host: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> type, aliases, metadata, the JSON document of each file."""
    exit_code: int | None = None


def read_run(folder: Path) -> WrittenRun:
    """The run in a folder."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("run-*.wandb")
    run = WrittenRun()
    for data in _records(file.read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.name, run.host = record.run.run_id, record.run.display_name, record.run.host
            run.group, run.job_type = record.run.run_group, record.run.job_type
            run.config |= _items(record.run.config.update)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "history":
            run.history.append(_items(record.history.item))
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "artifact":
            run.artifacts[record.artifact.name] = {
                "type": record.artifact.type,
                "aliases": list(record.artifact.aliases),
                "metadata": json.loads(record.artifact.metadata or "{}"),
                "files": {
                    entry.path: json.loads(Path(entry.local_path).read_text())
                    for entry in record.artifact.manifest.contents
                },
            }
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B"
    at, parts = _FILE_HEADER.size, b""
    while at + _PART_HEADER.size <= len(data):
        if _BLOCK - at % _BLOCK < _PART_HEADER.size:  # too little for a header is left empty
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _PART_HEADER.unpack_from(data, at)
        at += _PART_HEADER.size
        parts += data[at : at + length]
        at += length
        if kind in (_FULL, _LAST):
            yield parts
            parts = b""
