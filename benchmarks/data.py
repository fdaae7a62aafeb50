"""The data sets of the benchmarks, with their windows, origins and special days.

Every panel has the index (series, datetime_utc), one column and hours in UTC. Missing values are
NaN or have no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from energy_assets.forecasting.panel.matrix import to_matrix

DE35 = "ConsumptionDE35Hour*.csv"
EIA = "eia930*.parquet"
DENMARK = {"country": "DK", "timezone": "Europe/Copenhagen"}


@dataclass(frozen=True)
class Setting:
    """A panel and the origins to forecast from, each with the `window_days` days before it.

    `special` maps kinds of days that are scored separately to their origins; the 24 hours after an
    origin are the day. For `after a gap`, only series count that lack at least half of the day
    before the origin.
    """

    name: str
    panel: pd.DataFrame
    window_days: int
    origins: pd.DatetimeIndex
    country: str
    timezone: str
    special: dict[str, pd.DatetimeIndex] = field(default_factory=dict)

    @property
    def special_origins(self) -> pd.DatetimeIndex:
        """The origins of special days that are not among the regular ones."""
        special = {origin for origins in self.special.values() for origin in origins}
        return pd.DatetimeIndex(sorted(special - set(self.origins)))

    @property
    def all_origins(self) -> pd.DatetimeIndex:
        """The regular origins and those of the special days."""
        return pd.DatetimeIndex([*self.origins, *self.special_origins])

    def first(self, count: int) -> Setting:
        """The same setting with the first `count` origins only, for a quick look."""
        special = {name: origins[:count] for name, origins in self.special.items()}
        return replace(self, origins=self.origins[:count], special=special)


def settings(folder: Path) -> Iterator[Setting]:
    """The settings whose data is in `folder`."""
    for file in sorted(folder.glob(DE35))[:1]:
        yield Setting(
            "DE35, 30 days",
            read_de35(file),
            window_days=30,
            # 21 hours apart, so that twelve fit before the data end in March 2023.
            origins=pd.date_range("2023-03-05 22:00", periods=12, freq="21h"),
            **DENMARK,
            # 2023-02-28 is missing for every series. There is no holiday and no clock change.
            special={"after a gap": pd.DatetimeIndex(["2023-02-28 22:00", "2023-03-01 08:00"])},
        )
    for file in sorted(folder.glob(EIA))[:1]:
        panel = read_eia(file)
        for days in (30, 365):
            yield Setting(
                f"EIA 2017, {days} days",
                panel,
                window_days=days,
                # Twelve months, weekdays and hours of the day.
                origins=pd.date_range("2017-01-10 05:00", periods=12, freq="727h"),
                special=EIA_SPECIAL,
                country="US",
                timezone="America/Chicago",
            )


# From midnight in Chicago, which is in the middle of the authorities' four time zones.
EIA_SPECIAL = {
    # The day of the change and the day after, when yesterday is still on the other clock.
    "clock change": pd.DatetimeIndex(
        ["2017-03-12 06:00", "2017-03-13 05:00", "2017-11-05 05:00", "2017-11-06 06:00"]
    ),
    "holiday": pd.DatetimeIndex(
        ["2017-05-29 05:00", "2017-07-04 05:00", "2017-09-04 05:00", "2017-11-23 06:00"]
    ),
    # From the last hour of gaps of one to seven days, in one to four series.
    "after a gap": pd.DatetimeIndex(
        ["2017-02-28 06:00", "2017-06-03 05:00", "2017-09-12 05:00", "2017-11-06 06:00"]
    ),
}


def read_de35(path: Path) -> pd.DataFrame:
    """The kWh of every (area, consumer type) from a CSV export of ConsumptionDE35Hour."""
    rows = pd.read_csv(path, sep=";", dtype={"ConsumerType_DE35": str})
    return _panel(
        rows["PriceArea"] + "/" + rows["ConsumerType_DE35"],
        pd.to_datetime(rows["HourUTC"]),
        rows["TotalCon"],
    )


def read_eia(path: Path) -> pd.DataFrame:
    """The MWh of every US balancing authority from a table of unique_id, ds, y_raw, y_clean.

    The published values include errors as large as -99,913,320. Values that the cleaned column
    replaced are taken as missing: the replacements were made with knowledge of later values.
    """
    rows = pd.read_parquet(path)
    published = rows["y_raw"].where(np.isclose(rows["y_raw"], rows["y_clean"]))
    return _panel(rows["unique_id"], rows["ds"], published)


def gapped(setting: Setting) -> pd.Series:
    """Whether a series lacks half or more of the day before an origin, by (origin, series)."""
    missing = wide(setting.panel).isna().rolling(24).sum() >= 12
    missing = missing.loc[setting.all_origins].rename_axis(index="origin")
    return missing.melt(ignore_index=False).set_index("series", append=True)["value"]


def wide(panel: pd.DataFrame) -> pd.DataFrame:
    """The panel with one row per hour and one column per series."""
    matrix = to_matrix(panel)
    return pd.DataFrame(matrix.array.T, matrix.hours, matrix.series)


def long(wide: pd.DataFrame) -> pd.DataFrame:
    """The panel from one row per hour and one column per series: the reverse of `wide`."""
    rows = wide.melt(ignore_index=False, var_name="series", value_name="energy_consumption")
    return (
        rows.rename_axis("datetime_utc").set_index("series", append=True).swaplevel().sort_index()
    )


def _panel(series: pd.Series, hours: pd.Series, values: pd.Series) -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([series, hours], names=["series", "datetime_utc"])
    frame = pd.DataFrame({"energy_consumption": values.to_numpy(dtype=float)}, index=index)
    return frame.sort_index()


def simulated() -> Setting:
    """The simulator's panel of March 2023, with two origins a day apart."""
    from energy_assets.sources import consumption_model

    hours = pd.date_range("2023-02-01", "2023-03-14 23:00", freq="h", name="datetime_utc")
    number = hours.to_numpy().astype("datetime64[h]").astype(np.int64)
    names = pd.Index(["/".join(keys) for keys in consumption_model.SERIES], name="series")
    values = pd.DataFrame(consumption_model.consumption(number), hours, names)
    return Setting(
        "simulated, 30 days",
        long(values),
        window_days=30,
        origins=hours[[-48, -24]],
        **DENMARK,
    )
