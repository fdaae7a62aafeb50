"""What a login asks for: versions, variables, the project, and client certificates."""

from __future__ import annotations

import base64
from typing import Any

from werkzeug.wrappers import Request

from energy_assets_tests.stores.hopsworks.server.project import Project
from energy_assets_tests.stores.hopsworks.server.routes import CREATED, ApiError, P, Route


def versions(project: Project, request: Request) -> Any:
    return [{"software": "hopsworks", "version": "5.2.0"}]


def variable(project: Project, request: Request, name: str) -> Any:
    values = {
        "enable_flyingduck": "true",
        "service_discovery_domain": "hopsworks.test",
        # The client appends its fixed port, which thereby becomes a fragment.
        "loadbalancer_external_domain_feature_query": (f"127.0.0.1:{project.cluster.query_port}/#"),
    }
    if name not in values:
        raise ApiError(404, 160000, f"no variable {name}")
    return {"successMessage": values[name]}


def project_info(project: Project, request: Request, name: str) -> Any:
    if name != project.name:
        raise project.missing(150004, "No project found with this name")
    return {
        "projectId": project.id,
        "projectName": project.name,
        "owner": "somebody@hopsworks.test",
        "created": CREATED,
        "description": "",
    }


def projects(project: Project, request: Request) -> Any:
    about = {"id": project.id, "name": project.name, "owner": {"uid": 1}}
    return [{"project": about, "user": {"username": "somebod1", "uid": 1}}]


def credentials(project: Project, request: Request) -> Any:
    client = project.cluster.ca.issue_cert(f"{project.name}.somebod1")
    store = base64.b64encode(b"a key store").decode()
    return {
        "kStore": store,
        "tStore": store,
        "password": f"password-of-{project.key}",
        "caChain": project.cluster.ca.cert_pem.bytes().decode(),
        "clientCert": client.cert_chain_pems[0].bytes().decode(),
        "clientKey": client.private_key_pem.bytes().decode(),
    }


ROUTES: list[Route] = [
    ("GET", "/variables/versions", versions),
    ("GET", r"/variables/(?P<name>\w+)", variable),
    ("GET", r"/project/getProjectInfo/(?P<name>\w+)", project_info),
    ("GET", "/project", projects),
    ("GET", f"{P}/credentials", credentials),
]
