"""The files of a project folder: a checkout has them, an installed package has to write them.

They are data of the package, and links to the files at the top of a checkout, so that each stands
once.
"""

from __future__ import annotations

import os
from pathlib import Path

from energy_assets.errors import SettingsError
from energy_assets.settings import IS_CHECKOUT, PROJECT_ROOT

HOME = PROJECT_ROOT / "dagster_home"
"""The project's own DAGSTER_HOME."""

_TEMPLATES = Path(__file__).parent / "templates"


def write_project_files() -> list[Path]:
    """Write the files that are missing, and return them. What is there stays as it is.

    `.env` names DAGSTER_HOME for Dagster's own commands, which read it in the current directory.
    """
    home = Path(os.environ["DAGSTER_HOME"])
    contents = {home / "dagster.yaml": _template("dagster.yaml")}
    if not IS_CHECKOUT:
        contents[PROJECT_ROOT / ".env.default"] = _template("env.default")
        contents[PROJECT_ROOT / ".env"] = (
            f"# Your settings. .env.default explains all of them.\nDAGSTER_HOME='{home}'\n"
        )
    return [path for path, text in contents.items() if _write_if_missing(path, text)]


def make_home() -> None:
    """Make the project's own DAGSTER_HOME with our dagster.yaml, if there is no such folder.

    Without that file Dagster would watch no run, and report to its makers how it is used. Another
    folder is only made by `init`: its name may be misspelled.
    """
    if os.environ["DAGSTER_HOME"] == str(HOME) and not HOME.exists():
        _write_if_missing(HOME / "dagster.yaml", _template("dagster.yaml"))


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text()


def _write_if_missing(path: Path, text: str) -> bool:
    if path.exists():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}): start the command in a folder that "
            "this user may write to, or set DAGSTER_HOME and STORAGE_ROOT to such folders"
        ) from error
    return True
