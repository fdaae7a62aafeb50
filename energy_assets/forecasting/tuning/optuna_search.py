"""Optuna chooses the configurations. Everything specific to Optuna belongs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.search_space import Configuration, Parameter, tidy

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


def search_with_optuna(objective: Objective) -> None:
    """Try configurations until the search is over or a grid is used up.

    The trials that `objective` holds already count: a grid leaves out what was tried, and the
    samplers learn from the scores. The same seed and scores give the same configurations.
    """
    space = objective.space
    if space.method == "grid":
        for configuration in space.grid():
            if objective.is_over:
                return
            if all(trial.parameters != configuration for trial in objective.trials):
                objective(configuration)
        return
    ranges = {
        name: _distribution(parameter)
        for name, parameter in space.parameters.items()
        if parameter.kind != "constant"
    }
    study = _study(objective, ranges)
    while not objective.is_over:
        trial = study.ask(ranges)
        # In the order of the search space, so that tables have their columns in that order.
        configuration = {
            name: tidy(trial.params[name]) if name in ranges else parameter.value
            for name, parameter in space.parameters.items()
        }
        study.tell(trial, objective(configuration).score)


def _study(objective: Objective, ranges: dict[str, BaseDistribution]) -> optuna.Study:
    """A study with the trials so far, except any outside the search space."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = objective.space
    samplers = {"random": optuna.samplers.RandomSampler, "bayes": optuna.samplers.TPESampler}
    study = optuna.create_study(
        direction=space.metric.goal, sampler=samplers[space.method](seed=objective.seed)
    )
    for trial in objective.trials:
        if space.contains(trial.parameters):
            params: Configuration = {name: trial.parameters[name] for name in ranges}
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=ranges, value=trial.score)
            )
    return study


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.values is not None:
        return CategoricalDistribution(parameter.values)
    low, high = parameter.range
    log = parameter.kind == "log_uniform_values"
    step = parameter.q if parameter.kind == "q_uniform" else None
    if step is not None:
        # Optuna requires a range that ends with a whole step.
        high = low + step * int((high - low) / step + 1e-9)
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low, high, log=log, step=step)
