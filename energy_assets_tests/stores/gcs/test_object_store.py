"""What only a hosted object store does: it fails in many ways, and belongs to one owner."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from energy_assets.errors import (
    CredentialError,
    NotFoundError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from energy_assets.stores.gcs.object_store import MARKER, GcsObjectStore
from energy_assets_tests.stores.gcs.server import (
    BUCKET,
    IMPATIENT,
    GcsServer,
    after,
    answers,
    breaks_off_in_the_answer,
    breaks_off_in_the_request,
    gcs_store,
    loses_the_answer,
    no_answer,
)

LARGE = bytes(range(256)) * 33_000
"""More than the client sends in one request."""


@pytest.fixture
def store(gcs: GcsServer) -> GcsObjectStore:
    """A store in use: the folder is its own."""
    store = gcs_store()
    store.write("x", b"old")
    return store


def test_nothing_is_asked_before_the_first_use(gcs: GcsServer) -> None:
    gcs_store()
    assert gcs.requests == []


def test_an_object_lies_in_the_folder_under_its_path(gcs: GcsServer) -> None:
    store = gcs_store(google_cloud_bucket_folder="/energy/live/")
    store.write("a/b.json", b"{}")
    assert gcs.objects["energy/live/a/b.json"] == b"{}"
    assert store.list("a") == store.list("") == ["a/b.json"]
    assert store.url("a/b.json") == f"gs://{BUCKET}/energy/live/a/b.json"


def test_an_object_is_of_the_type_that_its_name_says(store: GcsObjectStore, gcs: GcsServer) -> None:
    store.write("a.json", b"{}")
    store.write("a.parquet", b"")
    types = {name: found["contentType"] for name, found in gcs.storage.objects[BUCKET].items()}
    assert types["a.json"] == "application/json"
    assert types["a.parquet"] == "application/octet-stream"


def test_only_objects_are_asked_for_as_the_role_allows_no_more(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    with pytest.raises(NotFoundError):
        store.read("nowhere")
    store.check()
    paths = [request.split()[1].partition("?")[0] for request in gcs.requests]
    assert all(f"/b/{BUCKET}/o" in path for path in paths), paths


# --- Faults that pass ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [answers(500), answers(503), answers(429), breaks_off_in_the_request, loses_the_answer],
    ids=["500", "503", "429", "request breaks off", "answer lost"],
)
@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_a_write_outlasts_faults_that_pass(
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
def test_reads_outlast_faults_that_pass(gcs: GcsServer, fault) -> None:
    store = gcs_store(patience=replace(IMPATIENT, retry=10))
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
def test_a_write_on_condition_whose_answer_was_lost_counts_as_made(
    store: GcsObjectStore, gcs: GcsServer, fault
) -> None:
    gcs.fail(fault, at="/upload")
    assert store.write_if("x", b"new", store.generation("x"))
    gcs.fail(fault, at="/upload")
    assert store.write_if("y", b"new", None)
    assert (store.read("x"), store.read("y")) == (b"new", b"new")


def test_the_same_content_by_another_writer_does_not_count_as_made(store: GcsObjectStore) -> None:
    seen = store.generation("x")
    assert gcs_store().write_if("x", b"new", seen)
    assert not store.write_if("x", b"new", seen)


# --- Faults that stay ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [answers(503), answers(429), breaks_off_in_the_request, no_answer],
    ids=["503", "429", "broken off", "no answer"],
)
def test_an_outage_is_an_error_in_bounded_time_and_leaves_the_old_object(
    store: GcsObjectStore, gcs: GcsServer, fault
) -> None:
    impatient = gcs_store(patience=IMPATIENT)
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
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="Google Cloud Storage does not answer"):
            use()
        assert time.monotonic() - begun < 3
    assert gcs.objects["x"] == b"old"


def test_a_server_that_is_not_there_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"storage\.googleapis\.com"):
        gcs_store(patience=IMPATIENT).read("x")


@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_an_upload_that_never_ends_leaves_nothing_to_be_seen(
    store: GcsObjectStore, gcs: GcsServer, content: bytes
) -> None:
    before = gcs.objects
    impatient = gcs_store(patience=IMPATIENT)
    at = "PUT" if content is LARGE else "/upload"  # a large upload begins with a request of its own
    gcs.fail(*[breaks_off_in_the_request] * 100, at=at)
    for path in ("x", "y"):
        with pytest.raises(UnreachableError):
            impatient.write(path, content)
    assert gcs.objects == before


def test_readers_see_the_old_object_until_the_new_one_is_whole(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    store.write("x", LARGE)
    newer = LARGE[::-1]
    seen: list[bytes] = []
    gcs.fail(after(0.3), at="PUT")
    writer = threading.Thread(target=store.write, args=("x", newer))
    writer.start()
    while writer.is_alive():
        seen.append(store.read("x"))
    writer.join()
    assert len(seen) > 1
    assert set(seen) <= {LARGE, newer}
    assert seen[0] == LARGE


def test_content_that_arrives_damaged_is_refused(store: GcsObjectStore, gcs: GcsServer) -> None:
    gcs.storage.objects[BUCKET]["x"]["crc32c"] = "AAAAAA=="
    with pytest.raises(StorageError, match="does not fit its checksum"):
        store.read("x")


@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_an_upload_brings_the_checksum_that_the_server_is_to_find(
    store: GcsObjectStore, gcs: GcsServer, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gcp_storage_emulator.handlers.objects._crc32c", lambda content: "other")
    with pytest.raises(StorageError, match=r"refuses.*(?i:checksum|crc32c)"):
        store.write("x", content)
    assert gcs.objects["x"] == b"old"


# --- What cannot pass by itself -----------------------------------------------------------------


def test_missing_rights_name_the_bucket_and_the_role_at_once(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    words = "forecaster@energy.iam does not have storage.objects.create access"
    gcs.fail(*[answers(403, words)] * 100)
    for use in (lambda: store.write("x", b""), lambda: store.read("x"), store.check):
        gcs.requests.clear()
        with pytest.raises(
            CredentialError,
            match=rf"GOOGLE_CLOUD_BUCKET_NAME={BUCKET}.*roles/storage\.objectUser.*{words}",
        ):
            use()
        assert len(gcs.requests) == 1


def test_a_check_finds_out_that_objects_cannot_be_overwritten(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    gcs.fail(answers(403, "no storage.objects.delete access"), at="DELETE")
    with pytest.raises(CredentialError, match=r"storage\.objects\.delete"):
        store.check()


def test_a_missing_bucket_names_the_setting(gcs: GcsServer) -> None:
    for use in (
        lambda store: store.write("x", b""),
        lambda store: store.write_if("x", b"", None),
        lambda store: store.read("x"),
        lambda store: store.exists("x"),
        lambda store: store.list("x"),
        lambda store: store.check(),
    ):
        with pytest.raises(SettingsError, match="GOOGLE_CLOUD_BUCKET_NAME=no-such"):
            use(gcs_store(google_cloud_bucket_name="no-such"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, "is not set"),
        ("<your-bucket-name>", "still a placeholder"),
        ("gs://forecasts", "without gs://"),
        ("forecasts/live", "GOOGLE_CLOUD_BUCKET_FOLDER"),
    ],
)
def test_a_bucket_name_that_is_none_names_the_setting(
    gcs: GcsServer, name: str | None, says: str
) -> None:
    with pytest.raises(SettingsError, match=f"GOOGLE_CLOUD_BUCKET_NAME.*{says}"):
        gcs_store(google_cloud_bucket_name=name).read("x")
    assert gcs.requests == []


def test_another_refusal_has_the_servers_words(store: GcsObjectStore, gcs: GcsServer) -> None:
    gcs.fail(answers(400, "the bucket is a requester pays bucket"))
    with pytest.raises(StorageError, match="requester pays"):
        store.read("x")


def test_no_message_holds_the_address_of_an_upload(store: GcsObjectStore, gcs: GcsServer) -> None:
    gcs.fail(answers(403), at="upload_id=")
    with pytest.raises(CredentialError) as caught:
        store.write("x", LARGE)
    assert "upload_id" not in str(caught.value)
    assert caught.value.__suppress_context__


# --- Whose the folder is ------------------------------------------------------------------------


def test_a_folder_belongs_to_the_first_who_writes_into_it(gcs: GcsServer) -> None:
    real = "file-ConsumptionDE35Hour"
    assert gcs_store(real).list("") == []  # reading does not make it one's own
    gcs_store().write("x", b"simulated")
    for use in (
        lambda store: store.write("x", b""),
        lambda store: store.write_if("x", b"", None),
        lambda store: store.read("x"),
        lambda store: store.exists("x"),
        lambda store: store.list(""),
        lambda store: store.check(),
    ):
        with pytest.raises(SettingsError, match=r"simulator-.*file-.*GOOGLE_CLOUD_BUCKET_FOLDER"):
            use(gcs_store(real))
    assert gcs.objects["x"] == b"simulated"
    other = gcs_store(real, google_cloud_bucket_folder="real")
    other.write("x", b"real")
    assert (gcs_store().read("x"), other.read("x")) == (b"simulated", b"real")


def test_of_two_who_claim_a_folder_at_once_the_first_gets_it(gcs: GcsServer) -> None:
    def another_is_first(handler) -> None:
        gcs_store("another").write("x", b"another's")
        handler.answer()

    gcs.fail(another_is_first, at="POST")
    with pytest.raises(SettingsError, match="holds the objects of another"):
        gcs_store().write("x", b"mine")
    assert gcs.objects["x"] == b"another's"


def test_the_owner_is_looked_up_once(store: GcsObjectStore, gcs: GcsServer) -> None:
    gcs.requests.clear()
    reader = gcs_store()
    for _ in range(3):
        reader.read("x")
        reader.write("x", b"")
    assert len([request for request in gcs.requests if MARKER in request]) == 1


def test_a_marker_that_cannot_be_read_is_another_owners(gcs: GcsServer) -> None:
    gcs_store(google_cloud_bucket_folder="a").write(MARKER, b"[]")
    with pytest.raises(SettingsError, match="something else"):
        gcs_store(google_cloud_bucket_folder="a").read("x")
