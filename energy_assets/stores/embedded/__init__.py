"""The stores that need no account: Delta Lake, folders and files below `STORAGE_ROOT`."""
