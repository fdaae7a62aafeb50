"""Types for the annotations that Dagster evaluates when the code location loads.

Importing pandas there would add half of Dagster's own time to every load.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame as Frame
else:
    Frame = Any

__all__ = ["Frame"]
