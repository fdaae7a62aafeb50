"""How good forecasts are: metrics, tables of scores, rolling origins, and plots.

A new metric is defined in `metrics` and gets a column in `scores`.

Does not belong here: which model is good enough to be used (`energy_assets.forecasts`).
"""
