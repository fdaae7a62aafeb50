"""The search space and its file, in the format of Weights & Biases sweeps."""

from __future__ import annotations

import builtins
import inspect
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from energy_assets.errors import ForecastError
from energy_assets.forecasting.parameters import Parameters

DEFAULT_PATH = Path(__file__).with_name("search_space.yaml")

_MAX_BYTES = 16_384
"""A larger file is no search space, and would take seconds to parse."""
_MAX_BRACKETS = 500
"""With more of them open at a time, PyYAML takes minutes."""
_MAX_GRID = 1_000_000
"""Nobody can try more configurations than this one by one."""
_LARGEST = 2**53
"""The largest number of a parameter: floats have every whole number up to it."""

Value = bool | int | float | str | None
Configuration = dict[str, Value]
"""Parameters of the forecaster by name."""

Distribution = Literal[
    "constant", "categorical", "int_uniform", "uniform", "q_uniform", "log_uniform_values"
]


class Metric(BaseModel):
    """The score to search by. Each one is an error, so lower is better."""

    model_config = ConfigDict(extra="forbid")

    name: Literal["mape", "mape_median", "wape", "mase", "rmspe"] = "mape"
    goal: Literal["minimize"] = "minimize"


class Parameter(BaseModel):
    """The values that one argument may take: a single one, a list, or a range."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Value = None
    values: list[Value] | None = None
    min: int | float | None = None
    max: int | float | None = None
    q: int | float | None = None
    distribution: Distribution | None = None

    @field_validator("value", "values", "min", "max", "q")
    @classmethod
    def _are_numbers(cls, value: Value | list[Value]) -> Value | list[Value]:
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and not abs(number) <= _LARGEST:
                raise ValueError(f"numbers must be finite and at most {_LARGEST:,}")
        return value

    @model_validator(mode="after")
    def _one_of_three(self) -> Parameter:
        fields = self.model_fields_set
        ranged = self.min is not None or self.max is not None
        half = ranged and (self.min is None or self.max is None)
        if ("value" in fields) + ("values" in fields) + ranged != 1 or half:
            raise ValueError("give one of value, values, or min with max")
        if "values" in fields and not self.values:
            raise ValueError("values is empty")
        expected = {"value": "constant", "values": "categorical"}
        implied = next((kind for name, kind in expected.items() if name in fields), None)
        if implied and self.distribution not in (None, implied):
            raise ValueError(f"distribution {self.distribution} needs min and max")
        if ranged:
            self._check_range()
        return self

    def _check_range(self) -> None:
        low, high = self.range
        if low >= high:
            raise ValueError(f"min {low} is not below max {high}")
        if self.kind in ("constant", "categorical"):
            raise ValueError(f"distribution {self.distribution} needs value or values")
        if self.kind == "int_uniform" and not (isinstance(low, int) and isinstance(high, int)):
            raise ValueError("int_uniform needs whole numbers as min and max")
        if self.kind == "log_uniform_values" and low <= 0:
            raise ValueError("log_uniform_values needs a min above 0")
        if self.kind == "q_uniform" and not (self.q and self.q > 0):
            raise ValueError("q_uniform needs a step q above 0")
        if self.q and not 0 < (high - low) / self.q <= _LARGEST:
            raise ValueError(f"q {self.q} is too small for min {low} and max {high}")

    @property
    def kind(self) -> Distribution:
        """The distribution; if it is not named, the one that W&B assumes."""
        if self.distribution:
            return self.distribution
        if self.values is not None:
            return "categorical"
        if self.min is None:
            return "constant"
        whole = isinstance(self.min, int) and isinstance(self.max, int)
        return "int_uniform" if whole else "uniform"

    def grid(self) -> Sequence[Value]:
        """All values, for an exhaustive search. Raises ValueError for a continuous range."""
        if self.kind == "constant":
            return [self.value]
        if self.kind == "categorical":
            return self.values or []
        if self.kind == "int_uniform":
            low, high = self.range
            return builtins.range(int(low), int(high) + 1)
        raise ValueError(f"method grid needs value, values or whole numbers, not {self.kind}")

    def contains(self, value: Value) -> bool:
        """Whether `value` may be tried."""
        if self.kind == "constant":
            return value == self.value
        if self.kind == "categorical":
            return value in (self.values or [])
        low, high = self.range
        if not isinstance(value, int | float) or not low <= value <= high:
            return False
        steps = (value - low) / self.q if self.q and self.kind == "q_uniform" else 0.0
        return abs(steps - round(steps)) < 1e-6

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value of a range."""
        if self.min is None or self.max is None:
            raise ValueError("a parameter with a value or values has no range")
        return self.min, self.max


