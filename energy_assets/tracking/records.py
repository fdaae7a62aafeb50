"""The record of each asset: parameters, scores beside the baselines, tables by slice, lineage.

Each function makes a `Record` from the results of an asset. Names have no spaces, because W&B turns
tables into artifacts and people write formulas with the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from energy_assets.forecasting.evaluation import scores as evaluation
from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES
from energy_assets.forecasting.tuning.result import BestConfig, NotTuned, TuningResult
from energy_assets.forecasts.quality import MODEL, PREVIOUS_MODEL, WITHOUT_WEATHER, rung
from energy_assets.forecasts.scoring import errors_by_horizon, interval_scores
from energy_assets.partitions import HOUR, key_of
from energy_assets.schemas import SERIES_KEY, TARGET
from energy_assets.stores.feature_store import TrainingDataset
from energy_assets.tracking.tracking import Record, Reference

if TYPE_CHECKING:
    # It imports LightGBM, which takes a second.
    from energy_assets.forecasts.gate import TrainedModel


def feature_view(partition: str, dataset: TrainingDataset) -> Record:
    """Which rows of which version of the table make up a training dataset."""
    reference = asdict(dataset)
    return Record(
        "feature_view",
        partition,
        config={**reference, "last_hour": key_of(dataset.end - HOUR)},
        summary={"rows": dataset.rows},
        makes=reference,
    )


def split(partition: str, result: TuningResult) -> Record:
    """The cross-validation scheme of a search: what each fold is trained on and scored on."""
    scheme = result.scheme
    cutoffs = pd.DatetimeIndex(scheme.cutoffs)
    folds = pd.DataFrame(
        {
            "fold": range(1, scheme.folds + 1),
            "trained_up_to": cutoffs.strftime("%Y-%m-%d %H:%M"),
            "scored_up_to": (cutoffs + timedelta(days=scheme.fold_days)).strftime("%Y-%m-%d %H:%M"),
            "origins": [len(scheme.origins(cutoff)) for cutoff in cutoffs],
        }
    )
    return Record(
        "split",
        partition,
        config={"scheme": "expanding window", **scheme.model_dump(mode="json")},
        summary={"folds": scheme.folds},
        tables={"folds": folds},
        uses=[Reference("feature_view", partition)],
        makes=scheme.model_dump(mode="json"),
    )


def default_config(partition: str, config: NotTuned) -> Record:
    """The default configuration, because no search was possible."""
    return Record(
        "best_config",
        partition,
        config={"not_searched": config.unsearched, **config.best_parameters},
        uses=[Reference("feature_view", partition)],
        makes=config.model_dump(mode="json"),
    )


def best_config(
    partition: str, result: TuningResult, notes: Mapping[str, str], picture: bytes
) -> Record:
    """The result of a search with all its trials. `notes` say how the search went."""
    document = result.model_dump(mode="json")
    metric, trials = result.metric, result.trials_table().reset_index()
    return Record(
        "best_config",
        partition,
        config={
            **result.best_parameters,
            **{name: document[name] for name in ("metric", "method", "seed", "planned")},
            **notes,
        },
        summary={
            metric: result.best_score,
            f"{metric}_default": result.default_score,
            **{f"{metric}_{name}": score for name, score in result.baseline_scores.items()},
            "trials": len(trials),
        },
        history=[
            {"trial": row["number"], f"trial_{metric}": row["score"], "seconds": row["seconds"]}
            for row in trials.to_dict("records")
        ],
        tables={"trials": trials, "scores": result.scores_table()},
        pictures={"trials_plot": picture},
        uses=[Reference("split", partition)],
        makes=document,
    )


def model(
    partition: str,
    trained: TrainedModel,
    panel: pd.DataFrame | None,
    config: BestConfig,
    dataset: TrainingDataset,
) -> Record:
    """A trained model: verdict, scores beside both seasonal naives, by series and by horizon.

    Without the `panel`, which is too large if it is divided into shards, not by series.
    """
    from energy_assets.forecasting.evaluation.plots import error_by_horizon_plot

    tables, pictures = {"scores": evaluation.comparison(trained.scores)}, {}
    holdout = None if trained.forecaster is None else trained.forecaster.holdout
    if holdout is not None and panel is not None:
        by_series, by_horizon = _by_slice(holdout, panel)
        tables |= {"by_series": by_series, "by_horizon": by_horizon.reset_index()}
        lines = {str(name): by_horizon[name] for name in by_horizon}
        pictures["error_by_horizon"] = error_by_horizon_plot(
            lines, title="Error on held-out days, by hours ahead"
        )
    document = {
        "parameters": config.best_parameters,
        "best_config": config.hour,
        "training_dataset": asdict(dataset),
        "verdict": trained.verdict,
    }
    return Record(
        "model",
        partition,
        config={**config.best_parameters, **document},
        summary={**trained.scores, "promoted": trained.promoted, "verdict": trained.verdict},
        tables=tables,
        pictures=pictures,
        uses=[Reference("feature_view", partition), Reference("best_config", config.hour)],
        makes={**document, "scores": dict(trained.scores)},
    )


def forecast(partition: str, rows: pd.DataFrame, draw: Callable[[], bytes | None]) -> Record:
    """A forecast as sums over its day, without its rows."""
    version, quality = str(rows["model_version"].iloc[0]), rung(rows)
    by_model = quality in (MODEL, WITHOUT_WEATHER, PREVIOUS_MODEL)
    png = draw()
    days = rows.groupby(list(SERIES_KEY), as_index=False).agg(
        total_kwh=(TARGET, "sum"), peak_kwh=(TARGET, "max")
    )
    return Record(
        "predictions_parquet",
        partition,
        config={"model_version": version, "quality": quality},
        summary={
            "quality": quality,
            "series": len(days),
            "day_ahead_mwh": float(rows[TARGET].sum()) / 1000,
        },
        tables={"day_ahead_by_series": days},
        pictures={"forecast": png} if png else {},
        uses=[Reference("model", _hour_of_version(version))] if by_model else [],
    )


def monitoring(
    partition: str, scored: pd.DataFrame, observed: pd.DataFrame, pictures: Mapping[str, bytes]
) -> Record:
    """The errors of forecasts whose hours have been observed, with a row of history for each hour.

    All hours of a run share one record, under the newest partition: a backfill may span a year.
    """
    by_horizon = errors_by_horizon(scored, observed)
    hours = scored.groupby("datetime_utc")
    first, last = scored["datetime_utc"].min(), scored["datetime_utc"].max()
    by_series = scored.groupby(list(SERIES_KEY), as_index=False).agg(
        mape=("ape", "mean"), coverage=("covered", "mean"), forecasts=("ape", "size")
    )
    naives = {f"mape_{name}": by_horizon[name].mean() for name in by_horizon if name != "forecast"}
    return Record(
        "monitoring_metrics",
        partition,
        config={"first_hour": key_of(first), "last_hour": key_of(last)},
        summary={
            "mape": by_horizon["forecast"].mean(),
            **naives,
            **interval_scores(scored),
            "forecasts": len(scored),
        },
        history=[
            {
                "hour": f"{hour}",
                "hourly_mape": rows["ape"].mean(),
                "hourly_coverage": rows["covered"].mean(),
            }
            for hour, rows in hours
        ],
        tables={"by_series": by_series, "by_horizon": by_horizon.reset_index()},
        pictures={name.replace(" ", "_"): png for name, png in pictures.items()},
    )


def _by_slice(holdout: pd.DataFrame, panel: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """MAPE of the held-out days by series and by horizon, with a column for each method."""
    methods = {"forecast": holdout} | {
        naive.name: evaluation.with_naive(holdout, panel, naive.season) for naive in SEASONAL_NAIVES
    }
    by_series, by_horizon = (
        pd.DataFrame({name: cut(table)["mape"] for name, table in methods.items()})
        for cut in (evaluation.by_series, evaluation.by_horizon)
    )
    return by_series.reset_index(), by_horizon


def _hour_of_version(version: str) -> str:
    """The partition of a model version such as `2023-03-10T21-3fa9c1d2`."""
    return f"{version[:10]}-{version[11:13]}:00"
