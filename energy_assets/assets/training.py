"""From the feature group to a model in the registry: feature_view, best_config, model."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    DAILY_RUNS,
    TRAINING,
    column_schema,
    picture,
    table,
    tracked,
)
from energy_assets.errors import ShortHistoryError
from energy_assets.partitions import HOUR, hour_of, key_of, window_of
from energy_assets.schemas import CONSUMPTION, as_panel
from energy_assets.settings import Settings
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.training_datasets import PinnedRows
from energy_assets.tracking import Tracked, Tracking

if TYPE_CHECKING:
    from energy_assets.forecasting.tuning.result import TuningResult, Unsearched


@dg.asset(
    **TRAINING,
    backfill_policy=DAILY_RUNS,
    kinds={"deltalake"},
    io_manager_key="feature_view_io_manager",
    # It reads a window of hours, but is mapped to its own hour alone: with a window for a mapping,
    # a backfill of an hour would train a month of models after it.
    deps=["feature_group"],
    metadata={"dagster/column_schema": column_schema(CONSUMPTION)},
)
def feature_view(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """A training dataset: the rows of the `DAYS_EXPORT` days that end with an hour, pinned.

    Partition `2023-03-10-21:00` holds, with 30 days, the rows from 2023-02-08 22:00 to 2023-03-10
    21:00 as they stood when it was made. Reading it later gives the same rows, whatever has been
    corrected since, until maintenance makes room for newer ones.
    """
    from energy_assets.tracking import records

    datasets: dict[str, TrainingDataset] = {}
    for key in context.partition_keys:
        datasets[key] = feature_store.create_training_dataset(
            *window_of(hour_of(key), settings.days_export)
        )
        seen = tracking.log(partial(records.feature_view, key, datasets[key]))
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": datasets[key].rows,
                "first hour": key_of(datasets[key].start),
                "last hour": key_of(datasets[key].end - HOUR),
                "version of the table": datasets[key].version,
                **tracked(seen),
            },
            partition_key=key,
        )
    return dg.MaterializeResult(value=datasets, metadata={"source": source.name})


class SearchConfig(dg.Config):
    """The budget of a hyperparameter search: whichever ends first."""

    trials: int | None = Field(None, ge=1, description="TUNING_TRIALS by default")
    seconds: float | None = Field(None, gt=0, description="TUNING_SECONDS by default")


@dg.asset(
    **TRAINING,
    backfill_policy=DAILY_RUNS,
    kinds={"optuna", "json"},
    io_manager_key="config_io_manager",
)
def best_config(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    feature_view: dict[str, PinnedRows],
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """The configuration that won the hyperparameter search on an hour's training dataset.

    Partition `2023-03-06-03:00` is the outcome of the search over the training dataset of that
    hour, with the scores of all trials. Every model from that hour on is trained with it, until
    there is a newer one. Searching is costly: it is no part of the hourly job. Where the history
    is too short for a search, it is the default configuration and the reason.
    """
    from energy_assets.forecasting.tuning.result import Trial, Unsearched
    from energy_assets.forecasting.tuning.search import tune
    from energy_assets.forecasting.tuning.search_space import read_search_space

    def told(trial: Trial, total: int) -> None:
        context.log.info(f"trial {trial.number} of {total}: {trial.outcome}")

    space = read_search_space()
    found: dict[str, TuningResult | Unsearched] = {}
    for key in context.partition_keys:
        panel, search = as_panel(feature_view[key].rows), tracking.search(key)
        try:
            found[key] = tune(
                *(panel, space),
                config.trials or settings.tuning_trials,
                config.seconds or settings.tuning_seconds,
                on_trial=told,
                engine=search.engine,
            )
        except ShortHistoryError as error:
            reason = (
                f"no search at {key}: {error}. The training window is DAYS_EXPORT="
                f"{settings.days_export} days: set 9 or more, better 20, or load more history. "
                "Until then models are trained with the default configuration."
            )
            context.log.warning(reason)
            found[key] = Unsearched.because(reason, space)
        shown = _search_metadata(key, found[key], search.found, tracking, source.name)
        context.add_asset_metadata(shown, partition_key=key)
    return dg.MaterializeResult(
        value={key: result.model_dump(mode="json") for key, result in found.items()}
    )


def _search_metadata(
    key: str,
    found: "TuningResult | Unsearched",
    searched: Mapping[str, str],
    tracking: Tracking,
    source: str,
) -> dict[str, Any]:
    from energy_assets.forecasting.evaluation.plots import trials_plot
    from energy_assets.forecasting.tuning.result import Unsearched
    from energy_assets.tracking import records

    best = {"best parameters": dg.MetadataValue.json(dict(found.best_parameters))}
    if isinstance(found, Unsearched):
        seen = tracking.log(partial(records.default_config, key, found))
        return {"not searched": found.unsearched, **best, **tracked(seen)}
    trials = found.trials_table()
    title = f"Hyperparameter search at {key} UTC (source={source})"
    drawn = trials_plot(trials, found.baseline_scores, title=title, metric=found.metric)
    tracking.log(partial(records.split, key, found))
    seen = tracking.log(partial(records.best_config, key, found, searched, drawn))
    return {
        **best,
        **searched,
        "best trial": f"{found.best.number} of {len(trials)}, {found.planned} were planned",
        "scores": table(found.scores_table()),
        # What a pruned trial lacks is an empty cell.
        "trials": table(trials.reset_index().astype(object).where(lambda cell: cell.notna(), "")),
        "picture of the trials": picture(drawn),
        **tracked(seen),
    }


@dg.asset(
    **TRAINING,
    pool="model_registry",
    backfill_policy=DAILY_RUNS,
    kinds={"sktime", "lightgbm"},
    io_manager_key="model_io_manager",
    check_specs=[checks.BEATS_BASELINE],
)
def model(
    context: dg.AssetExecutionContext,
    feature_view: dict[str, PinnedRows],
    best_config: dict[str, dict[str, Any]],
    source: dg.ResourceParam[Source],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """The forecaster trained on an hour's training dataset, as an immutable version.

    Partition `2023-03-10-21:00` is trained on the dataset of that hour with the newest
    `best_config` at or before it. Its scores are those of the last days of the window, forecast by
    a model that had not seen them. A model that is not better than both seasonal naives there is
    registered, but no forecast is made with it.
    """
    from energy_assets.forecasts.gate import TrainedModel, comparison, train
    from energy_assets.tracking import records

    trained: dict[str, TrainedModel] = {}
    for number, key in enumerate(context.partition_keys, start=1):
        (rows, dataset), config = feature_view[key], best_config[key]
        panel = as_panel(rows)
        made = train(panel, config["best_parameters"])
        context.log.info(f"model {number} of {len(context.partition_keys)}, {key}: {made.verdict}")
        seen = tracking.log(partial(records.model, key, made, panel, config, dataset))
        trained[key] = replace(made, lineage=_lineage(dataset, config, seen))
        context.add_asset_metadata(
            {
                "verdict": made.verdict,
                "parameters": dg.MetadataValue.json(config["best_parameters"]),
                "scores on days it had not seen": table(comparison(made.scores)),
                **{name: round(float(score), 5) for name, score in made.scores.items()},
                **trained[key].lineage,
                **tracked(seen),
            },
            partition_key=key,
        )
    return dg.MaterializeResult(
        value=trained,
        metadata={"source": source.name},
        check_results=[
            checks.beats_baseline(
                {key: found.verdict for key, found in trained.items()},
                failed=[key for key, found in trained.items() if not found.promoted],
            )
        ],
    )


def _lineage(dataset: TrainingDataset, config: Mapping[str, Any], seen: Tracked) -> dict[str, str]:
    """What the registry says of where a model is from."""
    known = {
        "training_dataset_version": str(dataset.version),
        "training_dataset_first_hour": key_of(dataset.start),
        "training_dataset_last_hour": key_of(dataset.end - HOUR),
        "best_config": str(config["hour"]),
    }
    return known | ({"wandb_run": seen.url or seen.run} if seen.run else {})
