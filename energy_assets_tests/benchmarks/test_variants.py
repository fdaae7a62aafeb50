"""Every variant of the ablation forecasts, and none is the default under another name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import data
from benchmarks.variants import VARIANTS
from energy_assets.sources import consumption_model

HORIZON = 24


@pytest.fixture(scope="module")
def window() -> pd.DataFrame:
    """A few series of some months, so that all parts of the model take part; with Christmas."""
    hours = pd.date_range("2022-10-01", "2023-02-10 23:00", freq="h", name="datetime_utc")
    number = hours.to_numpy().astype("datetime64[h]").astype(np.int64)
    names = pd.Index(["/".join(keys) for keys in consumption_model.SERIES], name="series")
    return data.long(pd.DataFrame(consumption_model.consumption(number), hours, names).iloc[:, :8])


@pytest.fixture(scope="module")
def default(window: pd.DataFrame) -> pd.DataFrame:
    return VARIANTS["default"].forecast(window, HORIZON, data.DENMARK, threads=1)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "default"])
def test_a_variant_makes_another_forecast_than_the_default(
    name: str, window: pd.DataFrame, default: pd.DataFrame
) -> None:
    made = VARIANTS[name].forecast(window, HORIZON, data.DENMARK, threads=1)
    assert made.index.equals(default.index)
    assert np.isfinite(made["forecast"]).all()
    assert (made["forecast"] - default["forecast"]).abs().max() > 0
