"""The stores that need no account: Delta Lake, folders and files below `STORAGE_ROOT`.

Does not belong here: anything that talks to a service.
"""
