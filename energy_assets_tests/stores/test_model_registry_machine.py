"""Random sequences of registrations, removals and crashes against a model in memory.

The sequences are the same in every run; see `test_feature_store_machine` for how to search on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from energy_assets.errors import EnergyAssetsError, NotFoundError
from energy_assets.stores.model_registry import ModelVersion
from energy_assets_tests.generated import run_machine
from energy_assets_tests.stores.hopsworks.server import HopsworksServer
from energy_assets_tests.stores.registry_backends import Backend, folder_backend, hosted_backend
from energy_assets_tests.stores.registry_model import RegistryModel
from energy_assets_tests.stores.samples import HOUR, T0

END = T0 + 3 * HOUR

writers = st.integers(0, 1)
hours = st.integers(0, 2).map(lambda number: T0 + number * HOUR)
limits = st.sampled_from([T0 + HOUR, T0 + 2 * HOUR, END])


@dataclass(frozen=True)
class Training:
    """What a run has trained: files with this text for an hour."""

    hour: datetime
    text: str
    promoted: bool
    run: int
    """Part of the tags."""

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "model.json").write_text("{}")
        (folder / "model.txt").write_text(self.text)
        return folder


trainings = st.builds(
    Training,
    hour=hours,
    text=st.sampled_from(["trees", "ridge"]),
    promoted=st.integers(0, 2).map(bool),
    run=st.integers(0, 9),
)


class ModelRegistryMachine(RuleBasedStateMachine):
    """Two writers; what they have registered is compared with the model after every step."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp())
        self.folders = 0
        self.registries = [backend.open(), backend.open()]
        self.model = RegistryModel()
        self.today = 0
        self.trained: dict[str, tuple[ModelVersion, str]] = {}
        """Every version that a registration was begun for, with the text of its file."""
        self.left_over: set[str] = set()
        """Versions that a failed registration may have left files of."""

    def new_folder(self) -> Path:
        self.folders += 1
        return self.folder / str(self.folders)

    def register_with(self, writer: int, training: Training) -> ModelVersion:
        files = training.write(self.new_folder())
        return self.registries[writer].register(
            files,
            training.hour,
            promoted=training.promoted,
            metrics={"mape": len(training.text) / 7},
            tags={"run": str(training.run)},
        )

    def version(self, training: Training) -> ModelVersion:
        """The version that a registration would make."""
        model = ModelVersion.of(
            training.write(self.new_folder()),
            training.hour,
            promoted=training.promoted,
            metrics={"mape": len(training.text) / 7},
            tags={"run": str(training.run)},
        )
        self.trained[model.version] = (model, training.text)
        return model

    def listed(self) -> list[ModelVersion]:
        return list(self.registries[0].promoted(END))

    def check_files(self, reader: int, version: str) -> None:
        """A version has all its files, or none if it may have been removed."""
        model, text = self.trained[version]
        folder = self.new_folder()
        try:
            self.registries[reader].download(model, folder)
        except NotFoundError:
            assert version not in self.model.versions
        else:
            assert version in {*self.model.versions, *self.left_over}
            assert {path.name for path in folder.iterdir()} == {"model.json", "model.txt"}
            assert (folder / "model.txt").read_text() == text

    @rule(writer=writers, training=trainings)
    def register(self, writer: int, training: Training) -> None:
        self.model = self.model.register(self.version(training), self.today)
        registered = self.register_with(writer, training)
        assert registered == self.model.hours[training.hour]

    @rule(first=trainings, second=trainings)
    def register_at_the_same_time(self, first: Training, second: Training) -> None:
        one, other = self.version(first), self.version(second)
        with ThreadPoolExecutor(2) as pool:
            for registration in [
                pool.submit(self.register_with, 0, first),
                pool.submit(self.register_with, 1, second),
            ]:
                registration.result()
        orders = [(one, other), (other, one)]
        outcomes = [
            self.model.register(first_of, self.today).register(second_of, self.today)
            for first_of, second_of in orders
        ]
        self.settle(outcomes, second)

    @rule(writer=writers, training=trainings, where=st.integers(0, 31))
    def fail_to_register(self, writer: int, training: Training, where: int) -> None:
        model = self.version(training)
        after = self.model.register(model, self.today)
        try:
            with self.backend.fault(where):
                self.register_with(writer, training)
        except EnergyAssetsError:
            self.left_over.add(model.version)
            self.registries[writer] = self.backend.open()
            # A fault at the very end is reported too. All of it is registered then, or nothing.
            self.settle([self.model, after], training)
            if model.version in self.model.versions:  # its files may count as young
                self.register(writer, training)
        else:
            self.model = after

    def settle(self, outcomes: list[RegistryModel], training: Training) -> None:
        """Find out which of the outcomes it is; if they look the same, register again."""
        listed = self.listed()
        possible = [model for model in outcomes if model.promoted(END) == listed]
        assert possible
        self.model = possible[0]
        if any(model != self.model for model in possible):
            self.model = self.model.register(self.version(training), self.today)
            self.register_with(0, training)

    @rule()
    def let_a_day_pass(self) -> None:
        self.backend.let_a_day_pass()
        self.today += 1

    @rule(writer=writers, before=limits, kept=st.sets(st.integers(0, 9), max_size=2))
    def remove_old(self, writer: int, before: datetime, kept: set[int]) -> None:
        keep = self.chosen(kept)
        after = self.model.remove_old(before, keep, self.today)
        removed = self.registries[writer].remove_old(before, keep)
        assert removed >= len(self.model.versions) - len(after.versions)
        self.model = after

    @rule(
        writer=writers,
        before=limits,
        kept=st.sets(st.integers(0, 9), max_size=2),
        where=st.integers(0, 31),
    )
    def fail_to_remove_old(self, writer: int, before: datetime, kept: set[int], where: int) -> None:
        keep = self.chosen(kept)
        after = self.model.remove_old(before, keep, self.today)
        with suppress(EnergyAssetsError), self.backend.fault(where):
            self.registries[writer].remove_old(before, keep)
        listed = self.listed()
        for model in listed:
            self.registries[writer].download(model, self.new_folder())
        assert [model for model in self.model.promoted(END) if model in listed] == listed
        assert [model for model in listed if model in after.promoted(END)] == after.promoted(END)
        self.registries[writer].remove_old(before, keep)
        self.model = after

    def chosen(self, numbers: set[int]) -> list[str]:
        """Some of the versions."""
        versions = sorted(self.model.versions)
        return [versions[number % len(versions)] for number in numbers if versions]

    @rule(reader=writers, newest=hours, length=st.integers(0, 3))
    def list_a_range(self, reader: int, newest: datetime, length: int) -> None:
        oldest = newest - length * HOUR
        found = list(self.registries[reader].promoted(newest, oldest))
        assert found == self.model.promoted(newest, oldest)
        assert list(self.registries[reader].promoted(newest)) == self.model.promoted(newest)

    @rule(reader=writers, number=st.integers(0, 99))
    def download(self, reader: int, number: int) -> None:
        if self.trained:
            self.check_files(reader, sorted(self.trained)[number % len(self.trained)])

    @invariant()
    def the_promoted_versions_are_listed_newest_first(self) -> None:
        assert self.listed() == self.model.promoted(END)

    def teardown(self) -> None:
        for version in self.trained:
            self.check_files(1, version)
        self.backend.close()
        shutil.rmtree(self.folder)


def run(backend: Callable[[], Backend], examples: int, steps: int) -> None:
    run_machine(lambda: ModelRegistryMachine(backend()), examples, steps)


def test_a_folder_of_models_does_what_the_model_does() -> None:
    run(folder_backend, examples=25, steps=30)


def test_the_registry_in_hopsworks_does_what_the_model_does(
    hopsworks_server: HopsworksServer,
) -> None:
    run(lambda: hosted_backend(hopsworks_server), examples=3, steps=30)
