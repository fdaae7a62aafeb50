"""Training datasets: a small JSON reference for each hour; loading an hour gives its rows."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from energy_assets.partitions import hour_of
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.training_datasets import PinnedRows, read_reference, write_reference


class FeatureViewIOManager(dg.IOManager):
    """Writes `{partition key: TrainingDataset}` and loads `{partition key: PinnedRows}`."""

    def __init__(self, feature_store: FeatureStore, objects: ObjectStore) -> None:
        self.feature_store = feature_store
        self.objects = objects

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, TrainingDataset]) -> None:
        for key, dataset in obj.items():
            write_reference(self.objects, hour_of(key), dataset)

    def load_input(self, context: dg.InputContext) -> dict[str, PinnedRows]:
        return {
            key: PinnedRows(self.feature_store, read_reference(self.objects, hour_of(key)))
            for key in context.asset_partition_keys
        }
