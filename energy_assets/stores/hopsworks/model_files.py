"""Add versions to Hopsworks' model registry, with several deployments at once, and remove them.

The client's own `save` is not made for that: it takes the next free number, and after a failure it
deletes that number's folder, even if the folder is another deployment's.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.errors import StorageError
from energy_assets.stores.hopsworks.model_description import NAME

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hopsworks_common.core.dataset_api import DatasetApi
    from hsml.model import Model

_log = logging.getLogger(__name__)

_FOLDERS = 1000
"""Folders a page."""

_ATTEMPTS = 50
"""How many numbers are tried. Each one that is taken is a registration that has just begun."""
_LONGEST_STEP = 8
"""How many numbers are skipped at most after one that is taken; by chance, so that deployments that
try in step part again."""


def add(project: Project, files: Path, newest_number: int, make: Callable[[int], Model]) -> int:
    """Upload a folder of files as a version with a free number, and register it; returns it.

    `make` gives the client's object for a number. Nobody sees the version before it is complete.
    """
    from hsml.core.model_api import ModelApi

    storage = project.get_dataset_api()
    _make_folder(storage, f"Models/{NAME}")
    number = newest_number + 1
    for _ in range(_ATTEMPTS):
        if _claim(storage, f"Models/{NAME}/{number}"):
            break
        number += random.randint(1, _LONGEST_STEP)  # noqa: S311 - no secret
    else:
        raise StorageError(
            f"folders of Models/{NAME} in Hopsworks, from {newest_number + 1} to {number}, exist "
            "but have no versions: move those away that nobody is writing to"
        )
    model = make(number)
    model._project_name = project.name
    _make_folder(storage, f"Models/{NAME}/{number}/Files")
    for file in sorted(files.iterdir()):
        storage.upload(str(file), f"Models/{NAME}/{number}/Files")
    # If this fails, or an upload did, the files stay: maintenance removes them if there is no
    # version, and the version may be registered even if the answer is lost.
    ModelApi()._put(model, {})
    return number


def delete(project: Project, number: int) -> bool:
    """Delete a version and its files; False if there is nothing to delete."""
    from hopsworks_common.client.exceptions import RestAPIError

    model = project.get_model_registry().get_model(NAME, number)
    if model is None:
        return False
    try:
        model.delete()
    except RestAPIError as error:
        _log.warning("version %s of %s cannot be deleted: %s", number, NAME, error.user_message)
        return False
    return True


def remove_unfinished(project: Project, known: Collection[int], below: int) -> None:
    """Remove the folders of numbers below one that have no version: their writers have failed.

    `known` are numbers that have one, so that Hopsworks need not be asked.
    """
    storage, registry = project.get_dataset_api(), project.get_model_registry()
    paths: list[str] = []
    while page := storage.list(f"Models/{NAME}", offset=len(paths), limit=_FOLDERS):
        paths += page
    for number in {int(name) for path in paths if (name := path.rpartition("/")[2]).isdigit()}:
        if number < below and number not in known and registry.get_model(NAME, number) is None:
            storage.remove(f"Models/{NAME}/{number}")


def _claim(storage: DatasetApi, folder: str) -> bool:
    """Create the folder of a number; False if another deployment has it.

    Hopsworks lets both win if two create it in the same instant. So each leaves its mark and then
    looks for others: of two, at least the second sees both marks and leaves the number alone.
    """
    if not _make_folder(storage, folder):
        return False
    storage.mkdir(f"{folder}/claim-{uuid.uuid4().hex}")
    return sum("/claim-" in path for path in storage.list(folder)) == 1


def _make_folder(storage: DatasetApi, folder: str) -> bool:
    """Create a folder; False if it exists."""
    from hopsworks_common.client.exceptions import RestAPIError

    try:
        storage.mkdir(folder)
    except RestAPIError:
        if storage.exists(folder):
            return False
        raise
    return True
