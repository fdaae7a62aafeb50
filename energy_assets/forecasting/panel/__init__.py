"""A panel of hourly series as a matrix: its hours, its gaps, and the hours ahead of it.

Does not belong here: anything that knows about features or models.
"""
