"""The transform of values: asinh relative to each series' mean level.

For typical values this is a logarithm. It is smooth through zero and defined below it, so it also
works for series that reach zero or become negative.
"""

from __future__ import annotations

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats

SMALL = 0.01
"""Share of a series' mean level below which the transform turns from logarithmic to linear."""


def series_scale(values: Floats, hours: int | None = None) -> Floats:
    """The scale of each series, shape (series, 1); 1 for a series of zeros.

    Only the first `hours` columns count, unless a series has no values there.
    """
    observed = np.isfinite(values)
    if hours is not None:
        starts_later = ~observed[:, :hours].any(axis=1, keepdims=True)
        observed = observed & (starts_later | (np.arange(values.shape[1]) < hours))
    total = np.where(observed, np.abs(values), 0.0).sum(axis=1, keepdims=True)
    scale = SMALL * (total / np.maximum(observed.sum(axis=1, keepdims=True), 1))
    # Nothing can be divided by the smallest numbers.
    return np.where(scale > np.finfo(float).tiny, scale, 1.0)


def asinh(values: Floats, scale: Floats) -> Floats:
    """Transform values: the inverse hyperbolic sine of values / scale."""
    return np.arcsinh(values / scale)


def sinh(transformed: Floats, scale: Floats) -> Floats:
    """Transform back, the inverse of `asinh`; infinite where it is too large for a number."""
    with np.errstate(over="ignore"):
        return np.sinh(transformed) * scale
