"""Calls to a Hopsworks project: logged in, retried, and with our errors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from energy_assets.errors import (
    CredentialError,
    EnergyAssetsError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from energy_assets.settings import Settings
from energy_assets.stores.hopsworks.connection import login
from energy_assets.stores.hopsworks.connection.credentials import Credentials, address
from energy_assets.stores.hopsworks.connection.errors import ServerError, translate
from energy_assets.stores.hopsworks.connection.policy import RetryPolicy

if TYPE_CHECKING:
    from hopsworks.project import Project

T = TypeVar("T")

_log = logging.getLogger(__name__)


class HopsworksConnection:
    """Access to one Hopsworks project. The client is not even imported before the first call."""

    def __init__(self, settings: Settings, policy: RetryPolicy | None = None) -> None:
        self.settings = settings
        self.policy = policy or RetryPolicy(retry_seconds=settings.fs_retry_seconds)

    def __repr__(self) -> str:
        try:
            host, port = address(self.settings)
        except SettingsError:
            return "Hopsworks at a wrong FS_HOST"
        return f"{self.settings.fs_project_name} at {host}:{port}"

    def call(self, action: Callable[[Project], T]) -> T:
        """The result of `action` on the project; transient failures are retried.

        Raises CredentialError, NotFoundError, StorageError, or UnreachableError after the last
        attempt. Their chain holds no exception of the client: those hold the request, and with it
        the API key.
        """
        attempts = Retrying(
            retry=retry_if_exception_type((UnreachableError, ServerError)),
            wait=self.policy.pauses,
            stop=self.policy.is_over,
            before_sleep=_say_what_is_waited_for,
            reraise=True,
        )
        return attempts(self._attempt, action)

    def require_query_service(self) -> None:
        """Raise an error unless the Query Service can be used. For use within `call`.

        Python can read offline features only through it. Without it, the client would start Spark
        jobs, or fail with messages that do not mention it.
        """
        from hsfs.core import arrow_flight_client

        session = login.session()
        session.failure = None
        service = arrow_flight_client._get_instance()
        if service._is_enabled() and hasattr(service, "_server_version"):
            service.timeout = self.policy.query_timeout
            return
        login.reset_query_service()
        if session.failure is not None:  # the client has swallowed it
            raise session.failure
        if not service._is_enabled():
            raise StorageError(
                "features cannot be read without the Query Service of Hopsworks, and the cluster "
                "does not offer it: ask its administrator to set the variables enable_flyingduck "
                "and loadbalancer_external_domain_feature_query"
            )
        raise UnreachableError(
            "the Query Service of Hopsworks does not answer, and features cannot be read without "
            "it: is its port 5005 open from here?"
        )

    def _attempt(self, action: Callable[[Project], T]) -> T:
        credentials = Credentials.of(self.settings)
        try:
            project = login.logged_in(credentials, self.policy)
            # The client warns about itself. Set at each call, because test runners reset filters.
            warnings.filterwarnings("ignore", module="hsfs|hsml")
            return action(project)
        except EnergyAssetsError as error:
            failure: EnergyAssetsError = error
        except Exception as error:
            failure = translate(error, credentials)
        if isinstance(failure, CredentialError):
            login.log_out()
        elif isinstance(failure, UnreachableError | ServerError):
            login.reset_query_service()
        # Raised inside the handler, it would keep the client's exception as its context.
        failure.__cause__ = failure.__context__ = None
        raise failure


def _say_what_is_waited_for(call: RetryCallState) -> None:
    error = call.outcome.exception() if call.outcome else None
    _log.warning("%s (next attempt in %.1f s)", error, call.upcoming_sleep)
