"""Add a version to Hopsworks' model registry so that several deployments can do it at once.

The client's own `save` is not made for that: it takes the next free number, and after a failure it
deletes that number's folder, even if the folder is another deployment's.
"""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from energy_assets.errors import StorageError
from energy_assets.stores.hopsworks.model_description import NAME

if TYPE_CHECKING:
    from hopsworks.project import Project
    from hopsworks_common.core.dataset_api import DatasetApi
    from hsml.model import Model

_ATTEMPTS = 50
"""How many numbers are tried. Each one that is taken is a registration that has just begun."""
_LONGEST_STEP = 8
"""How many numbers are skipped at most after one that is taken; by chance, so that deployments that
try in step part again."""


def add(project: Project, files: Path, newest_number: int, make: Callable[[int], Model]) -> Model:
    """Upload a folder of files as a version with the next free number, and register it.

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
    try:
        _make_folder(storage, f"Models/{NAME}/{number}/Files")
        for file in sorted(files.iterdir()):
            storage.upload(str(file), f"Models/{NAME}/{number}/Files")
    except BaseException:
        with contextlib.suppress(Exception):
            storage.remove(f"Models/{NAME}/{number}")
        raise
    # From here on the files stay: even if the answer is lost, the version may be registered.
    ModelApi()._put(model, {})
    return model


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
