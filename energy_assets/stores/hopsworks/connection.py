"""The process's login to Hopsworks, and calls that have time-outs and are retried.

The client keeps its login in global variables, so a process can have only one. The first call logs
in, and the end of the process logs out. What the calls read and write belongs in the feature store
and the model registry.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import logging
import os
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from energy_assets.errors import CredentialError, EnergyAssetsError, UnreachableError
from energy_assets.settings import Settings, required_setting
from energy_assets.stores.hopsworks.errors import Credentials, refusal, translate

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hopsworks_common.connection import Connection

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How long a call may take, in seconds, and how often it is repeated.

    The client itself would wait forever.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    """For each part of a response."""
    query_timeout: float = 300.0
    """For one response of the Query Service, which takes seconds to read a month of rows."""
    attempts: int = 5
    deadline: float = 90.0
    """No attempt starts later than this after the first one."""
    longest_pause: float = 20.0
    """Between two attempts."""


@dataclass(frozen=True)
class _Login:
    credentials: Credentials
    connection: Connection
    project: Project
    certificates: str
    """Folder of the client certificates. The client's default is one folder for all processes, and
    the first process to end would delete the certificates of the others."""


_login: _Login | None = None
_lock = threading.RLock()


class HopsworksConnection:
    """Access to one Hopsworks project. The client is not even imported before the first call."""

    def __init__(self, settings: Settings, policy: RetryPolicy | None = None) -> None:
        self.settings = settings
        self.policy = policy or RetryPolicy()

    def __repr__(self) -> str:
        return f"{self.settings.fs_project_name} at {self.settings.fs_host}:{self.settings.fs_port}"

    def call(self, action: Callable[[Project], T]) -> T:
        """The result of `action` on the project; transient failures are retried.

        Raises CredentialError, NotFoundError, StorageError, or UnreachableError after the last
        attempt. Their chain holds no exception of the client: those hold the request, and with it
        the API key.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(UnreachableError),
            wait=wait_random_exponential(multiplier=0.5, max=self.policy.longest_pause),
            stop=stop_after_attempt(self.policy.attempts) | stop_after_delay(self.policy.deadline),
            reraise=True,
        )
        return attempts(self._attempt, action)

    def require_query_service(self) -> None:
        """Raise UnreachableError unless the Query Service can be used. For use within `call`.

        Python can read offline features only through it. Without it, the client would start Spark
        jobs, or fail with messages that do not mention it.
        """
        from hsfs.core import arrow_flight_client

        service = arrow_flight_client._get_instance()
        # If its first contact failed, the client leaves its service object half initialised.
        if not service._is_enabled() or not hasattr(service, "_server_version"):
            raise UnreachableError(
                "the Query Service of Hopsworks does not answer, and features cannot be read "
                "without it: is it enabled on the cluster, and is its port 5005 open from here?"
            )
        service.timeout = self.policy.query_timeout

    def _attempt(self, action: Callable[[Project], T]) -> T:
        credentials = self._credentials()
        try:
            project = _logged_in(credentials, self.policy)
            # The client warns about itself. Set at each call, because test runners reset filters.
            warnings.filterwarnings("ignore", module="hsfs|hsml")
            return action(project)
        except EnergyAssetsError as error:
            failure: EnergyAssetsError = error
        except Exception as error:
            failure = translate(error, credentials)
        if isinstance(failure, CredentialError):
            log_out()
        elif isinstance(failure, UnreachableError):
            _reset_query_service()
        # Raised inside the handler, it would keep the client's exception as its context.
        failure.__cause__ = failure.__context__ = None
        raise failure

    def _credentials(self) -> Credentials:
        """The login from the settings; raises a CredentialError that names a missing one."""
        settings = self.settings
        trust_store = settings.fs_trust_store
        if trust_store is not None and not trust_store.is_file():
            raise CredentialError(
                f"FS_TRUST_STORE names {trust_store}, which is not a file: set it to the PEM file "
                "of the cluster's certificate authority, or leave it empty"
            )
        return Credentials(
            host=settings.fs_host,
            port=settings.fs_port,
            project=required_setting(settings, "fs_project_name"),
            key=required_setting(settings, "fs_api_key"),
            trust_store=None if trust_store is None else str(trust_store),
            verify=settings.fs_hostname_verification,
        )


def log_out() -> None:
    """Close the process's login, if there is one, and delete its certificates."""
    global _login
    with _lock:
        login, _login = _login, None
        if login is not None:
            with contextlib.suppress(Exception):
                login.connection._close()
            shutil.rmtree(login.certificates, ignore_errors=True)


def _logged_in(credentials: Credentials, policy: RetryPolicy) -> Project:
    global _login
    with _lock:
        if _login is None or _login.credentials != credentials:
            log_out()
            _load_client()
            certificates = tempfile.mkdtemp(prefix="energy-assets-hopsworks-")
            try:
                connection = _connect(credentials, policy, certificates)
                project = connection._get_project(credentials.project)
            except BaseException:
                shutil.rmtree(certificates, ignore_errors=True)
                raise
            _login = _Login(credentials, connection, project, certificates)
        return _login.project


def _connect(credentials: Credentials, policy: RetryPolicy, certificates: str) -> Connection:
    """Do what `hopsworks.login` does, but on a session with time-outs and without printing."""
    from hopsworks_common import client
    from hopsworks_common.connection import Connection

    session = _session(credentials, policy)

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
            client._get_instance()._session = session
            self._variables = api

    # Without a project: with one, the client would send requests before it has our session.
    connection = BoundedConnection._connection(
        host=credentials.host,
        port=credentials.port,
        api_key_value=credentials.key,
        hostname_verification=credentials.verify,
        trust_store_path=credentials.trust_store,
        cert_folder=certificates,
        engine="python",  # otherwise the client would choose an installed pyspark
    )
    if client._get_instance()._session is not session:
        raise RuntimeError("this version of the Hopsworks client cannot be given time-outs")
    return connection


def _session(credentials: Credentials, policy: RetryPolicy) -> requests.Session:
    """A session with time-outs, which raises our error for a refusal before the client sees it.

    The client swallows some: when it asks whether a file exists, it takes a server error for "no".
    """

    class BoundedSession(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            timeouts = (policy.connect_timeout, policy.read_timeout)
            options["timeout"] = options.get("timeout") or timeouts
            response = super().send(request, **options)
            failure = refusal(response, credentials)
            if failure is not None:
                raise failure
            return response

    return BoundedSession()


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
    _reset_query_service()


def _reset_query_service() -> None:
    """Let the next call try the Query Service again: the client disables it after a failure."""
    if "hsfs.core.arrow_flight_client" in sys.modules:
        from hsfs.core import arrow_flight_client

        arrow_flight_client._close()
