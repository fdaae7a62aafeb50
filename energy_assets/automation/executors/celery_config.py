"""How steps travel through Celery: the same for runs, which send them, and for workers."""

from __future__ import annotations

from typing import Any

from energy_assets.settings import Settings, required_setting

LOST_AFTER = 120
"""Seconds after which the step of a worker that has fallen silent is given to another worker."""


def celery_config(settings: Settings, lost_after: int = LOST_AFTER) -> dict[str, Any]:
    """The configuration of Dagster's Celery executor.

    Raises CredentialError if CELERY_BROKER_URL is missing.
    """
    broker = required_setting(settings, "celery_broker_url")
    return {
        "broker": broker,
        "backend": broker,
        "config_source": {
            # A step leaves the queue when it has ended, not when it begins, so that it outlives its
            # worker. A worker takes no step before it can begin with it.
            "task_acks_late": True,
            "worker_prefetch_multiplier": 1,
            # A worker that has lost the broker cannot report its step, and another one gets it.
            "worker_cancel_long_running_tasks_on_connection_loss": True,
            "broker_connection_retry_on_startup": True,
            "broker_transport_options": {
                "visibility_timeout": lost_after,
                # How often workers look for the steps of lost ones, in seconds.
                "unacked_restore_interval": min(10, lost_after),
                "unacked_restore_throttle": 1,
            },
        },
    }
