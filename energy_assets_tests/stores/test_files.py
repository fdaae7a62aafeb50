"""Errors of the file system, in words that help."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from energy_assets.errors import StorageError
from energy_assets.stores.files import (
    document_errors,
    parse_json_object,
    read_errors,
    write_errors,
    write_whole,
)

PATH = Path("/some/folder/file")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EACCES, "Give the user that runs this process the right to write there"),
        (errno.EROFS, "Set STORAGE_ROOT to a folder that can be written to"),
        (errno.ENOSPC, "Make room on that disk"),
        (errno.EIO, "Set STORAGE_ROOT to a folder"),
    ],
)
def test_a_failed_write_names_the_path_the_reason_and_what_to_do(code: int, advice: str) -> None:
    reason = os.strerror(code)
    with (
        pytest.raises(StorageError, match=f"cannot write {PATH}: {reason}. {advice}"),
        write_errors(PATH),
    ):
        raise OSError(code, reason)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EACCES, "Give the user that runs this process the right to read it"),
        (errno.ENOENT, "Restore it from a backup"),
        (errno.ENOTDIR, "Set STORAGE_ROOT to a folder"),
        (errno.EIO, "Look at the disk"),
    ],
)
def test_a_failed_read_names_the_path_the_reason_and_what_to_do(code: int, advice: str) -> None:
    reason = os.strerror(code)
    with (
        pytest.raises(StorageError, match=f"cannot read {PATH}: {reason}. {advice}"),
        read_errors(PATH),
    ):
        raise OSError(code, reason, str(PATH))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"{}"])
def test_a_damaged_document_is_named_with_its_remedy(content: bytes) -> None:
    with (
        pytest.raises(StorageError, match=r"cannot parse x\.json .*: make it again"),
        document_errors("x.json", "make it again"),
    ):
        parse_json_object(content)["field"]


def test_an_error_of_the_program_is_not_reported_as_a_damaged_document() -> None:
    with pytest.raises(TypeError), document_errors("x.json", "make it again"):
        parse_json_object(b"{}", "an argument too many")  # type: ignore[call-arg]


def test_a_file_is_written_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b", b"content")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b").read_bytes() == b"content"
