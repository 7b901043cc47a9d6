"""A `PyDataset` of a small table: Keras-like libraries index it batch by batch, the others have the arrays."""

from . import tabular

BATCH, EPOCHS = 32, 20

WORKLOAD = tabular.WORKLOAD._replace(
    name="dataset",
    title=f"PyDataset of 768x8, batch {BATCH}, {EPOCHS} epochs",
    batch_size=BATCH,
    epochs=EPOCHS,
    sklearn=None,
    feed="dataset",
)
