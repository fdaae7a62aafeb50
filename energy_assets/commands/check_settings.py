"""`make check-settings`: whether each backend that the settings choose can be reached.

No value of a credential is ever printed: names and outcomes only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from energy_assets.errors import EnergyAssetsError
from energy_assets.settings import Settings
from energy_assets.sources import open_source
from energy_assets.stores import open_stores
from energy_assets.tracking import open_tracking


@dataclass(frozen=True)
class Outcome:
    """What came of asking one backend."""

    backend: str
    chosen: str
    reached: bool
    said: str


def check_settings(settings: Settings) -> Iterator[Outcome]:
    """Ask the source and each store in turn, as an asset would use them; leave nothing behind."""
    stores = open_stores(settings)

    def source() -> str:
        opened = open_source(settings)
        return f"{opened.profile.dataset}, newest hour {opened.newest_hour():%Y-%m-%d %H:%M} UTC"

    def tracking() -> str:
        return open_tracking(settings).check()

    asked: list[tuple[str, str, Callable[[], str]]] = [
        ("source", f"ENERGY_SOURCE={settings.energy_source}", source),
        ("features", f"FEATURE_STORE={settings.feature_store}", stores.feature_store.check),
        ("models", f"FEATURE_STORE={settings.feature_store}", stores.model_registry.check),
        ("objects", f"OBJECT_STORE={settings.object_store}", stores.object_store.check),
        ("tracking", f"WANDB_MODE={settings.wandb_mode}", tracking),
    ]
    for backend, chosen, ask in asked:
        yield _outcome(backend, chosen, ask)


def _outcome(backend: str, chosen: str, ask: Callable[[], str]) -> Outcome:
    try:
        return Outcome(backend, chosen, True, ask())
    except EnergyAssetsError as error:
        return Outcome(backend, chosen, False, str(error))
