"""The private index: nothing without the password, and what has been published stays."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from energy_assets_tests.packaging.commands import run
from energy_assets_tests.packaging.conftest import USER, Index, running_index
from scripts.publish import publish

WHEEL = "thing-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index with a package of somebody else; other names are looked for elsewhere."""
    folder = tmp_path_factory.mktemp("shelf")
    with running_index(folder, "https://elsewhere.example.org/simple/") as index:
        (folder / "packages" / WHEEL).write_bytes(b"the first contents")
        yield index


def upload(index: Index, name: str, password: str | None) -> requests.Response:
    return requests.post(
        index.url,
        data={":action": "file_upload"},
        files={"content": (name, b"other contents")},
        auth=None if password is None else (USER, password),
        timeout=10,
    )


@pytest.mark.parametrize("password", [None, "wrong"])
def test_nothing_is_listed_downloaded_or_uploaded_without_the_password(
    shelf: Index, password: str | None
) -> None:
    auth = None if password is None else (USER, password)
    for path in ("simple/", "simple/thing/", "packages/", f"packages/{WHEEL}", "thing/json"):
        answer = requests.get(shelf.url + path, auth=auth, timeout=10)
        assert answer.status_code == (401 if auth is None else 403), path
        assert "contents" not in answer.text
    assert upload(shelf, "other-1.0-py3-none-any.whl", password).status_code in {401, 403}
    assert [path.name for path in (shelf.folder / "packages").iterdir()] == [WHEEL]


def test_with_the_password_packages_are_listed_and_downloaded(shelf: Index) -> None:
    auth = (USER, shelf.password)
    assert WHEEL in requests.get(f"{shelf.url}simple/thing/", auth=auth, timeout=10).text
    answer = requests.get(f"{shelf.url}packages/{WHEEL}", auth=auth, timeout=10)
    assert answer.content == b"the first contents"


def test_a_published_file_can_neither_be_replaced_nor_removed(shelf: Index) -> None:
    for name in (WHEEL, WHEEL.replace("thing", "Thing")):
        answer = upload(shelf, name, shelf.password)
        assert answer.status_code == 409
        assert "already exists" in answer.text
    answer = requests.post(
        shelf.url,
        data={":action": "remove_pkg", "name": "thing", "version": "1.0"},
        auth=(USER, shelf.password),
        timeout=10,
    )
    assert answer.status_code == 403
    (path,) = (shelf.folder / "packages").iterdir()
    assert (path.name, path.read_bytes()) == (WHEEL, b"the first contents")


def test_our_name_is_never_looked_for_elsewhere(shelf: Index) -> None:
    auth = (USER, shelf.password)
    ours, others = (
        requests.get(f"{shelf.url}simple/{name}/", auth=auth, timeout=10, allow_redirects=False)
        for name in ("energy-assets", "numpy")
    )
    assert ours.status_code == 404
    assert others.headers["location"] == "https://elsewhere.example.org/simple/numpy/"


def test_the_password_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with running_index(folder) as index:
        password = index.password
        assert len(password) >= 40
        assert password not in index.printed
        assert str(folder / "netrc") in index.printed
        assert password not in (folder / "htpasswd").read_text()
    for name, mode in (("", 0o700), ("netrc", 0o600), ("htpasswd", 0o600)):
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode, name
    with running_index(folder) as index:
        assert index.password == password
        assert requests.get(index.url + "simple/", auth=(USER, password), timeout=10).ok
    assert run("git", "check-ignore", "-q", "index/netrc").returncode == 0


def test_publishing_says_what_it_did_and_a_second_time_that_the_version_stays(
    packages: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_index(tmp_path / "index") as index:
        netrc = index.folder / "netrc"
        publish(packages[:1], index.url, netrc)  # as if stopped between the two files
        with pytest.raises(SystemExit, match=r"\.whl had been published .* raise the version"):
            publish(packages, index.url, netrc)
        printed = capsys.readouterr().out
        assert f"published {packages[1].name}" in printed
        assert index.password not in printed
        for path in packages:
            assert (index.folder / "packages" / path.name).read_bytes() == path.read_bytes()


def test_publishing_with_a_wrong_password_or_to_no_index_says_what_to_do(
    packages: list[Path], index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINE_USERNAME", USER)
    monkeypatch.setenv("TWINE_PASSWORD", "wrong")
    with pytest.raises(SystemExit, match=r"403 Forbidden.*TWINE_PASSWORD") as refused:
        publish(packages[:1], index.url, index.folder / "netrc")
    assert "wrong" not in str(refused.value)


def test_its_health_can_be_asked_for_without_the_password(shelf: Index) -> None:
    answer = requests.get(f"{shelf.url}health", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.text) == (200, "Ok")
