"""The forecast of an hour: predictions_parquet."""

from datetime import timedelta
from functools import cache, partial

import dagster as dg
import pandas as pd

from energy_assets.assets import checks
from energy_assets.assets.metadata import (
    DAILY_RUNS,
    FORECASTS,
    column_schema,
    picture,
    rows_per_hour,
    tracked,
)
from energy_assets.forecasts.publishing import publish_newest
from energy_assets.io_managers.model import PromotedModels
from energy_assets.partitions import HORIZON, hour_of
from energy_assets.schemas import PREDICTIONS, TARGET, as_panel
from energy_assets.settings import Settings
from energy_assets.sources import Source
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.training_datasets import PinnedRows
from energy_assets.tracking import Tracking, records


@dg.asset(
    **FORECASTS,
    backfill_policy=DAILY_RUNS,
    kinds={"sktime", "parquet"},
    io_manager_key="parquet_io_manager",
    check_specs=[checks.FROM_THIS_MODEL],
    metadata={"dagster/column_schema": column_schema(PREDICTIONS)},
)
def predictions_parquet(
    context: dg.AssetExecutionContext,
    feature_view: dict[str, PinnedRows],
    model: dict[str, PromotedModels],
    settings: dg.ResourceParam[Settings],
    source: dg.ResourceParam[Source],
    object_store: dg.ResourceParam[ObjectStore],
    tracking: dg.ResourceParam[Tracking],
) -> dg.MaterializeResult:
    """Forecasts of every series for the 24 hours after an hour, with an 80 % interval.

    Partition `2023-03-10-21:00` is made from what was known at the end of 21:00. It holds the
    forecasts for 22:00 that day to 21:00 the next. They come from the newest promoted model at or
    before that hour, or from the seasonal naive if there is none. `quality` says which.
    """
    # sktime, LightGBM and matplotlib take seconds to import.
    from energy_assets.forecasts.fallback import forecast
    from energy_assets.forecasts.pictures import forecast_picture

    forecasts: dict[str, pd.DataFrame] = {}

    @cache
    def draw(key: str) -> bytes:
        return forecast_picture(feature_view[key].rows, forecasts[key], source)

    for key in context.partition_keys:
        rows, origin = feature_view[key].rows, hour_of(key)
        forecasts[key] = forecast(
            as_panel(rows),
            model[key],
            origin,
            HORIZON,
            max_age=timedelta(hours=settings.model_max_age_hours),
        )
        published = publish_newest(
            object_store, origin, rows, forecasts[key], {"source": source.name}
        )
        record = tracking.log(partial(records.forecast, key, forecasts[key], partial(draw, key)))
        context.add_asset_metadata(
            {
                "quality": forecasts[key]["quality"].iloc[0],
                "model_version": forecasts[key]["model_version"].iloc[0],
                "total of the day ahead (MWh)": round(
                    float(forecasts[key][TARGET].sum()) / 1000, 1
                ),
                "published as newest": published,
                **tracked(record),
            },
            partition_key=key,
        )
    rows_per_hour(context, forecasts)
    newest = context.partition_keys[-1]
    context.add_asset_metadata({"forecast": picture(draw(newest))}, partition_key=newest)
    qualities = {key: frame["quality"].iloc[0] for key, frame in forecasts.items()}
    return dg.MaterializeResult(
        value=forecasts,
        metadata={"source": source.name},
        check_results=[checks.from_this_model(qualities)],
    )
