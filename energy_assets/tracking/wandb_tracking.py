"""Weights & Biases: a run for each record, in a group for each partition.

A run's id is made of the source, the kind of record and the partition: running a partition again
replaces its runs, as it replaces its rows in every table. Artifacts are small JSON documents, a
version for each partition, found by an alias of its name; W&B's own alias `latest` is whatever was
logged last, so that nothing here reads it.

Offline, runs are written below STORAGE_ROOT/wandb for `wandb sync`. The client cannot say offline
which artifacts a run used, so that there the lineage stands only in the run's config, as `inputs`.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_assets.settings import Settings
from energy_assets.tracking import (
    JOB_TYPES,
    EmbeddedSearch,
    Record,
    Reference,
    SearchEngine,
    Tracked,
)
from energy_assets.tracking.session import Session, log

if TYPE_CHECKING:
    import wandb

PAUSE_SECONDS = 300.0
"""After an outage W&B is left alone for so long, so that not every partition waits for it."""


class WandbTracking:
    """Runs of one source in a project of Weights & Biases, or in a folder."""

    def __init__(self, settings: Settings, owner: str) -> None:
        self.session = Session(settings)
        self.owner = owner
        self._source = settings.energy_source
        self._out_until = -math.inf
        self._outage = ""

    def log(self, tell: Callable[[], Record]) -> Tracked:
        """Write a record as a run; offline where it should be online and is not reached."""
        try:
            record = tell()
        except Exception as error:  # no fault of tracking is one of the forecast
            log.exception("a record of Weights & Biases cannot be made")
            return Tracked(problem=f"not tracked, {type(error).__name__}: {error}")
        problem = self.outage if self.session.online else ""
        if self.session.online and not problem:
            try:
                return self._write(record, online=True)
            except Exception as error:
                problem = self.failed(error)
        try:
            kept = self._write(record, online=False)
        except Exception as error:
            problem = problem or self.session.why(error)[0]
            log.warning("%s %s is not tracked: %s", record.name, record.partition, problem)
            return Tracked(problem=problem)
        if problem:
            log.warning("%s %s: Weights & Biases: %s", record.name, record.partition, problem)
            return Tracked(folder=kept.folder, problem=f"{problem} Kept for `wandb sync`.")
        return kept

    def search(self, partition: str) -> SearchEngine:
        """A sweep where W&B is online, else the engine that comes with the package."""
        if not self.session.online:
            return EmbeddedSearch()
        from energy_assets.tracking.sweep import Sweep

        return Sweep(self, partition)

    def check(self) -> str:
        """Ask for the key's owner, or for a folder that can be written to."""
        return self.session.check()

    @property
    def outage(self) -> str:
        """Why W&B is left alone for the time being; empty when it is not."""
        return self._outage if time.monotonic() < self._out_until else ""

    def failed(self, error: Exception) -> str:
        """Why it failed; W&B is left alone for a while if it refuses us or does not answer."""
        reason, is_outage = self.session.why(error)
        if is_outage:
            self._outage, self._out_until = reason, time.monotonic() + PAUSE_SECONDS
        return reason

    def run_id(self, name: str, partition: str) -> str:
        """The id of a record's run, of characters that W&B allows."""
        return f"{self.owner}-{name}-{_alias(partition)}"

    def artifact(self, reference: Reference) -> str:
        """The name of an artifact's version, as `simulator-...-model:2023-03-10-21-00`."""
        return f"{self.owner}-{reference.name}:{_alias(reference.partition)}"

    def run_settings(self, name: str, partition: str, online: bool, **more: Any) -> wandb.Settings:
        """Settings of a run of a record, but for those that name it."""
        return self.session.run_settings(
            online, run_group=partition, run_job_type=JOB_TYPES[name], **more
        )

    def _write(self, record: Record, online: bool) -> Tracked:
        with self.session.open(online):
            settings = self.run_settings(
                record.name,
                record.partition,
                online,
                entity=self.session.entity,
                project=self.session.project,
                run_id=self.run_id(record.name, record.partition),
                run_name=f"{record.name} {record.partition}",
            )
            config = {
                "source": self._source,
                "partition": record.partition,
                **record.config,
                "inputs": [self.artifact(reference) for reference in record.uses],
            }
            with self.session.run(settings, _plain(config)) as run:
                folder = Path(run.dir).parent
                _log_figures(run, record)
                missing = [
                    str(reference)
                    for reference in record.uses
                    if online and not self._has_used(run, reference)
                ]
                if record.makes is not None:
                    self._make(run, record, folder)
                url = run.url or "" if online else ""
        problem = f"not in Weights & Biases, so no lineage: {', '.join(missing)}" if missing else ""
        if problem:
            log.warning("%s %s: %s", record.name, record.partition, problem)
        run_id = self.run_id(record.name, record.partition)
        return Tracked(run_id, url, "" if online else str(folder), problem)

    def _has_used(self, run: wandb.Run, reference: Reference) -> bool:
        """Say that an artifact was used; False if W&B does not have it."""
        from wandb.errors import CommError

        try:
            run.use_artifact(self.artifact(reference))
        except (ValueError, CommError):
            return False
        return True

    def _make(self, run: wandb.Run, record: Record, folder: Path) -> None:
        import wandb

        # Beside the run, where it still is when the run is synced.
        path = folder / "artifacts" / f"{record.name}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(record.makes, indent=2, default=str))
        metadata = {"partition": record.partition, "source": self._source}
        artifact = wandb.Artifact(f"{self.owner}-{record.name}", record.name, metadata=metadata)
        artifact.add_file(str(path), policy="immutable", skip_cache=True)
        run.log_artifact(artifact, aliases=[_alias(record.partition)])


def _log_figures(run: wandb.Run, record: Record) -> None:
    import wandb
    from PIL import Image

    for row in record.history:
        run.log(_plain(row))
    shown: dict[str, Any] = {
        name: wandb.Table(dataframe=table) for name, table in record.tables.items()
    }
    for name, png in record.pictures.items():
        shown[name] = wandb.Image(Image.open(io.BytesIO(png)))
    if shown:
        run.log(shown)
    run.summary.update(_plain(record.summary))


def _alias(partition: str) -> str:
    return partition.replace(":", "-")


def _plain(values: Any) -> Any:
    """As JSON has it: text for times, nothing for what is no number."""

    def of(value: Any) -> Any:
        return value.item() if hasattr(value, "item") else str(value)  # numpy's numbers

    return json.loads(json.dumps(values, default=of), parse_constant=lambda constant: None)
