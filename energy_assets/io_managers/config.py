"""Tuned configurations as JSON; loading hour K gives the newest at or before K."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from energy_assets.errors import NotFoundError
from energy_assets.partitions import hour_of, key_of
from energy_assets.stores.files import document_errors, parse_json_object
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_of_path, hour_path


class ConfigIOManager(dg.IOManager):
    """`{partition key: JSON document}` <-> `best_config/<date>/<hour>.json`.

    What is loaded says under `hour` which partition's configuration it is.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, dict[str, Any]]) -> None:
        asset = context.asset_key.path[-1]
        for key, document in obj.items():
            path = hour_path(asset, hour_of(key), "json")
            self.objects.write(path, json.dumps(document, indent=2).encode())
        context.add_output_metadata({"folder": self.objects.url(asset)})

    def load_input(self, context: dg.InputContext) -> dict[str, dict[str, Any]]:
        paths = self.objects.list(context.asset_key.path[-1])
        found = {}
        for key in context.asset_partition_keys:
            known = [path for path in paths if hour_of_path(path) <= hour_of(key)]
            if not known:
                raise NotFoundError(
                    f"there is no tuned configuration at or before {key}: run tuning_job for that "
                    "or an earlier partition"
                )
            with document_errors(known[-1], "run tuning_job for that hour again"):
                found[key] = parse_json_object(self.objects.read(known[-1]))
                found[key]["hour"] = key_of(hour_of_path(known[-1]))
        return found
