"""The design of a model: horizon, country, time zone, features and the columns known ahead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from energy_assets.forecasting.features import feature_matrix
from energy_assets.forecasting.features.calendar import Calendar, calendar


@dataclass(frozen=True)
class Design:
    """What the features of a model depend on; stored with the model.

    Models of earlier releases see columns known ahead as features, which newer ones take away
    beforehand (`response`): `exogenous` are their names, `exogenous_means` their means in the
    training window, which are subtracted from them. `features` are the names of the other features,
    in order: a model keeps those it was trained with when a later version adds new ones.
    """

    horizon: int
    country: str | None
    timezone: str
    exogenous: tuple[str, ...] = ()
    exogenous_means: tuple[float, ...] = ()
    features: tuple[str, ...] = field(default_factory=lambda: tuple(feature_matrix.FEATURES))

    @property
    def names(self) -> list[str]:
        """The names of all features, in order."""
        return [
            *self.features,
            *(
                name.format(column)
                for column in self.exogenous
                for name in feature_matrix.EXOGENOUS_FEATURES
            ),
        ]

    def calendar(self, hours: Any, horizon: int | None = None) -> Calendar:
        """The calendar that features at `hours` and up to `horizon` hours later need."""
        horizon = horizon or self.horizon
        pad = feature_matrix.padding(horizon)
        return calendar(hours, horizon, pad, self.country, self.timezone)
