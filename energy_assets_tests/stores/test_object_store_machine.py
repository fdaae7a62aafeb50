"""Random sequences of writes, conditional writes and faults against a dictionary in memory.

The sequences are the same in every run; see `test_feature_store_machine` for how to search on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from energy_assets.errors import EnergyAssetsError, NotFoundError
from energy_assets.stores.embedded.object_store import LocalObjectStore
from energy_assets.stores.object_store import ObjectStore
from energy_assets_tests.generated import run_machine
from energy_assets_tests.stores.full_disk import full_disk
from energy_assets_tests.stores.gcs.server import GcsServer, answers, gcs_store

paths = st.sampled_from(["newest.json", "raw/2023-03-01/00.parquet", "raw/2023-03-01/01.parquet"])
clients = st.integers(0, 1)


class ObjectStoreMachine(RuleBasedStateMachine):
    """Two clients of one place; what they store is compared with the model after every step."""

    def __init__(
        self, open_store: Callable[[], ObjectStore], fault: Callable[[], AbstractContextManager]
    ) -> None:
        super().__init__()
        self.clients = [open_store(), open_store()]
        self.fault = fault
        self.model: dict[str, bytes] = {}
        self.generations: dict[str, tuple[str | None, bytes | None]] = {}
        """What a client has seen of an object some time ago: its generation and its content."""
        self.written = 0

    def content(self) -> bytes:
        """Content that no object has had before."""
        self.written += 1
        return b"%d " % self.written * 100

    @rule(client=clients, path=paths)
    def write(self, client: int, path: str) -> None:
        self.model[path] = self.content()
        self.clients[client].write(path, self.model[path])

    @rule(client=clients, path=paths)
    def fail_to_write(self, client: int, path: str) -> None:
        with self.fault(), pytest.raises(EnergyAssetsError):
            self.clients[client].write(path, self.content())

    @rule(client=clients, path=paths)
    def look(self, client: int, path: str) -> None:
        generation = self.clients[client].generation(path)
        self.generations[path] = (generation, self.model.get(path))

    @rule(client=clients, path=paths)
    def write_if_unchanged(self, client: int, path: str) -> None:
        generation, seen = self.generations.get(path, (None, None))
        content = self.content()
        written = self.clients[client].write_if(path, content, generation)
        assert written == (self.model.get(path) == seen)
        if written:
            self.model[path] = content

    @rule(path=paths)
    def write_if_unchanged_at_the_same_time(self, path: str) -> None:
        generation = self.clients[0].generation(path)
        contents = [self.content(), self.content()]
        with ThreadPoolExecutor(2) as pool:
            attempts = [
                pool.submit(client.write_if, path, content, generation)
                for client, content in zip(self.clients, contents, strict=True)
            ]
        (winner,) = (number for number, attempt in enumerate(attempts) if attempt.result())
        self.model[path] = contents[winner]

    @rule(client=clients)
    def read_what_is_not_there(self, client: int) -> None:
        assert not self.clients[client].exists("raw/other")
        with pytest.raises(NotFoundError):
            self.clients[client].read("raw/other")

    @invariant()
    def every_object_is_there_whole(self) -> None:
        for client in self.clients:
            assert {path: client.read(path) for path in self.model} == self.model
            assert client.list("raw") == sorted(path for path in self.model if "raw" in path)


def run(
    open_store: Callable[[], Callable[[], ObjectStore]],
    fault: Callable[[], AbstractContextManager],
    examples: int,
) -> None:
    run_machine(lambda: ObjectStoreMachine(open_store(), fault), examples)


def test_a_folder_does_what_the_model_does(tmp_path: Path) -> None:
    def open_store() -> Callable[[], ObjectStore]:
        root = Path(tempfile.mkdtemp(dir=tmp_path))
        return lambda: LocalObjectStore(root)

    run(open_store, lambda: full_disk(100), examples=10)


def test_a_bucket_does_what_the_model_does(gcs: GcsServer) -> None:
    number = 0

    def open_store() -> Callable[[], ObjectStore]:
        nonlocal number
        number += 1
        folder = f"example-{number}"
        return lambda: gcs_store(google_cloud_bucket_folder=folder)

    def fault() -> AbstractContextManager:
        gcs.fail(answers(403), at="/upload")
        return nullcontext()

    run(open_store, fault, examples=4)
