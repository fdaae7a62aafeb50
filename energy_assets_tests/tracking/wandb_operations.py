"""The GraphQL operations that the wandb client calls, by name, and what they leave behind."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

ENTITY, PROJECT = "grid-team", "consumption"


@dataclass
class Run:
    """A run as the server knows it."""

    name: str
    display_name: str = ""
    group: str = ""
    job_type: str = ""
    sweep: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None


@dataclass
class Artifact:
    """A version of an artifact, its files by name."""

    id: str
    name: str
    type: str
    run: str
    aliases: list[str]
    metadata: dict[str, Any]
    digest: str
    files: dict[str, bytes] = field(default_factory=dict)
    used_by: list[str] = field(default_factory=list)


class WandbOperations:
    """Runs, artifacts and a sweep, as W&B keeps them. Each operation is a method."""

    url: str

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.artifacts: list[Artifact] = []
        self.files: dict[str, bytes] = {}
        self.sweep: dict[str, Any] = {}
        self.proposals: list[dict[str, Any]] = []
        """The configurations that the sweep hands out, one after another."""
        self.silent_sweep = False
        """Whether the sweep has no command for its agents."""
        self.stops_runs = False
        """Whether somebody stops each of the sweep's runs while it is running."""
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.down_from: str = ""
        """The operation from which on the server is down."""
        self.down = False

    def artifact(self, name: str) -> Artifact:
        """The newest version with a name such as `...-model:2023-03-13-21-00`."""
        versions = self._versions(name)
        assert versions, (name, [(artifact.name, artifact.aliases) for artifact in self.artifacts])
        return versions[-1]

    def _versions(self, name: str) -> list[Artifact]:
        collection, _, alias = name.rpartition(":")
        return [
            artifact
            for artifact in self.artifacts
            if artifact.name == collection and alias in artifact.aliases
        ]

    def graphql(self, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match = re.search(r"(?:query|mutation)\s+(\w+)", sent["query"])
        name = match.group(1) if match else ""
        self.requests.append(name)
        self.down = self.down or name == self.down_from
        if self.down:
            return 503, {"errors": [{"message": "down for maintenance"}]}
        answer = getattr(self, re.sub("([A-Z])", r"_\1", name).lower(), None)
        if answer is None:
            self.unknown.append(sent["query"] + json.dumps(sent.get("variables")))
            return 200, {"errors": [{"message": f"unknown operation {name}"}]}
        try:
            return 200, {"data": answer(sent.get("variables") or {})}
        except Exception as error:
            self.unknown.append(f"{name} {sent.get('variables')}: {error!r}")
            raise

    def _viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        viewer = {"id": "u", "entity": ENTITY, "username": "someone", "email": "", "flags": "{}"}
        return {"viewer": {**viewer, "teams": {"edges": []}}}

    def _server_features_query(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def _upsert_bucket(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.setdefault(variables["name"], Run(variables["name"]))
        run.display_name = variables.get("displayName") or run.display_name
        run.group = variables.get("groupName") or run.group
        run.job_type = variables.get("jobType") or run.job_type
        run.sweep = variables.get("sweep") or run.sweep
        if variables.get("config"):
            config = json.loads(variables["config"])
            run.config = {name: entry["value"] for name, entry in config.items()}
        bucket = {
            "id": f"id-{run.name}",
            "name": run.name,
            "displayName": run.display_name,
            "description": "",
            "config": "{}",
            "sweepName": run.sweep or None,
            "project": _project(),
            "historyLineCount": 0,
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": True}}

    def _create_run_files(self, variables: dict[str, Any]) -> dict[str, Any]:
        files = [
            {"name": name, "uploadUrl": self._put(f"{variables['run']}/{name}")}
            for name in variables["files"]
        ]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def _artifact_type(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifact": None}}

    def _create_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        sent = variables["input"]
        artifact = Artifact(
            id=f"artifact-{len(self.artifacts)}",
            name=sent["artifactCollectionName"],
            type=sent["artifactTypeName"],
            run=sent["runName"],
            aliases=[entry["alias"] for entry in sent["aliases"] or []],
            metadata=json.loads(sent["metadata"] or "{}"),
            digest=sent["digest"],
        )
        self.artifacts.append(artifact)
        sequence = {"id": f"sequence-{artifact.name}", "latestArtifact": None}
        created = {"id": artifact.id, "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": created}}

    def _create_artifact_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "name": "m", "displayName": variables["name"], "uploadHeaders": []}
        file["uploadUrl"] = self._put(f"manifest/{variables['artifactID']}")
        manifest = {"id": f"manifest-{variables['artifactID']}", "file": file}
        return {"createArtifactManifest": {"artifactManifest": manifest}}

    def _update_artifact_manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "uploadHeaders": [], "uploadUrl": self._put("manifest/again")}
        manifest = {"id": variables["artifactManifestID"], "file": file}
        return {"updateArtifactManifest": {"artifactManifest": manifest}}

    def _create_artifact_files(self, variables: dict[str, Any]) -> dict[str, Any]:
        edges = [
            {
                "node": {
                    "id": f"file-{number}",
                    "name": file["name"],
                    "displayName": file["name"],
                    "uploadUrl": self._put(f"{file['artifactID']}/{file['name']}"),
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "storagePath": f"stored/{file['name']}",
                    "artifact": {"id": file["artifactID"]},
                }
            }
            for number, file in enumerate(variables["input"]["artifactFiles"])
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        artifact = self._by_id(variables["artifactID"])
        return {"commitArtifact": {"artifact": {"id": artifact.id, "digest": artifact.digest}}}

    def _artifact_membership_by_name(self, variables: dict[str, Any]) -> dict[str, Any]:
        versions = self._versions(variables["name"])
        membership = _membership(versions[-1]) if versions else None
        return {"project": {"artifactCollectionMembership": membership}}

    def _use_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        artifact = self._by_id(variables["artifactID"])
        artifact.used_by.append(variables["runName"])
        return {"useArtifact": {"artifact": {"id": artifact.id}}}

    def _by_id(self, artifact_id: str) -> Artifact:
        return next(artifact for artifact in self.artifacts if artifact.id == artifact_id)

    def _upsert_sweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        config = yaml.safe_load(variables["config"])
        priors = [entry["name"] for entry in json.loads(variables["priorRunsFilters"])["$or"]]
        self.sweep = {"name": "sw33p", "config": config, "priors": priors}
        sweep = {"name": "sw33p", "project": _project()}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _create_agent(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "agent"}}}

    def _heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        commands: list[dict[str, Any]] = []
        running = list(json.loads(variables["runState"]))
        if running and self.stops_runs:
            commands = [{"type": "stop", "run_id": running[0]}]
        elif not running and not self.silent_sweep:
            commands = [self._command()]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    def _command(self) -> dict[str, Any]:
        if not self.proposals:
            return {"type": "exit"}
        values = {name: {"value": value} for name, value in self.proposals.pop(0).items()}
        return {"type": "run", "run_id": f"trial-{len(self.proposals)}", "args": values}

    def _put(self, path: str) -> str:
        return f"{self.url}/put/{path}"


def _membership(artifact: Artifact) -> dict[str, Any]:
    collection = {"name": artifact.name, "project": {**_project(), "internalId": "1"}}
    node = {
        "__typename": "Artifact",
        "id": artifact.id,
        "artifactSequence": {"__typename": "ArtifactSequence", **collection},
        "versionIndex": 0,
        "artifactType": {"name": artifact.type},
        "description": None,
        "metadata": json.dumps(artifact.metadata),
        "ttlDurationSeconds": -1,
        "ttlIsInherited": False,
        "tags": [],
        "historyStep": None,
        "state": "COMMITTED",
        "size": 1,
        "digest": artifact.digest,
        "commitHash": "c",
        "fileCount": 1,
        "createdAt": "2023-03-14T00:00:00Z",
        "updatedAt": None,
    }
    return {
        "__typename": "ArtifactCollectionMembership",
        "id": "m",
        "versionIndex": 0,
        "createdAt": "2023-03-14T00:00:00Z",
        "aliases": [
            {"__typename": "ArtifactAlias", "id": f"alias-{alias}", "alias": alias}
            for alias in artifact.aliases
        ],
        "artifactCollection": {"__typename": "ArtifactSequence", **collection},
        "artifact": node,
    }


def _project() -> dict[str, Any]:
    return {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}}
