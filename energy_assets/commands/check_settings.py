"""`make check-settings`: whether each backend that the settings choose can be reached.

Only the names of settings and the outcomes are printed, never the value of a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.markup import escape

from energy_assets.commands import dagster_home
from energy_assets.commands.terminal import console
from energy_assets.errors import EnergyAssetsError
from energy_assets.settings import Settings
from energy_assets.sources import open_source, source_id
from energy_assets.sources.weather import open_weather_source
from energy_assets.stores.opening import open_stores
from energy_assets.tracking import open_tracking

LONGEST_RETRY = 5.0
"""Seconds for which a store that cannot be reached is tried again."""


@dataclass(frozen=True)
class Outcome:
    """Whether one backend could be reached, and its description or error."""

    backend: str
    setting: str
    reached: bool
    message: str


def check_settings(settings: Settings) -> bool:
    """Print for each backend whether it can be reached. Returns whether all of them can."""
    outcomes = list(try_backends(settings))
    for outcome in outcomes:
        state = "[green]reached[/green]" if outcome.reached else "[red]failed [/red]"
        console.print(f"{outcome.backend:9} {state}  {outcome.setting}")
        console.print(escape(f"{'':19}{outcome.message}"))
    return all(outcome.reached for outcome in outcomes)


def try_backends(settings: Settings) -> Iterator[Outcome]:
    """Try the sources, the stores, tracking and Dagster's storage. No data is left behind."""
    # Somebody is waiting for the answer, and can ask again.
    impatient = settings.model_copy(
        update={"fs_retry_seconds": min(settings.fs_retry_seconds, LONGEST_RETRY)}
    )
    stores = open_stores(impatient, source_id(settings))

    def source() -> str:
        opened = open_source(settings)
        return f"{opened.profile.dataset}, newest hour {opened.newest_hour():%Y-%m-%d %H:%M} UTC"

    weather_source = open_weather_source(settings)

    def tracking() -> str:
        return open_tracking(settings, source_id(settings)).check()

    backends: list[tuple[str, str, Callable[[], str]]] = [
        ("source", f"ENERGY_SOURCE={settings.energy_source}", source),
        ("weather", f"WEATHER_SOURCE={weather_source.name}", weather_source.check),
        ("features", f"FEATURE_STORE={settings.feature_store}", stores.feature_store.check),
        ("models", f"FEATURE_STORE={settings.feature_store}", stores.model_registry.check),
        ("objects", f"OBJECT_STORE={settings.object_store}", stores.object_store.check),
        ("tracking", f"WANDB_MODE={settings.wandb_mode}", tracking),
        ("runs", "DAGSTER_HOME", dagster_home.check),
    ]
    for backend in backends:
        yield _try(*backend)


def _try(backend: str, setting: str, check: Callable[[], str]) -> Outcome:
    try:
        return Outcome(backend, setting, True, check())
    except EnergyAssetsError as error:
        return Outcome(backend, setting, False, str(error))
