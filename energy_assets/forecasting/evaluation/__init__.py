"""How good forecasts are: metrics, tables of scores, rolling origins, and plots.

Does not belong here: which model is good enough to be used (`energy_assets.forecasts`).
"""
