"""The search-space file: what tuning may try, in the format of Weights & Biases sweeps."""

from __future__ import annotations

import builtins
import inspect
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from energy_assets.errors import ForecastError
from energy_assets.forecasting.forecaster import GlobalForecaster

DEFAULT_PATH = Path(__file__).with_name("search_space.yaml")

Value = bool | int | float | str | None
Distribution = Literal[
    "constant",
    "categorical",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform_values",
]


class Metric(BaseModel):
    """The score that is searched for; all of them are errors, so less is better."""

    model_config = ConfigDict(extra="forbid")

    name: Literal["mape", "mape_median", "wape", "mase", "rmspe"] = "mape"
    goal: Literal["minimize"] = "minimize"


class Parameter(BaseModel):
    """The values that one argument may take: one, a list, or a range."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Value = None
    values: list[Value] | None = None
    min: int | float | None = None
    max: int | float | None = None
    q: int | float | None = None
    distribution: Distribution | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Parameter:
        given = self.model_fields_set
        ranged = self.min is not None and self.max is not None
        if ("value" in given) + ("values" in given) + ranged != 1:
            raise ValueError("give one of value, values, or min with max")
        if "values" in given and not self.values:
            raise ValueError("values is empty")
        expected = {"value": "constant", "values": "categorical"}
        implied = next((kind for name, kind in expected.items() if name in given), None)
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

    @property
    def kind(self) -> Distribution:
        """The distribution, where none is named the one W&B takes for what is given."""
        if self.distribution:
            return self.distribution
        if self.values is not None:
            return "categorical"
        if self.min is None:
            return "constant"
        whole = isinstance(self.min, int) and isinstance(self.max, int)
        return "int_uniform" if whole else "uniform"

    def grid(self) -> list[Value]:
        """All values, for an exhaustive search; ValueError for a continuous range."""
        if self.kind == "constant":
            return [self.value]
        if self.kind == "categorical":
            return list(self.values or [])
        if self.kind == "int_uniform":
            low, high = self.range
            return list(builtins.range(int(low), int(high) + 1))
        raise ValueError(f"method grid needs value, values or whole numbers, not {self.kind}")

    def contains(self, value: Value) -> bool:
        """Whether `value` is among those that may be tried."""
        if self.kind == "constant":
            return value == self.value
        if self.kind == "categorical":
            return value in (self.values or [])
        low, high = self.range
        if not isinstance(value, int | float) or not low <= value <= high:
            return False
        steps = (value - low) / self.q if self.q else 0.0
        return abs(steps - round(steps)) < 1e-6

    @property
    def range(self) -> tuple[float, float]:
        """The ends of a range."""
        if self.min is None or self.max is None:
            raise ValueError("a parameter with a value or values has no range")
        return self.min, self.max


class SearchSpace(BaseModel):
    """What tuning may try. Keys of W&B that say nothing about the search are let through."""

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
        known = inspect.signature(GlobalForecaster).parameters
        unknown = sorted(set(self.parameters) - set(known))
        if unknown:
            raise ValueError(
                f"parameters {', '.join(unknown)}: not among those of GlobalForecaster, which "
                f"are {', '.join(known)}"
            )
        if self.method == "grid":
            for parameter in self.parameters.values():
                parameter.grid()
        return self


def read_search_space(path: Path = DEFAULT_PATH) -> SearchSpace:
    """The search space in a YAML file.

    Raises ForecastError, naming the file and the key, if it cannot be read or used.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return SearchSpace.model_validate(content)
    except OSError as error:
        raise ForecastError(f"The search space {path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ForecastError(f"The search space {path} is not YAML: {error}") from error
    except ValidationError as error:
        raise ForecastError(f"The search space {path} cannot be used: {_told(error)}.") from error


def _told(error: ValidationError) -> str:
    """The problems of a validation in one line each, with the key they are about."""
    return "; ".join(
        ": ".join(filter(None, [".".join(str(part) for part in problem["loc"]), problem["msg"]]))
        for problem in error.errors()
    )
