"""Packages with a name and a version and nothing else, in place of a gigabyte of libraries."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement


def metadata_of(wheel: Path) -> Message:
    """The METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def write_stubs(wheel: Path, folder: Path) -> None:
    """A stub of everything that `wheel` requires without extras, on any platform."""
    for text in metadata_of(wheel).get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if "extra ==" not in str(requirement.marker):
            _write_stub(folder, requirement)


def _write_stub(folder: Path, requirement: Requirement) -> None:
    try:
        number = version(requirement.name)
    except PackageNotFoundError:  # not needed on this platform
        (number,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
    extras = "".join(f"Provides-Extra: {extra}\n" for extra in sorted(requirement.extras))
    write_stub(folder, requirement.name, number, extras)


def write_stub(folder: Path, name: str, number: str, extras: str = "") -> None:
    """A wheel without a file of its own."""
    stem = f"{name.replace('-', '_')}-{number}"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{extras}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: stubs\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    records = [
        f"{stem}.dist-info/{name},sha256={_digest(text)},{len(text)}"
        for name, text in files.items()
    ]
    files["RECORD"] = "\n".join([*records, f"{stem}.dist-info/RECORD,,"])
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{stem}.dist-info/{name}", text)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
