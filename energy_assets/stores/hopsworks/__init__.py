"""The feature store and the model registry in Hopsworks.

Each belongs to one source and its data set, which Hopsworks is told in descriptions. The client is
imported at the first call, because that takes seconds and changes the process.
"""
