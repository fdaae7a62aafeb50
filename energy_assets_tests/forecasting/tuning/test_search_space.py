"""The search-space file says clearly what is wrong with it."""

import pytest

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.proposals import count, default_configuration, proposals
from energy_assets.forecasting.tuning.search_space import SearchSpace, read_search_space


def space(method="random", **parameters) -> SearchSpace:
    return SearchSpace.model_validate({"method": method, "parameters": parameters})


def configurations(space, number, score=lambda configuration: 0.0, seed=0):
    made = []
    for (configuration, tell), _ in zip(proposals(space, seed), range(number), strict=False):
        made.append(configuration)
        tell(score(configuration))
    return made


def test_read_search_space__the_one_that_comes_with_the_package__is_usable():
    default = read_search_space()
    assert default.method == "bayes"
    first = default_configuration(default)
    assert all(parameter.contains(first[name]) for name, parameter in default.parameters.items())


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
def test_read_search_space__unusable__error_names_file_and_key(tmp_path, text, message):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(ForecastError, match=f"space.yaml.*(?s:{message})"):
        read_search_space(path)


def test_read_search_space__no_file__error_names_it(tmp_path):
    with pytest.raises(ForecastError, match=r"gone.yaml cannot be read"):
        read_search_space(tmp_path / "gone.yaml")


def test_parameter__no_distribution_named__is_the_one_wandb_takes():
    parameters = space(
        num_leaves={"min": 1, "max": 9},
        reg_lambda={"min": 0.0, "max": 1},
        horizon={"value": 24},
        country={"values": ["DK", None]},
    ).parameters
    assert [parameter.kind for parameter in parameters.values()] == [
        *("int_uniform", "uniform", "constant", "categorical")
    ]


def test_proposals__grid__default_first_then_every_other_once():
    grid = space("grid", num_leaves={"values": [15, 31]}, min_child_samples={"min": 19, "max": 21})
    made = configurations(grid, 100)
    assert made[0] == {"num_leaves": 31, "min_child_samples": 20}
    assert len(made) == 6 == count(grid, 100)
    assert len({tuple(configuration.values()) for configuration in made}) == 6
    assert count(grid, 4) == 4


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_proposals__seeded__same_configurations_within_the_space(method):
    searched = space(
        method,
        learning_rate={"distribution": "log_uniform_values", "min": 0.01, "max": 0.2},
        num_leaves={"min": 7, "max": 63},
        colsample_bytree={"distribution": "q_uniform", "min": 0.3, "max": 1.05, "q": 0.1},
        n_estimators={"distribution": "q_uniform", "min": 50, "max": 210, "q": 50},
        reg_lambda={"min": 0.0, "max": 1.0},
        min_child_samples={"values": [5, 20]},
        horizon={"value": 24},
    )
    made = configurations(searched, 15)
    assert made == configurations(searched, 15)
    assert made != configurations(searched, 15, seed=1)
    for configuration in made[1:]:
        assert list(configuration) == list(searched.parameters)
        assert all(searched.parameters[n].contains(v) for n, v in configuration.items())
        assert configuration["colsample_bytree"] in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
        assert configuration["n_estimators"] in (50, 100, 150, 200)
        assert isinstance(configuration["num_leaves"], int)


def test_proposals__bayes__moves_to_where_scores_are_low():
    searched = space("bayes", reg_lambda={"min": 0.0, "max": 10.0})
    made = configurations(searched, 40, score=lambda c: (c["reg_lambda"] - 7) ** 2)
    late = [configuration["reg_lambda"] for configuration in made[-15:]]
    assert sum(abs(value - 7) for value in late) / 15 < 1.5
