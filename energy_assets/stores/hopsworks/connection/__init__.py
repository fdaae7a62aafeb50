"""The process's login to Hopsworks, and calls that have time-outs and are retried.

What the calls read and write belongs in the feature store and the model registry.
"""

from energy_assets.stores.hopsworks.connection.connection import HopsworksConnection
from energy_assets.stores.hopsworks.connection.login import log_out
from energy_assets.stores.hopsworks.connection.policy import RetryPolicy

__all__ = ["HopsworksConnection", "RetryPolicy", "log_out"]
