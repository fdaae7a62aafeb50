"""`python -m energy_assets`."""

import sys

from energy_assets.commands.stopping import stoppable


def main() -> int:
    """Run the command line; Ctrl-C and SIGTERM end it, from the first moment."""
    return stoppable(_command)


def _command() -> int:
    from energy_assets.commands.cli import main  # takes a second

    return main()


if __name__ == "__main__":
    sys.exit(main())
