"""The worker: `celery --app energy_assets.automation.executors.celery_worker worker`.

A worker says that it is alive while a step runs. Redis alone cannot tell a long step from a lost
worker: without this, a step that takes longer than the limit would run twice, or a lost one would
be missed for as long as the longest step takes.
"""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, bootsteps
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from energy_assets.automation.executors.celery_config import LOST_AFTER, celery_config
from energy_assets.settings import Settings, read_settings


class StillWorking(bootsteps.StartStopStep):
    """Tells Redis again and again that the steps of this worker are not lost."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._repeated: Any = None

    def start(self, parent: Any) -> None:
        """Begin, in the event loop of the worker's main process; steps run in another."""
        timeout = parent.app.conf.broker_transport_options["visibility_timeout"]
        self._repeated = parent.timer.call_repeatedly(timeout / 4, self.say, (parent,))

    def stop(self, parent: Any) -> None:
        """End."""
        if self._repeated is not None:
            self._repeated.cancel()

    shutdown = stop

    def say(self, parent: Any) -> None:
        """Set the time of each step that this worker has taken and not yet ended to now."""
        channel = parent.task_consumer.channel
        taken = list(channel.qos._delivered)  # kombu has no public name for it
        if taken:
            with channel.conn_or_acquire() as client:
                now = time.time()
                # Those that have just ended are gone, and are not put back.
                client.zadd(channel.qos.unacked_index_key, dict.fromkeys(taken, now), xx=True)


def create_app(settings: Settings, lost_after: int = LOST_AFTER) -> Celery:
    """The Celery app of a worker that executes Dagster's steps."""
    config = CeleryExecutor.for_cli(**celery_config(settings, lost_after)).app_args()
    app: Celery = make_app(config)
    create_task(app)
    app.steps["consumer"].add(StillWorking)
    return app


def __getattr__(name: str) -> Celery:
    """`app`, when Celery asks for it: importing this needs no broker."""
    if name == "app":
        return create_app(read_settings())
    raise AttributeError(name)
