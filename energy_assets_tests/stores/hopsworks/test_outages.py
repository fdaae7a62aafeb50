"""What the connection to Hopsworks does when the server fails, is slow or cannot be reached."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from energy_assets.errors import StorageError, UnreachableError
from energy_assets.stores.hopsworks.connection import RetryPolicy
from energy_assets.stores.hopsworks.connection.login import reset_query_service
from energy_assets_tests.stores.hopsworks.clients import IMPATIENT, QUICK, features
from energy_assets_tests.stores.hopsworks.server import HopsworksServer, Project
from energy_assets_tests.stores.samples import HOUR, T0, rows, versions


@contextlib.contextmanager
def away_for(seconds: float, port: int) -> Iterator[int]:
    """Another port for a server, at which nobody listens for some seconds."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = unused.getsockname()
    listeners: list[socket.socket] = []

    def listen() -> None:
        listeners.append(socket.create_server(address))
        with contextlib.suppress(OSError):
            while True:
                incoming, _ = listeners[0].accept()
                outgoing = socket.create_connection(("127.0.0.1", port))
                for source, target in ((incoming, outgoing), (outgoing, incoming)):
                    threading.Thread(target=forward, args=(source, target), daemon=True).start()

    def forward(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    timer = threading.Timer(seconds, listen)
    timer.daemon = True
    timer.start()
    yield address[1]
    for listener in listeners:
        listener.close()


def test_a_server_that_is_away_for_five_seconds_fails_no_call(hopsworks: Project) -> None:
    begin = time.monotonic()
    with away_for(5.0, hopsworks.cluster.port) as port:
        assert "empty" in features(hopsworks, policy=RetryPolicy(), fs_port=port).check()
    assert time.monotonic() - begin > 4.0


def test_how_long_a_server_is_tried_again_is_a_setting(hopsworks: Project) -> None:
    store = features(hopsworks, policy=None, fs_retry_seconds=7)
    assert store.connection.policy.retry_seconds == 7.0


def test_a_call_is_repeated_after_a_server_error(hopsworks: Project) -> None:
    store = features(hopsworks)
    hopsworks.fail("GET", "/project$", status=500)
    hopsworks.fail("POST", "/featuregroups$", status=503)
    store.upsert(versions())
    hopsworks.fail("GET", "/query/batch", status=429)
    hopsworks.fail("POST", "/trainingdatasets$", status=500)
    hopsworks.fail("GET", "/trainingdatasets/version/", status=502)
    assert store.create_training_dataset(T0, T0 + 9 * HOUR).rows == 6
    pd.testing.assert_frame_equal(store.read(T0, T0 + 9 * HOUR), rows())
    assert not any(fault.times for fault in hopsworks.faults)


def test_a_server_that_keeps_failing_is_unreachable_after_the_last_attempt(
    hopsworks: Project,
) -> None:
    store = features(hopsworks, policy=replace(QUICK, retry_seconds=2.0))
    store.check()
    hopsworks.requests.clear()
    hopsworks.fail("GET", "/featuregroups/", status=502, times=9999)
    with pytest.raises(UnreachableError, match="HTTP 502"):
        store.check()
    assert hopsworks.count("GET", "/featuregroups/energy_consumption_denmark") > 1


@pytest.mark.parametrize("request_path", ["/variables/versions", "/credentials"])
def test_a_slow_answer_times_out_and_is_requested_again(
    hopsworks: Project, request_path: str
) -> None:
    """The first request of a login, and the last."""
    slow = hopsworks.fail("GET", f"{request_path}$", seconds=4.0)
    store = features(hopsworks, policy=replace(QUICK, read_timeout=1.5))
    assert "empty" in store.check()
    assert slow.times == 0
    assert hopsworks.count("GET", request_path) > 1


def test_a_query_service_that_is_down_is_named_and_used_again_once_it_is_back(
    hopsworks: Project, hopsworks_server: HopsworksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import retrying

    # The client's own pauses add up to half a minute.
    monkeypatch.setattr(retrying, "time", SimpleNamespace(time=lambda: 0, sleep=lambda _: None))
    store = features(hopsworks, policy=IMPATIENT)
    store.upsert(versions())
    for _ in range(2):  # at the first contact with the service, and later
        monkeypatch.setattr(hopsworks_server.query_service, "down", True)
        with pytest.raises(UnreachableError, match=r"Query Service|does not answer"):
            store.read(T0, T0 + HOUR)
        monkeypatch.setattr(hopsworks_server.query_service, "down", False)
        assert len(store.read(T0, T0 + HOUR)) == 2


def test_an_internal_error_that_stays_is_not_waited_for(hopsworks: Project) -> None:
    hopsworks.fail("GET", "/featuregroups/", status=500, times=99)
    with pytest.raises(StorageError, match="HTTP 500"):
        features(hopsworks).check()
    assert hopsworks.count("GET", "/energy_consumption_denmark") == QUICK.server_errors


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_is_not_tried_again(hopsworks: Project, status: int) -> None:
    hopsworks.fail("GET", "/featuregroups/", status=status, times=99)
    with pytest.raises(StorageError, match=f"HTTP {status}"):
        features(hopsworks).check()
    assert hopsworks.count("GET", "/energy_consumption_denmark") == 1


def test_an_answer_that_never_ends_is_bounded_as_a_whole(hopsworks: Project) -> None:
    hopsworks.fail("GET", "/project$", trickle=0.2, times=99)
    begin = time.monotonic()
    policy = replace(IMPATIENT, response_timeout=1.0)
    with pytest.raises(UnreachableError, match="does not answer"):
        features(hopsworks, policy=policy).check()
    assert time.monotonic() - begin < 5.0


def test_an_answer_that_breaks_off_is_requested_again(hopsworks: Project) -> None:
    broken = hopsworks.fail("GET", "/project$", cut=True)
    assert "empty" in features(hopsworks).check()
    assert broken.times == 0
    assert hopsworks.count("GET", "/project") == 2


def test_one_internal_error_of_the_query_service_fails_no_read(
    hopsworks: Project, hopsworks_server: HopsworksServer
) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    hopsworks_server.query_service.failures = 1
    assert len(store.read(T0, T0 + HOUR)) == 2
    assert hopsworks_server.query_service.failures == 0


def test_a_query_service_that_keeps_failing_is_quoted_and_no_other_way_is_advised(
    hopsworks: Project, hopsworks_server: HopsworksServer
) -> None:
    store = features(hopsworks)
    store.upsert(versions())
    hopsworks_server.query_service.failures = 99
    try:
        for action in (store.read, store.create_training_dataset):
            with pytest.raises(StorageError, match=r"Query Service .*out of memory") as raised:
                action(T0, T0 + HOUR)
            assert "spark" not in str(raised.value).lower()
            assert "gRPC" not in str(raised.value)
    finally:
        hopsworks_server.query_service.failures = 0


@pytest.mark.parametrize("variable", ["enable_flyingduck", "loadbalancer_external_domain"])
def test_a_server_that_fails_before_the_query_service_is_known_is_named_itself(
    hopsworks: Project, variable: str
) -> None:
    features(hopsworks).upsert(versions())
    reset_query_service()
    hopsworks.fail("GET", f"/variables/{variable}", status=502)
    assert len(features(hopsworks).read(T0, T0 + HOUR)) == 2
    reset_query_service()
    hopsworks.fail("GET", f"/variables/{variable}", status=502, times=99)
    with pytest.raises(UnreachableError, match="HTTP 502") as raised:
        features(hopsworks, policy=IMPATIENT).read(T0, T0 + HOUR)
    assert "5005" not in str(raised.value)
