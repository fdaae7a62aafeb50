"""An answer of Open-Meteo -> rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from energy_assets.sources.times import utc_times

VARIABLES: Mapping[str, str] = {
    "temperature": "temperature_2m",
    "wind_speed": "wind_speed_10m",
    "radiation": "shortwave_radiation",
}
"""Our columns -> their names in Open-Meteo."""


def read_answer(content: bytes, areas: Sequence[str], variables: Mapping[str, str]) -> pd.DataFrame:
    """The hours that have any value, as rows of area, datetime_utc and the columns `variables`.

    The answer is one object for each of the areas, or the object itself if there is one area.
    Values are as published. Radiation is the mean of the hour *before* its time, so it is moved to
    the hour that it is about.

    Raises ValueError, with what is wrong, if the content is no such answer.
    """
    try:
        answer: Any = json.loads(content, parse_int=float)  # a whole number has no largest value
        places = answer if isinstance(answer, list) else [answer]
        if len(places) != len(areas):
            raise ValueError(f"{len(places)} locations instead of {len(areas)}")
        tables = [_table(place["hourly"], variables) for place in places]
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"something that is not JSON ({error})") from None
    except (KeyError, TypeError, AttributeError):
        raise ValueError("JSON that is not {'hourly': {'time': [...], ...}}") from None
    rows = pd.concat(
        [table.assign(area=area) for table, area in zip(tables, areas, strict=True)],
        ignore_index=True,
    )
    return rows.dropna(subset=list(variables), how="all").reset_index(drop=True)


def _table(hourly: Mapping[str, Any], variables: Mapping[str, str]) -> pd.DataFrame:
    columns = {name: hourly[variable] for name, variable in variables.items()}
    times = utc_times(pd.Series(hourly["time"], dtype="object"))
    if any(len(values) != len(times) for values in columns.values()):
        raise ValueError("lists of different lengths")
    table = pd.DataFrame(columns, index=times, dtype="object")
    ends = table["radiation"].set_axis(times - pd.Timedelta(hours=1))
    ends = ends[~ends.index.duplicated()]
    return table.assign(radiation=ends.reindex(times)).reset_index(names="datetime_utc")
