"""The object store in Google Cloud Storage.

Its libraries are imported on first use, because that takes a second or more.
"""
