"""Hyperparameter search: the search space, how a configuration is scored, and the result.

Does not belong here: sweeps of Weights & Biases (`energy_assets.tracking`). They choose the
configurations, but call the same `Objective`.
"""
