"""A search as a sweep of Weights & Biases: its server chooses the configurations.

The default configuration is tried first and put into the sweep as a run that it may learn from.
Each configuration after it is asked for by an agent of one run, which waits with its run open for
the score. So the search stays in charge: of its budget, of pruning, and of what happens when W&B
does not answer, in which case the engine that comes with the package goes on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, redirect_stdout
from itertools import islice
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from energy_assets.errors import ForecastError
from energy_assets.forecasting.tuning.proposals import Configuration, tidy
from energy_assets.forecasting.tuning.result import Trial, best_of
from energy_assets.forecasting.tuning.search import Embedded, Engine, Proposal
from energy_assets.forecasting.tuning.search_space import SearchSpace
from energy_assets.tracking.session import FINISH_SECONDS, HTTP_SECONDS, log

if TYPE_CHECKING:
    import wandb

    from energy_assets.tracking.wandb_tracking import WandbTracking

OFFER_SECONDS = 60.0
"""So long is waited for a configuration: the server fits its model of the scores first."""

_RECORD = "best_config"


class Sweep:
    """The engine of one search; see `tuning.Engine`."""

    def __init__(self, tracking: WandbTracking, partition: str) -> None:
        self._tracking = tracking
        self._partition = partition
        self._sweep_id = ""
        self._trials: dict[str, Trial] = {}
        self.found: dict[str, str] = {}

    @property
    def engine(self) -> Engine:
        """Itself."""
        return self

    def proposals(self, space: SearchSpace, seed: int, total: int) -> Generator[Proposal]:
        """The default configuration, then those of the sweep, or of the embedded engine."""
        embedded = Embedded().proposals(space, seed, total)
        configuration, tell_embedded = next(embedded)
        default: list[Trial] = []
        yield configuration, _each(default.append, tell_embedded)
        made = 1
        if made == total:
            return
        if not (reason := self._tracking.outage):
            try:
                with closing(self._sweep(space, default[0], total)) as sweep:
                    for proposal in sweep:
                        made += 1
                        yield proposal
                return
            except Exception as error:  # no fault of W&B is one of the search
                reason = self._tracking.failed(error)
        log.warning("%s: no sweep of Weights & Biases: %s", self._partition, reason)
        self.found |= {"engine": "optuna, in the place of a sweep", "sweep failed": reason}
        yield from islice(embedded, total - made)

    def winner(self, trials: Sequence[Trial]) -> Trial:
        """The sweep's best run by its id, or the default configuration if that scored better."""
        own = best_of(trials)
        if not self._sweep_id or "sweep failed" in self.found:
            return own
        try:
            run_id = self._best_run()
        except Exception as error:  # no fault of W&B is one of the search
            reason = self._tracking.failed(error)
            log.warning("%s: the sweep's best run is not known: %s", self._partition, reason)
            self.found["best run"] = f"not known: {reason}"
            return own
        chosen = self._trials.get(run_id)
        if chosen is None or chosen.state != "complete":
            log.warning("%s: %r is no run of this search", self._partition, run_id)
            self.found["best run"] = f"{run_id}, which is none of this search"
            return own
        self.found["best run"] = run_id
        return best_of([trials[0], chosen])

    def _best_run(self) -> str:
        session = self._tracking.session
        with session.open():
            import wandb

            path = f"{session.entity}/{session.project}/{self._sweep_id}"
            sweep = wandb.Api(timeout=HTTP_SECONDS).sweep(path)
            self.found["sweep"] = sweep.url
            best = sweep.best_run()
            return str(best.id) if best is not None else ""

    def _sweep(self, space: SearchSpace, default: Trial, total: int) -> Generator[Proposal]:
        session = self._tracking.session
        with session.open():
            import wandb

            prior = self._log_default(default, space.metric.name)
            with redirect_stdout(io.StringIO()):  # it prints where it is
                self._sweep_id = wandb.sweep(
                    _config(space, self._partition, total),
                    entity=session.entity,
                    project=session.project,
                    prior_runs=[prior],
                )
            self.found |= {"engine": "Weights & Biases sweep", "sweep": self._sweep_id}
            for _ in range(total - 1):
                yield from self._one_run(space)

    def _log_default(self, default: Trial, metric: str) -> str:
        session, run_id = self._tracking.session, self._tracking.run_id(_RECORD, self._partition)
        settings = self._tracking.run_settings(
            _RECORD,
            self._partition,
            online=True,
            entity=session.entity,
            project=session.project,
            run_id=f"{run_id}-default",
            run_name=f"default configuration {self._partition}",
        )
        with session.run(settings, default.parameters) as run:
            _log_trial(run, default, metric)
        self._trials[f"{run_id}-default"] = default
        return f"{run_id}-default"

    def _one_run(self, space: SearchSpace) -> Iterator[Proposal]:
        """Ask for one configuration; its run is open until the consumer comes back."""
        import wandb

        offered: Queue[tuple[str, Configuration] | Exception | None] = Queue()
        scored: Queue[Trial | None] = Queue()
        session = self._tracking.session

        def run_of_the_sweep() -> None:
            settings = self._tracking.run_settings(_RECORD, self._partition, online=True)
            try:
                with session.run(settings, {}) as run:
                    values = run.config.as_dict()
                    offered.put((run.id, {name: tidy(values[name]) for name in space.parameters}))
                    if (trial := scored.get()) is None:
                        raise ForecastError("the trial was broken off")
                    self._trials[run.id] = trial
                    _log_trial(run, trial, space.metric.name)
            except Exception as error:  # else the agent would print it
                offered.put(error)

        def agent() -> None:
            try:
                wandb.agent(self._sweep_id, run_of_the_sweep, session.entity, session.project, 1)
                offered.put(None)
            except Exception as error:
                offered.put(error)

        # A daemon, because an agent that gets no answer asks for ever.
        thread = Thread(target=agent, name="sweep agent", daemon=True)
        thread.start()
        try:
            offer = offered.get(timeout=OFFER_SECONDS)
        except Empty:
            raise TimeoutError(f"no configuration within {OFFER_SECONDS:.0f} s") from None
        if isinstance(offer, Exception):
            raise offer
        if offer is None:  # all there are, or somebody has stopped the sweep
            return
        trial: list[Trial] = []
        try:
            yield offer[1], trial.append
        finally:
            scored.put(trial[0] if trial else None)
            thread.join(2 * FINISH_SECONDS)
        if thread.is_alive():
            raise TimeoutError("a run of the sweep did not end")
        if isinstance(failure := offered.get(), Exception):
            raise failure


def _config(space: SearchSpace, partition: str, total: int) -> dict[str, Any]:
    """The search-space file as W&B takes it."""
    config = space.model_dump(exclude_unset=True, exclude={"project", "entity", "program"})
    for name, parameter in space.parameters.items():
        config["parameters"][name]["distribution"] = parameter.kind
    return {
        "name": f"{_RECORD} {partition}",
        **config,
        "metric": space.metric.model_dump(),
        "run_cap": total,
    }


def _log_trial(run: wandb.Run, trial: Trial, metric: str) -> None:
    """The score under the metric's name, unless the time ended before there was one to compare.

    That of a pruned trial is an estimate, always above that of the best one before it.
    """
    folds = {f"fold_{k}": score for k, score in enumerate(trial.fold_scores, start=1)}
    known = {metric: trial.score} if trial.state != "stopped" else {}
    run.log({name: score for name, score in (folds | known).items() if score is not None})
    run.summary.update({"trial": trial.number, "state": trial.state, "seconds": trial.seconds})


def _each(*functions: Callable[[Trial], None]) -> Callable[[Trial], None]:
    def tell(trial: Trial) -> None:
        for function in functions:
            function(trial)

    return tell
