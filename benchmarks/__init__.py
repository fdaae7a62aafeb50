"""Benchmarks: what a user waits for, measured beside what it is compared with, in turn."""
