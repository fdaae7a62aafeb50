"""Changing an object that others may change at the same time, without losing their changes."""

from __future__ import annotations

from collections.abc import Callable

from energy_assets.errors import StorageError
from energy_assets.stores.object_store import ObjectStore

ATTEMPTS = 20


def compare_and_set(
    objects: ObjectStore, path: str, change: Callable[[bytes | None], bytes | None]
) -> bool:
    """Replace an object's content by `change(content)`, which sees every earlier change.

    `change` gets None if there is no object, and returns None to leave it as it is. It is called
    again if somebody else writes in between. Returns whether the object was written.

    Raises StorageError if others keep writing first.
    """
    for _ in range(ATTEMPTS):
        generation = objects.generation(path)
        content = change(None if generation is None else objects.read(path))
        if content is None:
            return False
        if objects.write_if(path, content, generation):
            return True
    raise StorageError(
        f"{objects.url(path)} was changed by another run {ATTEMPTS} times in a row: "
        "start fewer runs at a time"
    )
