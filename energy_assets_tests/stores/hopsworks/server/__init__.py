"""A stand-in for a Hopsworks cluster on the loopback interface, for the unmodified client.

It answers the requests that this project causes: the REST API over TLS, and the Query Service as an
Arrow Flight server. Feature groups are Delta tables on the local disk. The client's own code merges
into them, as it does on a cluster whose storage is S3.

It can show that we call the client correctly and understand its answers, and what happens when the
network, the key or another writer gets in the way. It cannot show anything about HopsFS (a
cluster's default storage, for which the client has other code), the SQL that the Query Service
runs, Spark and Kafka jobs, or what a role or a key's scope permits.
"""

from energy_assets_tests.stores.hopsworks.server.project import Fault, Project
from energy_assets_tests.stores.hopsworks.server.server import HopsworksServer

__all__ = ["Fault", "HopsworksServer", "Project"]
