"""Answers of the service as data frames, in whichever form they were asked for."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pandas as pd
import pyarrow.ipc
import pyarrow.parquet

FORMS: list[dict[str, str]] = [
    {"format": "json"},
    {"format": "json", "layout": "columns"},
    {"format": "csv"},
    {"format": "parquet"},
    {"format": "arrow"},
]
KEY = ["area", "consumer_type", "datetime_utc"]


def asked(client: httpx.Client, path: str, **parameters: Any) -> pd.DataFrame:
    """The table that a route answers with; times are naive UTC."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return frame_of(answer)


def frame_of(answer: httpx.Response) -> pd.DataFrame:
    """The table in an answer."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/json":
        frame = pd.DataFrame(answer.json()["data"])
    elif kind == "text/csv":
        codes = dict.fromkeys(("area", "consumer_type"), str)
        frame = pd.read_csv(io.StringIO(answer.text), dtype=codes)
    elif kind == "application/vnd.apache.parquet":
        frame = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pandas()
    else:
        frame = pyarrow.ipc.open_stream(answer.content).read_all().to_pandas()
    for name in ("datetime_utc", "known_at", "origin", "made_at"):
        if name in frame:
            times = pd.to_datetime(frame[name], utc=True, format="ISO8601")
            frame[name] = times.dt.tz_localize(None).astype("datetime64[ns]")
    return frame


def meta_of(client: httpx.Client, path: str, **parameters: Any) -> dict[str, Any]:
    """What an answer says about where it comes from."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["meta"]


def refused(client: httpx.Client, path: str, **parameters: Any) -> dict[str, Any]:
    """The problem with a request, which must be complete and name no file of ours."""
    answer = client.get(path, params=parameters)
    return problem_of(answer)


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem details of an answer."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    for word in ("Traceback", ".py", "published/", "objects/", "Error("):
        assert word not in answer.text
    return problem
