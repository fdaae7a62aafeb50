"""The feature store and the model registry in Hopsworks.

Each belongs to one source and its data set, whose name is in the description of the feature group
and of each model version. The client is imported on the first call, because its import takes
seconds and changes the process's logging and warnings.
"""
