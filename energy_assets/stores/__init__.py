"""Stores: where features, models and objects are kept.

Belongs here: the three protocols (`feature_store`, `model_registry`, `object_store`), a folder for
each place that implements them (`embedded`, `hopsworks`, `gcs`), and the file formats they share.
`opening` picks the implementations that the settings ask for.

Does not belong here: where the rows come from (`sources`), and how Dagster calls a store
(`io_managers`).
"""
