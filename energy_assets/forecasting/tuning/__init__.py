"""Hyperparameter search: the search space, how a configuration is scored, and the result.

Does not belong here: Weights & Biases sweeps (`energy_assets.tracking`). They choose
configurations in another way, but call the same `Objective`.
"""
