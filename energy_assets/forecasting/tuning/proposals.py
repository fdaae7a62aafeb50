"""Which configuration of a search space is tried next: all in turn, at random, or by what is known.

Belongs here: everything that knows optuna. Does not belong here: how a configuration is scored.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.tuning.search_space import Parameter, SearchSpace, Value

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

Configuration = dict[str, Value]
Proposal = tuple[Configuration, Callable[[float], None]]
"""A configuration to try, and the function that is told its score."""


def default_configuration(space: SearchSpace) -> Configuration:
    """What `GlobalForecaster` uses for the parameters of `space` when it is not told."""
    known = inspect.signature(GlobalForecaster).parameters
    return {name: known[name].default for name in space.parameters}


def count(space: SearchSpace, trials: int) -> int:
    """How many of `trials` there can be: a grid has an end."""
    return min(trials, 1 + len(_grid(space))) if space.method == "grid" else trials


def proposals(space: SearchSpace, seed: int) -> Iterator[Proposal]:
    """The configurations in the order to try them, the default one first; endless but for a grid.

    The same seed and scores give the same configurations. A score is to be told before the next
    configuration is asked for.
    """
    if space.method != "grid":
        yield from _sampled(space, seed)
        return
    for configuration in [default_configuration(space), *_grid(space)]:
        yield configuration, lambda score: None


def _grid(space: SearchSpace) -> list[Configuration]:
    """All configurations but the default one, the last parameter varying fastest."""
    values = [parameter.grid() for parameter in space.parameters.values()]
    every = (dict(zip(space.parameters, row, strict=True)) for row in itertools.product(*values))
    default = default_configuration(space)
    return [configuration for configuration in every if configuration != default]


def _sampled(space: SearchSpace, seed: int) -> Iterator[Proposal]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    samplers = {"random": optuna.samplers.RandomSampler, "bayes": optuna.samplers.TPESampler}
    study = optuna.create_study(
        direction=space.metric.goal, sampler=samplers[space.method](seed=seed)
    )
    ranges = {
        name: _distribution(parameter)
        for name, parameter in space.parameters.items()
        if parameter.kind != "constant"
    }
    fixed: Configuration = {
        name: p.value for name, p in space.parameters.items() if p.kind == "constant"
    }
    default = default_configuration(space)

    def tell_default(score: float) -> None:
        """Let the search learn from the default configuration where it lies within the space."""
        if all(parameter.contains(default[name]) for name, parameter in space.parameters.items()):
            params = {name: default[name] for name in ranges}
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=ranges, value=score)
            )

    yield default, tell_default
    while True:
        trial = study.ask(ranges)
        chosen: Configuration = {name: tidy(trial.params[name]) for name in ranges} | fixed
        # In the order of the file, so that tables read as it does.
        configuration: Configuration = {name: chosen[name] for name in space.parameters}
        yield configuration, partial(_tell, study, trial)


def _tell(study: optuna.Study, trial: optuna.Trial, score: float) -> None:
    study.tell(trial, score)


def tidy(value: Value) -> Value:
    """Without the binary dust of stepping through a range: 0.7 and not 0.7000000000000001."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.values is not None:
        return CategoricalDistribution(parameter.values)
    low, high = parameter.range
    log = parameter.kind == "log_uniform_values"
    step = parameter.q if parameter.kind == "q_uniform" else None
    if step is not None:
        # The end of a range is its last whole step.
        high = low + step * int((high - low) / step + 1e-9)
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low, high, log=log, step=step)
