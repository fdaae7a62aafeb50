"""The feature store and its feature groups."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from energy_assets_tests.stores.hopsworks.server.project import Project
from energy_assets_tests.stores.hopsworks.server.routes import CREATED, ApiError, P, Route

FEATURE_STORE_ID = 67
F = f"{P}/featurestores"
G = f"{F}/[0-9]+/featuregroups"


def feature_stores(project: Project, request: Request) -> Any:
    return [feature_store(project, request)]


def feature_store(project: Project, request: Request) -> Any:
    return {
        "featurestoreId": FEATURE_STORE_ID,
        "featurestoreName": f"{project.name}_featurestore",
        "created": CREATED,
        "projectName": project.name,
        "projectId": project.id,
        "offlineFeaturestoreName": f"{project.name}_featurestore",
        "onlineEnabled": False,
    }


def get_feature_group(project: Project, request: Request, name: str) -> Any:
    if name.isdigit():
        return _group_of_id(project, int(name))
    version = request.args.get("version", type=int)
    matching = [
        group
        for key, group in project.feature_groups.items()
        if key[0] == name and version in (None, key[1])
    ]
    if not matching:
        raise ApiError(404, 270009, "Feature group wasn't found")
    return matching


def create_feature_group(project: Project, request: Request) -> Any:
    body = request.get_json()
    version = body["version"] or 1
    key = (body["name"], version)
    if key in project.feature_groups:
        raise ApiError(400, 270089, "The feature group you want to create already exists")
    group = {
        **body,
        "id": len(project.feature_groups) + 1,
        "version": version,
        "created": CREATED,
        "featurestoreName": f"{project.name}_featurestore",
        "location": project.location(*key),
        "onlineTopicName": f"{project.id}_{body['name']}",
        "dataSource": {"storageConnector": storage_connector("S3")},
    }
    project.feature_groups[key] = group
    return group


def update_feature_group(project: Project, request: Request, number: str) -> Any:
    group = _group_of_id(project, int(number))
    body = request.get_json()
    for argument, changed in (
        ("updateMetadata", ("description", "features")),
        ("updateStatsConfig", ("statisticsConfig",)),
    ):
        if argument in request.args:
            group.update({name: body[name] for name in changed})
    return group


def expectation_suite(project: Project, request: Request, number: str) -> Any:
    return {"count": 0}


def commit(project: Project, request: Request, number: str) -> Any:
    project.commits.append(request.get_json())
    return {**request.get_json(), "href": request.url}


def _group_of_id(project: Project, number: int) -> dict[str, Any]:
    for group in project.feature_groups.values():
        if group["id"] == number:
            return group
    raise ApiError(404, 270009, "Feature group wasn't found")


def storage_connector(kind: str) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "storage",
        "featurestoreId": FEATURE_STORE_ID,
        "storageConnectorType": kind,
    }


ROUTES: list[Route] = [
    ("GET", F, feature_stores),
    ("GET", rf"{F}/\w+_featurestore", feature_store),
    ("POST", G, create_feature_group),
    ("GET", rf"{G}/(?P<name>\w+)", get_feature_group),
    ("PUT", f"{G}/(?P<number>[0-9]+)", update_feature_group),
    ("GET", f"{G}/(?P<number>[0-9]+)/expectationsuite", expectation_suite),
    ("POST", f"{G}/(?P<number>[0-9]+)/commits", commit),
]
