"""One login for each process, and the key never shown."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from energy_assets.errors import EnergyAssetsError
from energy_assets.settings import PROJECT_ROOT
from energy_assets.stores.hopsworks import connection as hopsworks_connection
from energy_assets_tests.stores.hopsworks.clients import features, models, register
from energy_assets_tests.stores.hopsworks.server import HopsworksServer, Project
from energy_assets_tests.stores.samples import HOUR, T0, rows, versions


def test_a_process_logs_in_once_for_all_stores_and_threads(
    hopsworks: Project, files: Path, tmp_path: Path
) -> None:
    threads = [threading.Thread(target=lambda: features(hopsworks).check()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    features(hopsworks).upsert(versions())
    register(models(hopsworks, tmp_path), files)
    assert hopsworks.count("GET", "/credentials") == 1


def test_two_projects_used_in_turn_stay_apart(
    hopsworks: Project, hopsworks_server: HopsworksServer
) -> None:
    other = hopsworks_server.new_project()
    features(hopsworks).upsert(versions())
    assert len(features(other).read(T0, T0 + HOUR)) == 0
    features(other).upsert(versions(value=7.0))
    pd.testing.assert_frame_equal(features(hopsworks).read(T0, T0 + 9 * HOUR), rows())
    for project in (other, hopsworks):
        assert features(project).create_training_dataset(T0, T0 + HOUR).rows == 2


def start(code: str, project: Project, temporary: Path) -> subprocess.Popen[str]:
    """Run code in another process, whose temporary files are below a folder."""
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=PROJECT_ROOT,
        env={**os.environ, **project.environment(), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


TWO_STEPS = """
from datetime import datetime
from energy_assets.settings import read_settings
from energy_assets.stores.hopsworks.connection import HopsworksConnection
from energy_assets.stores.hopsworks.feature_store import HopsworksFeatureStore

settings = read_settings()
store = HopsworksFeatureStore(HopsworksConnection(settings), settings, "simulator-made-up")
store.connection.call(lambda project: project.name)
from hopsworks_common import client
open(client._get_instance()._get_certs_folder() + "/something_else", "w").close()
print("logged in", flush=True)
input()
print(len(store.read(datetime(2023, 3, 1), datetime(2023, 3, 2))), flush=True)
input()
"""


def test_a_process_that_ends_removes_only_its_own_certificates(
    hopsworks: Project, tmp_path: Path
) -> None:
    features(hopsworks).upsert(versions())
    temporary = tmp_path / "temporary"
    first, second = (start(TWO_STEPS, hopsworks, temporary) for _ in range(2))
    for process in (first, second):
        assert process.stdout.readline() == "logged in\n"
    folders = list(temporary.glob("energy-assets-hopsworks-*"))
    assert len(folders) == 2
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders)
    for process, remaining in ((first, 1), (second, 0)):
        output, errors = process.communicate("\n\n", timeout=60)
        assert output.endswith("\n6\n")
        assert not errors
        assert len(list(temporary.glob("energy-assets-hopsworks-*"))) == remaining


FORK = """
import logging, os, sys, warnings

before = logging.root.handlers[:], logging.root.level, warnings.formatwarning, sys.stdout
from energy_assets.settings import read_settings
from energy_assets.stores.hopsworks.connection import HopsworksConnection
connection = HopsworksConnection(read_settings())
assert "hopsworks" not in sys.modules
name = connection.call(lambda project: project.name)
assert (logging.root.handlers[:], logging.root.level, warnings.formatwarning, sys.stdout) == before

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
child = os.fork()
if not child:
    assert connection.call(lambda project: project.name) == name
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
from hopsworks_common import client
assert os.path.isfile(client._get_instance()._get_client_key_path())
assert connection.call(lambda project: project.name) == name
"""


def test_a_forked_process_logs_in_itself_and_leaves_logging_and_warnings_alone(
    hopsworks: Project, tmp_path: Path
) -> None:
    process = start(FORK, hopsworks, tmp_path / "temporary")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert hopsworks.count("GET", "/credentials") == 2
    assert not list((tmp_path / "temporary").glob("energy-assets-hopsworks-*"))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_the_key_is_in_no_message_log_or_output(
    hopsworks: Project,
    files: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    store, registry = features(hopsworks), models(hopsworks, tmp_path)
    store.upsert(versions())
    store.create_training_dataset(T0, T0 + HOUR)
    register(registry, files)
    registry.download(next(registry.promoted(T0)), tmp_path / "fresh")
    texts = [store.check(), registry.check(), repr(vars(store)), repr(hopsworks_connection._login)]
    for fault in ({"status": 500}, {"status": 403}, {"status": 400}, {"drop": True}):
        hopsworks.faults.clear()
        hopsworks.fail("GET", ".", times=99, **fault)
        with pytest.raises(EnergyAssetsError) as raised:
            store.check()
        for error in chain(raised.value):
            assert isinstance(error, EnergyAssetsError), "the client's errors hold the request"
            texts.append(f"{error} {error!r} {vars(error)}")
    texts += [caplog.text, *capfd.readouterr()]
    for secret in (hopsworks.key, f"password-of-{hopsworks.key}"):
        assert secret not in "\n".join(texts)
    assert hopsworks.name in "\n".join(texts), "what is not secret can be found"
