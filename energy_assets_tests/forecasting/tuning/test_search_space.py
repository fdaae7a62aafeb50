"""The search-space file, and errors that say what is wrong with it."""

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
        ("method: bayes\ntypo: 1\nparameters: {num_leaves: {value: 3}}", "typo"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_the_file_and_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(ForecastError, match=f"space.yaml.*(?s:{message})"):
        read_search_space(path)


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
