"""Rows of the feature group: one upsert for all hours of a run, one read for a range of hours."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from energy_assets.errors import ContractError
from energy_assets.partitions import hours_of
from energy_assets.stores.feature_store import FeatureStore


class FeatureGroupIOManager(dg.IOManager):
    """Writes `schemas.CONSUMPTION_VERSIONS`; loads `schemas.CONSUMPTION`, each row's newest."""

    def __init__(self, feature_store: FeatureStore) -> None:
        self.feature_store = feature_store

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        start, end = hours_of(context.asset_partitions_time_window)
        outside = (obj["datetime_utc"] < start) | (obj["datetime_utc"] >= end)
        if outside.any():
            raise ContractError(
                f"{int(outside.sum())} rows of {context.asset_key.to_user_string()} lie outside "
                f"the hours of the run, {start} to {end}"
            )
        self.feature_store.upsert(obj)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        return self.feature_store.read(*hours_of(context.asset_partitions_time_window))
