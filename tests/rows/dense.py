"""Rows: fully connected layers, embedding, layers without variables."""

from tests.layer_table import Row

ROWS = [
    Row("Dense", {"units": 3}, (2, 5)),
    Row("Dense", {"units": 3, "activation": "relu", "use_bias": False}, (2, 4, 5), mask=True, unknown=(1,)),
    Row(
        "Dense",
        {
            "units": 4,
            "activation": "tanh",
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
        },
        (3, 5),
    ),
    Row("Dense", {"units": 3}, (2, 5), "int32"),
    Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}, (2, 4)),
    Row(
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 4, 5), "bias_axes": "de", "activation": "relu"},
        (2, 3, 6),
    ),
    Row(
        "EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d"}, (2, 3, 6), unknown=(1,)
    ),
    Row("EinsumDense", {"equation": "abc,bd->adc", "output_shape": (4, None), "bias_axes": "d"}, (2, 3, 6)),
    Row("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, (2, 3, 2)),
    Row("EinsumDense", {"equation": "...xz,xy->...zy", "output_shape": (5, 4), "bias_axes": "z"}, (2, 3, 2, 5)),
    Row(
        "EinsumDense",
        {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c", "activity_regularizer": "l1"},
        (2, 3, 2, 6),
    ),
    Row("Embedding", {"input_dim": 5, "output_dim": 3}, (2, 4), "int32", unknown=(1,)),
    Row("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True}, (2, 4), "int32", mask=True),
    Row("Embedding", {"input_dim": 5, "output_dim": 3, "embeddings_regularizer": "l2"}, (2, 4), "uint8"),
    Row(
        "Embedding",
        {"input_dim": 5, "output_dim": 3, "embeddings_constraint": "unit_norm", "activity_regularizer": "l2"},
        (6,),
        "int32",
    ),
    Row("Lambda", lambda library: {"function": library.activations.tanh}, (2, 3), mask=True, shared_config=False),
    Row("Identity", {}, (2, 3, 4), mask=True, unknown=(1, 2)),
    Row("Identity", {}, (2, 3), "int32"),
    Row("Masking", {}, (2, 4, 1), mask=True, unknown=(1,)),
    Row("Masking", {"mask_value": 1}, (4, 5, 1), "int32", high=3, mask=True),
    Row("Rescaling", {"scale": 1 / 255}, (2, 3), "uint8", high=256),
    Row("Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": -1}, (2, 4, 3), mask=True, unknown=(1,)),
    Row("Flatten", {}, (2, 3, 4), mask=True),
    Row("Flatten", {}, (2, 3, 4), unknown=(1,)),
    Row("Flatten", {}, (3,)),
    Row("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5)),
    Row("Flatten", {}, (2, 3, 4), "int32"),
    Row("Reshape", {"target_shape": (2, 6)}, (3, 4, 3), unknown=(1,)),
    Row("Reshape", {"target_shape": (-1, 6)}, (3, 4, 3), mask=True),
    Row("Reshape", {"target_shape": (2, -1)}, (3, 4), "int32", unknown=(1,)),
    Row("Reshape", {"target_shape": ()}, (3, 1)),
    Row("Permute", {"dims": (2, 1)}, (2, 3, 4), unknown=(1, 2), mask=True),
    Row("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5)),
    Row("RepeatVector", {"n": 3}, (2, 4)),
]
