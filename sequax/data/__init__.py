"""What users pass to `fit`, `evaluate` and `predict`: conversion to arrays, and checks before training."""
