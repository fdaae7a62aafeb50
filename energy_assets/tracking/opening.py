"""From settings to tracking."""

from __future__ import annotations

from energy_assets.settings import Settings
from energy_assets.tracking.session import Session, Timeouts
from energy_assets.tracking.tracking import NoTracking, Tracking
from energy_assets.tracking.wandb_tracking import WandbTracking


def open_tracking(settings: Settings, source_id: str, timeouts: Timeouts | None = None) -> Tracking:
    """The tracking that WANDB_MODE chooses. Nothing connects before it is used.

    Raises CredentialError if the mode is `online` and one of its settings is missing.
    """
    if settings.wandb_mode == "disabled":
        return NoTracking()
    return WandbTracking(Session(settings, source_id, timeouts))
