"""Benchmarks of accuracy and speed, beside other libraries and baselines."""
