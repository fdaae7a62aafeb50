"""The HTTP session under the client: bounded in time, and never to a server it cannot trust."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from energy_assets.errors import CredentialError
from energy_assets.stores.hopsworks.connection.credentials import Credentials
from energy_assets.stores.hopsworks.connection.errors import refusal
from energy_assets.stores.hopsworks.connection.policy import RetryPolicy

_PART = 64 * 1024


class BoundedSession(requests.Session):
    """A session that raises our error for a refusal before the client sees it.

    The client swallows some: when it asks whether a file exists, it takes a server error for "no".
    """

    def __init__(self, credentials: Credentials, policy: RetryPolicy) -> None:
        super().__init__()
        self.credentials = credentials
        self.policy = policy
        self._failures = threading.local()
        self.mount("https://", _TrustAdapter(credentials))

    @property
    def failure(self) -> Exception | None:
        """The last failure in this thread, in case the client has swallowed it."""
        return getattr(self._failures, "last", None)

    @failure.setter
    def failure(self, error: Exception | None) -> None:
        self._failures.last = error

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and read its response within the time-outs, whatever the client asks."""
        options["timeout"] = options.get("timeout") or (
            self.policy.connect_timeout,
            self.policy.read_timeout,
        )
        # The client passes False, and with it no check at all, where names are not to be verified.
        options["verify"] = self.credentials.trust_store or True
        options["stream"] = True
        try:
            response = super().send(request, **options)
            _read(response, self.policy.response_timeout)
            error = refusal(response, self.credentials)
            if error is not None:
                raise error
        except Exception as error:
            self.failure = error
            raise
        return response


class _TrustAdapter(HTTPAdapter):
    """Verifies the server's certificate; whether it must name the host is a setting."""

    def __init__(self, credentials: Credentials) -> None:
        try:
            self.context = ssl.create_default_context(cafile=credentials.trust_store)
        except ssl.SSLError:
            raise CredentialError(
                f"FS_TRUST_STORE names {credentials.trust_store}, which has no certificate in PEM "
                "format: set it to the PEM file of the cluster's certificate authority"
            ) from None
        self.verify_name = credentials.verify_name
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        options["ssl_context"] = self.context
        if not self.verify_name:
            options["assert_hostname"] = False
        super().init_poolmanager(*arguments, **options)


def _read(response: requests.Response, seconds: float) -> None:
    """Read the body of a response; raises requests.Timeout if that takes longer."""
    end = time.monotonic() + seconds
    parts: list[bytes] = []
    try:
        # A read of a given size would wait for all of it, however slowly it comes.
        while part := response.raw.read1(_PART, decode_content=True):
            parts.append(part)
            if time.monotonic() > end:
                response.close()
                raise requests.ReadTimeout(f"the response took more than {seconds:.0f} s")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(str(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error
    # Where requests itself keeps a body that it has read.
    response._content = b"".join(parts)
    response._content_consumed = True
    response.raw.release_conn()
