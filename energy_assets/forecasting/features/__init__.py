"""What a model sees of a panel: lags, recent levels, the calendar, and columns known ahead.

Does not belong here: the models that are fitted to these features.
"""
