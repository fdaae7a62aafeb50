"""The Query Service of the stand-in: Arrow Flight over TLS.

A query is the table and the hours, signed by the REST API. As from a real service, rows and columns
come back in no particular order.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyarrow import flight
from trustme import LeafCert

from energy_assets_tests.stores.hopsworks.server.project import Cluster, sign


class _Headers(flight.ServerMiddleware):
    def __init__(self, headers: dict[str, list[str]]) -> None:
        self.headers = headers


class _ReadHeaders(flight.ServerMiddlewareFactory):
    def start_call(self, info: Any, headers: dict[str, list[str]]) -> _Headers:
        return _Headers(headers)


class QueryService(flight.FlightServerBase):
    """Reads feature groups and files, and makes training datasets from queries."""

    def __init__(self, cluster: Cluster, certificate: LeafCert) -> None:
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        super().__init__(
            "grpc+tls://127.0.0.1:0",
            tls_certificates=[(chain, certificate.private_key_pem.bytes())],
            middleware={"headers": _ReadHeaders()},
        )
        self.cluster = cluster
        self.down = False
        """While it is true, every call fails as if the service were not there."""
        self.failures = 0
        """So many queries fail with an internal error."""

    def list_actions(self, context: Any) -> list[tuple[str, str]]:
        return [(name, "") for name in ("healthcheck", "get-version", "create-training-dataset")]

    def do_action(self, context: Any, action: Any) -> list[bytes]:
        self._refuse_if_down()
        if action.type == "create-training-dataset":
            self._fail()
            self._create_training_dataset(json.loads(action.body.to_pybytes()))
        return [b"5.2.0"]

    def get_flight_info(self, context: Any, descriptor: Any) -> flight.FlightInfo:
        self._refuse_if_down()
        ticket_body = {
            "query": descriptor.command.decode() if descriptor.command else None,
            "path": descriptor.path[0].decode() if descriptor.path else None,
        }
        endpoint = flight.FlightEndpoint(json.dumps(ticket_body).encode(), [])
        return flight.FlightInfo(pa.schema([]), descriptor, [endpoint], -1, -1)

    def do_get(self, context: Any, ticket: Any) -> flight.RecordBatchStream:
        self._refuse_if_down()
        self._fail()
        ticket_body = json.loads(ticket.ticket)
        headers = context.get_middleware("headers").headers
        if ticket_body["query"] is not None:
            if headers.get("hopsworks-signature") != [sign(ticket_body["query"])]:
                raise flight.FlightUnauthorizedError("the query is not signed")
            return flight.RecordBatchStream(_run(json.loads(ticket_body["query"])))
        if "x-certificates-json" not in headers:
            raise flight.FlightUnauthorizedError("no client certificates")
        project = self.cluster.projects[ticket_body["path"].split("/")[2]]
        return flight.RecordBatchStream(pq.read_table(project.path_of(ticket_body["path"])))

    def _create_training_dataset(self, body: dict[str, Any]) -> None:
        project = self.cluster.projects[body["project_name"]]
        dataset = project.training_datasets[body["tds_version"]]
        folder = project.path_of(f"{dataset['location']}/{dataset['name']}")
        folder.mkdir(parents=True)
        pq.write_table(_run(body["query"]), folder / "part-0.parquet")
        (folder / "_SUCCESS").touch()

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise flight.FlightInternalError("out of memory")

    def _refuse_if_down(self) -> None:
        if self.down:
            raise flight.FlightUnavailableError("the service is being restarted")


def _run(query: dict[str, Any]) -> pa.Table:
    try:
        table = DeltaTable(query["location"])
    except TableNotFoundError:
        raise flight.FlightServerError("No delta logs found. Details: none") from None
    bounds = [
        (column, operator, datetime.fromtimestamp(milliseconds / 1000, timezone.utc))
        for column, operator, milliseconds in query["bounds"]
    ]
    if not _has_time_zone(table):
        bounds = [(name, operator, time.replace(tzinfo=None)) for name, operator, time in bounds]
    rows = table.to_pyarrow_table(columns=query["columns"], filters=bounds or None)
    return rows.select(sorted(query["columns"], reverse=True)).take(
        pa.array(range(len(rows) - 1, -1, -1), pa.int64())
    )


def _has_time_zone(table: Any) -> bool:
    schema = table.to_pyarrow_dataset().schema
    return any(pa.types.is_timestamp(column.type) and column.type.tz for column in schema)
