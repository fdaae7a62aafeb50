"""The model registry, and the schemas of tags."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from energy_assets_tests.stores.hopsworks.server.project import Project
from energy_assets_tests.stores.hopsworks.server.routes import CREATED, ApiError, P, Route

M = f"{P}/modelregistries/[0-9]+/models"


def put_model(project: Project, request: Request, name: str) -> Any:
    body = request.get_json()
    if len(body["description"]) > 1000:
        raise ApiError(400, 360010, "the description is too long")
    model = {
        **body,
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
    name = request.args["filter_by"].removeprefix("name_eq:")
    models = [model for model in project.models.values() if model["name"] == name]
    return {"count": len(models), "items": models}


def tag_model(project: Project, request: Request, number: str, tag: str) -> Any:
    if tag not in project.tag_schemas:
        raise ApiError(404, 370000, "Tag schema was not found")
    model = next(model for model in project.models.values() if model["id"] == number)
    model["tags"].append({"name": tag, "value": request.get_json()})
    return {"count": 1, "items": model["tags"]}


def tag_schemas(project: Project, request: Request) -> Any:
    items = [{"name": name} for name in project.tag_schemas]
    return {"count": len(items), "items": items}


ROUTES: list[Route] = [
    ("PUT", rf"{M}/(?P<name>\w+)", put_model),
    ("GET", rf"{M}/(?P<name>\w+)", get_model),
    ("GET", M, list_models),
    ("PUT", rf"{M}/(?P<number>\w+)/tags/(?P<tag>\w+)", tag_model),
    ("GET", "/tags", tag_schemas),
]
