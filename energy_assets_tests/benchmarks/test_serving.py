"""The stores that the benchmark of the HTTP service writes, in front of a real service."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from benchmarks.servers import bare_service, service
from benchmarks.serving_store import SIMULATED, build
from energy_assets.settings import PROJECT_ROOT


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


def test_every_example_of_the_documentation_is_answered(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "docs" / "api.md").read_text()
    examples = re.findall(r"curl [^\n]*'http://127\.0\.0\.1:8001(/\S+)'", text)
    assert len(examples) > 10
    with service(build(tmp_path, SIMULATED).environment) as server:
        for example in examples:
            if "area=XX" in example:
                with pytest.raises(SystemExit, match="answered 404"):
                    server.get(example)
            else:
                assert server.get(example)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_keeps_to_the_rate_that_it_is_given() -> None:
    with bare_service() as server:
        answers = server.ask(["/bare?series={n}"], seconds=2, rate=50)
        assert answers.errors == 0
        assert 80 <= answers.requests <= 110
        assert server.ask(["/missing"], seconds=1, rate=50).errors > 0
