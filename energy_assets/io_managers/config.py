"""Tuned configurations as JSON. Loading hour K gives the newest one at or before K."""

from __future__ import annotations

import json
from collections.abc import Mapping

import dagster as dg

from energy_assets.errors import NotFoundError
from energy_assets.forecasting.tuning.result import BestConfig, NotTuned, read_result
from energy_assets.forecasting.tuning.search_space import read_search_space
from energy_assets.partitions import hour_of, key_of
from energy_assets.stores.compare_and_set import compare_and_set
from energy_assets.stores.files import document_errors
from energy_assets.stores.object_store import ObjectStore
from energy_assets.stores.paths import hour_of_path, hour_path

POINTER = "newest_config.txt"
"""Holds the partition key of the newest configuration."""


class ConfigIOManager(dg.IOManager):
    """`{partition key: BestConfig}` <-> `best_config/<date>/<hour>.json`.

    The `hour` of a loaded configuration is the key of the hour it was stored for. Hours before the
    first search get the default configuration, or an error if `require_tuning`.
    """

    def __init__(self, objects: ObjectStore, require_tuning: bool = False) -> None:
        self.objects = objects
        self.require_tuning = require_tuning

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, BestConfig]) -> None:
        asset = context.asset_key.path[-1]
        newest = max(obj)
        # Before the file, so that a configuration is never newer than the pointer says.
        compare_and_set(self.objects, POINTER, lambda content: _moved_forward(content, newest))
        for key, config in obj.items():
            document = json.dumps(config.model_dump(mode="json"), indent=2)
            self.objects.write(hour_path(asset, hour_of(key), "json"), document.encode())
        context.add_output_metadata({"folder": self.objects.url(asset)})

    def load_input(self, context: dg.InputContext) -> dict[str, BestConfig]:
        asset, keys = context.asset_key.path[-1], context.asset_partition_keys
        paths = self._newest_path(asset, keys[0]) or self.objects.list(asset)
        return {key: self._newest(paths, key) for key in keys}

    def _newest_path(self, asset: str, key: str) -> list[str]:
        """The path of the newest configuration, if it is for the hour `key` or an earlier one.

        It spares the hourly run a listing of all configurations.
        """
        try:
            newest = hour_of(self.objects.read(POINTER).decode())
        except (NotFoundError, ValueError):  # none yet, or damaged
            return []
        path = hour_path(asset, newest, "json")
        return [path] if newest <= hour_of(key) and self.objects.exists(path) else []

    def _newest(self, paths: list[str], key: str) -> BestConfig:
        """The newest configuration among `paths` at or before the hour `key`."""
        earlier = [path for path in paths if hour_of_path(path) <= hour_of(key)]
        if not earlier:
            reason = (
                f"there is no tuned configuration at or before {key}: run tuning_job for that "
                "or an earlier partition"
            )
            if self.require_tuning:
                raise NotFoundError(f"{reason}, or set REQUIRE_TUNING=false")
            return NotTuned.because(reason, read_search_space())
        hour = key_of(hour_of_path(earlier[-1]))
        data, url = self.objects.read(earlier[-1]), self.objects.url(earlier[-1])
        with document_errors(url, f"look at the file, or run tuning_job for {hour} again"):
            config = read_result(data)
        return config.model_copy(update={"hour": hour})


def _moved_forward(content: bytes | None, key: str) -> bytes | None:
    current = (content or b"").decode(errors="replace")
    return key.encode() if current < key or len(current) != len(key) else None
