"""What a forecast had to do without: the values of the column `quality`.

All series of a forecast come from one rung of the ladder in `fallback`. Beside it, series that are
new are marked.
"""

from __future__ import annotations

import pandas as pd

MODEL, WITHOUT_WEATHER, PREVIOUS_MODEL = "model", "without_weather", "previous_model"
BASELINE, CARRIED_OVER = "baseline", "carried_over"
"""The rungs of the ladder."""

NEW_SERIES = "new_series"
"""The model knows less than a week of the series, and goes by others of its kind."""


def rung(forecast: pd.DataFrame) -> str:
    """The rung that made a forecast; `forecast` has the column `quality`."""
    qualities = forecast["quality"].unique().tolist()
    return str(next((quality for quality in qualities if quality != NEW_SERIES), NEW_SERIES))
