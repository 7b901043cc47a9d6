"""Training: read `fit.py` first; it follows one batch from top to bottom."""
