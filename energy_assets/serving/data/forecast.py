"""One version of a forecast as arrays, and quantiles and probabilities from those it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from energy_assets.forecasting.panel.matrix import Floats, Ints
from energy_assets.forecasts.quality import NEW_SERIES, rung
from energy_assets.schemas import QUANTILES, TARGET
from energy_assets.serving.data.series import SeriesIndex
from energy_assets.serving.problems import unusable


@dataclass(frozen=True)
class Quantiles:
    """The quantiles at `probabilities`; `array` has them as its last axis.

    Between two of them, the distribution is taken to be linear.
    """

    probabilities: Floats
    array: Floats

    def at(self, probability: float) -> Floats:
        """The quantile at a probability, without the last axis.

        Raises ProblemError (422) outside the stored range.
        """
        lowest, highest = self.probabilities[[0, -1]]
        if not lowest <= probability <= highest:
            raise unusable(
                "quantiles",
                f"this forecast holds the quantiles from {lowest:g} to {highest:g}",
            )
        after = max(1, int(np.searchsorted(self.probabilities, probability)))
        low, high = self.probabilities[after - 1 : after + 1]
        share = (probability - low) / (high - low)
        below, above = self.array[..., after - 1], self.array[..., after]
        if share in (0.0, 1.0):  # a stored quantile is given as it is
            return above if share else below
        # In this form, rounding never puts a quantile below one of a smaller probability.
        return np.minimum(below + share * (above - below), above)

    def probability_above(self, threshold: float) -> Floats:
        """The probability of a value above the threshold, within the range that is stored."""
        probabilities, values = self.probabilities, self.array
        below = (values <= threshold).sum(axis=-1)  # how many quantiles are not above it
        after = np.clip(below, 1, len(probabilities) - 1)[..., None]
        low, high = (np.take_along_axis(values, after - side, axis=-1)[..., 0] for side in (1, 0))
        after = after[..., 0]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = np.clip((threshold - low) / (high - low), 0, 1)
        share = np.where(high > low, share, np.where(threshold >= high, 1.0, 0.0))
        steps = probabilities[after] - probabilities[after - 1]
        above = 1 - (probabilities[after - 1] + share * steps)
        # Rounded, because 1 - 0.99 is a little more than 0.01.
        return np.where(np.isnan(values).any(axis=-1), np.nan, above.round(9))


@dataclass(frozen=True)
class Forecast:
    """A version of the forecast from an origin.

    `point` has the shape (series, horizons); `quantiles.array` (series, horizons, probabilities).
    `new`, shape (series,), marks series that were new to the model.
    """

    origin: datetime
    made_at: datetime
    model_version: str
    quality: str
    index: SeriesIndex
    point: Floats
    quantiles: Quantiles
    new: npt.NDArray[np.bool_]

    def qualities(self, positions: Ints) -> npt.NDArray[np.object_]:
        """The quality of some series."""
        return np.where(self.new[positions], NEW_SERIES, self.quality).astype(object)

    @property
    def hours(self) -> np.ndarray:
        """The hours forecast, `datetime64[h]`."""
        return np.datetime64(self.origin, "h") + np.arange(1, self.point.shape[1] + 1)

    @property
    def half_widths(self) -> Floats:
        """Half the width of each 80 % interval, shape (series, horizons)."""
        return (self.quantiles.at(0.9) - self.quantiles.at(0.1)) / 2


def forecast_of(version: pd.DataFrame) -> Forecast:
    """A version, rows of `schemas.PREDICTIONS`, as arrays."""
    index, series = series_of(version)
    steps = version["horizon"].to_numpy() - 1
    horizon = int(steps.max()) + 1

    def matrix(column: str) -> Floats:
        return filled((len(index), horizon), series, steps, version[column].to_numpy())

    point = matrix(TARGET)
    stored = {
        probability: matrix(column)
        for probability, column in QUANTILES.items()
        if column in version and version[column].notna().any()
    }
    # Forecasts of earlier releases hold the interval alone.
    stored.setdefault(0.5, point)
    probabilities = sorted(stored)
    first = version.iloc[0]
    return Forecast(
        origin=first["origin"].to_pydatetime(),
        made_at=first["made_at"].to_pydatetime(),
        model_version=str(first["model_version"]),
        quality=rung(version),
        new=np.bincount(series, weights=version["quality"] == NEW_SERIES, minlength=len(index)) > 0,
        index=index,
        point=point,
        quantiles=Quantiles(
            np.array(probabilities), np.stack([stored[p] for p in probabilities], axis=-1)
        ),
    )


def series_of(rows: pd.DataFrame) -> tuple[SeriesIndex, Ints]:
    """The series of a table, and the position of each row's series among them."""
    areas, consumer_types = (pd.Categorical(rows[column]) for column in ("area", "consumer_type"))
    codes = areas.codes.astype(np.int64) * max(len(consumer_types.categories), 1)
    pairs, series = np.unique(codes + consumer_types.codes, return_inverse=True)
    names = areas.categories.tolist(), consumer_types.categories.tolist()
    width = max(len(names[1]), 1)
    keys = [(names[0][pair // width], names[1][pair % width]) for pair in pairs.tolist()]
    return SeriesIndex(keys), series


def filled(shape: tuple[int, ...], rows: Ints, columns: Ints, values: np.ndarray) -> Floats:
    """A matrix with the values at their places, NaN elsewhere."""
    matrix = np.full(shape, np.nan)
    matrix[rows, columns] = values
    return matrix
