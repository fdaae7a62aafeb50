"""The one login to Hopsworks that a process has, and what its client's failures mean to us.

Belongs here: logging in and out, what the client does to the process, and the translation of its
errors. What is read and written over the connection stands in the feature store and the registry.

The client keeps its login in globals of its own, so there can be only one: it belongs to the
process and not to an object, is made at the first call, and is closed when the process ends.
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
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from energy_assets.errors import (
    CredentialError,
    EnergyAssetsError,
    NotFoundError,
    StorageError,
    UnreachableError,
)
from energy_assets.settings import WHERE_TO_FIND, Settings, refused_credential, required_setting

if TYPE_CHECKING:
    import requests
    from hopsworks.project import Project

T = TypeVar("T")

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for each part of an answer. The client itself would wait
for ever."""

ATTEMPTS = 5
"""So often is a call made before its failure, if it may pass, is taken for an answer."""

LONGEST_CALL = 90.0
"""No attempt is begun so many seconds after the first one."""

QUERY_SECONDS = 300.0
"""So long may the Query Service take for one answer; a month of rows takes it seconds."""

LONGEST_PAUSE = 20.0
"""Seconds between two attempts, at most."""

_PACKAGES = ("hopsworks", "hopsworks_common", "hsfs", "hsml")
_MODULES = (
    "hopsworks",
    "hsfs.core.arrow_flight_client",
    "hsfs.core.delta_engine",
    "hsfs.engine.python",
    "hsml.engine.model_engine",
)
"""Those that print, and those that import what prints."""

_UNTRUSTED = "certificate verify failed: "
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Credentials:
    """What a login is made with. Two connections of equal credentials share one."""

    host: str
    port: int
    project: str
    key: str
    trust_store: str | None
    verify: bool

    def __repr__(self) -> str:
        return f"{self.project} at {self.host}:{self.port}"


@dataclass(frozen=True)
class _Login:
    credentials: Credentials
    project: Project
    certificates: str
    """The folder of the client certificates. The client's own default is shared by all processes,
    and the first of them to end would delete those of the others."""


_login: _Login | None = None
_lock = threading.RLock()


class HopsworksConnection:
    """The way to one Hopsworks project. Nothing is connected, or even imported, before a call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return f"{self.settings.fs_project_name} at {self.settings.fs_host}:{self.settings.fs_port}"

    def call(self, action: Callable[[Project], T]) -> T:
        """What `action` makes of the project; it is repeated where a failure may pass.

        Raises CredentialError, NotFoundError, StorageError, and UnreachableError once all attempts
        have failed. None of them holds an exception of the client in its chain, because those
        hold the request, and with it the API key.
        """
        return retry(
            retry=retry_if_exception_type(UnreachableError),
            wait=wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(LONGEST_CALL),
            reraise=True,
        )(self._attempt)(action)

    def _attempt(self, action: Callable[[Project], T]) -> T:
        credentials = self._credentials()
        try:
            project = _logged_in(credentials)
            # At each call, because whoever counts warnings (pytest for one) starts anew.
            warnings.filterwarnings("ignore", module="hsfs|hsml")
            return action(project)
        except EnergyAssetsError as error:
            failure: EnergyAssetsError = error
        except Exception as error:
            failure = _translated(error, credentials)
        if isinstance(failure, CredentialError | UnreachableError):
            _start_anew(failure)
        # Raised amid one of the client's exceptions, it would hold that one.
        failure.__cause__ = failure.__context__ = None
        raise failure

    def _credentials(self) -> Credentials:
        """Raises CredentialError that names the variable where one is missing."""
        settings = self.settings
        trust_store = settings.fs_trust_store
        if trust_store is not None and not trust_store.is_file():
            raise CredentialError(
                f"FS_TRUST_STORE names {trust_store}, which is no file: set it to the PEM file of "
                "the cluster's certificate authority, or leave it empty"
            )
        return Credentials(
            host=settings.fs_host,
            port=settings.fs_port,
            project=required_setting(settings, "fs_project_name"),
            key=required_setting(settings, "fs_api_key"),
            trust_store=None if trust_store is None else str(trust_store),
            verify=settings.fs_hostname_verification,
        )


def query_service() -> None:
    """Make sure of the Query Service, through which alone Python reads offline features.

    Without it the client would start Spark jobs, or fail in ways that do not name it. Raises
    UnreachableError.
    """
    from hsfs.core import arrow_flight_client

    service = arrow_flight_client._get_instance()
    # Where the first contact has failed the client leaves its service object half made.
    if not service._is_enabled() or not hasattr(service, "_server_version"):
        raise UnreachableError(
            "the Query Service of Hopsworks does not answer, and without it features cannot be "
            "read: is it enabled on the cluster, and is its port 5005 open from here?"
        )
    service.timeout = QUERY_SECONDS


def log_out() -> None:
    """Close the process's login, if there is one, and delete its certificates."""
    global _login
    with _lock:
        login, _login = _login, None
        if login is None:
            return
        import hopsworks

        with contextlib.suppress(Exception):
            hopsworks.logout()
        shutil.rmtree(login.certificates, ignore_errors=True)


def _logged_in(credentials: Credentials) -> Project:
    global _login
    with _lock:
        if _login is None or _login.credentials != credentials:
            log_out()
            _load_client()
            certificates = tempfile.mkdtemp(prefix="energy-assets-hopsworks-")
            try:
                project = _log_in(credentials, certificates)
            except BaseException:
                shutil.rmtree(certificates, ignore_errors=True)
                raise
            _login = _Login(credentials, project, certificates)
        return _login.project


