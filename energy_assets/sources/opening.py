"""From settings to a source: the available sources, and the data set that each one publishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from energy_assets.errors import SettingsError
from energy_assets.settings import Settings
from energy_assets.sources.file import open_file
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, DatasetProfile, find_profile
from energy_assets.sources.simulator import open_simulator
from energy_assets.sources.source import Source


class RegisteredSource(NamedTuple):
    """A source that ENERGY_SOURCE can choose."""

    open: Callable[[Settings, DatasetProfile], Source]
    default_profile: DatasetProfile
    """The data set if ENERGY_DATASET is not set."""
    has_other_datasets: bool = True


def _open_energidataservice(settings: Settings, profile: DatasetProfile) -> Source:
    # Its HTTP client takes a fifth of a second to import.
    from energy_assets.sources.energidataservice import open_energidataservice

    return open_energidataservice(settings, profile)


SOURCES = {
    "simulator": RegisteredSource(open_simulator, DE35, has_other_datasets=False),
    "file": RegisteredSource(open_file, DE35),
    "energidataservice": RegisteredSource(_open_energidataservice, CONSUMER_CATEGORY),
}
"""The sources by their names in ENERGY_SOURCE. A new source is one more line."""


def open_source(settings: Settings) -> Source:
    """The source that the settings choose; raises SettingsError naming the wrong variable."""
    return _registered(settings).open(settings, dataset_profile(settings))


def dataset_profile(settings: Settings) -> DatasetProfile:
    """The profile of the data set that the settings choose.

    Raises SettingsError naming ENERGY_DATASET if it is unknown, or if the source does not have it.
    """
    source = _registered(settings)
    if settings.energy_dataset is None:
        return source.default_profile
    chosen = find_profile(settings.energy_dataset)
    if chosen != source.default_profile and not source.has_other_datasets:
        raise SettingsError(
            f"ENERGY_DATASET is {chosen.dataset}, but ENERGY_SOURCE={settings.energy_source} only "
            f"has {source.default_profile.dataset}. Leave ENERGY_DATASET empty, or choose another "
            "ENERGY_SOURCE."
        )
    return chosen


def source_id(settings: Settings) -> str:
    """A source and its data set as one name, such as `simulator-ConsumptionDE35Hour`.

    Everything stored is kept under this name, so that simulated and real rows never mix.
    """
    return f"{settings.energy_source}-{dataset_profile(settings).dataset}"


def _registered(settings: Settings) -> RegisteredSource:
    try:
        return SOURCES[settings.energy_source]
    except KeyError:
        raise SettingsError(
            f"ENERGY_SOURCE is {settings.energy_source!r}, which is not a source. Choose one of "
            f"{', '.join(SOURCES)}."
        ) from None
