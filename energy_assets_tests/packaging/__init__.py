"""Packages: what is in them, the private index, and a project that has nothing else."""
