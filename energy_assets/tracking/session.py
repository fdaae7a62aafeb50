"""A session with the wandb client: told all by us, quiet, and over when its block ends.

Belongs here: everything that is the same for each run, whatever it logs.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from energy_assets.errors import UnreachableError
from energy_assets.settings import Settings, refused_credential, required_setting
from energy_assets.stores.files import write_errors

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 10.0
"""So long is waited for W&B at the start of a run. It answers in one or two."""

FINISH_SECONDS = 60.0
"""So long is waited at a run's end until its pictures and tables are uploaded."""

HTTP_SECONDS = 10

log = logging.getLogger("energy_assets.tracking")

_PREFIX = "WANDB_"


class Session:
    """What every run of a deployment shares, checked when it is made.

    Raises CredentialError if the mode is online and a setting is missing or a placeholder.
    """

    def __init__(self, settings: Settings) -> None:
        self.online = settings.wandb_mode == "online"
        self.folder = settings.storage_root / "wandb"
        self.base_url = settings.wandb_base_url
        self.entity, self.project, self._key = settings.wandb_entity, settings.wandb_project, ""
        if self.online:
            self.entity = required_setting(settings, "wandb_entity")
            self.project = required_setting(settings, "wandb_project")
            self._key = required_setting(settings, "wandb_api_key")

    @contextmanager
    def open(self, online: bool | None = None) -> Iterator[None]:
        """Within the block the client knows our settings alone, and none of the user's own.

        It takes most of them from the environment, a sweep's agent all of them. When the block
        ends so does the client's background process, that nothing is left to hang at our own end,
        and what it wrote while it was online is gone.
        """
        online = self.online if online is None else online
        with (
            self._scratch() as scratch,
            _environment(self._variables(online, scratch)),
            _hooks(),
        ):
            # One that is set up already would go on with what it was told then, another server say.
            _teardown()
            try:
                yield
            finally:
                _teardown()

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(
            dir=self.folder, prefix="session-", ignore_cleanup_errors=True
        )

    @contextmanager
    def run(self, settings: wandb.Settings, config: Mapping[str, Any]) -> Iterator[wandb.Run]:
        """A run that has ended, uploaded or not, when the block ends."""
        import wandb

        run = wandb.init(settings=settings, config=dict(config))
        try:
            yield run
        except BaseException:  # as the run's own context manager does, but without a print
            with suppress(Exception):
                run.finish(exit_code=1)
            raise
        run.finish()

    def run_settings(self, online: bool, **run: Any) -> wandb.Settings:
        """Settings of a run: quiet, bounded in time, nothing sent but what is logged."""
        import wandb

        return wandb.Settings(
            mode="online" if online else "offline",
            base_url=self.base_url,
            api_key=self._key if online else None,
            root_dir=os.environ["WANDB_DIR"],
            use_dot_wandb=False,
            # Never another's run, and never `wandb.run`: more than one may be open.
            reinit="create_new",
            silent=True,
            console="off",
            init_timeout=INIT_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
            # The stop button in the browser would interrupt our process.
            stop_fn=lambda: None,
            symlink=False,
            # Who runs it, where, and from which code is nobody's business.
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
            **run,
        )

    def check(self) -> str:
        """What is reached; raises CredentialError or StorageError if nothing is."""
        if not self.online:
            with write_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            return str(self.folder)
        status = self._status()
        if status in (401, 403):
            raise refused_credential("wandb_api_key", "Weights & Biases")
        if status != 200:
            raise UnreachableError(
                f"{self.base_url} does not answer as Weights & Biases would (status {status}): see "
                "whether it can be reached from here, or correct WANDB_BASE_URL"
            )
        return f"{self.base_url} knows the key; runs go to {self.entity}/{self.project}"

    def why(self, error: Exception) -> tuple[str, bool]:
        """What went wrong, without a secret, and whether W&B refuses us or does not answer."""
        told = " ".join(str(error).split("Consider increasing")[0].split())
        if self._key:
            told = told.replace(self._key, "...")
        status = self._status() if self.online else 0
        if status in (401, 403):
            return str(refused_credential("wandb_api_key", "Weights & Biases")), True
        if status is None or status >= 500:
            return f"unreachable at {self.base_url}, {told}", True
        return f"failed, {type(error).__name__}: {told}", False

    def _status(self) -> int | None:
        """How W&B answers to our key, None if it does not: the client's errors do not tell."""
        import httpx

        try:
            answer = httpx.post(
                f"{self.base_url.rstrip('/')}/graphql",
                auth=("api", self._key),
                json={"query": "query Viewer { viewer { id } }"},
                timeout=HTTP_SECONDS,
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return answer.status_code

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
            "WANDB_HTTP_TIMEOUT": str(HTTP_SECONDS),
        }
        return {**variables, "WANDB_API_KEY": self._key} if online else variables


def _teardown() -> None:
    import wandb

    # It would end our process where its own has not ended well.
    with suppress(SystemExit, Exception):
        wandb.teardown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Put `variables` in the place of all that begin with WANDB_, and put these back."""
    before = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}

    def put(wanted: Mapping[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith(_PREFIX)]:
            del os.environ[name]
        os.environ.update({name: value for name, value in wanted.items() if value})

    put(variables)
    try:
        yield
    finally:
        put(before)


@contextmanager
def _hooks() -> Iterator[None]:
    """Take back the hooks that the client leaves in our process, a pair for each session."""
    before = sys.exit, sys.excepthook
    try:
        yield
    finally:
        sys.exit, sys.excepthook = before
