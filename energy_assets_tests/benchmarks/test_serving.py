"""The stores that the benchmark of the HTTP service writes, in front of a real service."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from benchmarks.servers import bare_service, service
from benchmarks.serving_store import SIMULATED, build


@pytest.mark.parametrize("series", [SIMULATED, 90])
def test_the_service_answers_from_a_store_of_any_size_and_sees_its_other_forecast(
    tmp_path: Path, series: int
) -> None:
    store = build(tmp_path, series)
    with service(store.environment) as server:
        for published in store.publications:
            store.name(published)
            wanted = f"{published.origin.isoformat()}Z"
            end = time.monotonic() + 30
            while json.loads(server.get("/v1/last-updated"))["origin"] != wanted:
                assert time.monotonic() < end
                time.sleep(0.05)
            answer = json.loads(server.get("/v1/forecasts"))
            assert answer["meta"]["origin"] == wanted
            assert len(answer["data"]) == 24 * series
        total = json.loads(server.get("/v1/forecasts?sum=total"))
        assert total["meta"]["sum_intervals"] == "joint errors"


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_keeps_to_the_rate_that_it_is_given() -> None:
    with bare_service() as server:
        answers = server.ask(["/bare?series={n}"], seconds=2, rate=50)
        assert answers.errors == 0
        assert 80 <= answers.requests <= 110
        assert server.ask(["/missing"], seconds=1, rate=50).errors > 0
