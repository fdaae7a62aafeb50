"""Which series there are, and the selection of some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property

import numpy as np

from energy_assets.forecasting.panel.matrix import Ints
from energy_assets.serving.problems import not_found

Key = tuple[str, str]
"""Area and consumer type."""


class SeriesIndex:
    """The series of a table, in its order: by area, then by consumer type."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys: list[Key] = list(keys)
        self._positions = {key: number for number, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SeriesIndex) and self.keys == other.keys

    @cached_property
    def area_positions(self) -> dict[str, Ints]:
        """The series of each area, by area."""
        return _by_code([area for area, _ in self.keys])

    @cached_property
    def consumer_type_positions(self) -> dict[str, Ints]:
        """The series of each consumer type, by consumer type."""
        return _by_code([code for _, code in self.keys])

    def of(self, positions: Ints) -> SeriesIndex:
        """The index of some of the series, in this order."""
        return SeriesIndex(self.keys[position] for position in positions)

    def select(self, areas: Collection[str], consumer_types: Collection[str]) -> Ints:
        """The positions of the series in any of the areas and of any of the consumer types.

        Empty: all of them. Raises ProblemError (404) if a code is unknown, or if no series has
        such a pair.
        """
        if len(areas) == 1 and len(consumer_types) == 1:
            (area,), (consumer_type,) = areas, consumer_types
            position = self._positions.get((area, consumer_type))
            if position is not None:
                return np.array([position])
        chosen = np.ones(len(self), dtype=bool)
        for name, codes, present in (
            ("area", areas, self.area_positions),
            ("consumer_type", consumer_types, self.consumer_type_positions),
        ):
            if codes:
                unknown = sorted(set(codes) - set(present))
                if unknown:
                    raise not_found(
                        name, f"there is no {name} {_shown(unknown[0])}: see /v1/series"
                    )
                wanted = np.zeros(len(self), dtype=bool)
                for code in codes:
                    wanted[present[code]] = True
                chosen &= wanted
        if not chosen.any() and len(self):
            raise not_found("consumer_type", "no series has this pair of codes: see /v1/series")
        return np.flatnonzero(chosen)

    def positions_of(self, keys: Iterable[Key]) -> Ints:
        """The position of each series; -1 for those that are not here."""
        return np.array([self._positions.get(key, -1) for key in keys], dtype=int)


def _shown(code: str) -> str:
    """A code as part of a message, however it was made up."""
    return repr(code if len(code) <= 40 else code[:40] + "...")


def _by_code(codes: list[str]) -> dict[str, Ints]:
    """The positions of each code, by code, sorted."""
    positions: dict[str, list[int]] = {}
    for position, code in enumerate(codes):
        positions.setdefault(code, []).append(position)
    return {code: np.array(positions[code]) for code in sorted(positions)}
