"""Any search-space file is a space that can be searched, or a ForecastError."""

from __future__ import annotations

import inspect
import itertools
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from energy_assets.errors import ForecastError
from energy_assets.forecasting.parameters import Parameters
from energy_assets.forecasting.tuning.search_space import Distribution, read_search_space
from energy_assets_tests.generated import damaged, many_examples, text

numbers = (
    st.integers(-3, 100)
    | st.floats(0, 10)
    | st.sampled_from([0, 1, 10**6, 10**12, 2**53, 10**400, 1e-300, 1e308, float("inf")])
    | st.floats()
)
values = numbers | st.booleans() | st.none() | text
kinds = st.sampled_from(Distribution.__args__)
parameters = st.one_of(
    st.fixed_dictionaries({"value": values}),
    st.fixed_dictionaries({"values": st.lists(values, max_size=4)}),
    st.fixed_dictionaries({"min": numbers, "max": numbers}, optional={"distribution": kinds}),
    st.fixed_dictionaries({"min": numbers, "max": numbers, "q": numbers, "distribution": kinds}),
    st.fixed_dictionaries({"min": st.integers(0, 9), "max": st.integers(10, 10**5)}),
    st.dictionaries(st.sampled_from(["value", "values", "min", "max", "q", "x"]), values),
)
names = st.sampled_from(list(inspect.signature(Parameters).parameters))
spaces = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes"]),
        "parameters": st.dictionaries(names, parameters, max_size=4),
    },
    optional={"metric": st.fixed_dictionaries({"name": st.sampled_from(["mape", "r2"])})},
)
yaml_words = st.sampled_from(
    [
        *("method: ", "parameters: ", "num_leaves: ", "value: ", "values: ", "grid", "\n", "\n  "),
        *(
            "2023-13-45",
            "2023-02-30 99:99:99",
            "0x_",
            "0b_",
            "0o_",
            "1:99:99",
            "1_",
            ".",
            "+.",
            "~",
        ),
        *("!!int ", "!!float ", "!!timestamp ", "!!bool ", "!!binary ", "!!set ", "!!omap ", "!x "),
        *("{", "}", "[", "]", "- ", "? ", ": ", ", ", "&a ", "*a ", "<<: ", "'", '"', '"\\ud800"'),
        *("|", ">", "%", "@", "#", "---\n", "...\n", "\t", "\0", "\ufeff", "\x85", "[" * 2000),
    ]
)
texts = st.lists(yaml_words | text, max_size=12).map("".join).map(str.encode)
whole = spaces.map(lambda space: yaml.safe_dump(space).encode())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spaces") / "space.yaml"


@many_examples
@given(content=whole | damaged(whole) | texts | st.binary(max_size=60))
def test_any_file_is_a_space_that_can_be_searched_or_an_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        space = read_search_space(path)
    except ForecastError as error:
        message = str(error)
        if str(path) in message and len(message) < 5000:
            return
        raise
    assert isinstance(space.contains(space.default_configuration()), bool)
    assert 1 <= space.count(5) <= 5
    if space.method == "grid":
        first = list(itertools.islice(space.grid(), 4))
        assert len(first) == space.count(5) - 1
        assert all(map(space.contains, first))
