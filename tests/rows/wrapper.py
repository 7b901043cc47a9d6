"""Rows of layers around a layer, and of the embedding that works both ways."""

from __future__ import annotations

from tests.layer_table import Row


def spectral(name, arguments, shape, **options):
    return Row(
        "SpectralNormalization",
        lambda library: {"layer": getattr(library.layers, name)(**arguments), **options},
        shape,
    )


ROWS = [
    spectral("Dense", {"units": 3}, (2, 5)),
    spectral("Conv2D", {"filters": 3, "kernel_size": 2}, (2, 4, 4, 2), power_iterations=3),
    Row("ReversibleEmbedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True}, (2, 4), "int32", mask=True),
    Row("ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}, (2, 4, 3), call={"reverse": True}, unknown=(1,)),
    Row(
        "ReversibleEmbedding",
        {
            "input_dim": 5,
            "output_dim": 3,
            "tie_weights": False,
            "reverse_dtype": "float32",
            "logit_soft_cap": 2.0,
            "embeddings_regularizer": "l2",
            "embeddings_constraint": "max_norm",
        },
        (2, 3),
        call={"reverse": True},
    ),
]
