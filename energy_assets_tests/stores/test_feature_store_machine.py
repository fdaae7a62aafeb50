"""Random sequences of writes, pins, maintenance and crashes against a model in memory.

The sequences are the same in every run. To search for others, raise the numbers of examples and
steps, and set `derandomize` to False. To see the shortest sequence that fails, add `Phase.shrink`.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from energy_assets.errors import EnergyAssetsError, NotFoundError
from energy_assets.schemas import CONSUMPTION, CONSUMPTION_VERSIONS, first_versions
from energy_assets.stores.embedded.feature_store import DeltaFeatureStore
from energy_assets.stores.feature_store import FeatureStore, TrainingDataset
from energy_assets.stores.hopsworks.connection import log_out
from energy_assets_tests.generated import run_machine
from energy_assets_tests.stores.full_disk import full_disk
from energy_assets_tests.stores.hopsworks.clients import features
from energy_assets_tests.stores.hopsworks.server import HopsworksServer
from energy_assets_tests.stores.samples import HOUR, T0
from energy_assets_tests.stores.versions_model import VersionsModel

HOURS = 4
END = T0 + HOURS * HOUR

hours = st.integers(0, HOURS - 1).map(lambda number: T0 + number * HOUR)
known_times = st.integers(0, 6).map(lambda number: T0 + number * HOUR)
keys = st.tuples(st.sampled_from(["DK1", "DK2"]), st.sampled_from(["111", "999"]), hours)
values = st.sampled_from([math.nan, 0.0, 1.5, 2.5, 1e5])


@st.composite
def batches(draw: st.DrawFn, **areas: str) -> pd.DataFrame:
    """A few versions, often of the same rows; `area=` puts all of them in one area."""
    chosen = draw(st.dictionaries(st.tuples(keys, known_times), values, min_size=1, max_size=8))
    frame = pd.DataFrame(
        [(*key, value, known_at) for (key, known_at), value in chosen.items()],
        columns=list(CONSUMPTION_VERSIONS.dtypes),
    ).assign(**areas)
    return frame.drop_duplicates(list(CONSUMPTION_VERSIONS.key)).astype(CONSUMPTION_VERSIONS.dtypes)


@dataclass(frozen=True)
class Backend:
    """One empty place for feature stores, and how writing there goes wrong."""

    open: Callable[[], FeatureStore]
    """Another store over the same tables, as another process would have it."""
    write_table_of_earlier_release: Callable[[pd.DataFrame], None] | None
    fault: Callable[[int], AbstractContextManager[object]]
    """While it lasts, a write fails at a point that the number chooses, or not at all."""
    leave_uncommitted_files: Callable[[], None]
    """What a writer leaves that is killed before it commits."""
    close: Callable[[], None]


class FeatureStoreMachine(RuleBasedStateMachine):
    """Two writers; what they store is compared with the model after every step."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.stores = [backend.open(), backend.open()]
        self.model = VersionsModel()
        self.pins: list[tuple[TrainingDataset | None, pd.DataFrame]] = []
        """Reference and rows, oldest first. No reference: a crash came before it was written."""
        self.kept_pins = 0
        """So many of the newest pins must be readable; maintenance may have removed the others."""

    @initialize(
        by_earlier_release=st.booleans(),
        old_rows=st.dictionaries(keys, st.sampled_from([0.0, 7.5]), min_size=1, max_size=4),
    )
    def begin(self, by_earlier_release: bool, old_rows: dict) -> None:
        if by_earlier_release and self.backend.write_table_of_earlier_release is not None:
            rows = pd.DataFrame(
                [(*key, value) for key, value in old_rows.items()], columns=list(CONSUMPTION.dtypes)
            )
            self.backend.write_table_of_earlier_release(rows)
            self.model = self.model.upsert(first_versions(rows))

    @rule(writer=st.integers(0, 1), versions=batches())
    def write(self, writer: int, versions: pd.DataFrame) -> None:
        self.stores[writer].upsert(versions)
        self.model = self.model.upsert(versions)

    @rule(first=batches(area="DK1"), second=batches(area="DK2"))
    def write_at_the_same_time(self, first: pd.DataFrame, second: pd.DataFrame) -> None:
        with ThreadPoolExecutor(2) as pool:
            writes = [
                pool.submit(store.upsert, versions)
                for store, versions in zip(self.stores, (first, second), strict=True)
            ]
            for write in writes:
                write.result()
        self.model = self.model.upsert(first).upsert(second)

    @rule(writer=st.integers(0, 1), versions=batches(), where=st.integers(0, 12))
    def fail_to_write(self, writer: int, versions: pd.DataFrame, where: int) -> None:
        written = self.model.upsert(versions)
        try:
            with self.backend.fault(where):
                self.stores[writer].upsert(versions)
        except EnergyAssetsError:
            # A fault after the commit is reported too. All of it is stored then, or else nothing.
            stored = self.stores[writer].read_versions(T0, END)
            if stored.equals(written.read_versions(T0, END)):
                self.model = written
        else:
            self.model = written

    @rule(writer=st.integers(0, 1))
    def crash_and_start_again(self, writer: int) -> None:
        self.backend.leave_uncommitted_files()
        self.stores[writer] = self.backend.open()

    @precondition(lambda self: self.model.stored)
    @rule(
        writer=st.integers(0, 1),
        start=hours,
        known_by=st.none() | known_times,
        crashes=st.booleans(),
    )
    def pin(
        self,
        writer: int,
        start: datetime,
        known_by: datetime | None,
        crashes: bool,
    ) -> None:
        dataset = self.stores[writer].create_training_dataset(start, END, known_by)
        rows = self.model.read(start, END, known_by)
        assert dataset.rows == len(rows)
        self.pins.append((None if crashes else dataset, rows))
        self.kept_pins += 1

    @rule(writer=st.integers(0, 1), keep=st.integers(1, 3))
    def maintain(self, writer: int, keep: int) -> None:
        self.stores[writer].maintain(keep)
        self.kept_pins = min(self.kept_pins, keep)

    @rule(reader=st.integers(0, 1), start=hours, known_by=st.none() | known_times)
    def read(self, reader: int, start: datetime, known_by: datetime | None) -> None:
        pd.testing.assert_frame_equal(
            self.stores[reader].read(start, END, known_by), self.model.read(start, END, known_by)
        )

    @precondition(lambda self: self.pins)
    @rule(reader=st.integers(0, 1), number=st.integers(0, 99))
    def read_pinned(self, reader: int, number: int) -> None:
        age = number % len(self.pins)
        dataset, rows = self.pins[-1 - age]
        if dataset is None:
            return
        try:
            read = self.stores[reader].read_training_dataset(dataset)
        except NotFoundError:
            assert age >= self.kept_pins
        else:
            pd.testing.assert_frame_equal(read, rows)

    @invariant()
    def every_version_is_there(self) -> None:
        read = self.stores[0].read_versions(T0, END)
        pd.testing.assert_frame_equal(read, self.model.read_versions(T0, END))

    def teardown(self) -> None:
        for reader in range(2):
            self.read(reader, T0, None)
        for number in range(len(self.pins)):
            self.read_pinned(0, number)
        self.backend.close()


