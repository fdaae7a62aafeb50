"""The stand-in as a whole: certificates, the two servers, and a new project for each test."""

from __future__ import annotations

import itertools
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme
from werkzeug.serving import WSGIRequestHandler, make_server

from energy_assets_tests.stores.hopsworks.server.project import Cluster, Project
from energy_assets_tests.stores.hopsworks.server.query_service import QueryService
from energy_assets_tests.stores.hopsworks.server.rest_api import RestApi

DOMAIN = "hopsworks.test"


class _Handler(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Tests look at `Project.requests` instead."""


class HopsworksServer:
    """A running cluster. Close it at the end."""

    def __init__(self, folder: Path, expired: bool = False, name: str = "127.0.0.1") -> None:
        self.cluster = Cluster(folder, trustme.CA())
        self.cluster.ca.cert_pem.write_to_path(str(self.cluster.authority))
        self._numbers = itertools.count(1)
        not_after = datetime.now(timezone.utc) - timedelta(days=1) if expired else None
        certificate = self.cluster.ca.issue_cert(
            name,
            f"flyingduck.service.{DOMAIN}",
            not_before=datetime(2020, 1, 1, tzinfo=timezone.utc),
            not_after=not_after,
        )
        self.query_service = QueryService(self.cluster, certificate)
        self.cluster.query_port = self.query_service.port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self._http = make_server(
            "127.0.0.1",
            0,
            RestApi(self.cluster),
            threaded=True,
            request_handler=_Handler,
            ssl_context=context,
        )
        self._http.daemon_threads = True
        self.cluster.port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def new_project(self) -> Project:
        """An empty project with its own key."""
        number = next(self._numbers)
        name = f"energy{number}"
        project = Project(number, name, self.cluster.folder / name, self.cluster)
        self.cluster.projects[name] = project
        return project

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self.query_service.shutdown()
