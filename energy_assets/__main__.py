"""`python -m energy_assets`."""

import sys

from energy_assets.commands.cli import main

sys.exit(main())