def delta_backend() -> Backend:
    """A folder. A compaction every five commits puts that step into reach, too."""
    root = Path(tempfile.mkdtemp())
    table = root / "table"

    def write_table_of_earlier_release(rows: pd.DataFrame) -> None:
        schema = CONSUMPTION.arrow_schema
        write_deltalake(table, pa.Table.from_pandas(rows, schema=schema))

    def leave_uncommitted_files() -> None:
        for file in list(table.glob("*.parquet"))[:1]:
            shutil.copy(file, table / f"part-00000-{file.stat().st_mtime_ns}-c000.snappy.parquet")

    return Backend(
        open=lambda: DeltaFeatureStore(table, commits_per_compaction=5, retention_hours=0),
        write_table_of_earlier_release=write_table_of_earlier_release,
        fault=lambda where: full_disk(where * 250),
        leave_uncommitted_files=leave_uncommitted_files,
        close=lambda: shutil.rmtree(root),
    )


def hosted_backend(server: HopsworksServer) -> Backend:
    """A project in the stand-in. Before the second of these requests, the rows are committed."""
    project = server.new_project()
    requests = [("GET", r"/featuregroups/\w+$"), ("POST", "/commits$")]

    @contextmanager
    def refused(where: int) -> Iterator[None]:
        fault = project.fail(*requests[where % 2], status=400, code=270000)
        try:
            yield
        finally:
            fault.times = 0

    return Backend(
        open=lambda: features(project, retention_hours=0),
        write_table_of_earlier_release=None,  # needs another FEATURE_GROUP_VERSION
        fault=refused,
        leave_uncommitted_files=lambda: None,
        close=log_out,
    )


def run(backend: Callable[[], Backend], examples: int, steps: int) -> None:
    run_machine(lambda: FeatureStoreMachine(backend()), examples, steps)


def test_a_delta_table_does_what_the_model_does() -> None:
    run(delta_backend, examples=10, steps=20)


def test_the_feature_group_in_hopsworks_does_what_the_model_does(
    hopsworks_server: HopsworksServer,
) -> None:
    run(lambda: hosted_backend(hopsworks_server), examples=2, steps=12)
