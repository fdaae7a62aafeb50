"""A server of Weights & Biases on loopback: what the real client sends is kept, for tests to read.

It speaks as much of the protocol as the client needs: GraphQL by the name of the operation, the
stream of a run's figures, and the upload of files.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

ENTITY, PROJECT = "grid-team", "consumption"
KEY = "k3y" + 40 * "7"


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


class WandbServer:
    """The server; `url` is its WANDB_BASE_URL."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.artifacts: list[Artifact] = []
        self.files: dict[str, bytes] = {}
        self.sweep: dict[str, Any] = {}
        self.proposals: list[dict[str, Any]] = []
        """The configurations that the sweep gives out, one after the other."""
        self.best: Callable[[], str] = self._lowest
        """The name of the sweep's best run."""
        self.silent_sweep = False
        """Whether the sweep has nothing to say to its agents."""
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.keys: set[str] = set()
        self.down_after: str = ""
        """The operation at which the server stops to answer."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # the client hangs up when it is done
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WandbServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def artifact(self, name: str) -> Artifact:
        """The newest version with a name such as `...-model:2023-03-13-21-00`."""
        found = [made for made in self.artifacts if self._is(made, name)]
        assert found, (name, [(made.name, made.aliases) for made in self.artifacts])
        return found[-1]

    @staticmethod
    def _is(made: Artifact, name: str) -> bool:
        collection, _, alias = name.rpartition(":")
        return made.name == collection and alias in made.aliases

    def _lowest(self) -> str:
        metric = self.sweep["config"]["metric"]["name"]
        mine = [run for run in self.runs.values() if run.sweep and metric in run.summary]
        return min(mine, key=lambda run: run.summary[metric]).name

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _reply(self, status: int, document: object) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = self.headers.get("Authorization", "").removeprefix("Basic ")
                _, _, key = base64.b64decode(given).decode().partition(":")
                server.keys.add(key)
                if key != KEY:
                    return self._reply(401, {"errors": [{"message": "invalid API key"}]})
                if self.path == "/graphql":
                    return self._reply(*server._graphql(json.loads(body)))
                return self._reply(200, server._stream(self.path, json.loads(body)))

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.files[self.path.removeprefix("/put/")] = body
                self._reply(200, {})

        return Handler

    def _stream(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[path.split("/")[-2]]
        files = sent.get("files") or {}
        for line in (files.get("wandb-history.jsonl") or {}).get("content", []):
            run.history.append(json.loads(line))
        for line in (files.get("wandb-summary.json") or {}).get("content", []):
            run.summary = json.loads(line)
        if sent.get("complete"):
            run.exit_code = sent.get("exitcode")
        return {}

    def _graphql(self, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match = re.search(r"(?:query|mutation)\s+(\w+)", sent["query"])
        name = match.group(1) if match else ""
        self.requests.append(name)
        if self.down_after and self.down_after in self.requests:
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

    def _upsert_bucket(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.setdefault(given["name"], Run(given["name"]))
        run.display_name = given.get("displayName") or run.display_name
        run.group = given.get("groupName") or run.group
        run.job_type = given.get("jobType") or run.job_type
        run.sweep = given.get("sweep") or run.sweep
        if given.get("config"):
            config = json.loads(given["config"])
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

    def _create_run_files(self, given: dict[str, Any]) -> dict[str, Any]:
        files = [
            {"name": name, "uploadUrl": self._put(f"{given['run']}/{name}")}
            for name in given["files"]
        ]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    def _artifact_type(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifact": None}}

    def _create_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        sent = given["input"]
        made = Artifact(
            id=f"artifact-{len(self.artifacts)}",
            name=sent["artifactCollectionName"],
            type=sent["artifactTypeName"],
            run=sent["runName"],
            aliases=[entry["alias"] for entry in sent["aliases"] or []],
            metadata=json.loads(sent["metadata"] or "{}"),
            digest=sent["digest"],
        )
        self.artifacts.append(made)
        sequence = {"id": f"sequence-{made.name}", "latestArtifact": None}
        artifact = {"id": made.id, "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def _create_artifact_manifest(self, given: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "name": "m", "displayName": given["name"], "uploadHeaders": []}
        file["uploadUrl"] = self._put(f"manifest/{given['artifactID']}")
        manifest = {"id": f"manifest-{given['artifactID']}", "file": file}
        return {"createArtifactManifest": {"artifactManifest": manifest}}

    def _update_artifact_manifest(self, given: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "f", "uploadHeaders": [], "uploadUrl": self._put("manifest/again")}
        manifest = {"id": given["artifactManifestID"], "file": file}
        return {"updateArtifactManifest": {"artifactManifest": manifest}}

    def _create_artifact_files(self, given: dict[str, Any]) -> dict[str, Any]:
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
            for number, file in enumerate(given["input"]["artifactFiles"])
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        made = next(made for made in self.artifacts if made.id == given["artifactID"])
        return {"commitArtifact": {"artifact": {"id": made.id, "digest": made.digest}}}

    def _artifact_membership_by_name(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [made for made in self.artifacts if self._is(made, given["name"])]
        membership = _membership(found[-1]) if found else None
        return {"project": {"artifactCollectionMembership": membership}}

    def _use_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        made = next(made for made in self.artifacts if made.id == given["artifactID"])
        made.used_by.append(given["runName"])
        return {"useArtifact": {"artifact": {"id": made.id}}}

    def _upsert_sweep(self, given: dict[str, Any]) -> dict[str, Any]:
        config = yaml.safe_load(given["config"])
        priors = [entry["name"] for entry in json.loads(given["priorRunsFilters"])["$or"]]
        self.sweep = {"name": "sw33p", "config": config, "priors": priors}
        sweep = {"name": "sw33p", "project": _project()}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _create_agent(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "agent"}}}

    def _heartbeat(self, given: dict[str, Any]) -> dict[str, Any]:
        commands: list[dict[str, Any]] = []
        if not json.loads(given["runState"]) and not self.silent_sweep:
            commands = [self._command()]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    def _get_sweep(self, given: dict[str, Any]) -> dict[str, Any]:
        sweep = {
            "__typename": "Sweep",
            "id": "id-sw33p",
            "name": self.sweep["name"],
            "displayName": None,
            "method": "bayes",
            "state": "RUNNING",
            "description": None,
            "bestLoss": None,
            "config": yaml.safe_dump(self.sweep["config"]),
            "createdAt": "2023-03-14T00:00:00Z",
            "updatedAt": None,
            "runCount": len(self.runs),
            "runCountExpected": None,
        }
        return {"project": {"sweep": sweep}}

    def _runs(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["order"] == f"+summary_metrics.{self.sweep['config']['metric']['name']}"
        assert json.loads(given["filters"]) == {"$and": [{"sweep": self.sweep["name"]}]}
        name = self.best()
        node = {
            **dict.fromkeys(("commit", "heartbeatAt", "description", "notes")),
            "projectId": "1",
            "id": f"id-{name}",
            "name": name,
            "displayName": name,
            "sweepName": self.sweep["name"],
            "user": {"name": "Someone", "username": "someone"},
            "tags": [],
            "state": "finished",
            "group": "",
            "jobType": "",
            "readOnly": False,
            "createdAt": "2023-03-14T00:00:00Z",
            "historyLineCount": 1,
        }
        page = {"endCursor": None, "hasNextPage": False}
        runs = {"edges": [{"node": node, "cursor": "c"}], "pageInfo": page}
        project = {"internalId": "1", "runCount": 1, "readOnly": False, "runs": runs}
        return {"project": project}

    def _command(self) -> dict[str, Any]:
        if not self.proposals:
            return {"type": "exit"}
        values = {name: {"value": value} for name, value in self.proposals.pop(0).items()}
        return {"type": "run", "run_id": f"trial-{len(self.proposals)}", "args": values}

    def _put(self, path: str) -> str:
        return f"{self.url}/put/{path}"


def _membership(made: Artifact) -> dict[str, Any]:
    collection = {"name": made.name, "project": {**_project(), "internalId": "1"}}
    artifact = {
        "__typename": "Artifact",
        "id": made.id,
        "artifactSequence": {"__typename": "ArtifactSequence", **collection},
        "versionIndex": 0,
        "artifactType": {"name": made.type},
        "description": None,
        "metadata": json.dumps(made.metadata),
        "ttlDurationSeconds": -1,
        "ttlIsInherited": False,
        "tags": [],
        "historyStep": None,
        "state": "COMMITTED",
        "size": 1,
        "digest": made.digest,
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
            for alias in made.aliases
        ],
        "artifactCollection": {"__typename": "ArtifactSequence", **collection},
        "artifact": artifact,
    }


def _project() -> dict[str, Any]:
    return {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}}
