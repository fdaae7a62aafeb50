"""A PostgreSQL server of our own in a folder, for Dagster's storage, without containers."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAME = "energy_assets"
"""The user, the database, and the entry of the service file."""

_BINARIES = "/usr/lib/postgresql/*/bin"
_SYSTEM_USER = "postgres"


class MissingPostgresError(Exception):
    """There is no PostgreSQL on this machine."""


def find_binaries() -> Path:
    """The folder of the newest PostgreSQL. Raises MissingPostgresError if there is none."""
    folders = sorted(Path("/").glob(_BINARIES[1:]), key=lambda path: int(path.parent.name))
    if folders:
        return folders[-1]
    on_path = shutil.which("postgres")
    if on_path is None:
        raise MissingPostgresError(
            "PostgreSQL is not installed: no `postgres` on the PATH and nothing in "
            f"{_BINARIES}. On Debian: apt-get install postgresql"
        )
    return Path(on_path).parent


@dataclass(frozen=True)
class Postgres:
    """A server whose data and password are below a folder; it listens on 127.0.0.1 alone."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "postgres"

    @property
    def service_file(self) -> Path:
        """How to connect, with the password: what PGSERVICEFILE has to name."""
        return self.folder / "secrets" / "pg_service.conf"

    @property
    def command(self) -> list[str]:
        """What runs the server."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        settings = [part for pair in options.items() for part in ("-c", "=".join(pair))]
        return _unprivileged([str(find_binaries() / "postgres"), "-D", str(self.data), *settings])

    def prepare(self) -> None:
        """Make the data folder and the password, if they are not there yet."""
        self.service_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        password_file = self.service_file.with_name("postgres_password")
        if not password_file.exists():
            _write_private(password_file, secrets.token_urlsafe(32))
        connection = {
            "host": "127.0.0.1",
            "port": self.port,
            "dbname": NAME,
            "user": NAME,
            "password": password_file.read_text().strip(),
        }
        lines = [f"[{NAME}]", *(f"{name}={value}" for name, value in connection.items())]
        _write_private(self.service_file, "\n".join(lines) + "\n")
        if (self.data / "PG_VERSION").exists():
            return
        self.data.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as password:
            password.write(str(connection["password"]))
            password.flush()
            if os.geteuid() == 0:
                for path in (self.data, password.name):
                    shutil.chown(path, _SYSTEM_USER, _SYSTEM_USER)
            command = [
                *(str(find_binaries() / "initdb"), "-D", str(self.data), "-U", NAME),
                *("--auth=scram-sha-256", f"--pwfile={password.name}"),
                *("-E", "UTF8", "--locale=C.UTF-8"),
            ]
            subprocess.run(_unprivileged(command), check=True, stdout=subprocess.DEVNULL)

    def is_ready(self) -> bool:
        """Whether it answers. The database is made when it answers for the first time."""
        databases = self._query("SELECT datname FROM pg_database", "postgres").split()
        return NAME in databases or (
            bool(databases) and bool(self._query(f"CREATE DATABASE {NAME}", "postgres"))
        )

    def _query(self, text: str, database: str) -> str:
        """What psql prints; nothing if it fails."""
        done = subprocess.run(
            [
                *(str(find_binaries() / "psql"), "--no-psqlrc", "-At", "-c", text),
                f"service={NAME} dbname={database}",
            ],
            env={**os.environ, "PGSERVICEFILE": str(self.service_file)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""


def _unprivileged(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root, so that root starts it as the user `postgres`."""
    if os.geteuid() != 0:
        return command
    user = ("--reuid", _SYSTEM_USER, "--regid", _SYSTEM_USER, "--init-groups")
    return ["/usr/bin/setpriv", *user, *command]


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
