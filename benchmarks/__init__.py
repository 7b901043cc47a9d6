"""Benchmarks: `make bench` runs them all, side by side with Keras on its JAX backend, in one process."""
