"""The object store in Google Cloud Storage.

Its libraries are imported at the first use, because that takes a second or more.
"""
