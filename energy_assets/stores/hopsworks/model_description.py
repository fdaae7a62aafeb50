"""What a version in Hopsworks' model registry says of itself, as text and back.

Everything that Hopsworks has no field for (source, hour, checksum, gate and tags) is JSON in the
description, the one text that every listing returns and every user may write. Tags need a schema
that an administrator has defined.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from energy_assets.errors import StorageError
from energy_assets.stores.files import parse_json_object
from energy_assets.stores.model_registry import ModelVersion, version_of

NAME = "best_model"

HOUR_METRIC = "trained_hour"
"""Hopsworks sorts versions only by a metric. This one is the number of the hour since 1970."""

LONGEST_DESCRIPTION = 1000
"""Hopsworks keeps this many characters of a description."""

EPOCH = datetime(1970, 1, 1)
_HOUR = "%Y-%m-%dT%H"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registered:
    """A version as it is registered in Hopsworks."""

    model: ModelVersion
    number: int
    at: datetime
    """The hour in which it was registered, naive UTC."""
    sorted_since: datetime | None
    """Versions that were registered after this hour can be sorted by their hour of training.

    None if this version itself cannot: earlier releases wrote no metric for it.
    """


def hour_number(hour: datetime) -> int:
    """The value of `HOUR_METRIC` for an hour. Hopsworks compares it as a 32-bit float, exactly."""
    return int((hour - EPOCH).total_seconds()) // 3600


def fields_of(registered: Registered, source_id: str) -> dict[str, Any]:
    """Everything to keep about a version besides its metrics."""
    model = registered.model
    return {
        "owner": source_id,
        "hour": f"{model.hour:{_HOUR}}",
        "checksum": model.checksum,
        "promoted": model.promoted,
        "registered": f"{registered.at:{_HOUR}}",
        "sorted_since": f"{registered.sorted_since or registered.at:{_HOUR}}",
        "tags": dict(model.tags),
    }


def describe(registered: Registered, source_id: str) -> str:
    """A sentence for people, followed by the fields as JSON."""
    model = registered.model
    gate = "promoted" if model.promoted else "not promoted"
    fields = json.dumps(fields_of(registered, source_id))
    text = f"Trained at {model.hour:%Y-%m-%d %H:%M} UTC on {source_id}, {gate}. {fields}"
    if len(text) > LONGEST_DESCRIPTION:
        raise StorageError(
            f"the tags of model {model.version} are too long for Hopsworks, which keeps "
            f"{LONGEST_DESCRIPTION} characters: {sorted(model.tags)}"
        )
    return text


def sorted_since(item: Mapping[str, Any]) -> datetime | None:
    """`Registered.sorted_since` of an item of a listing, of any source."""
    if HOUR_METRIC not in (item.get("metrics") or {}):
        return None
    try:
        return datetime.strptime(_fields_in(item)["sorted_since"], _HOUR)
    except (ValueError, KeyError, TypeError):
        return None


def parse(item: Mapping[str, Any], source_id: str) -> Registered | None:
    """The version in an item of a listing; None if it is of another source or unreadable."""
    try:
        fields = _fields_in(item)
        if fields["owner"] != source_id:
            return None
        hour = datetime.strptime(fields["hour"], _HOUR)
        number = int(item["version"])
        metrics = {name: float(value) for name, value in (item.get("metrics") or {}).items()}
        metrics.pop(HOUR_METRIC, None)
        model = ModelVersion(
            version=version_of(hour, fields["checksum"]),
            checksum=fields["checksum"],
            hour=hour,
            promoted=fields["promoted"],
            metrics=metrics,
            tags=fields["tags"],
            number=number,
        )
        # Earlier releases did not write this.
        at = datetime.strptime(fields["registered"], _HOUR) if "registered" in fields else EPOCH
        return Registered(model, number, at, sorted_since(item))
    except (ValueError, KeyError, TypeError):  # TypeError: written by hand, with other types
        _log.info("a version of %s was not registered by this project", NAME)
        return None


def _fields_in(item: Mapping[str, Any]) -> dict[str, Any]:
    _, brace, text = (item.get("description") or "").partition("{")
    return parse_json_object(brace + text)
