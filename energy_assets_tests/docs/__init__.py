"""Tests of the README, of `docs/` and of the site that is built from them."""
