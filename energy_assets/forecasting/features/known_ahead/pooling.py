"""Linear weights of many series, partially pooled, and believed as far as they hold on other days.

The weights of a series are shrunk towards those of all series, and these towards zero. How strongly
is what other days ask for: each half of the days is explained with weights fitted to the other. All
of it follows from sums over the hours, so that neither hours nor series need be kept.

Does not belong here: where the terms come from (`response_fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from energy_assets.forecasting.panel.matrix import Floats, Ints

PARTS = 8
"""The days are summed in so many parts. Even and odd parts are the two halves."""

STRENGTHS = (100.0, 1_000.0, 10_000.0)
"""What weights are shrunk to may count as much as so many hours of a series."""

CAUTION = 1.5
"""The strongest shrinkage is taken that is not worse than the best by so many standard errors."""

POOLED_SERIES = 0.5
"""How far the weights of all series hold counts as much as this many series."""

_SAMPLED = 30
"""So many groups of series at most decide about the strength of the shrinkage."""


@dataclass(frozen=True)
class Sums:
    """Sums over the hours of a group of series that have the same terms.

    `gram` (parts, terms, terms), `moment` (parts, terms, series), `square` (series,) and `count`,
    the number of hours.
    """

    gram: Floats
    moment: Floats
    square: Floats
    count: float

    @classmethod
    def of(cls, terms: Floats, target: Floats, part: Ints) -> Sums:
        """The sums of `terms`, shape (terms, hours), and `target`, shape (series, hours)."""
        of_part = [part == number for number in range(PARTS)]
        return cls(
            np.stack([terms[:, at] @ terms[:, at].T for at in of_part]),
            np.stack([terms[:, at] @ target[:, at].T for at in of_part]),
            (target**2).sum(axis=1),
            float(target.shape[1]),
        )


@dataclass(frozen=True)
class Pool:
    """The weights of all series, and what the weights of a series need of them.

    `weights` (terms,) are fitted to all days, and `of_other_half` (halves, terms) to the days that
    are not in a half. `penalty` (terms,) shrinks the weights of a series to them. `holds` (kinds,)
    is how much of each kind of terms is believed, and `squares` (kinds, kinds) on what grounds.
    """

    weights: Floats
    of_other_half: Floats
    penalty: Floats
    holds: Floats
    squares: Floats

    @property
    def believed(self) -> Floats:
        """The weights of all series, as far as they hold: shape (terms,)."""
        return _times(self.weights, self.holds)

    def own(self, sums: Sums) -> Floats:
        """The weights of each series of a group, as far as they hold: shape (series, terms)."""
        whole = _shrunk(sums.gram.sum(axis=0), sums.moment.sum(axis=0), self.penalty, self.weights)
        tried = _of_other_half(sums, self.penalty, self.of_other_half)
        believed = []
        for series in range(whole.shape[1]):
            squares, products = _explained(
                tried[..., series], sums.gram, sums.moment[..., series], len(self.holds)
            )
            squares = squares + POOLED_SERIES * self.squares
            products = products + POOLED_SERIES * self.squares @ self.holds
            believed.append(_times(whole[:, series], _holds(squares, products)))
        return np.stack(believed)


def pool(groups: int, sums: Callable[[int], Sums], kinds: int) -> Pool:
    """The pool of several groups of series, whose sums are asked for by number.

    The terms are in `kinds` of equal length, of which each is believed by itself.
    """
    gram = moment = np.zeros(1)
    hours, series = 0.0, 0
    for number in range(groups):
        one = sums(number)
        size = one.moment.shape[2]
        gram = gram + one.gram * size
        moment = moment + one.moment.sum(axis=2)
        hours, series = hours + one.count * size, series + size
    gram, moment = gram / series, moment / series
    scale = np.diagonal(gram.sum(axis=0)) / max(hours / series, 1.0) + 1e-9
    everything = Sums(gram, moment[..., None], np.ones(1), hours / series)
    nothing = np.zeros((2, len(scale)))
    others = {
        strength: _of_other_half(everything, strength * scale, nothing)[..., 0]
        for strength in STRENGTHS
    }
    sample = np.unique(np.linspace(0, groups - 1, min(groups, _SAMPLED)).astype(int))
    pairs = list(product(STRENGTHS, STRENGTHS))
    gains = np.zeros((len(pairs), PARTS))
    for number in sample:
        one = sums(int(number))
        gains += [_gain(one, own * scale, others[pooled]) for pooled, own in pairs]
    pooled, own = pairs[_cautious(gains, [pooled * own for pooled, own in pairs])]
    squares, products = _explained(others[pooled], gram, moment, kinds)
    return Pool(
        _shrunk(gram.sum(axis=0), moment.sum(axis=0)[:, None], pooled * scale, nothing[0])[:, 0],
        others[pooled],
        own * scale,
        _holds(squares, products),
        squares,
    )


def _cautious(gains: Floats, shrinkage: Sequence[float]) -> int:
    """Which row of gains, shape (candidates, parts), to take; see `CAUTION`."""
    behind = gains[np.argmax(gains.sum(axis=1))] - gains
    error = behind.std(axis=1) * np.sqrt(behind.shape[1])
    close = behind.sum(axis=1) <= CAUTION * error + 1e-12
    return int(np.argmax(np.where(close, shrinkage, 0.0)))


def _gain(sums: Sums, penalty: Floats, prior: Floats) -> Floats:
    """How much of the squares is explained by the other half, sum over the series: (parts,)."""
    weights = _each_part(_of_other_half(sums, penalty, prior))
    gain = 2 * (weights * sums.moment).sum(axis=1) - (weights * (sums.gram @ weights)).sum(axis=1)
    return np.asarray((gain / np.maximum(sums.square, 1e-12)).sum(axis=1))


def _of_other_half(sums: Sums, penalty: Floats, prior: Floats) -> Floats:
    """The weights for each half, fitted to the other one: shape (halves, terms, series)."""
    other = [
        _shrunk(sums.gram[half::2].sum(axis=0), sums.moment[half::2].sum(axis=0), penalty, shrunk)
        for half, shrunk in zip((1, 0), prior, strict=True)
    ]
    return np.stack(other)


def _shrunk(gram: Floats, moment: Floats, penalty: Floats, prior: Floats) -> Floats:
    """Ridge weights (terms, series), shrunk to `prior` (terms,)."""
    right = moment + (penalty * prior)[:, None]
    return np.asarray(np.linalg.solve(gram + np.diag(penalty), right))


def _each_part(of_half: Floats) -> Floats:
    return of_half[np.arange(PARTS) % 2]


def _explained(weights: Floats, gram: Floats, moment: Floats, kinds: int) -> tuple[Floats, Floats]:
    """What each kind explains: its squares and products, (kinds, kinds), and those with the target.

    `weights` has the shape (halves, terms), `moment` (parts, terms).
    """
    of_kind = np.eye(kinds)[:, :, None] * weights.reshape(2, 1, kinds, -1)
    of_kind = _each_part(of_kind.reshape(2, kinds, -1))
    squares = of_kind @ gram @ of_kind.transpose(0, 2, 1)
    return squares.sum(axis=0), (of_kind @ moment[..., None]).sum(axis=0)[:, 0]


def _holds(squares: Floats, products: Floats) -> Floats:
    """The share of each kind that is right, from 0 to 1."""
    regular = squares + np.diag(1e-3 * np.diagonal(squares) + 1e-12)
    return np.clip(np.linalg.solve(regular, products), 0.0, 1.0)


def _times(weights: Floats, holds: Floats) -> Floats:
    """The weights times the share of their kind that holds."""
    return np.asarray((weights.reshape(len(holds), -1) * holds[:, None]).ravel())
