"""The models and their blend: trees, ridge, autoregression, seasonal naive, and intervals.

Each works on arrays of features. Does not belong here: the features, and the sktime interface.
"""
