"""A bare FastAPI route, to compare with: `python -m benchmarks.bare_service PORT`.

It checks one parameter and answers with as many rows as a forecast of one series has, encoded as
fast as can be. It runs in the same server, with the same options.
"""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import uvicorn
from fastapi import FastAPI, Query
from fastapi.responses import Response

app = FastAPI()


@app.get("/bare")
async def bare(series: Annotated[int, Query(ge=0, le=10_000_000)]) -> Response:
    """Rows of a day, about as long as those of `/v1/forecasts`."""
    rows = [
        {
            "area": "DK1",
            "consumer_type": str(series),
            "datetime_utc": f"2026-11-25T{hour:02}:00:00Z",
            "horizon": hour + 1,
            "energy_consumption": 1234.5678901234 + hour,
            "lower": 1134.5678901234 + hour,
            "upper": 1334.5678901234 + hour,
        }
        for hour in range(24)
    ]
    return Response(orjson.dumps({"data": rows}), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        server_header=False,
    )
