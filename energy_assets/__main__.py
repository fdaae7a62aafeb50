"""`python -m energy_assets`."""

import sys

from energy_assets.cli import main

sys.exit(main())
