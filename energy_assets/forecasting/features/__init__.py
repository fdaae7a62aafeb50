"""What a model sees of a panel: lags, recent levels, the calendar, and columns known ahead.

A new feature is one entry in `feature_matrix.FEATURES`.

Does not belong here: the models that are fitted to the features.
"""
