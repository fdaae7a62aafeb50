"""Doubtful values in the past of a panel: zeros, spikes, stuck meters and changes of level.

`treated` recognises them and gives the panel as it should be forecast from: doubtful hours are
missing, and hours before a lasting change of level are brought to the new level. What it did, and
why, can be had as a table.

All rules compare a series with itself, so they have no unit. A value has to be unlike the same hour
of other days, and what happens often, or again a week apart, is the nature of the series. The rules
are in `faults` and `levels`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.forecasting.panel import faults, levels
from energy_assets.forecasting.panel.matrix import PanelMatrix, fill_gaps, to_matrix
from energy_assets.forecasting.panel.runs import Runs

REASONS = (None, "zero", "spike", "stuck", "other level")
"""Why an hour is doubtful, by its number in `Treated.reasons`.

`zero`: nothing or next to nothing, or the wrong sign, where the series is never near zero. `spike`:
far beyond all that is usual. `stuck`: the same value for longer than is usual. `other level`: the
hours before a change that has lasted for days; they are not missing, but scaled to the new level.
"""

OTHER_LEVEL = REASONS.index("other level")


@dataclass(frozen=True)
class Treated:
    """A panel without its doubtful values, and the reasons, shape (series, hours).

    A reason is a position in `REASONS`.
    """

    panel: PanelMatrix
    reasons: npt.NDArray[np.int8]

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """The hours whose values were removed."""
        return (self.reasons != faults.NONE) & (self.reasons != OTHER_LEVEL)

    def filled(self) -> PanelMatrix:
        """The panel without doubtful values and without gaps."""
        doubtful = self.missing
        array = fill_gaps(self.panel.array, doubtful if doubtful.any() else None)
        return replace(self.panel, array=array)

    def table(self) -> pd.DataFrame:
        """One row for each run of doubtful hours, sorted by series and hour.

        The columns are the series levels, `first_hour`, `last_hour`, `reason` and `hours`.
        """
        runs = Runs.of_equal(self.reasons, self.reasons != faults.NONE)
        hours, keys = self.panel.hours, self.panel.series
        table = pd.DataFrame(
            {
                "first_hour": hours.take(runs.first),
                "last_hour": hours.take(runs.last),
                "reason": np.array(REASONS, dtype=object)[self.reasons[runs.row, runs.first]],
                "hours": runs.length,
            }
        )
        if keys is None:
            return table
        return pd.concat([keys.take(runs.row).to_frame(index=False), table], axis=1)


def doubts(panel: pd.DataFrame) -> pd.DataFrame:
    """The doubtful hours of a panel with one column, as `Treated.table` describes them.

    Raises ForecastError if the panel cannot be used; see `to_matrix`.
    """
    return treated(to_matrix(panel)).table()


def treated(observed: PanelMatrix) -> Treated:
    """The panel without its doubtful values; the same array if there are none.

    Each series is treated by itself.
    """
    values = observed.array
    reasons = np.zeros(values.shape, dtype=np.int8)
    stuck = faults.stuck(values)
    if stuck.any():
        reasons[stuck] = faults.STUCK
        values = np.where(stuck, np.nan, values)
    change = levels.last_change(values)
    if change.any:
        reasons[change.before(values.shape[1]) & ~stuck] = OTHER_LEVEL
        values = change.scaled(values)
    found = faults.found(values)
    if found.any():
        reasons = np.where(found == faults.NONE, reasons, found)
        values = np.where(found == faults.NONE, values, np.nan)
    return Treated(replace(observed, array=values), reasons)
