"""Weights & Biases: a run for each record, in a group for each partition.

A run's id consists of the source, the record's name and the partition. So running a partition again
replaces its runs, as it replaces its rows in every table. Artifacts are small JSON documents with a
version and an alias for each partition. W&B's alias `latest` means whatever was logged last, so
nothing here reads it.

Offline, runs are written below STORAGE_ROOT/wandb for `wandb sync`. The client cannot record
offline which artifacts a run used, so the lineage is only in the run's config, as `inputs`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from energy_assets.tracking.session import Session, alias_of, log
from energy_assets.tracking.tracking import EmbeddedSearch, Record, Reference, Search, Tracked

if TYPE_CHECKING:
    import wandb


class WandbTracking:
    """Runs of one source in a project of Weights & Biases, or in a folder."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def log(self, make_record: Callable[[], Record]) -> Tracked:
        """Write a record as a run; offline if it should be online but W&B cannot be reached."""
        try:
            record = make_record()
        except Exception as error:  # a failure of tracking must not fail an asset
            log.exception("a record for Weights & Biases could not be made")
            return Tracked(problem=f"not tracked, {type(error).__name__}: {error}")
        problem = self.session.outage if self.session.online else ""
        if self.session.online and not problem:
            try:
                return self._write(record, online=True)
            except Exception as error:
                problem = self.session.failed(error)
        try:
            tracked = self._write(record, online=False)
        except Exception as error:
            problem = problem or self.session.failed(error)
            log.warning("%s %s is not tracked: %s", record.name, record.partition, problem)
            return Tracked(problem=problem)
        if problem:
            log.warning("%s %s: Weights & Biases: %s", record.name, record.partition, problem)
            return Tracked(folder=tracked.folder, problem=f"{problem} Kept for `wandb sync`.")
        return tracked

    def search(self, partition: str) -> Search:
        """A sweep if W&B is online, else Optuna's search."""
        if not self.session.online:
            return EmbeddedSearch()
        from energy_assets.tracking.sweep import Sweep

        return Sweep(self.session, partition)

    def check(self) -> str:
        """Check the key, or the folder if offline."""
        return self.session.check()

    def _artifact(self, reference: Reference) -> str:
        """The name of an artifact's version, such as `simulator-...-model:2023-03-10-21-00`."""
        return f"{self.session.artifact_name(reference.name)}:{alias_of(reference.partition)}"

    def _write(self, record: Record, online: bool) -> Tracked:
        session, missing = self.session, []
        run_id = session.run_id(record.name, record.partition)
        with session.open(online):
            settings = session.run_settings(
                record.name,
                record.partition,
                online,
                entity=session.entity,
                project=session.project,
                run_id=run_id,
                run_name=f"{record.name} {record.partition}",
            )
            config = {
                "source": session.source,
                "partition": record.partition,
                **record.config,
                "inputs": [self._artifact(reference) for reference in record.uses],
            }
            with session.run(settings, _as_json(config)) as run:
                folder = Path(run.dir).parent
                _log_figures(run, record)
                if online:
                    missing = [str(used) for used in record.uses if not self._use(run, used)]
                if record.makes is not None:
                    self._log_artifact(run, record, folder)
                url = run.url or "" if online else ""
        problem = f"not in Weights & Biases, so no lineage: {', '.join(missing)}" if missing else ""
        if problem:
            log.warning("%s %s: %s", record.name, record.partition, problem)
        return Tracked(run_id, url, "" if online else str(folder), problem)

    def _use(self, run: wandb.Run, reference: Reference) -> bool:
        """Record that the run used an artifact; False if W&B does not have it."""
        from wandb.errors import CommError

        try:
            run.use_artifact(self._artifact(reference))
        except (ValueError, CommError):
            return False
        return True

    def _log_artifact(self, run: wandb.Run, record: Record, folder: Path) -> None:
        import wandb

        # Beside the run, so that it is still there when the run is synced.
        path = folder / "artifacts" / f"{record.name}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(record.makes, indent=2, default=str))
        metadata = {"partition": record.partition, "source": self.session.source}
        name = self.session.artifact_name(record.name)
        artifact = wandb.Artifact(name, record.name, metadata=metadata)
        artifact.add_file(str(path), policy="immutable", skip_cache=True)
        run.log_artifact(artifact, aliases=[alias_of(record.partition)])


def _log_figures(run: wandb.Run, record: Record) -> None:
    import wandb

    for row in record.history:
        run.log(_as_json(row))
    media: dict[str, Any] = {
        name: wandb.Table(dataframe=table) for name, table in record.tables.items()
    }
    for name, png in record.pictures.items():
        media[name] = wandb.Image(Image.open(io.BytesIO(png)))
    if media:
        run.log(media)
    run.summary.update(_as_json(record.summary))


def _as_json(values: Any) -> Any:
    """Values as JSON holds them: text for times, null for NaN and infinity."""

    def plain(value: Any) -> Any:
        return value.item() if hasattr(value, "item") else str(value)  # numpy's numbers

    return json.loads(json.dumps(values, default=plain), parse_constant=lambda constant: None)
