"""A stand-in for the two web apps of the course: the same requests, the same arithmetic.

The apps themselves are run by `test_course_code.py`, where there is a copy of them.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import requests
from yarl import URL


class CourseClient:
    """Asks as the apps ask, and makes of the answers what they draw."""

    def __init__(self, server: str) -> None:
        self.api = URL(server) / "api/v1"

    def choices(self, name: str) -> list[Any]:
        """What one of the two boxes offers."""
        return requests.get(str(self.api / name), timeout=10).json().get("values", [])

    def ask(self, *path: object) -> dict[str, Any] | None:
        """The answer; None where the apps say that there are no data."""
        url = self.api
        for part in path:
            url = url / f"{part}"
        answer = requests.get(str(url), timeout=10, allow_redirects=False)
        return answer.json() if answer.status_code == 200 else None

    def forecast_chart(self, area: object, consumer_type: object) -> tuple[pd.Series, ...] | None:
        """The lines of the first app: observations and forecast."""
        answer = self.ask("predictions", area, consumer_type)
        return answer and (
            line(answer.get("datetime_utc"), answer.get("energy_consumption")),
            line(answer.get("preds_datetime_utc"), answer.get("preds_energy_consumption")),
        )

    def monitoring_chart(self, area: object, consumer_type: object) -> tuple[pd.Series, ...] | None:
        """The lines of the second app: observations and the forecasts made for them."""
        answer = self.ask("monitoring", "values", area, consumer_type)
        prefix = "predictions_monitoring"
        return answer and (
            line(
                answer.get("y_monitoring_datetime_utc"),
                answer.get("y_monitoring_energy_consumption"),
            ),
            line(answer.get(f"{prefix}_datetime_utc"), answer.get(f"{prefix}_energy_consumptionc")),
        )

    def metrics_chart(self) -> pd.Series | None:
        """The line above it: the error of each hour."""
        answer = self.ask("monitoring", "metrics")
        return answer and line(answer.get("datetime_utc"), answer.get("mape"))


def line(hours: Any, values: Any) -> pd.Series:
    """Values by time, with every hour between the first and the last."""
    frame = pd.DataFrame(list(zip(hours, values, strict=True)), columns=["time", "value"])
    frame["time"] = pd.to_datetime(frame["time"], unit="h")
    return frame.set_index("time").resample("h").asfreq()["value"]
