"""The treatment of doubtful values: what is believed of a panel, and why the rest is not.

Doubtful hours become missing, and hours before a lasting change of level are brought to the new
level.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.forecasting.doubts import levels, spikes, stuck, zeros
from energy_assets.forecasting.doubts.runs import Runs
from energy_assets.forecasting.doubts.usual import MONTH, may_be_unusual, usual_of
from energy_assets.forecasting.panel.matrix import (
    HOURS_PER_DAY,
    Bools,
    Floats,
    PanelMatrix,
    fill_gaps,
    to_matrix,
)

NONE, ZERO, SPIKE, STUCK, OTHER_LEVEL = range(5)
"""Why an hour is doubtful.

`ZERO`: nothing or next to nothing, or the wrong sign, where the series is never near zero. `SPIKE`:
far beyond all that is usual. `STUCK`: the same value for longer than is usual. `OTHER_LEVEL`:
before a change that has lasted for days; these hours are not missing, but scaled to the new level.
"""

NAMES = np.array(["", "zero", "spike", "stuck", "other level"], dtype=object)
"""The reasons as they are shown."""


@dataclass(frozen=True)
class Treated:
    """A panel without its doubtful values, and the reason for each hour, shape (series, hours)."""

    panel: PanelMatrix
    reasons: npt.NDArray[np.int8]

    @property
    def missing(self) -> Bools:
        """The hours whose values were removed."""
        return (self.reasons != NONE) & (self.reasons != OTHER_LEVEL)

    def filled(self) -> PanelMatrix:
        """The panel without doubtful values and without gaps."""
        doubtful = self.missing
        array = fill_gaps(self.panel.array, doubtful if doubtful.any() else None)
        return replace(self.panel, array=array)

    def table(self) -> pd.DataFrame:
        """One row for each run of hours with the same reason, sorted by series and hour.

        The columns are the series levels, `first_hour`, `last_hour`, `reason` and `hours`.
        """
        hours, series = self.panel.hours, self.panel.series
        rows = np.flatnonzero(self.reasons.any(axis=1))
        reasons = self.reasons[rows]
        runs = Runs.of_equal(reasons, reasons != NONE)
        table = pd.DataFrame(
            {
                "first_hour": hours.take(runs.first),
                "last_hour": hours.take(runs.last),
                "reason": NAMES[reasons[runs.row, runs.first]],
                "hours": runs.length,
            }
        )
        if series is None:
            return table
        return pd.concat([series.take(rows[runs.row]).to_frame(index=False), table], axis=1)


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
    same = stuck.stuck(values)
    if same.any():
        reasons[same] = STUCK
        values = np.where(same, np.nan, values)
    change = levels.last_change(values)
    if change.any:
        reasons[change.before(values.shape[1]) & ~same] = OTHER_LEVEL
        values = change.scaled(values)
    unusual = _unusual(values)
    if unusual.any():
        reasons = np.where(unusual == NONE, reasons, unusual)
        values = np.where(unusual == NONE, values, np.nan)
    return Treated(replace(observed, array=values), reasons)


def _unusual(values: Floats) -> npt.NDArray[np.int8]:
    """`ZERO` or `SPIKE` for each hour, or `NONE`. Long windows are judged month by month."""
    hours = values.shape[1]
    parts = max(1, round(hours / HOURS_PER_DAY / MONTH))
    edges = [hours - part * hours // parts for part in range(parts, -1, -1)]
    found = np.zeros(values.shape, dtype=np.int8)
    for start, end in itertools.pairwise(edges):
        part = values[:, start:end]
        rows = np.flatnonzero(may_be_unusual(part))
        if len(rows):
            usual = usual_of(part[rows])
            reasons = np.where(zeros.vanished(usual), ZERO, NONE)
            found[rows, start:end] = np.where(spikes.spikes(usual), SPIKE, reasons)
    return found
