"""Models outside of Python: what `model.export` writes."""
