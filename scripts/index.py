"""`make index`: a private package index, until it is interrupted.

pypiserver with three rules of our own: everything needs the password, what has been published
stays, and a name of ours is never looked for in the public index.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from wsgiref.simple_server import make_server

import pypiserver
from passlib.apache import HtpasswdFile
from pypiserver.backend import BackendProxy, SimpleFileBackend
from pypiserver.bottle_wrapper import HTTPResponse
from pypiserver.config import Config
from pypiserver.core import PkgFile
from pypiserver.pkg_helpers import normalize_pkgname

USER = "energy-assets"
OURS = "energy-assets"
HOST = "127.0.0.1"


class LastingBackend(SimpleFileBackend):
    """The files of a folder, to which files are only ever added."""

    def exists(self, filename: str) -> bool:
        """Never true: a file that is here, in any spelling, is refused with a reason."""
        names = (normalize_pkgname(path.name) for root in self.roots for path in root.iterdir())
        if normalize_pkgname(filename) in names:
            raise HTTPResponse(f"{filename} already exists here, and stays", 409)
        return False

    def add_package(self, filename: str, stream: BinaryIO) -> None:
        """Add a file as a whole: one that stays must not be the first half of an upload."""
        path = self.roots[0] / filename
        unfinished = path.with_name(f".{filename}")  # which is not listed
        super().add_package(unfinished.name, stream)
        unfinished.replace(path)

    def remove_package(self, pkg: PkgFile) -> None:
        """Refuse: a version might come back with other contents."""
        raise HTTPResponse(f"{pkg.pkgname} {pkg.version} has been published, and stays", 403)

    def find_project_packages(self, project: str) -> Iterable[PkgFile]:
        """The packages of a project; other projects than ours may come from the public index."""
        found = list(super().find_project_packages(project))
        if not found and normalize_pkgname(project) == OURS:
            raise HTTPResponse(f"{OURS} has not been published here", 404)
        return found


def make_credentials(folder: Path) -> None:
    """A user with a random password: its hash in `htpasswd`, and for programs in `netrc`.

    Does nothing if there is an `htpasswd` already. Only this user may read the two files.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "htpasswd").exists():
        return
    password = secrets.token_urlsafe(32)
    users = HtpasswdFile(new=True)
    users.set_password(USER, password)
    _write_private(folder / "netrc", f"machine {HOST} login {USER} password {password}\n".encode())
    _write_private(folder / "htpasswd", users.to_string())


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)


def serve(
    packages: Path, password_file: Path, address: tuple[str, int], fallback: str | None
) -> None:
    """Serve the packages in a folder.

    `fallback` is where those of others come from: None for the public index, "" for nowhere.
    """
    packages.mkdir(exist_ok=True)
    public = {} if fallback is None else {"fallback_url": fallback}
    config = Config.default_with_overrides(
        roots=[packages],
        authenticate=["list", "download", "update"],
        password_file=str(password_file),
        overwrite=False,
        disable_fallback=fallback == "",
        **public,
    )
    config.backend = BackendProxy(LastingBackend(config))
    app = pypiserver.setup_routes_from_config(pypiserver.app_from_config(config), config)
    host, port = address
    try:
        server = make_server(host, port, app)
    except OSError as error:
        sys.exit(f"make index: cannot listen on port {port} ({error.strerror}): set INDEX_PORT")
    with server:
        print(f"Index:    http://{host}:{server.server_port}/simple/")
        print(f"Packages: {packages}", flush=True)
        server.serve_forever()


def main() -> None:
    """Read the options, and serve."""
    parser = argparse.ArgumentParser(description="A private package index.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, required=True, help="0: any that is free")
    parser.add_argument(
        "--password-file", type=Path, help="htpasswd; made in the folder if not set"
    )
    parser.add_argument("--fallback", help="where packages of others come from; empty: nowhere")
    options = parser.parse_args()
    folder = options.folder.absolute()
    password_file = options.password_file
    if password_file is None:
        make_credentials(folder)
        password_file = folder / "htpasswd"
        print(f"User:     {USER}; the password is in {folder / 'netrc'}")
    with contextlib.suppress(KeyboardInterrupt):
        address = options.host, options.port
        serve(folder / "packages", password_file, address, options.fallback)


if __name__ == "__main__":
    main()
