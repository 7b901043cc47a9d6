"""Rows: attention."""

import numpy as np

from tests.layer_table import Row

QUERY, VALUE, KEY = (2, 3, 4), (2, 5, 6), (2, 5, 4)
SCORES = {"return_attention_scores": True}
VALUE_MASK = {"value_mask": np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 0]], bool)}
CAUSAL = {"use_causal_mask": True}
PAIRS = {"attention_mask": np.tril(np.ones((2, 3, 5), bool), 1)}
SETTINGS = {
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}


def heads(arguments=(), shape=(QUERY, VALUE), **row):
    return Row("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, **dict(arguments)}, list(shape), spread=True, **row)


def groups(arguments=(), shape=((2, 3, 4), (2, 5, 4)), **row):
    arguments = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **dict(arguments)}
    return Row("GroupQueryAttention", arguments, list(shape), spread=True, **row)


ROWS = [
    Row("Attention", {}, [QUERY, VALUE, KEY], mask=True, unknown=(1,)),
    Row("Attention", {"use_scale": True, "score_mode": "concat"}, [QUERY, VALUE, KEY], call={**SCORES, **CAUSAL}),
    Row("Attention", {"dropout": 0.5, "seed": 1}, [QUERY, KEY], random=True),
    Row("AdditiveAttention", {}, [QUERY, VALUE, KEY], mask=True, unknown=(1,)),
    Row("AdditiveAttention", {"use_scale": False, "dropout": 0.3, "seed": 1}, [QUERY, KEY], call=CAUSAL, random=True),
    heads(mask=True, unknown=(1,)),
    heads(shape=[QUERY, VALUE, KEY], call={**SCORES, **VALUE_MASK}, symbolic=False),
    heads(
        {"value_dim": 5, "output_shape": 7, "use_bias": False, "use_gate": True},
        call={**SCORES, **PAIRS},
        symbolic=False,
    ),
    heads({"output_shape": (2, 3), "sliding_window": 2, "use_gate": True, **SETTINGS}, call=CAUSAL),
    heads({"dropout": 0.5, "seed": 1}, random=True, mask=True),
    heads({"attention_axes": [-2], "flash_attention": False}, [(2, 3, 4, 5), (2, 3, 6, 5)], unknown=(2,)),
    heads({}, [(2, 3, 2, 5), (2, 2, 3, 5)], call=SCORES, symbolic=False),
    groups(mask=True, unknown=(1,)),
    groups({"use_gate": True, "sliding_window": 2, "use_bias": False}, call={**SCORES, **VALUE_MASK}),
    groups({"dropout": 0.5, "seed": 1, **SETTINGS}, [QUERY, KEY, KEY], random=True, call={**PAIRS, **CAUSAL}),
]
