"""Where records come from: the simulator, a file, or the live API of Energi Data Service.

Belongs here: one file for each source, and the profiles of the data sets that they publish. A
source returns records exactly as published, with every value as text, so that nothing is lost or
changed before it is stored.

Does not belong here: reading values and rejecting bad records (`contract`).
"""

from energy_assets.sources.opening import dataset_profile, open_source, source_id
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.source import GRACE_PERIOD, Source, fetch_published

__all__ = [
    "GRACE_PERIOD",
    "DatasetProfile",
    "Source",
    "dataset_profile",
    "fetch_published",
    "open_source",
    "source_id",
]
