"""A search as a sweep of Weights & Biases: its server chooses the configurations.

The default configuration has been tried already, and enters the sweep as a prior run. Each other
configuration is tried by a new agent, so that the search can check its limits in between and no
agent sleeps for seconds between two runs. If W&B fails, Optuna does the remaining trials.
"""

from __future__ import annotations

import ctypes
import io
from contextlib import redirect_stdout
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.objective import Objective
from energy_assets.forecasting.tuning.optuna_search import search_with_optuna
from energy_assets.forecasting.tuning.result import Trial, best_of
from energy_assets.forecasting.tuning.search_space import SearchSpace, tidy
from energy_assets.tracking.session import Session, log

if TYPE_CHECKING:
    import wandb

_RECORD = "best_config"


class Sweep:
    """The search of one partition."""

    def __init__(self, session: Session, partition: str) -> None:
        self._session = session
        self._partition = partition
        self._run_ids: dict[int, str] = {}
        """Trial number -> id of its run."""
        self.notes: dict[str, str] = {}

    def __call__(self, objective: Objective) -> None:
        """Try configurations until `objective` is over or somebody stops the sweep.

        Raises ForecastError if a configuration cannot be scored. A failure of W&B raises nothing.
        """
        reason = self._session.outage
        if not reason:
            try:
                self._sweep(objective)
            except ForecastError:
                raise
            except Exception as error:
                reason = self._session.failed(error)
        if reason:
            log.warning("%s: no sweep of Weights & Biases: %s", self._partition, reason)
            self.notes |= {"engine": "optuna, because the sweep failed", "sweep failed": reason}
            search_with_optuna(objective)
        if run_id := self._run_ids.get(best_of(objective.trials).number):
            self.notes["best run"] = run_id

    def _sweep(self, objective: Objective) -> None:
        session = self._session
        with session.open():
            import wandb

            prior = self._log_default(objective.trials[0], objective.space.metric.name)
            with redirect_stdout(io.StringIO()):  # it prints the sweep's URL
                sweep_id = wandb.sweep(
                    _config(objective.space, self._partition, objective.planned),
                    entity=session.entity,
                    project=session.project,
                    prior_runs=[prior],
                )
            self.notes |= {"engine": "Weights & Biases sweep", "sweep": sweep_id}
            while not objective.is_over and self._try_one(sweep_id, objective):
                pass

    def _log_default(self, trial: Trial, metric: str) -> str:
        session = self._session
        run_id = f"{session.run_id(_RECORD, self._partition)}-default"
        settings = session.run_settings(
            _RECORD,
            self._partition,
            online=True,
            entity=session.entity,
            project=session.project,
            run_id=run_id,
            run_name=f"default configuration {self._partition}",
        )
        with session.run(settings, trial.parameters) as run:
            _log_trial(run, trial, metric)
        self._run_ids[trial.number] = run_id
        return run_id

    def _try_one(self, sweep_id: str, objective: Objective) -> bool:
        """Have an agent try the next configuration; False if the sweep has none, or was stopped.

        An agent that gets no response keeps asking forever. So it runs in a thread, and is
        interrupted if it has not begun a trial in time.
        """
        import wandb

        session, seconds = self._session, self._session.timeouts.configuration
        turn = Lock()  # taken by the trial when it begins, or by us when we give up on it
        outcome: list[Trial | BaseException] = []

        def try_configuration() -> None:
            if turn.acquire(blocking=False):
                try:
                    outcome.append(self._try_in_a_run(objective))
                except Exception as error:  # the agent would print it and not raise it
                    outcome.append(error)

        def run_agent() -> None:
            try:
                wandb.agent(sweep_id, try_configuration, session.entity, session.project, count=1)
            except (Exception, KeyboardInterrupt) as error:
                outcome.append(error)

        agent = Thread(target=run_agent, name="sweep agent", daemon=True)
        agent.start()
        agent.join(seconds)
        if agent.is_alive() and turn.acquire(blocking=False):
            _interrupt(agent)
            raise TimeoutError(f"no configuration within {seconds:.0f} s")
        agent.join()
        for result in outcome:
            if type(result) is Exception:  # raised by the agent in the thread of our run
                raise InterruptedError("its run was stopped in Weights & Biases") from result
            if isinstance(result, BaseException):
                raise result
        return bool(outcome)

    def _try_in_a_run(self, objective: Objective) -> Trial:
        """Score the configuration that the agent has put into the run's config."""
        session, space = self._session, objective.space
        settings = session.run_settings(_RECORD, self._partition, online=True)
        with session.run(settings, {}) as run:
            self.notes["sweep"] = run.sweep_url or self.notes["sweep"]
            values = run.config.as_dict()
            trial = objective({name: tidy(values[name]) for name in space.parameters})
            self._run_ids[trial.number] = run.id
            _log_trial(run, trial, space.metric.name)
        return trial


def _interrupt(thread: Thread) -> None:
    """Raise KeyboardInterrupt in a thread. Nothing else stops an agent that waits for work.

    It stops within ten seconds: it sleeps for up to five before it looks at its queue again.
    """
    ident, error = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, error)


def _config(space: SearchSpace, partition: str, planned: int) -> dict[str, Any]:
    """The search space as W&B expects it."""
    config = space.model_dump(exclude_unset=True, exclude={"project", "entity", "program"})
    for name, parameter in space.parameters.items():
        config["parameters"][name]["distribution"] = parameter.kind
    return {
        "name": f"{_RECORD} {partition}",
        **config,
        "metric": space.metric.model_dump(),
        "run_cap": planned,
    }


def _log_trial(run: wandb.Run, trial: Trial, metric: str) -> None:
    """Log the score as `metric`, unless time ran out: too little is known about a stopped trial.

    A pruned trial's score is an estimate, always above that of the best trial before it.
    """
    scores = {f"fold_{k}": score for k, score in enumerate(trial.fold_scores, start=1)}
    if trial.state != "stopped":
        scores[metric] = trial.score
    run.log({name: score for name, score in scores.items() if score is not None})
    run.summary.update({"trial": trial.number, "state": trial.state, "seconds": trial.seconds})
