"""What the assets show of themselves: the UI can read it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from energy_assets.assets.metadata import column_schema, table
from energy_assets.schemas import MONITORING


def test_a_table_shows_numbers_briefly_and_is_json_whatever_it_holds() -> None:
    frame = pd.DataFrame(
        {
            "method": ["model", "naive"],
            "mase": [0.123456, np.nan],
            "mape": [np.inf, 12345.678],
            "rows": [3, 4],
            "hour": pd.to_datetime(["2023-03-10 21:00", "2023-03-10 22:00"]),
        }
    )
    records = [dict(record.data) for record in table(frame).records]
    assert records == json.loads(json.dumps(records, allow_nan=False))
    assert records[0] == {
        "method": "model",
        "mase": 0.1235,
        "mape": "inf",
        "rows": 3,
        "hour": "2023-03-10 21:00:00",
    }
    assert records[1]["mase"] == "nan"


def test_a_table_without_rows_still_names_its_columns() -> None:
    shown = table(pd.DataFrame({"method": [], "mase": []}))
    assert [column.name for column in shown.schema.columns] == ["method", "mase"]


def test_the_columns_of_a_table_show_their_types_and_descriptions() -> None:
    columns = {column.name: column for column in column_schema(MONITORING).columns}
    assert list(columns) == list(MONITORING.dtypes)
    assert {column.type for column in columns.values()} == {
        *("string", "timestamp", "int64", "float64", "bool")
    }
    assert columns["horizon"].type == "int64"
    assert "kWh" in columns["actual"].description
