"""A stand-in for the API of Energi Data Service that behaves like the real one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from energy_assets.sources.profiles import CONSUMER_CATEGORY

PATH = f"/dataset/{CONSUMER_CATEGORY.dataset}"
START, END = datetime(2024, 8, 1), datetime(2024, 8, 2)
REGIONS = ("Region Hovedstaden", "Region Midtjylland", "Region Sjælland")
HOUR = timedelta(hours=1)
NOW = datetime(2024, 8, 20, 9, 30)

Answer = Response | Callable[[Request], Response]


def a_data_set(start: datetime = START, hours: int = 24) -> list[dict[str, object]]:
    return [
        {
            "TimeUTC": (start + k * HOUR).isoformat(),
            "TimeDK": (start + (k + 2) * HOUR).isoformat(),
            "RegionName": region,
            "ConsumerCategory3": category,
            "ConsumptionkWh": 571027.83 + k,
        }
        for k in range(hours)
        for region in REGIONS
        for category in ("Privat", "Erhverv")
    ]


class Api:
    """Answers as Energi Data Service does, after one answer of `failures` for each request."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("")
        self.rows = a_data_set()
        self.failures: list[Answer] = []
        self.requests: list[dict[str, str]] = []
        server.expect_request(PATH).respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        query = request.args.to_dict()
        self.requests.append(query)
        if self.failures:
            failure = self.failures.pop(0)
            return failure if isinstance(failure, Response) else failure(request)
        assert query["timezone"] == "UTC"
        rows = [
            row
            for row in random.sample(self.rows, len(self.rows))
            if query.get("start", "") <= str(row["TimeUTC"]) < query.get("end", "9999")
        ]
        for order in reversed(query["sort"].split(",")):
            column, direction = order.split()
            rows.sort(key=lambda row: str(row[column]), reverse=direction == "desc")
        offset, limit = int(query.get("offset", 0)), int(query["limit"])
        return a_page(rows[offset : offset + limit], len(rows))


def a_page(rows: list[dict[str, object]], total: int) -> Response:
    return Response(json.dumps({"total": total, "records": rows}), mimetype="application/json")
