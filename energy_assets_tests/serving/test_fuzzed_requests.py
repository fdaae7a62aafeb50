"""Whatever a request says, the answer is one that the service describes, and never its fault.

ENERGY_ASSETS_TEST_EXAMPLES=5000 tries that many, other ones each time.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import httpx
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from energy_assets_tests.generated import many_examples
from energy_assets_tests.serving.answers import problem_of

few = settings(many_examples, max_examples=max(many_examples.max_examples // 5, 40))

TABLES = ("/v1/forecasts", "/v1/observations", "/v1/monitoring", "/v1/series")
NAMES = (
    *("area", "consumer_type", "sum", "start", "end", "day", "limit", "offset", "format"),
    *("layout", "origin", "as_of", "horizon", "quantiles", "threshold", "history", "naives"),
    *("local_time", "by", "nothing"),
)
HINTS: dict[str, st.SearchStrategy[str]] = {
    "area": st.sampled_from(["DK1", "DK2", "dk1", "DK1,DK2"]),
    "consumer_type": st.sampled_from(["111", "999", "0111"]),
    "sum": st.sampled_from(["total", "area", "consumer_type"]),
    "by": st.sampled_from(["total", "series", "horizon", "day"]),
    "format": st.sampled_from(["json", "csv", "parquet", "arrow"]),
    "layout": st.sampled_from(["rows", "columns"]),
    "quantiles": st.lists(st.floats(0.005, 0.995).map(str), max_size=4).map(",".join),
    "naives": st.booleans().map(str),
    "local_time": st.booleans().map(str),
}
numbers = st.one_of(
    st.integers(-3, 200).map(str),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["9" * 400, "1e400", "-0", "0x10", "٣", "1_000", "NaN", "Infinity"]),
)
hours = st.datetimes().map(lambda time: time.replace(minute=0, second=0, microsecond=0))
near = st.integers(-500, 60).map(lambda hour: f"2023-03-{26 + hour // 240:02d}T{hour % 24:02d}:00Z")
times = st.one_of(
    near,
    hours.map(lambda time: time.isoformat() + "Z"),
    st.datetimes().map(str),
    st.dates().map(str),
    st.sampled_from(
        [
            *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00", "2023-02-30"),
            *("9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00+23:59", "2200-12-31"),
            *("2023-03-26T00:00:00+02:00", "2023-03-26T00:00:00 02:00", "latest", "now", ""),
        ]
    ),
)
anything = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=20),
    st.sampled_from([b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"%", b"+", b"a" * 7_000]),
    numbers.map(str.encode),
    times.map(str.encode),
)


@st.composite
def parameters(draw: st.DrawFn) -> str:
    """A query, mostly with names that the service knows."""
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(NAMES))
        fitting = HINTS.get(name, numbers | times).map(str.encode)
        value = draw(st.one_of(fitting, fitting, fitting, anything))
        safe = draw(st.sampled_from(["", "+:,", "+:,%"]))
        parts.append(f"{name}={quote_from_bytes(value, safe)}")
    return "&".join(parts)


@many_examples
@given(path=st.sampled_from(TABLES), query=parameters())
def test_no_parameters_are_a_fault_of_the_service(
    served: httpx.Client, path: str, query: str
) -> None:
    address = served.base_url.copy_with(raw_path=f"{path}?{query}".encode())
    answer = served.send(served.build_request("GET", address))
    if answer.status_code != 200:
        assert answer.status_code in (404, 413, 414, 422), (address, answer.text)
        problem_of(answer)


@few
@given(path=st.binary(max_size=60), key=st.binary(max_size=60))
def test_no_path_or_header_is_a_fault_of_the_service(
    served: httpx.Client, path: bytes, key: bytes
) -> None:
    value = bytes(byte for byte in key if byte > 31 and byte != 127).strip()
    for prefix in ("/", "/v1/", "/api/v1/predictions/", "/page/"):
        address = served.base_url.copy_with(
            raw_path=(prefix + quote_from_bytes(path, "/%+")).encode()
        )
        names = (b"Accept", b"If-None-Match", b"Authorization", b"Accept-Encoding")
        answer = served.send(
            served.build_request("GET", address, headers=[(name, value) for name in names])
        )
        assert answer.status_code < 500, (address, value, answer.text)


@pytest.fixture(scope="module")
def described(served: httpx.Client) -> list[schemathesis.schemas.APIOperation]:
    """All operations that the service describes."""
    schema = schemathesis.openapi.from_url(
        f"{served.base_url}/v1/openapi.json", config=SchemathesisConfig()
    )
    return [result.ok() for result in schema.get_all_operations()]


def test_the_description_names_all_routes(
    described: list[schemathesis.schemas.APIOperation],
) -> None:
    paths = {operation.path for operation in described}
    documented = {*TABLES, "/v1/model", "/v1/status", "/v1/last-updated", "/health", "/ready"}
    assert documented <= paths
    assert "/api/v1/predictions/{area}/{consumer_type}" in paths


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@few
@given(data=st.data())
def test_every_answer_is_as_described(
    described: list[schemathesis.schemas.APIOperation], data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(described))
    mode = data.draw(st.sampled_from(list(GenerationMode)))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    answer = case.call(timeout=30)
    if answer.status_code == 400 and len(answer.request.url or "") > 60_000:
        return  # longer than the server reads
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
