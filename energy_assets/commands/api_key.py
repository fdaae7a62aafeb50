"""`energy-assets api-key NAME`: a new key for the HTTP API, and the setting that lets it in."""

from __future__ import annotations

import hashlib
import secrets


def print_new_key(name: str) -> None:
    """Print a key once; only its hash is ever stored."""
    key = secrets.token_urlsafe(32)
    print(f"Key of {name}, shown only now: {key}")
    print("Add this to SERVE_API_KEYS in .env, after a comma if there are others:")
    print(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}")
