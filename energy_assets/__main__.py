"""`python -m energy_assets`."""

import sys

from energy_assets.commands.stopping import stoppable


def command() -> int:
    """The command line, imported here because that takes a second in which it can be stopped."""
    from energy_assets.commands.cli import main

    return main()


sys.exit(stoppable(command))
