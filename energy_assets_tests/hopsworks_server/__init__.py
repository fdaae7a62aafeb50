"""A stand-in for a Hopsworks cluster on the loopback interface, for the unmodified client.

It answers the calls that this project makes the client send: the REST API over TLS, and the Query
Service as an Arrow Flight server. Feature groups are Delta tables on the local disk, which the
client's own code merges into, as it does on a cluster whose storage is S3.

It can prove that the client is called rightly, that its answers are understood, and what happens
when the network, the key or another writer gets in the way. It cannot prove anything about HopsFS
(the default storage of a cluster, another path of the client), the SQL that the Query Service makes
of a query, Spark and Kafka jobs, or what a role or the scope of a key permits.
"""

from energy_assets_tests.hopsworks_server.project import Fault, Project
from energy_assets_tests.hopsworks_server.server import HopsworksServer

__all__ = ["Fault", "HopsworksServer", "Project"]
