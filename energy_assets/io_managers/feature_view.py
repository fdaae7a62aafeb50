"""Training datasets: a small JSON reference for each hour; loading one gives the pinned rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from energy_assets.errors import NotFoundError
from energy_assets.partitions import hour_of
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_path
from energy_assets.stores.storage import reading

if TYPE_CHECKING:
    import pandas as pd


class FeatureViewIOManager(dg.IOManager):
    """`{partition key: TrainingDataset}` is written, `{partition key: its rows}` is read."""

    def __init__(self, feature_store: FeatureStore, objects: ObjectStore) -> None:
        self.feature_store = feature_store
        self.objects = objects

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, TrainingDataset]) -> None:
        for key, dataset in obj.items():
            reference = json.dumps(asdict(dataset), default=datetime.isoformat, indent=2)
            self.objects.write(_path(context, key), reference.encode())

    def load_input(self, context: dg.InputContext) -> dict[str, pd.DataFrame]:
        return {key: self._rows(context, key) for key in context.asset_partition_keys}

    def _rows(self, context: dg.InputContext, key: str) -> pd.DataFrame:
        try:
            data = self.objects.read(_path(context, key))
        except NotFoundError:
            raise NotFoundError(
                f"feature_view has no training dataset for {key}: materialise feature_view for "
                "that partition first"
            ) from None
        with reading(_path(context, key), f"materialise feature_view for {key} again"):
            reference = json.loads(data)
            start, end = (datetime.fromisoformat(reference.pop(name)) for name in ("start", "end"))
            dataset = TrainingDataset(**reference, start=start, end=end)
        return self.feature_store.read_training_dataset(dataset)


def _path(context: dg.OutputContext | dg.InputContext, key: str) -> str:
    return hour_path(context.asset_key.path[-1], hour_of(key), "json")
