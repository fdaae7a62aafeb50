"""Columns of the published tables as numbers: pandas' objects would take many times as long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from energy_assets.forecasting.panel.matrix import Ints


def hours_since_1970(column: pa.Array) -> Ints:
    """The hours of a time column, which are stored as the numbers that pandas' periods are."""
    return (column.storage if isinstance(column.type, pa.BaseExtensionType) else column).to_numpy()


def codes_and_names(column: pa.Array) -> tuple[Ints, list[int | str]]:
    """A column as numbers of its distinct values, and these values."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def run_starts(codes: Sequence[Ints]) -> Ints:
    """The rows at which a run of equal codes begins, the first row included."""
    changes = np.any([np.diff(code) != 0 for code in codes], axis=0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1])
