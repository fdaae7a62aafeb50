"""Faults of the network and the server: transient ones are retried, others are reported."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from energy_assets.errors import StorageError, UnreachableError
from energy_assets.stores.gcs.object_store import GcsObjectStore
from energy_assets_tests.stores.gcs.server import (
    BUCKET,
    IMPATIENT,
    LARGE,
    GcsServer,
    after,
    answers,
    breaks_off_in_the_answer,
    breaks_off_in_the_request,
    gcs_store,
    loses_the_answer,
    no_answer,
)


@pytest.mark.parametrize(
    "fault",
    [answers(500), answers(503), answers(429), breaks_off_in_the_request, loses_the_answer],
    ids=["500", "503", "429", "request breaks off", "answer lost"],
)
@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_a_write_survives_transient_faults(
    store: GcsObjectStore, gcs: GcsServer, fault, content: bytes
) -> None:
    gcs.fail(fault, at="/upload")
    store.write("x", content)
    assert store.read("x") == content


@pytest.mark.parametrize(
    "fault",
    [answers(500), answers(503), breaks_off_in_the_answer, no_answer],
    ids=["500", "503", "answer breaks off", "no answer"],
)
def test_reads_survive_transient_faults(gcs: GcsServer, fault) -> None:
    store = gcs_store(policy=replace(IMPATIENT, deadline=10))
    store.write("a/b", LARGE)
    gcs.fail(fault, at="GET")
    assert store.read("a/b") == LARGE
    gcs.fail(fault, at="GET")
    assert store.exists("a/b")
    gcs.fail(fault, at="GET")
    assert store.list("a") == ["a/b"]


@pytest.mark.parametrize(
    "fault",
    [answers(503), breaks_off_in_the_request, loses_the_answer],
    ids=["503", "request breaks off", "answer lost"],
)
def test_a_conditional_write_whose_response_was_lost_counts_as_written(
    store: GcsObjectStore, gcs: GcsServer, fault
) -> None:
    gcs.fail(fault, at="/upload")
    assert store.write_if("x", b"new", store.generation("x"))
    gcs.fail(fault, at="/upload")
    assert store.write_if("y", b"new", None)
    assert (store.read("x"), store.read("y")) == (b"new", b"new")


def test_the_same_content_from_another_writer_does_not_count_as_written(
    store: GcsObjectStore,
) -> None:
    generation = store.generation("x")
    assert gcs_store().write_if("x", b"new", generation)
    assert not store.write_if("x", b"new", generation)


@pytest.mark.parametrize(
    "fault",
    [answers(503), answers(429), breaks_off_in_the_request, no_answer],
    ids=["503", "429", "broken off", "no answer"],
)
def test_an_outage_is_reported_in_bounded_time_and_leaves_the_old_object(
    store: GcsObjectStore, gcs: GcsServer, fault
) -> None:
    impatient = gcs_store(policy=IMPATIENT)
    assert impatient.read("x") == b"old"
    gcs.fail(*[fault] * 100)
    for use in (
        lambda: impatient.write("x", b"new"),
        lambda: impatient.write_if("x", b"new", "1"),
        lambda: impatient.read("x"),
        lambda: impatient.exists("x"),
        lambda: impatient.list(""),
        impatient.check,
    ):
        start = time.monotonic()
        with pytest.raises(UnreachableError, match="Google Cloud Storage does not answer"):
            use()
        assert time.monotonic() - start < 3
    assert gcs.objects["x"] == b"old"


def test_a_server_that_is_not_running_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"storage\.googleapis\.com"):
        gcs_store(policy=IMPATIENT).read("x")


@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_an_upload_that_is_never_completed_leaves_nothing_visible(
    store: GcsObjectStore, gcs: GcsServer, content: bytes
) -> None:
    before = gcs.objects
    impatient = gcs_store(policy=IMPATIENT)
    at = "PUT" if content is LARGE else "/upload"  # a large upload begins with a request of its own
    gcs.fail(*[breaks_off_in_the_request] * 100, at=at)
    for path in ("x", "y"):
        with pytest.raises(UnreachableError):
            impatient.write(path, content)
    assert gcs.objects == before


def test_readers_see_the_old_object_until_the_new_one_is_complete(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    store.write("x", LARGE)
    newer = LARGE[::-1]
    contents: list[bytes] = []
    gcs.fail(after(0.3), at="PUT")
    writer = threading.Thread(target=store.write, args=("x", newer))
    writer.start()
    while writer.is_alive():
        contents.append(store.read("x"))
    writer.join()
    assert len(contents) > 1
    assert set(contents) <= {LARGE, newer}
    assert contents[0] == LARGE


def test_content_that_is_damaged_on_its_way_is_refused(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    gcs.storage.objects[BUCKET]["x"]["crc32c"] = "AAAAAA=="
    with pytest.raises(StorageError, match="does not match its checksum"):
        store.read("x")


@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_an_upload_carries_a_checksum_that_the_server_checks(
    store: GcsObjectStore, gcs: GcsServer, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gcp_storage_emulator.handlers.objects._crc32c", lambda content: "other")
    with pytest.raises(StorageError, match=r"refuses.*(?i:checksum|crc32c)"):
        store.write("x", content)
    assert gcs.objects["x"] == b"old"