def _log_in(credentials: Credentials, certificates: str) -> Project:
    import hopsworks
    from hopsworks_common.client import external

    requests = external.requests
    # The client makes its session in the middle of the login and uses it at once.
    external.requests = SimpleNamespace(session=functools.partial(_session, credentials))
    try:
        return hopsworks.login(
            host=credentials.host,
            port=credentials.port,
            project=credentials.project,
            api_key_value=credentials.key,
            hostname_verification=credentials.verify,
            trust_store_path=credentials.trust_store,
            cert_folder=certificates,
            # Otherwise an installed pyspark would be chosen.
            engine="python",
        )
    finally:
        external.requests = requests


@functools.cache
def _load_client() -> None:
    """Import the client with all of it that prints, and put back what that changes.

    It sets up logging, replaces `warnings.formatwarning`, and prints its progress. The prints go
    to the debug log. `sys.stdout` is left alone, since other threads may be writing to it.
    """
    with _process_as_it_was():
        for name in _MODULES:
            importlib.import_module(name)
        from hopsworks_common import util
    # It would also hold up each read by the half second that it sleeps.
    util._loading_animation = lambda *_: None
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _PACKAGES:
            vars(module).setdefault("print", _print_to_log)
            if "tqdm" in vars(module):
                vars(module)["tqdm"] = functools.partial(vars(module)["tqdm"], disable=True)
    for package in _PACKAGES:
        # It logs the tracebacks of what it then raises. They go where the user has sent them, but
        # not to the terminal by default.
        logging.getLogger(package).addHandler(logging.NullHandler())
    atexit.register(log_out)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


@contextlib.contextmanager
def _process_as_it_was() -> Iterator[None]:
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


def _print_to_log(*values: object, **_: object) -> None:
    _log.debug("%s", " ".join(str(value) for value in values).strip())


def _forget() -> None:
    """In a process just forked: the login is its parent's, and not to be closed from here."""
    global _login, _lock
    import hopsworks
    from hopsworks_common import client

    _lock = threading.RLock()
    _login = None
    client._client = None
    hopsworks._hw_connection = hopsworks._make_connection
    _reset_query_service()


def _start_anew(failure: EnergyAssetsError) -> None:
    """Leave nothing of a failure behind for the next attempt."""
    if isinstance(failure, CredentialError):
        log_out()
    else:
        _reset_query_service()


def _reset_query_service() -> None:
    """A service that failed once is disabled for the session; the next use meets a new one."""
    if "hsfs.core.arrow_flight_client" in sys.modules:
        from hsfs.core import arrow_flight_client

        arrow_flight_client._close()


def _session(credentials: Credentials) -> requests.Session:
    """A session that waits for a bounded time, and whose refusals the client cannot swallow.

    Asked whether a file exists, the client takes a server error for a no.
    """
    import requests

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            options["timeout"] = options.get("timeout") or TIMEOUT
            response = super().send(request, **options)
            failure = _refusal(response, credentials)
            if failure is not None:
                raise failure
            return response

    return Session()


def _refusal(response: requests.Response, credentials: Credentials) -> EnergyAssetsError | None:
    """The error for an answer that no caller of the client needs to see; None for others."""
    status = response.status_code
    if status == 401:
        return refused_credential("fs_api_key", "Hopsworks")
    if status == 403:
        return CredentialError(
            f"Hopsworks refuses a request ({_said(response)}): the owner of FS_API_KEY is no "
            f"member of FS_PROJECT_NAME={credentials.project} or lacks a right, or the key lacks a "
            "scope. It needs those of the project, the feature store, datasets, jobs and the model "
            f"registry; it is {WHERE_TO_FIND['fs_api_key']}."
        )
    if status == 429 or status >= 500:
        return UnreachableError(
            f"Hopsworks at {credentials.host}:{credentials.port} has failed: {_said(response)}"
        )
    if status == 404 and "/project/getProjectInfo/" in (response.request.url or ""):
        return CredentialError(
            f"Hopsworks at {credentials.host} has no project {credentials.project}, or none that "
            f"the owner of the key may see: FS_PROJECT_NAME is {WHERE_TO_FIND['fs_project_name']}"
        )
    return None


def _said(response: requests.Response) -> str:
    """Status and message of an answer."""
    try:
        body = response.json()
        message = body.get("usrMsg") or body.get("errorMsg") or ""
    except (ValueError, AttributeError):
        message = ""
    return f"HTTP {response.status_code} {message}".strip()


def _translated(error: Exception, credentials: Credentials) -> EnergyAssetsError:
    """Our error for one of the client's or of what is below it."""
    import requests
    from hopsworks_common.client.exceptions import RestAPIError
    from pyarrow import flight

    where = f"Hopsworks at {credentials.host}:{credentials.port}"
    text = str(error).replace(credentials.key, "***")
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, EnergyAssetsError):
            return cause
    untrusted = [str(cause) for cause in causes if _UNTRUSTED in str(cause)]
    if untrusted:
        reason = untrusted[-1].rpartition(_UNTRUSTED)[2].partition(" (_ssl")[0]
        return CredentialError(
            f"the certificate of {where} is not trusted ({reason}): if it has expired, the cluster "
            "needs a new one; if the cluster is your own, set FS_TRUST_STORE to the PEM file of "
            "its certificate authority"
        )
    _log.debug("a call to %s failed: %s: %s", where, type(error).__name__, text)
    passing = (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        flight.FlightUnavailableError,
        flight.FlightTimedOutError,
    )
    if any(isinstance(cause, passing) for cause in causes) or "is busy right now" in text:
        return UnreachableError(f"{where} does not answer: {type(causes[-1]).__name__}")
    if isinstance(error, RestAPIError):
        said = _said(error.response)
        if error.response.status_code == 404:
            return NotFoundError(f"{where} has no such thing: {said}")
        return StorageError(f"{where} refuses: {said}")
    return StorageError(f"{where}: {type(error).__name__}: {text}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
