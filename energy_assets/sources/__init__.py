"""Where records come from: the simulator, a file, or the live API of Energi Data Service.

A source hands records on exactly as they were published, every column as text, so that nothing is
lost or changed before it is stored. Reading and judging them is the subject of `quality`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from energy_assets.errors import NoDataError, SettingsError
from energy_assets.sources.profiles import CONSUMER_CATEGORY, DE35, DatasetProfile, profile

if TYPE_CHECKING:
    import pandas as pd

    from energy_assets.settings import Settings

__all__ = [
    "DatasetProfile",
    "Source",
    "dataset_profile",
    "fetch_published",
    "open_source",
    "profile",
    "source_id",
]


class Source(Protocol):
    """A publisher of hourly consumption. All times are naive UTC."""

    @property
    def name(self) -> str:
        """The value of ENERGY_SOURCE that chooses this source."""

    @property
    def profile(self) -> DatasetProfile:
        """The shape of the records."""

    def fetch(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The records of the hours [start, end) as published, every column text or None.

        No records give an empty frame with the profile's columns, as long as the hours overlap
        what the source has; otherwise NoDataError. Raises SourceError if the source cannot be read.
        """

    def oldest_hour(self) -> datetime:
        """The first hour that the source has."""

    def newest_hour(self) -> datetime:
        """The last hour that the source has."""


def dataset_profile(settings: Settings) -> DatasetProfile:
    """The shape of the data set that the settings choose.

    Raises SettingsError naming ENERGY_DATASET if there is no such data set, or not from the source.
    """
    usual = CONSUMER_CATEGORY if settings.energy_source == "energidataservice" else DE35
    chosen = profile(settings.energy_dataset) if settings.energy_dataset else usual
    if settings.energy_source == "simulator" and chosen != DE35:
        raise SettingsError(
            f"ENERGY_DATASET is {chosen.dataset}, but the simulator only has {DE35.dataset}: leave "
            "it unset, or choose ENERGY_SOURCE=energidataservice or file"
        )
    return chosen


def source_id(settings: Settings) -> str:
    """The name of a source with its data set, such as `simulator-ConsumptionDE35Hour`.

    Everything that is stored is kept apart by it, so that simulated and real rows never mix.
    """
    return f"{settings.energy_source}-{dataset_profile(settings).dataset}"


def open_source(settings: Settings) -> Source:
    """The source that ENERGY_SOURCE names; raises SettingsError naming the variable at fault."""
    shape = dataset_profile(settings)
    if settings.energy_source == "file":
        from energy_assets.sources.file import FileSource

        if settings.energy_file is None:
            raise SettingsError(
                "ENERGY_FILE is not set, but ENERGY_SOURCE=file reads from it: set it to the path "
                "of a CSV or Parquet file as Energi Data Service exports it"
            )
        return FileSource(settings.energy_file, shape)

    if settings.energy_source == "energidataservice":
        from energy_assets.sources.energidataservice import EnergiDataService

        return EnergiDataService(settings.energy_api_url, shape)

    from energy_assets.sources.simulator import Simulator

    return Simulator()


LATE = timedelta(days=3)
"""Hours this much newer than the newest published are late; later ones have no data."""


def fetch_published(source: Source, start: datetime, end: datetime) -> pd.DataFrame:
    """The records of [start, end), none where the source is merely late.

    An hour that comes late must not stop the forecast from what is known. Raises NoDataError where
    the data set has not begun, or seems to have stopped.
    """
    import pandas as pd

    try:
        return source.fetch(start, end)
    except NoDataError as error:
        if error.newest is None or start > error.newest + LATE:
            raise
        return pd.DataFrame(columns=list(source.profile.columns), dtype="object")
