"""What feature_view, best_config and model show in the UI for each of their partitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from energy_assets.assets.metadata import picture, table
from energy_assets.forecasting.evaluation.scores import comparison
from energy_assets.forecasting.tuning.result import BestConfig, TuningResult
from energy_assets.partitions import HOUR, key_of
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.tracking import Tracked

if TYPE_CHECKING:
    # LightGBM takes a second to import.
    from energy_assets.forecasts.gate import TrainedModel


def dataset_metadata(dataset: TrainingDataset) -> dict[str, Any]:
    """Which rows a training dataset holds."""
    return {
        "dagster/partition_row_count": dataset.rows,
        "first hour": key_of(dataset.start),
        "last hour": key_of(dataset.end - HOUR),
        "version of the table": dataset.version,
    }


def not_tuned_metadata(config: BestConfig, reason: str) -> dict[str, Any]:
    """The default configuration, and why there was no search."""
    return {"not searched": reason, **_best_parameters(config)}


def search_metadata(result: TuningResult, notes: Mapping[str, str], png: bytes) -> dict[str, Any]:
    """The winner and all trials. `notes` say how the search went; `png` shows the trials."""
    trials = result.trials_table()
    return {
        **_best_parameters(result),
        **notes,
        "best trial": f"{result.best.number} of {len(trials)}, {result.planned} were planned",
        "scores": table(result.scores_table()),
        # Folds that a pruned trial did not reach are empty cells.
        "trials": table(trials.reset_index().astype(object).where(lambda cell: cell.notna(), "")),
        "picture of the trials": picture(png),
    }


def model_metadata(trained: TrainedModel, config: BestConfig) -> dict[str, Any]:
    """The verdict on a model, its scores and its lineage."""
    return {
        "verdict": trained.verdict,
        "parameters": dg.MetadataValue.json(dict(config.best_parameters)),
        "scores on days it had not seen": table(comparison(trained.scores)),
        **{name: round(float(score), 5) for name, score in trained.scores.items()},
        **trained.lineage,
    }


def lineage(dataset: TrainingDataset, config: BestConfig, record: Tracked) -> dict[str, str]:
    """Where a model comes from, for the tags in the registry."""
    sources = {
        "training_dataset_version": str(dataset.version),
        "training_dataset_first_hour": key_of(dataset.start),
        "training_dataset_last_hour": key_of(dataset.end - HOUR),
        "best_config": config.hour or "default",
    }
    return sources | ({"wandb_run": record.url or record.run} if record.run else {})


def _best_parameters(config: BestConfig) -> dict[str, Any]:
    return {"best parameters": dg.MetadataValue.json(dict(config.best_parameters))}
