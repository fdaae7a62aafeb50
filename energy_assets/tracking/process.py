"""Keeps the wandb client from changing our process: environment, hooks, background process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_PREFIX = "WANDB_"


@contextmanager
def contained_client(variables: Mapping[str, str]) -> Iterator[None]:
    """Within the block, the client has the settings `variables` and none of the user's.

    The client takes most settings from the environment; a sweep's agent takes all of them from
    there. The client's background process ends with the block, so that our process does not hang
    when it ends.
    """
    hooks = sys.exit, sys.excepthook
    with _environment(variables):
        # A client that was set up earlier would keep its settings, such as another server.
        _teardown()
        try:
            yield
        finally:
            _teardown()
            # The client replaces both and never restores them.
            sys.exit, sys.excepthook = hooks


def _teardown() -> None:
    import wandb

    # wandb calls sys.exit if its background process ended with an error.
    with suppress(SystemExit, Exception):
        wandb.teardown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace all variables that begin with WANDB_ with `variables`; restore them at the end."""
    before = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    _replace(variables)
    try:
        yield
    finally:
        _replace(before)


def _replace(variables: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if value})
