"""`make publish`: build the packages of this commit and upload them to an index."""

from __future__ import annotations

import argparse
import netrc
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from scripts.build import ROOT, build


def publish(packages: list[Path], url: str, credentials: Path) -> None:
    """Upload with twine; ends the program with a message if that fails.

    TWINE_USERNAME and TWINE_PASSWORD come first, then `credentials` if it names the host, then what
    twine finds itself.
    """
    environment = {**os.environ, "TWINE_REPOSITORY_URL": url, "COLUMNS": "500"}
    if "TWINE_PASSWORD" not in environment and credentials.exists():
        known = netrc.netrc(credentials).hosts.get(urlsplit(url).hostname or "")
        if known:
            environment |= {"TWINE_USERNAME": known[0], "TWINE_PASSWORD": known[2] or ""}
    command = [sys.executable, "-m", "twine", "--no-color", "upload", "--verbose"]
    there = []
    for path in packages:  # one by one: an earlier upload may have stopped between them
        process = subprocess.run(
            [*command, "--non-interactive", str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = process.stdout + process.stderr
        if process.returncode == 0:
            print(f"published {path.name} at {url}")
        elif "already exist" in printed:
            there.append(path.name)
        else:
            _, error, reason = printed.rpartition("ERROR")
            reason = " ".join(reason.split()) if error else printed.splitlines()[-1]
            sys.exit(
                f"make publish: {url} did not take {path.name} ({reason}). Start the index with "
                "`make index`; for another one, set TWINE_USERNAME and TWINE_PASSWORD."
            )
    if there:
        sys.exit(
            f"make publish: {' and '.join(there)} had been published at {url} before; what is "
            "there stays. To publish a change, raise the version in pyproject.toml, and commit."
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build, and upload to an index.")
    parser.add_argument("--url", required=True, help="where the index takes uploads")
    parser.add_argument("--netrc", type=Path, required=True, help="credentials made by the index")
    options = parser.parse_args()
    publish(build(ROOT, ROOT / "dist"), options.url, options.netrc)
