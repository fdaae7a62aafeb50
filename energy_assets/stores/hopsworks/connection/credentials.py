"""What a login needs, from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from energy_assets.errors import CredentialError, SettingsError
from energy_assets.settings import Settings, required_setting


@dataclass(frozen=True)
class Credentials:
    """What a login needs. Connections with equal credentials share one login."""

    host: str
    port: int
    project: str
    key: str = field(repr=False)
    trust_store: str | None
    verify_name: bool
    """Whether the server's certificate must be made out to `host`. It must be valid in any case."""

    @property
    def server(self) -> str:
        """The server, as messages name it."""
        return f"Hopsworks at {self.host}:{self.port}"

    @classmethod
    def of(cls, settings: Settings) -> Credentials:
        """The login from the settings; raises a SettingsError that names what is missing."""
        trust_store = settings.fs_trust_store
        if trust_store is not None and not trust_store.is_file():
            raise CredentialError(
                f"FS_TRUST_STORE names {trust_store}, which is not a file: set it to the PEM file "
                "of the cluster's certificate authority, or leave it empty"
            )
        host, port = address(settings)
        return cls(
            host=host,
            port=port,
            project=required_setting(settings, "fs_project_name"),
            key=required_setting(settings, "fs_api_key"),
            trust_store=None if trust_store is None else str(trust_store),
            verify_name=settings.fs_hostname_verification,
        )


def address(settings: Settings) -> tuple[str, int]:
    """Host and port. FS_HOST may be a URL, as copied from a browser; its port then counts."""
    text = settings.fs_host.strip()
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if not host or url.scheme != "https" or any(character.isspace() for character in host):
        raise SettingsError(
            "FS_HOST is not the name of a host: give the name alone, such as "
            "eu-west.cloud.hopsworks.ai, or the https:// address of the cluster"
        )
    return (f"[{host}]" if ":" in host else host), port or settings.fs_port
