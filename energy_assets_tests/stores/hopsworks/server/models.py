"""The model registry, and the schemas of tags."""

from __future__ import annotations

import random
from typing import Any

from werkzeug.wrappers import Request

from energy_assets_tests.stores.hopsworks.server.project import Project
from energy_assets_tests.stores.hopsworks.server.routes import CREATED, ApiError, P, Route

M = f"{P}/modelregistries/[0-9]+/models"


def put_model(project: Project, request: Request, name: str) -> Any:
    body = request.get_json()
    if len(body["description"]) > 1000:
        raise ApiError(400, 360010, "the description is too long")
    if name in project.models:
        raise ApiError(500, 120001, "duplicate entry for the key of model_version")
    model = {
        **body,
        "id": name,
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


def delete_model(project: Project, request: Request, name: str) -> None:
    if project.models.pop(name, None) is not None:
        project.remove("Models/{}/{}".format(*name.rsplit("_", 1)))


def list_models(project: Project, request: Request) -> Any:
    """A page of the versions of a model. Like the database, it promises no order among equals."""
    filters = request.args.getlist("filter_by")
    (name,) = (text.removeprefix("name_eq:") for text in filters if text.startswith("name_eq:"))
    models = [model for model in project.models.values() if model["name"] == name]
    random.shuffle(models)
    if "latest_version" in filters:
        models = sorted(models, key=lambda model: model["version"])[-1:]
    if sort_by := request.args.get("sort_by"):
        metric, _, order = sort_by.partition(":")
        sign = -1 if order == "desc" else 1
        models.sort(key=lambda model: _nulls_last(model["metrics"].get(metric), sign))
    start = request.args.get("offset", 0, type=int)
    page = models[start:][: request.args.get("limit", None, type=int)]
    project.listed += len(page)
    # As the real API does, it leaves an empty list out.
    return {"count": len(models), **({"items": page} if page else {})}


def _nulls_last(value: float | None, sign: int) -> tuple[bool, float]:
    return (value is None, sign * (value or 0.0))


def tag_model(project: Project, request: Request, number: str, tag: str) -> Any:
    if tag not in project.tag_schemas:
        raise ApiError(404, 370000, "Tag schema was not found")
    model = project.models[number]
    model["tags"].append({"name": tag, "value": request.get_json()})
    return {"count": 1, "items": model["tags"]}


def tag_schemas(project: Project, request: Request) -> Any:
    items = [{"name": name} for name in project.tag_schemas]
    return {"count": len(items), "items": items}


ROUTES: list[Route] = [
    ("PUT", rf"{M}/(?P<name>\w+)", put_model),
    ("GET", rf"{M}/(?P<name>\w+)", get_model),
    ("DELETE", rf"{M}/(?P<name>\w+)", delete_model),
    ("GET", M, list_models),
    ("PUT", rf"{M}/(?P<number>\w+)/tags/(?P<tag>\w+)", tag_model),
    ("GET", "/tags", tag_schemas),
]
