"""What Prometheus can watch: how old the newest forecast is, and whether the store answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from math import nan

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from energy_assets.serving.data.snapshot import Snapshot
from energy_assets.serving.service import Service


def add_gauges(registry: CollectorRegistry, service: Service) -> None:
    """Add gauges that are read when Prometheus asks; NaN while nothing is published."""
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)

    def add(name: str, meaning: str, value: Callable[[Snapshot], float]) -> None:
        def read() -> float:
            snapshot = service.watcher.snapshot
            return nan if snapshot is None else value(snapshot)

        Gauge(f"energy_assets_published_{name}", meaning, registry=registry).set_function(read)

    add(
        "origin_seconds",
        "Origin of the newest forecast",
        lambda one: _seconds(one.published.origin),
    )
    add("made_at_seconds", "When it was made", lambda one: _seconds(one.published.made_at))
    add(
        "late_seconds",
        "How late it was made",
        lambda one: one.late.total_seconds(),
    )
    add("series", "Series in it", lambda one: len(one.forecast.index))
    failing = Gauge(
        "energy_assets_store_failing", "1 while the store cannot be read", registry=registry
    )
    failing.set_function(lambda: float(service.watcher.failing_since is not None))


def _seconds(time: datetime) -> float:
    """A naive UTC time as seconds since 1970."""
    return time.replace(tzinfo=timezone.utc).timestamp()
