"""Readers of `host.json` that stand alone: in NumPy, and in JavaScript."""
