"""Doubtful values in the past of a panel: zeros, spikes, stuck meters and changes of level.

All rules compare a series with itself, so they have no unit. A value is doubtful if it is unlike
the same hour of other days (`usual`) and not the nature of the series, which is what it does on
many days or in most weeks (`nature`). The rules, in the order in which they are applied: `stuck`,
`levels`, `zeros`, `spikes`. `treatment` applies them.

A rule may use all hours of its window, so it never sees anything later than the origin. It must let
go of what is true: a wrong alarm in a spiky series costs more trust than a small fault.

Does not belong here: what a doubtful past means for forecasts.
"""
