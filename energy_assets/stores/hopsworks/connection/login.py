"""The process's login. The client keeps its own in global variables, so there can be only one.

The first call logs in, and the end of the process logs out.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_assets.stores.hopsworks.connection.certificates import CertificateFolder
from energy_assets.stores.hopsworks.connection.credentials import Credentials
from energy_assets.stores.hopsworks.connection.policy import RetryPolicy
from energy_assets.stores.hopsworks.connection.session import BoundedSession

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hopsworks_common.connection import Connection


@dataclass(frozen=True)
class _Login:
    credentials: Credentials
    connection: Connection
    project: Project
    certificates: CertificateFolder


_login: _Login | None = None
_lock = threading.RLock()


def logged_in(credentials: Credentials, policy: RetryPolicy) -> Project:
    """The project of the credentials; logs in if the process has no such login yet."""
    global _login
    with _lock:
        if _login is None or _login.credentials != credentials:
            log_out()
            _load_client()
            certificates = CertificateFolder()
            try:
                connection = _connect(credentials, policy, certificates)
                project = connection._get_project(credentials.project)
            except BaseException:
                certificates.remove()
                raise
            _login = _Login(credentials, connection, project, certificates)
        session().policy = policy
        return _login.project


def log_out() -> None:
    """Close the process's login, if there is one, and delete its certificates."""
    global _login
    with _lock:
        login, _login = _login, None
        if login is not None:
            with contextlib.suppress(Exception):
                login.connection._close()
            login.certificates.remove()


def session() -> BoundedSession:
    """The HTTP session of the login."""
    from hopsworks_common import client

    return client._get_instance()._session


def reset_query_service() -> None:
    """Let the next call try the Query Service again: the client disables it after a failure."""
    if "hsfs.core.arrow_flight_client" in sys.modules:
        from hsfs.core import arrow_flight_client

        arrow_flight_client._close()


def _connect(
    credentials: Credentials, policy: RetryPolicy, certificates: CertificateFolder
) -> Connection:
    """Do what `hopsworks.login` does, but on a session with time-outs and without printing."""
    from hopsworks_common import client
    from hopsworks_common.connection import Connection

    bounded = BoundedSession(credentials, policy)

    class BoundedConnection(Connection):
        """The client's connection, with our session in its client.

        The client creates its session and sends its first request in one method, `_connect`. In
        between, that method sets `_variable_api`, the only point where a subclass can step in.
        """

        @property
        def _variable_api(self) -> Any:
            return self._variables

        @_variable_api.setter
        def _variable_api(self, api: Any) -> None:
            client._get_instance()._session = bounded
            self._variables = api

    # Without a project: with one, the client would send requests before it has our session.
    connection = BoundedConnection._connection(
        host=credentials.host,
        port=credentials.port,
        api_key_value=credentials.key,
        hostname_verification=credentials.verify_name,
        trust_store_path=credentials.trust_store,
        cert_folder=str(certificates.path),
        engine="python",  # otherwise the client would choose an installed pyspark
    )
    if client._get_instance()._session is not bounded:
        raise RuntimeError("this version of the Hopsworks client cannot be given time-outs")
    return connection


@functools.cache
def _load_client() -> None:
    """Import the client, and undo what its import does to the process's logging and warnings."""
    with _restored_logging_and_warnings():
        for name in ("hopsworks", "hsfs.engine.python", "hsml.engine.model_engine"):
            importlib.import_module(name)
    for package in ("hopsworks", "hopsworks_common", "hsfs", "hsml"):
        # It logs tracebacks of errors that it also raises. Without a handler, they go to stderr.
        logging.getLogger(package).addHandler(logging.NullHandler())
    atexit.register(log_out)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_login)


@contextlib.contextmanager
def _restored_logging_and_warnings() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, formatwarning = list(root.handlers), root.level, warnings.formatwarning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        warnings.formatwarning = formatwarning


def _forget_login() -> None:
    """After a fork: the login is the parent's, and the child must not close it."""
    global _login, _lock
    from hopsworks_common import client

    _lock = threading.RLock()
    _login = None
    client._client = None
    reset_query_service()
