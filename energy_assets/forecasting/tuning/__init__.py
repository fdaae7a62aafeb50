"""Hyperparameter search: the search space, the scoring of a configuration, and the result.

Does not belong here: Weights & Biases sweeps (`energy_assets.tracking`).
"""
