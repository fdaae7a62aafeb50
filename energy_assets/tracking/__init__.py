"""Tracking of experiments: what the assets record for each partition, and where it is kept.

No result depends on it. It is off by default: then nothing is recorded and no client is imported.

Does not belong here: what assets show in Dagster's UI (`assets`), and how a configuration is scored
(`forecasting.tuning`).
"""

from energy_assets.settings import Settings
from energy_assets.tracking.session import Session, Timeouts
from energy_assets.tracking.tracking import NoTracking, Record, Reference, Tracked, Tracking
from energy_assets.tracking.wandb_tracking import WandbTracking

__all__ = ["Record", "Reference", "Timeouts", "Tracked", "Tracking", "open_tracking"]


def open_tracking(settings: Settings, source_id: str, timeouts: Timeouts | None = None) -> Tracking:
    """The tracking that WANDB_MODE chooses. It connects on first use.

    Raises CredentialError if the mode is `online` and one of its settings is missing.
    """
    if settings.wandb_mode == "disabled":
        return NoTracking()
    return WandbTracking(Session(settings, source_id, timeouts))
