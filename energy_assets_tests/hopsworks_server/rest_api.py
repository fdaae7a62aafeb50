"""The REST API of the stand-in: a table of routes, and what each of them answers."""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from energy_assets_tests.hopsworks_server.project import Project
from energy_assets_tests.hopsworks_server.query_service import sign

if TYPE_CHECKING:
    from energy_assets_tests.hopsworks_server.server import HopsworksServer

BASE = "/hopsworks-api/api"
CREATED = "2023-01-01T00:00:00.000Z"
FEATURE_STORE_ID = 67


class ApiError(Exception):
    """An answer of the kind in which Hopsworks says no."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class RestApi:
    """The WSGI application."""

    def __init__(self, server: HopsworksServer) -> None:
        self.server = server

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with Request(environ) as request:
            try:
                response = self._respond(request)
            except ApiError as error:
                body = {"errorCode": error.code, "errorMsg": str(error)}
                response = _json(body, error.status)
        return response(environ, start)

    def _respond(self, request: Request) -> Response:
        path = request.path.removeprefix(BASE)
        project = self.server.of_key(request.headers.get("Authorization", ""))
        if project is None:
            raise ApiError(401, 320001, "the API key is not valid")
        project.requests.append((request.method, path))
        fault = project.fault_for(request.method, path)
        if fault is not None:
            if fault.then is not None:
                fault.then()
            time.sleep(fault.seconds)
            if fault.drop:
                request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                raise ConnectionError("dropped on purpose")
            if fault.status is not None:
                raise ApiError(fault.status, fault.code, "this was asked for")
        request.get_data()  # closed before it is read, a connection would seem to be dropped
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                with project.lock:
                    answer = handler(project, request, **found.groupdict())
                return answer if isinstance(answer, Response) else _json(answer)
        raise ApiError(404, 120000, f"no such resource: {request.method} {path}")


def _json(body: Any, status: int = 200) -> Response:
    if body is None:
        return Response(status=204)
    return Response(json.dumps(body), status=status, content_type="application/json")


# --- Login --------------------------------------------------------------------------------------


def versions(project: Project, request: Request) -> Any:
    return [{"software": "hopsworks", "version": "5.2.0"}]


def variable(project: Project, request: Request, name: str) -> Any:
    values = {
        "enable_flyingduck": "true",
        "service_discovery_domain": "hopsworks.test",
        # The client appends its fixed port, which thereby becomes a fragment.
        "loadbalancer_external_domain_feature_query": (
            f"127.0.0.1:{project.server.query_service.port}/#"
        ),
    }
    if name not in values:
        raise ApiError(404, 160000, f"no variable {name}")
    return {"successMessage": values[name]}


def project_info(project: Project, request: Request, name: str) -> Any:
    if name != project.name:
        raise ApiError(404, 150004, "No project found with this name")
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
    client = project.server.ca.issue_cert(f"{project.name}.somebod1")
    store = base64.b64encode(b"a key store").decode()
    return {
        "kStore": store,
        "tStore": store,
        "password": f"password-of-{project.key}",
        "caChain": project.server.ca.cert_pem.bytes().decode(),
        "clientCert": client.cert_chain_pems[0].bytes().decode(),
        "clientKey": client.private_key_pem.bytes().decode(),
    }


# --- Feature groups -----------------------------------------------------------------------------


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
    found = [
        group
        for key, group in project.feature_groups.items()
        if key[0] == name and version in (None, key[1])
    ]
    if not found:
        raise ApiError(404, 270009, "Feature group wasn't found")
    return found


def create_feature_group(project: Project, request: Request) -> Any:
    asked = request.get_json()
    version = asked["version"] or 1
    key = (asked["name"], version)
    if key in project.feature_groups:
        raise ApiError(400, 270089, "The feature group you want to create already exists")
    group = {
        **asked,
        "id": len(project.feature_groups) + 1,
        "version": version,
        "created": CREATED,
        "featurestoreName": f"{project.name}_featurestore",
        "location": project.location(*key),
        "onlineTopicName": f"{project.id}_{asked['name']}",
        "dataSource": {"storageConnector": _connector("S3")},
    }
    project.feature_groups[key] = group
    return group


def update_feature_group(project: Project, request: Request, number: str) -> Any:
    group = _group_of_id(project, int(number))
    asked = request.get_json()
    for argument, changed in (
        ("updateMetadata", ("description", "features")),
        ("updateStatsConfig", ("statisticsConfig",)),
    ):
        if argument in request.args:
            group.update({name: asked[name] for name in changed})
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


def _connector(kind: str) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "storage",
        "featurestoreId": FEATURE_STORE_ID,
        "storageConnectorType": kind,
    }


# --- Feature views and training datasets --------------------------------------------------------


def create_feature_view(project: Project, request: Request) -> Any:
    asked = request.get_json()
    key = (asked["name"], asked["version"] or 1)
    if key in project.feature_views:
        raise ApiError(400, 270179, "The provided feature view name and version already exists")
    group = asked["query"]["leftFeatureGroup"]
    names = [feature["name"] for feature in asked["query"]["leftFeatures"]]
    project.feature_views[key] = {
        **asked,
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
    asked = request.get_json()
    number = max(project.training_datasets, default=0) + 1
    project.training_datasets[number] = {
        **asked,
        "type": "hopsfsTrainingDatasetDTO",
        "id": number,
        "name": view["name"],
        "version": number,
        "created": datetime.now(timezone.utc).isoformat(),
        "location": project.training_folder(f"{name}_{version}", number),
        "dataSource": {"storageConnector": _connector("HOPSFS")},
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


# --- Files --------------------------------------------------------------------------------------


def get_file(project: Project, request: Request, path: str) -> Any:
    found = project.path_of(path)
    if not found.exists():
        raise ApiError(404, 110018, f"{path} does not exist")
    if request.args.get("action") == "listing":
        inodes = [_inode(project, path, child.name) for child in sorted(found.iterdir())]
        start = request.args.get("offset", 0, type=int)
        page = inodes[start : start + request.args.get("limit", 1000, type=int)]
        return {"count": len(inodes), "items": page}
    return _inode(project, path)


def make_folder(project: Project, request: Request, path: str) -> Any:
    if project.path_of(path).exists():
        raise ApiError(400, 110002, f"{path} already exists")
    project.path_of(path).mkdir(parents=True)
    return _inode(project, path)


def delete_file(project: Project, request: Request, path: str) -> Any:
    project.remove(path)


def upload(project: Project, request: Request, path: str) -> Any:
    target = project.path_of(path) / request.form["flowFilename"]
    first = request.form["flowChunkNumber"] == "1"
    with target.open("wb" if first else "ab") as file:
        file.write(request.files["file"].read())


def download(project: Project, request: Request, path: str) -> Response:
    if not project.path_of(path).is_file():
        raise ApiError(404, 110018, f"{path} does not exist")
    return Response(project.path_of(path).read_bytes())


def _inode(project: Project, *path: str) -> dict[str, Any]:
    remote = "/".join(path)
    if not remote.lstrip("/").startswith("Projects/"):
        remote = f"/Projects/{project.name}/{remote}"
    found = project.path_of(remote)
    attributes = {
        "name": found.name,
        "path": "/" + remote.lstrip("/"),
        "dir": found.is_dir(),
        "size": found.stat().st_size,
    }
    return {"attributes": attributes}


# --- Models -------------------------------------------------------------------------------------


def put_model(project: Project, request: Request, name: str) -> Any:
    asked = request.get_json()
    if len(asked["description"]) > 1000:
        raise ApiError(400, 360010, "the description is too long")
    model = {
        **asked,
        "id": f"{len(project.models) + 1}",
        "created": CREATED,
        "projectName": project.name,
        "modelRegistryId": project.id,
        "tags": [],
    }
    project.models[name] = model
    return model


def get_model(project: Project, request: Request, name: str) -> Any:
    if name not in project.models:
        raise ApiError(404, 360000, "Model version was not found")
    return project.models[name]


def list_models(project: Project, request: Request) -> Any:
    wanted = request.args["filter_by"].removeprefix("name_eq:")
    found = [model for model in project.models.values() if model["name"] == wanted]
    return {"count": len(found), "items": found}


def tag_model(project: Project, request: Request, number: str, tag: str) -> Any:
    if tag not in project.tag_schemas:
        raise ApiError(404, 370000, "Tag schema was not found")
    model = next(model for model in project.models.values() if model["id"] == number)
    model["tags"].append({"name": tag, "value": request.get_json()})
    return {"count": 1, "items": model["tags"]}


def tag_schemas(project: Project, request: Request) -> Any:
    items = [{"name": name} for name in project.tag_schemas]
    return {"count": len(items), "items": items}


P = "/project/[0-9]+"
F = f"{P}/featurestores"
G = f"{F}/[0-9]+/featuregroups"
V = f"{F}/[0-9]+/featureview"
ONE_VIEW = rf"{V}/(?P<name>\w+)/version/(?P<version>[0-9]+)"
T = f"{ONE_VIEW}/trainingdatasets"
M = f"{P}/modelregistries/[0-9]+/models"

ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/variables/versions", versions),
    ("GET", r"/variables/(?P<name>\w+)", variable),
    ("GET", r"/project/getProjectInfo/(?P<name>\w+)", project_info),
    ("GET", "/project", projects),
    ("GET", f"{P}/credentials", credentials),
    ("GET", F, feature_stores),
    ("GET", rf"{F}/\w+_featurestore", feature_store),
    ("PUT", f"{F}/query", construct_query),
    ("POST", G, create_feature_group),
    ("GET", rf"{G}/(?P<name>\w+)", get_feature_group),
    ("PUT", f"{G}/(?P<number>[0-9]+)", update_feature_group),
    ("GET", f"{G}/(?P<number>[0-9]+)/expectationsuite", expectation_suite),
    ("POST", f"{G}/(?P<number>[0-9]+)/commits", commit),
    ("POST", V, create_feature_view),
    ("GET", ONE_VIEW, get_feature_view),
    ("GET", f"{ONE_VIEW}/query/batch", batch_query),
    ("POST", T, create_training_dataset),
    ("GET", T, list_training_datasets),
    ("GET", f"{T}/version/(?P<number>[0-9]+)", get_training_dataset),
    ("DELETE", f"{T}/version/(?P<number>[0-9]+)", delete_training_dataset),
    ("GET", f"{P}/dataset/download/with_auth/(?P<path>.+)", download),
    ("POST", f"{P}/dataset/upload/(?P<path>.+)", upload),
    ("GET", f"{P}/dataset/(?P<path>.+)", get_file),
    ("POST", f"{P}/dataset/(?P<path>.+)", make_folder),
    ("DELETE", f"{P}/dataset/(?P<path>.+)", delete_file),
    ("PUT", rf"{M}/(?P<name>\w+)", put_model),
    ("GET", rf"{M}/(?P<name>\w+)", get_model),
    ("GET", M, list_models),
    ("PUT", rf"{M}/(?P<number>\w+)/tags/(?P<tag>\w+)", tag_model),
    ("GET", "/tags", tag_schemas),
]
