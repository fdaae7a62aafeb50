"""A session with the wandb client: quiet, with our settings only, and closed with its block.

Belongs here: what is the same for every run, whatever it logs, and the handling of outages.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_assets.errors import UnreachableError
from energy_assets.settings import Settings, refused_credential, required_setting
from energy_assets.stores.files import write_errors
from energy_assets.tracking.process import contained_client
from energy_assets.tracking.tracking import JOB_TYPES

if TYPE_CHECKING:
    import wandb

log = logging.getLogger("energy_assets.tracking")


@dataclass(frozen=True)
class Timeouts:
    """How many seconds to wait for W&B."""

    start: float = 10.0
    """For a run to start, which usually takes one or two."""
    finish: float = 60.0
    """For the upload of pictures and tables at the end of a run."""
    request: float = 10.0
    """For the response to a single request."""
    configuration: float = 60.0
    """For the next configuration of a sweep, before which the server fits its model of scores."""
    pause: float = 300.0
    """After an outage, before W&B is tried again, so that not every partition waits for it."""


class Session:
    """What all runs of a source share.

    Raises CredentialError if the mode is online and a setting is missing or a placeholder.
    """

    def __init__(
        self, settings: Settings, source_id: str, timeouts: Timeouts | None = None
    ) -> None:
        self.online = settings.wandb_mode == "online"
        self.folder = settings.storage_root / "wandb"
        self.base_url = settings.wandb_base_url
        self.source = settings.energy_source
        self.timeouts = timeouts or Timeouts()
        self.entity, self.project, self._key = settings.wandb_entity, settings.wandb_project, ""
        if self.online:
            self.entity = required_setting(settings, "wandb_entity")
            self.project = required_setting(settings, "wandb_project")
            self._key = required_setting(settings, "wandb_api_key")
        self._source_id = source_id
        self._outage, self._outage_ends = "", -math.inf

    def run_id(self, name: str, partition: str) -> str:
        """The id of a record's run. It has only characters that W&B allows."""
        return f"{self.artifact_name(name)}-{alias_of(partition)}"

    def artifact_name(self, name: str) -> str:
        """The name of a record's artifact, such as `simulator-ConsumptionDE35Hour-model`."""
        return f"{self._source_id}-{name}"

    @contextmanager
    def open(self, online: bool | None = None) -> Iterator[None]:
        """Within the block, the client works with our settings.

        Whatever an online session writes to disk is removed at the end.
        """
        online = self.online if online is None else online
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(
                dir=self.folder, prefix="session-", ignore_cleanup_errors=True
            ) as scratch,
            contained_client(self._variables(online, scratch)),
        ):
            yield

    @contextmanager
    def run(self, settings: wandb.Settings, config: Mapping[str, Any]) -> Iterator[wandb.Run]:
        """A run for the duration of the block; its upload has finished or failed at the end."""
        import wandb

        run = wandb.init(settings=settings, config=dict(config))
        try:
            yield run
        except BaseException:  # as the run's own context manager does, but without printing
            with suppress(Exception):
                run.finish(exit_code=1)
            raise
        run.finish()

    def run_settings(self, name: str, partition: str, online: bool, **more: Any) -> wandb.Settings:
        """Settings of a run of the record `name`: quiet, bounded in time, and private.

        Nothing is sent except what is logged. `more` are further settings.
        """
        import wandb

        return wandb.Settings(
            mode="online" if online else "offline",
            base_url=self.base_url,
            api_key=self._key if online else None,
            run_group=partition,
            run_job_type=JOB_TYPES[name],
            root_dir=os.environ["WANDB_DIR"],
            use_dot_wandb=False,
            # Always a new run, never the one in `wandb.run`.
            reinit="create_new",
            silent=True,
            console="off",
            init_timeout=self.timeouts.start,
            finish_timeout=self.timeouts.finish,
            finish_timeout_raises=True,
            # The stop button in the browser would interrupt our process.
            stop_fn=lambda: None,
            symlink=False,
            # W&B need not know who runs this, where, and from which code.
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            label_disable=True,
            save_code=False,
            sagemaker_disable=True,
            host="",
            program="",
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
            **more,
        )

    def check(self) -> str:
        """Describe what was reached; raises CredentialError or StorageError if nothing was."""
        if not self.online:
            with write_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            return str(self.folder)
        status = self._status()
        if status in (401, 403):
            raise refused_credential("wandb_api_key", "Weights & Biases")
        if status != 200:
            raise UnreachableError(
                f"{self.base_url} does not answer like Weights & Biases (status {status}): check "
                "that it can be reached from here, or correct WANDB_BASE_URL"
            )
        return f"{self.base_url} accepts the key; runs go to {self.entity}/{self.project}"

    @property
    def outage(self) -> str:
        """Why W&B is not used at the moment; empty if it is."""
        return self._outage if time.monotonic() < self._outage_ends else ""

    def failed(self, error: Exception) -> str:
        """Why W&B failed, without secrets. After an outage or a refusal, W&B is paused."""
        message = " ".join(str(error).split("Consider increasing")[0].split())
        if self._key:
            message = message.replace(self._key, "...")
        status = self._status() if self.online else 0
        if status in (401, 403):
            reason = str(refused_credential("wandb_api_key", "Weights & Biases"))
        elif status is None or status >= 500:
            reason = f"unreachable at {self.base_url}, {message}"
        else:
            return f"failed, {type(error).__name__}: {message}"
        self._outage, self._outage_ends = reason, time.monotonic() + self.timeouts.pause
        return reason

    def _status(self) -> int | None:
        """The HTTP status for our key; None without a response. The client's errors hide it."""
        import httpx

        try:
            response = httpx.post(
                f"{self.base_url.rstrip('/')}/graphql",
                auth=("api", self._key),
                json={"query": "query Viewer { viewer { id } }"},
                timeout=self.timeouts.request,
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return response.status_code

    def _variables(self, online: bool, scratch: str) -> Mapping[str, str]:
        variables = {
            "WANDB_MODE": "online" if online else "offline",
            "WANDB_BASE_URL": self.base_url,
            "WANDB_ENTITY": self.entity or "",
            "WANDB_PROJECT": self.project or "",
            # The client makes a folder `wandb` there for its runs.
            "WANDB_DIR": scratch if online else str(self.folder.parent),
            "WANDB_DATA_DIR": scratch if online else str(self.folder),
            "WANDB_ARTIFACT_DIR": scratch,
            "WANDB_CACHE_DIR": scratch,
            "WANDB_CONFIG_DIR": scratch,
            "WANDB_CONSOLE": "off",
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_HTTP_TIMEOUT": str(math.ceil(self.timeouts.request)),
        }
        return {**variables, "WANDB_API_KEY": self._key} if online else variables


def alias_of(partition: str) -> str:
    """The alias of a partition's artifacts, such as `2023-03-10-21-00`."""
    return partition.replace(":", "-")
