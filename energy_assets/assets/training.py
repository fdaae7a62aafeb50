"""From the feature group to a model in the registry: feature_view, best_config, model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from energy_assets import checks
from energy_assets.assets.metadata import (
    COSTLY,
    TRAINING,
    column_schema,
    picture,
    table,
)
from energy_assets.errors import ShortHistoryError
from energy_assets.frames import Frame
from energy_assets.partitions import HOUR, hour_of, key_of, window_of
from energy_assets.schemas import CONSUMPTION, as_panel
from energy_assets.settings import settings
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset

if TYPE_CHECKING:
    from energy_assets.forecasting.tuning_result import TuningResult, Unsearched


@dg.asset(
    **TRAINING,
    backfill_policy=COSTLY,
    kinds={"deltalake"},
    io_manager_key="feature_view_io_manager",
    # It reads a window of hours, but is mapped to its own hour alone: with a window for a mapping,
    # a backfill of an hour would train a month of models after it.
    deps=["feature_group"],
    metadata={"dagster/column_schema": column_schema(CONSUMPTION)},
)
def feature_view(
    context: dg.AssetExecutionContext,
    source: dg.ResourceParam[Source],
    feature_store: dg.ResourceParam[FeatureStore],
) -> dg.MaterializeResult:
    """A training dataset: the rows of the `DAYS_EXPORT` days that end with an hour, pinned.

    Partition `2023-03-10-21:00` holds, with 30 days, the rows from 2023-02-08 22:00 to 2023-03-10
    21:00 as they stood when it was made. Reading it later gives the same rows, whatever has been
    corrected since.
    """
    datasets: dict[str, TrainingDataset] = {}
    for key in context.partition_keys:
        datasets[key] = feature_store.create_training_dataset(*window_of(hour_of(key)))
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": datasets[key].rows,
                "first hour": key_of(datasets[key].start),
                "last hour": key_of(datasets[key].end - HOUR),
                "version of the table": datasets[key].version,
            },
            partition_key=key,
        )
    return dg.MaterializeResult(value=datasets, metadata={"source": source.name})


class SearchConfig(dg.Config):
    """The budget of a hyperparameter search: whichever ends first."""

    trials: int = Field(settings().tuning_trials, ge=1, description="TUNING_TRIALS")
    seconds: float = Field(settings().tuning_seconds, gt=0, description="TUNING_SECONDS")


@dg.asset(
    **TRAINING,
    backfill_policy=COSTLY,
    kinds={"optuna", "json"},
    io_manager_key="config_io_manager",
)
def best_config(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    feature_view: dict[str, Frame],
    on_trial: dg.ResourceParam[Callable],
) -> dg.MaterializeResult:
    """The configuration that won the hyperparameter search on an hour's training dataset.

    Partition `2023-03-06-03:00` is the outcome of the search over the training dataset of that
    hour, with the scores of all trials. Every model from that hour on is trained with it, until
    there is a newer one. Searching is costly: it is no part of the hourly job. Where the history
    is too short for a search, it is the default configuration and the reason.
    """
    from energy_assets.forecasting.search_space import read_search_space
    from energy_assets.forecasting.tuning import tune
    from energy_assets.forecasting.tuning_result import Trial, Unsearched

    def told(trial: Trial, total: int) -> None:
        context.log.info(f"trial {trial.number} of {total}: {trial.outcome}")
        on_trial(trial, total)

    space = read_search_space()
    found: dict[str, TuningResult | Unsearched] = {}
    for key in context.partition_keys:
        panel = as_panel(feature_view[key])
        try:
            found[key] = tune(panel, space, config.trials, config.seconds, on_trial=told)
        except ShortHistoryError as error:
            reason = (
                f"no search at {key}: {error}. The training window is DAYS_EXPORT="
                f"{settings().days_export} days: set 9 or more, better 20, or load more history. "
                "Until then models are trained with the default configuration."
            )
            context.log.warning(reason)
            found[key] = Unsearched.because(reason, space)
        context.add_asset_metadata(_search_metadata(key, found[key]), partition_key=key)
    return dg.MaterializeResult(
        value={key: result.model_dump(mode="json") for key, result in found.items()}
    )


def _search_metadata(key: str, found: "TuningResult | Unsearched") -> dict[str, Any]:
    from energy_assets.forecasting.plots import trials_plot
    from energy_assets.forecasting.tuning_result import Unsearched

    best = {"best parameters": dg.MetadataValue.json(dict(found.best_parameters))}
    if isinstance(found, Unsearched):
        return {"not searched": found.unsearched, **best}
    trials = found.trials_table()
    title = f"Hyperparameter search at {key} UTC (source={settings().energy_source})"
    return {
        **best,
        "best trial": f"{found.best.number} of {len(trials)}, {found.planned} were planned",
        "scores": table(found.scores_table()),
        # What a pruned trial lacks is an empty cell.
        "trials": table(trials.reset_index().astype(object).where(lambda cell: cell.notna(), "")),
        "picture of the trials": picture(
            trials_plot(trials, found.baseline_scores, title=title, metric=found.metric)
        ),
    }


@dg.asset(
    **TRAINING,
    backfill_policy=COSTLY,
    kinds={"sktime", "lightgbm"},
    io_manager_key="model_io_manager",
    check_specs=[checks.BEATS_BASELINE],
)
def model(
    context: dg.AssetExecutionContext,
    feature_view: dict[str, Frame],
    best_config: dict[str, dict[str, Any]],
    source: dg.ResourceParam[Source],
) -> dg.MaterializeResult:
    """The forecaster trained on an hour's training dataset, as an immutable version.

    Partition `2023-03-10-21:00` is trained on the dataset of that hour with the newest
    `best_config` at or before it. Its scores are those of the last days of the window, forecast by
    a model that had not seen them. A model that is not better than both seasonal naives there is
    registered, but no forecast is made with it.
    """
    from energy_assets.forecasting.training import comparison, train

    trained = {}
    for number, key in enumerate(context.partition_keys, start=1):
        trained[key] = train(as_panel(feature_view[key]), best_config[key]["best_parameters"])
        context.log.info(
            f"model {number} of {len(context.partition_keys)}, {key}: {trained[key].verdict}"
        )
        context.add_asset_metadata(
            {
                "verdict": trained[key].verdict,
                "parameters": dg.MetadataValue.json(best_config[key]["best_parameters"]),
                "scores on days it had not seen": table(comparison(trained[key].scores)),
                **{name: round(float(score), 5) for name, score in trained[key].scores.items()},
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