class SearchSpace(BaseModel):
    """What tuning may try. W&B's keys that do not concern the search are accepted."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["grid", "random", "bayes"]
    metric: Metric = Metric()
    parameters: dict[str, Parameter] = Field(min_length=1)
    name: str | None = None
    description: str | None = None
    program: str | None = None
    project: str | None = None
    entity: str | None = None

    @model_validator(mode="after")
    def _known_arguments(self) -> SearchSpace:
        arguments = inspect.signature(Parameters).parameters
        unknown = sorted(set(self.parameters) - set(arguments))
        if unknown:
            raise ValueError(
                f"parameters {', '.join(unknown)}: not among the parameters of the forecaster, "
                f"which are {', '.join(arguments)}"
            )
        if self.method == "grid" and (size := self._grid_size) > _MAX_GRID:
            raise ValueError(
                f"method grid has {size:,} configurations, more than {_MAX_GRID:,}: use random or "
                "bayes, or fewer values"
            )
        return self

    @property
    def _grid_size(self) -> int:
        return math.prod(len(parameter.grid()) for parameter in self.parameters.values())

    def default_configuration(self) -> Configuration:
        """The forecaster's defaults for the parameters of this space."""
        arguments = inspect.signature(Parameters).parameters
        return {name: arguments[name].default for name in self.parameters}

    def contains(self, configuration: Configuration) -> bool:
        """Whether every value of `configuration` may be tried."""
        return all(
            parameter.contains(configuration[name]) for name, parameter in self.parameters.items()
        )

    def grid(self) -> Iterator[Configuration]:
        """All configurations except the default one, the last parameter varying fastest."""
        values = [parameter.grid() for parameter in self.parameters.values()]
        default = self.default_configuration()
        for row in itertools.product(*values):
            configuration = dict(zip(self.parameters, row, strict=True))
            if configuration != default:
                yield configuration

    def count(self, trials: int) -> int:
        """How many of `trials` are possible: a grid plus the default configuration is finite."""
        if self.method != "grid":
            return trials
        default = self.default_configuration()
        defaults = (
            parameter.grid().count(default[name]) for name, parameter in self.parameters.items()
        )
        return min(trials, 1 + self._grid_size - math.prod(defaults))


def read_search_space(path: Path = DEFAULT_PATH) -> SearchSpace:
    """The search space in a YAML file.

    Raises ForecastError, naming the file and the key, if it cannot be read or used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ForecastError(f"The search space {path} cannot be read: {error.strerror}.") from error
    if len(content) > _MAX_BYTES:
        raise ForecastError(f"The search space {path} has more than {_MAX_BYTES:,} bytes.")
    try:
        return SearchSpace.model_validate(_parse(content))
    except ValidationError as error:
        raise ForecastError(f"The search space {path} cannot be used: {_listed(error)}.") from error
    except ValueError as error:
        raise ForecastError(f"The search space {path} is not YAML: {error}.") from error


def _parse(content: bytes) -> object:
    """What a YAML text holds. Raises ValueError if it is none."""
    try:
        if content.count(b"[") + content.count(b"{") > _MAX_BRACKETS:
            raise RecursionError
        return yaml.safe_load(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # What PyYAML takes for a date, a number and so on goes to a function that may raise anything.
    except Exception as error:
        raise ValueError(str(error)) from error


def tidy(value: Value) -> Value:
    """A value without the rounding error of a step through a range: 0.7, not 0.7000000000000001."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _listed(error: ValidationError) -> str:
    """The first problems in a file, each with its key."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
    return (
        "; ".join(
            ": ".join(
                filter(None, [".".join(str(part) for part in problem["loc"]), problem["msg"]])
            )
            for problem in problems[:10]
        )
        + more
    )
