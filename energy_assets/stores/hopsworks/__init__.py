"""The feature store and the model registry in Hopsworks."""
