"""What `make build`, `make index` and `make publish` call. No part of the package uses this.

Does not belong here: anything that an installed package needs.
"""
