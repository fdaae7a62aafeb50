"""Typed errors. Each message names the setting, file or hour it is about and says what to do."""

from __future__ import annotations

from datetime import datetime


class EnergyAssetsError(Exception):
    """Base of every error this project raises on purpose."""


class SettingsError(EnergyAssetsError):
    """A setting is missing or cannot be used."""


class CredentialError(SettingsError):
    """A hosted store's setting is missing, a placeholder, or refused by the store."""


class SourceError(EnergyAssetsError):
    """The source answered with something that cannot be read as records."""


class NoDataError(SourceError):
    """The source has no data at all in the hours asked for: before it starts or after it stops."""

    def __init__(self, message: str, newest: datetime | None = None) -> None:
        super().__init__(message)
        self.newest = newest
        """The newest hour of the source, where the hours asked for are after it."""


class ContractError(EnergyAssetsError):
    """Records break the data contract so badly that nothing of them may go on."""


class StorageError(EnergyAssetsError):
    """A store cannot be written to or read from."""


class UnreachableError(StorageError):
    """A hosted store did not answer, also after retries."""


class NotFoundError(StorageError):
    """A stored object, training dataset, configuration or model does not exist."""


class BrokenModelError(StorageError):
    """A stored model does not match its checksum or cannot be loaded."""


class ForecastError(EnergyAssetsError):
    """A forecast cannot be made from the history or the parameters given."""


class ShortHistoryError(ForecastError):
    """The history is too short, or too full of holes, to train on."""
