"""What several workloads are made of: models that differ in a size, and the layers of the plain JAX versions."""
