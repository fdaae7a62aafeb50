"""From the feature group to a model in the registry: feature_view, best_config, model."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from energy_assets.assets import checks
from energy_assets.assets.metadata import DAILY_RUNS, TRAINING, column_schema, tracked
from energy_assets.assets.training_metadata import (
    dataset_metadata,
    lineage,
    model_metadata,
    not_tuned_metadata,
    search_metadata,
)
from energy_assets.errors import ShortHistoryError
from energy_assets.forecasting.tuning.result import BestConfig, NotTuned
from energy_assets.forecasting.tuning.search_space import read_search_space
from energy_assets.partitions import due, hour_of, window_of
from energy_assets.schemas import CONSUMPTION, as_panel, panel_of
from energy_assets.settings import Settings
from energy_assets.sources import Source
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.training_datasets import PinnedRows
from energy_assets.stores.weather import KnownWeather
from energy_assets.tracking import Tracking, records
from energy_assets.workers import Apply, open_workers

_MOST_TRAININGS = 4
"""At the same time: each holds the features of a whole window in memory."""

_SEARCH_SERIES = 200
"""Series that a search is made on, if they are divided into shards: more hardly change it."""


@dg.asset(
    **TRAINING,
    backfill_policy=DAILY_RUNS,
    kinds={"deltalake"},
    io_manager_key="feature_view_io_manager",
    # It reads a window of hours, but depends on its own hour only. If it depended on the window,
    # a backfill of one hour would train the models of the month after it.
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
    21:00 as they were when it was made. Later reads return the same rows, even if some have been
    corrected since, until maintenance removes the dataset to make room for newer ones.
    """
    datasets: dict[str, TrainingDataset] = {}
    for key in context.partition_keys:
        hour = hour_of(key)
        window = window_of(hour, settings.days_export)
        dataset = feature_store.create_training_dataset(*window, due(hour, settings.days_delay))
        datasets[key] = dataset
        record = tracking.log(partial(records.feature_view, key, dataset))
        context.add_asset_metadata(dataset_metadata(dataset) | tracked(record), partition_key=key)
    return dg.MaterializeResult(value=datasets, metadata={"source": source.name})


