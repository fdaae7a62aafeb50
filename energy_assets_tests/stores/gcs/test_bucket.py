"""What only the object store in Google Cloud Storage does: names, rights, one source a folder."""

from __future__ import annotations

import pytest

from energy_assets.errors import CredentialError, NotFoundError, SettingsError, StorageError
from energy_assets.stores.gcs.object_store import MARKER, GcsObjectStore
from energy_assets_tests.stores.gcs.server import BUCKET, LARGE, GcsServer, answers, gcs_store


def test_no_request_is_sent_before_the_first_use(gcs: GcsServer) -> None:
    gcs_store()
    assert gcs.requests == []


def test_an_object_is_stored_under_its_path_in_the_folder(gcs: GcsServer) -> None:
    store = gcs_store(google_cloud_bucket_folder="/energy/live/")
    store.write("a/b.json", b"{}")
    assert gcs.objects["energy/live/a/b.json"] == b"{}"
    assert store.list("a") == store.list("") == ["a/b.json"]
    assert store.url("a/b.json") == f"gs://{BUCKET}/energy/live/a/b.json"


def test_the_content_type_follows_from_the_name(store: GcsObjectStore, gcs: GcsServer) -> None:
    store.write("a.json", b"{}")
    store.write("a.parquet", b"")
    types = {name: item["contentType"] for name, item in gcs.storage.objects[BUCKET].items()}
    assert types["a.json"] == "application/json"
    assert types["a.parquet"] == "application/octet-stream"


def test_all_requests_are_about_objects_since_the_role_allows_no_more(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    with pytest.raises(NotFoundError):
        store.read("nowhere")
    store.check()
    paths = [request.split()[1].partition("?")[0] for request in gcs.requests]
    assert all(f"/b/{BUCKET}/o" in path for path in paths), paths


def test_missing_rights_name_the_bucket_and_the_role_without_a_retry(
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


def test_a_check_fails_if_objects_cannot_be_overwritten(
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
def test_an_invalid_bucket_name_names_the_setting(
    gcs: GcsServer, name: str | None, says: str
) -> None:
    with pytest.raises(SettingsError, match=f"GOOGLE_CLOUD_BUCKET_NAME.*{says}"):
        gcs_store(google_cloud_bucket_name=name).read("x")
    assert gcs.requests == []


def test_any_other_refusal_repeats_the_words_of_the_server(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    gcs.fail(answers(400, "the bucket is a requester pays bucket"))
    with pytest.raises(StorageError, match="requester pays"):
        store.read("x")


def test_no_message_contains_the_address_of_an_upload(
    store: GcsObjectStore, gcs: GcsServer
) -> None:
    gcs.fail(answers(403), at="upload_id=")
    with pytest.raises(CredentialError) as raised:
        store.write("x", LARGE)
    assert "upload_id" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_folder_belongs_to_the_source_that_writes_to_it_first(gcs: GcsServer) -> None:
    real = "file-ConsumptionDE35Hour"
    assert gcs_store(real).list("") == []  # reading does not claim it
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


def test_if_two_sources_claim_a_folder_at_the_same_time_the_first_gets_it(gcs: GcsServer) -> None:
    def another_is_first(handler) -> None:
        gcs_store("another").write("x", b"another's")
        handler.answer()

    gcs.fail(another_is_first, at="POST")
    with pytest.raises(SettingsError, match="holds the objects of another"):
        gcs_store().write("x", b"mine")
    assert gcs.objects["x"] == b"another's"


def test_the_owner_of_a_folder_is_read_once(store: GcsObjectStore, gcs: GcsServer) -> None:
    gcs.requests.clear()
    reader = gcs_store()
    for _ in range(3):
        reader.read("x")
        reader.write("x", b"")
    assert len([request for request in gcs.requests if MARKER in request]) == 1


def test_an_unreadable_marker_counts_as_another_source(gcs: GcsServer) -> None:
    gcs_store(google_cloud_bucket_folder="a").write(MARKER, b"[]")
    with pytest.raises(SettingsError, match="something else"):
        gcs_store(google_cloud_bucket_folder="a").read("x")
