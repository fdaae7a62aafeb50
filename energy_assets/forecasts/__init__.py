"""From a model to a forecast that is used: gate, fallback, publishing, scoring, pictures.

Does not belong here: how a model forecasts (`forecasting`) and where files are kept (`stores`).
"""
