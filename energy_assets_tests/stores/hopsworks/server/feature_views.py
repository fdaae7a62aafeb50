"""Feature views, their queries and their training datasets."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from werkzeug.wrappers import Request

from energy_assets_tests.stores.hopsworks.server.feature_groups import (
    FEATURE_STORE_ID,
    F,
    storage_connector,
)
from energy_assets_tests.stores.hopsworks.server.project import Project, sign
from energy_assets_tests.stores.hopsworks.server.routes import ApiError, Route

V = f"{F}/[0-9]+/featureview"
ONE_VIEW = rf"{V}/(?P<name>\w+)/version/(?P<version>[0-9]+)"
T = f"{ONE_VIEW}/trainingdatasets"


def create_feature_view(project: Project, request: Request) -> Any:
    body = request.get_json()
    key = (body["name"], body["version"] or 1)
    if key in project.feature_views:
        raise ApiError(400, 270179, "The provided feature view name and version already exists")
    group = body["query"]["leftFeatureGroup"]
    names = [feature["name"] for feature in body["query"]["leftFeatures"]]
    project.feature_views[key] = {
        **body,
        "id": len(project.feature_views) + 1,
        "version": key[1],
        "group": (group["name"], group["version"]),
        "names": names,
    }
    return get_feature_view(project, request, key[0], key[1])


def get_feature_view(project: Project, request: Request, name: str, version: str | int) -> Any:
    view = _view(project, name, version)
    group = project.feature_groups.get(view["group"])
    if group is None:
        raise ApiError(404, 270009, "Feature group wasn't found")
    features = [
        {**feature, "featuregroup": group}
        for feature in group["features"]
        if feature["name"] in view["names"]
    ]
    return {
        **{key: value for key, value in view.items() if key not in ("group", "names")},
        "query": _query(view, group, None),
        "features": features,
        "servingKeys": [
            {"featureName": feature["name"], "joinIndex": 0, "featureGroup": group}
            for feature in features
            if feature["primary"]
        ],
    }


def batch_query(project: Project, request: Request, name: str, version: str) -> Any:
    view = _view(project, name, version)
    group = project.feature_groups[view["group"]]
    event_time = next(
        feature for feature in group["features"] if feature["name"] == group["eventTime"]
    )
    bounds = [
        {"feature": event_time, "condition": condition, "value": request.args[argument]}
        for argument, condition in (
            ("start_time", "GREATER_THAN_OR_EQUAL"),
            ("end_time", "LESS_THAN"),
        )
        if argument in request.args
    ]
    logic = {"type": "AND", "leftFilter": bounds[0], "rightFilter": bounds[1]} if bounds else None
    return _query(view, group, logic)


def construct_query(project: Project, request: Request) -> Any:
    query = request.get_json()
    group = query["leftFeatureGroup"]
    bounds = query["filter"] or {}
    operators = {"GREATER_THAN_OR_EQUAL": ">=", "LESS_THAN": "<"}
    payload = {
        "location": project.location(group["name"], group["version"]),
        "columns": [feature["name"] for feature in query["leftFeatures"]],
        "bounds": [
            (bound["feature"]["name"], operators[bound["condition"]], int(bound["value"]))
            for bound in (bounds.get("leftFilter"), bounds.get("rightFilter"))
            if bound
        ],
    }
    text = json.dumps(payload)
    return {
        "query": "SELECT ...",
        "hqsPayload": text,
        "hqsPayloadSignature": sign(text),
        "onDemandFeatureGroups": [],
        "hudiCachedFeatureGroups": [],
    }


def create_training_dataset(project: Project, request: Request, name: str, version: str) -> Any:
    view = _view(project, name, version)
    body = request.get_json()
    number = max(project.training_datasets, default=0) + 1
    project.training_datasets[number] = {
        **body,
        "type": "hopsfsTrainingDatasetDTO",
        "id": number,
        "name": view["name"],
        "version": number,
        "created": datetime.now(timezone.utc).isoformat(),
        "location": project.training_folder(f"{name}_{version}", number),
        "dataSource": {"storageConnector": storage_connector("HOPSFS")},
        "features": [],
        "featurestoreId": FEATURE_STORE_ID,
    }
    return project.training_datasets[number]


def list_training_datasets(project: Project, request: Request, name: str, version: str) -> Any:
    return {"count": len(project.training_datasets), "items": [*project.training_datasets.values()]}


def get_training_dataset(
    project: Project, request: Request, name: str, version: str, number: str
) -> Any:
    if int(number) not in project.training_datasets:
        raise ApiError(404, 270012, "Training dataset wasn't found")
    return project.training_datasets[int(number)]


def delete_training_dataset(
    project: Project, request: Request, name: str, version: str, number: str
) -> Any:
    dataset = get_training_dataset(project, request, name, version, number)
    project.remove(dataset["location"])
    del project.training_datasets[int(number)]


def _view(project: Project, name: str, version: str | int) -> dict[str, Any]:
    view = project.feature_views.get((name, int(version)))
    if view is None:
        raise ApiError(404, 270181, "Feature view wasn't found")
    return view


def _query(view: dict[str, Any], group: dict[str, Any], logic: Any) -> dict[str, Any]:
    return {
        "featureStoreName": group["featurestoreName"],
        "featureStoreId": FEATURE_STORE_ID,
        "leftFeatureGroup": group,
        "leftFeatures": [f for f in group["features"] if f["name"] in view["names"]],
        "filter": logic,
        "joins": [],
    }


ROUTES: list[Route] = [
    ("PUT", f"{F}/query", construct_query),
    ("POST", V, create_feature_view),
    ("GET", ONE_VIEW, get_feature_view),
    ("GET", f"{ONE_VIEW}/query/batch", batch_query),
    ("POST", T, create_training_dataset),
    ("GET", T, list_training_datasets),
    ("GET", f"{T}/version/(?P<number>[0-9]+)", get_training_dataset),
    ("DELETE", f"{T}/version/(?P<number>[0-9]+)", delete_training_dataset),
]