class SearchConfig(dg.Config):
    """The limits of a hyperparameter search, which ends when either is reached."""

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

    Partition `2023-03-06-03:00` is the result of the search on the training dataset of that hour,
    with the scores of all trials. Every model from that hour on is trained with it, until there is
    a newer one. A search is costly, so it is not in the hourly job. If the history is too short
    for a search, the partition holds the default configuration and the reason. If the series are
    divided into shards, the search is made on a sample of them.
    """
    # LightGBM and matplotlib take seconds to import.
    from energy_assets.forecasting.tuning.search import tune
    from energy_assets.forecasts.pictures import search_picture

    space = read_search_space()
    configs: dict[str, BestConfig] = {}
    for key in context.partition_keys:
        search = tracking.search(key)
        try:
            panel, searched = _search_panel(feature_view[key], settings)
            result = configs[key] = tune(
                panel,
                space,
                config.trials or settings.tuning_trials,
                config.seconds or settings.tuning_seconds,
                arguments={"country": source.profile.country, "timezone": source.profile.timezone},
                search=search,
            )
        except ShortHistoryError as error:
            reason = (
                f"no search at {key}: {error}. The training window is DAYS_EXPORT="
                f"{settings.days_export} days: set 9 or more, better 20, or load more history. "
                "Until then models are trained with the default configuration."
            )
            context.log.warning(reason)
            default = configs[key] = NotTuned.because(reason, space)
            record = tracking.log(partial(records.default_config, key, default))
            metadata = not_tuned_metadata(default, reason)
        else:
            png = search_picture(result, key, source.name)
            tracking.log(partial(records.split, key, result))
            record = tracking.log(partial(records.best_config, key, result, search.notes, png))
            metadata = search_metadata(result, search.notes, png) | searched
        context.add_asset_metadata(metadata | tracked(record), partition_key=key)
    return dg.MaterializeResult(value=configs)


def _search_panel(view: PinnedRows, settings: Settings) -> tuple[pd.DataFrame, dict[str, str]]:
    """What a search is made on, and what to say about it: a sample of the series of shards."""
    from energy_assets.forecasting.sharded import sample

    if len(view.shards) == 1:
        return as_panel(view.rows), {}
    with open_workers(settings, len(view.shards)) as apply:
        panel = sample([partial(panel_of, read) for read in view.shards], _SEARCH_SERIES, apply)
    series = len(panel.index.droplevel(-1).unique())
    return panel, {"searched on": f"{series} series, a sample"}


@dg.asset(
    **TRAINING,
    backfill_policy=DAILY_RUNS,
    kinds={"sktime", "lightgbm"},
    io_manager_key="model_io_manager",
    # It reads the weather of the window, but depends on that of its own hour only.
    deps=["weather"],
    check_specs=[checks.BEATS_BASELINE, checks.TUNED],
)
def model(
    context: dg.AssetExecutionContext,
    feature_view: dict[str, PinnedRows],
    # BestConfig values: Dagster has no type for a union.
    best_config: dict[str, Any],
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    object_store: dg.ResourceParam[ObjectStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """The forecaster trained on an hour's training dataset, as an immutable version.

    Partition `2023-03-10-21:00` is trained on the dataset of that hour with the newest
    `best_config` at or before it. Its scores are for the last days of the window, forecast by a
    model that has not seen them. A model that does not beat both seasonal naives there is
    registered, but makes no forecasts. If the weather is known, a second model is trained with it;
    if that is better, it is the one to use, and the first stands by for hours without weather. If
    the series are divided into shards, a sample of them says which is better, and only then all are
    trained with the weather too.
    """
    from energy_assets.forecasts.gate import TrainedModel, train, train_by_shard
    from energy_assets.forecasts.weather import columns_of

    keys, profile = context.partition_keys, source.profile
    # The trainings of a backfill share the cores; a single one divides its own work.
    n_jobs = 1 if len(keys) > 1 else None

    weather = KnownWeather(object_store, [hour_of(key) for key in keys], settings)

    def fit(key: str, apply: Apply) -> tuple[pd.DataFrame | None, TrainedModel]:
        hour, view, parameters = hour_of(key), feature_view[key], best_config[key].best_parameters
        place = profile.country, profile.timezone
        columns = columns_of(weather.at(hour, horizon=0), weather.forecast_for(hour))
        if len(view.shards) > 1:
            panels = [partial(panel_of, read) for read in view.shards]
            return None, train_by_shard(panels, parameters, *place, apply, columns)
        panel = as_panel(view.rows)
        return panel, train(panel, parameters, *place, n_jobs, columns)

    models: dict[str, TrainedModel] = {}
    with (
        open_workers(settings, max(len(feature_view[key].shards) for key in keys)) as apply,
        ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_TRAININGS)) as pool,
    ):
        trainings = pool.map(partial(fit, apply=apply), keys)
        for key, (panel, trained) in zip(keys, trainings, strict=True):
            dataset, config = feature_view[key].dataset, best_config[key]
            record = tracking.log(partial(records.model, key, trained, panel, config, dataset))
            models[key] = replace(trained, lineage=lineage(dataset, config, record))
            metadata = model_metadata(models[key], config)
            context.add_asset_metadata(metadata | tracked(record), partition_key=key)
            context.log.info(f"model {len(models)} of {len(keys)}, {key}: {trained.verdict}")
    return dg.MaterializeResult(
        value=models,
        metadata={"source": source.name},
        check_results=[
            checks.beats_baseline(
                {key: trained.verdict for key, trained in models.items()},
                failed=[key for key, trained in models.items() if not trained.promoted],
            ),
            checks.tuned(
                {
                    key: getattr(best_config[key], "unsearched", None)
                    for key in context.partition_keys
                }
            ),
        ],
    )
