"""Typed errors. Each message names the setting, file or hour concerned and says what to do."""

from __future__ import annotations

from datetime import datetime


class EnergyAssetsError(Exception):
    """Base of all errors that this project raises on purpose."""


class SettingsError(EnergyAssetsError):
    """A setting is missing or has a value that cannot be used."""


class CredentialError(SettingsError):
    """A credential of a hosted service is missing, a placeholder, or refused by the service."""


class SourceError(EnergyAssetsError):
    """The source cannot be reached, or its response cannot be read as records."""


class NoDataError(SourceError):
    """The source has no data for the requested hours: not yet, or no longer."""

    def __init__(self, message: str, newest: datetime | None = None) -> None:
        super().__init__(message)
        self.newest = newest
        """The newest hour of the source, if the requested hours are after it."""


class ContractError(EnergyAssetsError):
    """Rows or records break the contract, so nothing of the run may be used."""


class StorageError(EnergyAssetsError):
    """A store cannot be read or written."""


class UnreachableError(StorageError):
    """A hosted store did not answer, even after retries."""


class NotFoundError(StorageError):
    """A stored object, training dataset, configuration or model does not exist."""


class BrokenModelError(StorageError):
    """A stored model does not match its checksum or cannot be loaded."""


class ForecastError(EnergyAssetsError):
    """A forecast cannot be made from this history or with these parameters."""


class ShortHistoryError(ForecastError):
    """The history is too short or has too many gaps to train on."""
