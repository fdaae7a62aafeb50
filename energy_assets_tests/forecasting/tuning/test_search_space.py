"""The search-space file, and errors that say what is wrong with it."""

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.search_space import SearchSpace, read_search_space


def space(method: str = "random", **parameters: Any) -> SearchSpace:
    return SearchSpace.model_validate({"method": method, "parameters": parameters})


def test_the_packaged_search_space_holds_the_default_configuration() -> None:
    packaged = read_search_space()
    assert packaged.method == "bayes"
    assert packaged.contains(packaged.default_configuration())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: bayes\nparameters: [", "is not YAML"),
        ("", "cannot be used"),
        ("method: guess\nparameters: {num_leaves: {value: 3}}", "method: .*'grid', 'random'"),
        ("method: grid\nparameters: {}", "parameters: "),
        ("method: grid\nparameters: {leaves: {value: 3}}", "leaves: not among.*num_leaves"),
        ("method: grid\nparameters: {num_leaves: {}}", "num_leaves.*one of value, values"),
        ("method: grid\nparameters: {num_leaves: {values: []}}", "num_leaves.*values is empty"),
        ("method: grid\nparameters: {num_leaves: {value: 3, values: [4]}}", "one of value"),
        ("method: bayes\nparameters: {num_leaves: {min: 9, max: 3}}", "min 9 is not below max 3"),
        ("method: bayes\nparameters: {num_leaves: {min: 9}}", "min with max"),
        ("method: bayes\nparameters: {num_leaves: {value: 3, min: 9}}", "one of value"),
        ("method: bayes\nparameters: {num_leaves: {min: a, max: b}}", "num_leaves"),
        (
            "method: bayes\nparameters: {reg_lambda: {min: 0, max: 3, "
            "distribution: log_uniform_values}}",
            "min above 0",
        ),
        (
            "method: bayes\nparameters: {reg_lambda: {min: 0, max: 3, distribution: q_uniform}}",
            "step q",
        ),
        (
            "method: bayes\nparameters: {num_leaves: {min: 0.5, max: 3, "
            "distribution: int_uniform}}",
            "whole numbers",
        ),
        (
            "method: bayes\nparameters: {num_leaves: {min: 1, max: 3, distribution: beta}}",
            "beta|di",
        ),
        (
            "method: bayes\nparameters: {num_leaves: {values: [1], distribution: uniform}}",
            "needs min and max",
        ),
        ("method: grid\nparameters: {reg_lambda: {min: 0.0, max: 1.0}}", "method grid needs"),
        ("method: bayes\nmetric: {name: r2}\nparameters: {num_leaves: {value: 3}}", "metric.name"),
        (
            "method: bayes\nmetric: {goal: maximize}\nparameters: {num_leaves: {value: 3}}",
            "metric.goal",
        ),
        (b"method: \xff", "is not YAML: .*utf-8"),
        ("method: 2023-13-45", "is not YAML: .*month"),
        ("method: 2023-02-30 99:99:99", "is not YAML"),
        ("method: 0x_", "is not YAML: .*invalid literal"),
        ("method: 0b_", "is not YAML"),
        ("method: !!int", "is not YAML"),
        ("method: !!timestamp x", "is not YAML"),
        ("method: !!bool x", "is not YAML"),
        ("method: " + "9" * 5000, "is not YAML: .*digits"),
        ("method: \0", "is not YAML: .*#x0000"),
        ("method: " + "[" * 16_000, "nested too deeply"),
        ("method: \n" + "[" * 16_000 + "method: ", "nested too deeply"),
        ("- " * 8_000, "nested too deeply"),
        ("method: " + "{a: " * 4_000, "nested too deeply"),
        ("method: &a [*a]", "method: "),
        ("method: grid\nparameters: &a {num_leaves: *a}", "num_leaves"),
        ("method: grid\nparameters: {num_leaves: {values: [&a [1], *a]}}", "num_leaves"),
        ("? [method]\n: grid", "is not YAML"),
        ("1: 2", "1: "),
        (
            f"method: grid\nparameters: {{num_leaves: {{values: [{'[], ' * 400}]}}}}",
            "and \\d+ more",
        ),
        ("#" * 16_385, "more than 16,384 bytes"),
        ("method: bayes\nparameters: {reg_lambda: {min: .nan, max: 1.0}}", "min: .*finite"),
        ("method: bayes\nparameters: {reg_lambda: {min: 0.1, max: .inf}}", "max: .*finite"),
        ("method: bayes\nparameters: {reg_lambda: {values: [0.1, .inf]}}", "values: .*finite"),
        (f"method: bayes\nparameters: {{reg_lambda: {{value: {10**400}}}}}", "value: .*finite"),
        (
            "method: bayes\nparameters: {reg_lambda: {min: 0.1, max: 1.0, q: 1.0e-300, "
            "distribution: q_uniform}}",
            "q 1e-300 is too small",
        ),
        (
            "method: grid\nparameters: {num_leaves: {min: 1, max: 1000000000000}}",
            "method grid has 1,000,000,000,000 configurations, more than 1,000,000",
        ),
        (
            "method: grid\nparameters:\n"
            + "".join(
                f"  {name}: {{min: 1, max: 1000}}\n"
                for name in ("num_leaves", "n_estimators", "min_child_samples", "thinning")
            ),
            "method grid has 1,000,000,000,000 conf",
        ),
        ("method: bayes\ntypo: 1\nparameters: {num_leaves: {value: 3}}", "typo"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_the_file_and_the_key(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.process_time()
    with pytest.raises(ForecastError, match=f"space.yaml.*(?s:{message})") as error:
        read_search_space(path)
    assert time.process_time() - began < 3.0
    assert len(str(error.value)) < 2000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ForecastError, match=r"gone.yaml cannot be read"):
        read_search_space(tmp_path / "gone.yaml")


def test_without_a_named_distribution_it_is_the_one_that_wandb_assumes() -> None:
    parameters = space(
        num_leaves={"min": 1, "max": 9},
        reg_lambda={"min": 0.0, "max": 1},
        horizon={"value": 24},
        country={"values": ["DK", None]},
    ).parameters
    assert [parameter.kind for parameter in parameters.values()] == [
        *("int_uniform", "uniform", "constant", "categorical")
    ]


def test_a_grid_is_made_one_by_one_and_leaves_out_the_default() -> None:
    grid = space("grid", num_leaves={"min": 1, "max": 999_999}, country={"value": None})
    assert [row["num_leaves"] for row in itertools.islice(grid.grid(), 3)] == [1, 2, 3]
    assert grid.count(2_000_000) == 999_999


@pytest.mark.parametrize("values", [[15, 31, 63], [1, 2], [31, 31, 7], [True, 1]])
def test_the_size_of_a_grid_counts_what_it_holds_and_the_default(values: list[int]) -> None:
    grid = space("grid", num_leaves={"values": values}, reg_lambda={"values": [0.0, 1.0]})
    assert grid.count(1000) == 1 + len(list(grid.grid()))


def test_a_step_counts_only_where_the_distribution_has_steps() -> None:
    whole = space("grid", num_leaves={"min": 1, "max": 3, "q": 25, "distribution": "int_uniform"})
    assert all(map(whole.contains, whole.grid()))
