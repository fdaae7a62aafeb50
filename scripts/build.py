"""`make build`: a wheel and an sdist of the commit that is checked out, in `dist/`.

One commit always gives the same bytes, whatever the folder, the time, and the rights of new files
there: the files are those that Git has, with the time of the commit.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = "energy_assets"


def build(root: Path, target: Path) -> list[Path]:
    """The wheel and the sdist in `target`, whose older packages are removed."""
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder) / "source", Path(folder) / "built"
        epoch = _export(root, source)
        # Not isolated: the build tools are those of the lock file.
        _run("build", "--no-isolation", "--outdir", str(built), str(source), epoch=epoch)
        packages = sorted(built.iterdir())
        for path in packages:
            if path.suffix == ".gz":
                path.write_bytes(_without_traces(path.read_bytes(), epoch))
        _run("twine", "check", "--strict", *map(str, packages), epoch=epoch)
        target.mkdir(exist_ok=True)
        for old in target.glob(f"{NAME}-*"):
            old.unlink()
        return [Path(shutil.move(path, target / path.name)) for path in packages]


def _run(tool: str, *arguments: str, epoch: int) -> None:
    process = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    if process.returncode:
        sys.exit(f"make build: {tool} failed.\n{process.stdout}{process.stderr}".rstrip())


def _export(root: Path, source: Path) -> int:
    """Copy the files of the commit to `source`; returns the time of the commit."""
    if not (root / ".git").exists():  # an unpacked sdist, whose files all have that time
        shutil.copytree(root, source, ignore=shutil.ignore_patterns(".venv*", "dist", "storage"))
        return int((root / "PKG-INFO").stat().st_mtime)
    changed = _git(root, "status", "--porcelain", "--untracked-files=no").decode().splitlines()
    if changed:
        sys.exit(
            "make build: packages are made from a commit. Commit or stash the changes in "
            + ", ".join(line[3:] for line in changed)
        )
    files = _git(root, "-c", "tar.umask=0022", "archive", "--format=tar", "HEAD")
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(source, filter="data")
    for path in source.rglob("*"):
        if path.is_symlink():  # packages hold contents
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
            path.chmod(0o644)
    return int(_git(root, "log", "-1", "--format=%ct"))


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True
    ).stdout


def _without_traces(sdist: bytes, epoch: int) -> bytes:
    """The same files without the times, owners and rights that this build gave them."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=epoch) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, epoch
            plain.mode = 0o755 if member.isdir() else 0o644
            new.addfile(plain, old.extractfile(member))
    return packed.getvalue()


if __name__ == "__main__":
    for package in build(ROOT, ROOT / "dist"):
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        print(f"{package.relative_to(ROOT)}  {package.stat().st_size:,} bytes  sha256 {digest}")
