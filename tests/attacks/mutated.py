"""Configs of every version of Keras in which one part was replaced, removed or doubled."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

REPLACEMENTS: tuple[Any, ...] = (
    *(None, 3, -1, True, "x", "", [], {}, [[]], [1, 2], 1e400, [None], [["a", 0, 0]], {"a": 1}, {"class_name": "x"}),
    {"class_name": "Dense", "config": None},
    {"class_name": "__tuple__", "config": 3},
    {"class_name": "__numpy__", "config": []},
)

KERAS_2 = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {
                "class_name": "Dense",
                "config": {
                    "name": "a",
                    "batch_input_shape": [None, 4],
                    "units": 3,
                    "activation": "relu",
                    "dtype": {"class_name": "Policy", "config": {"name": "float32"}},
                    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
                },
            },
            {"class_name": "Dropout", "config": {"name": "d", "rate": 0.5, "noise_shape": None}},
        ],
    },
    "keras_version": "2.4.0",
    "backend": "tensorflow",
}
KERAS_2_GRAPH = {
    "class_name": "Model",
    "config": {
        "name": "m",
        "layers": [
            {
                "class_name": "InputLayer",
                "name": "i",
                "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "i"},
                "inbound_nodes": [],
            },
            {
                "class_name": "Dense",
                "name": "d",
                "config": {"name": "d", "units": 4},
                "inbound_nodes": [[["i", 0, 0, {}]]],
            },
            {
                "class_name": "Add",
                "name": "p",
                "config": {"name": "p", "trainable": True, "dtype": "float32"},
                "inbound_nodes": [[["i", 0, 0, {}], ["d", 0, 0, {}]]],
            },
        ],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["p", 0, 0]],
    },
    "keras_version": "2.4.0",
}
KERAS_1 = {
    "class_name": "Sequential",
    "config": [
        {
            "class_name": "Dense",
            "config": {
                "name": "a",
                "batch_input_shape": [None, 4],
                "output_dim": 3,
                "init": "glorot_uniform",
                "W_regularizer": {"name": "L1L2", "l1": 0.0, "l2": 0.1},
            },
        }
    ],
    "keras_version": "1.2.0",
}
COMPILED_BY_KERAS_2 = {
    "loss": {"a": "mse"},
    "metrics": ["accuracy", {"class_name": "MeanMetricWrapper", "config": {"name": "mse", "dtype": "float32"}}],
    "weighted_metrics": None,
    "sample_weight_mode": None,
    "optimizer_config": {
        "class_name": "Adam",
        "config": {"lr": 0.001, "decay": 0.1, "epsilon": 1e-7, "name": "Adam"},
    },
}


def configs() -> dict[str, Any]:
    """Good ones."""
    import sequax
    from sequax import layers

    made = sequax.Sequential(
        [sequax.Input((4,)), layers.Dense(3, kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    made.compile("adam", loss="mse", metrics=["accuracy", sequax.metrics.AUC(num_thresholds=5)])
    words = sequax.Sequential([layers.TextVectorization(vocabulary=["a", "b"], max_tokens=9)])
    given = sequax.Input((4,))
    twice = layers.Dense(4)
    graph = sequax.Model(given, layers.Add()([given, twice(twice(given))]) * 2)
    return {
        "stack": json.loads(made.to_json()),
        "words": json.loads(words.to_json()),
        "graph": json.loads(graph.to_json()),
        "Keras 2": KERAS_2,
        "graph of Keras 2": KERAS_2_GRAPH,
        "Keras 1": KERAS_1,
    }


def mutations(value: Any, share: int, seed: int = 0) -> Iterator[tuple[str, Any]]:
    """One in `share` of all configs with one change, and what was changed."""
    chosen = random.Random(seed)
    for path in _paths(value):
        if path:
            yield f"{path} removed", _changed(value, path, None, remove=True)
        yield f"{path} doubled", _changed(value, path, [_at(value, path)] * 2)
        for other in REPLACEMENTS:
            if chosen.randrange(share) == 0:
                yield f"{path} is {other}", _changed(value, path, other)


def _paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _paths(value[key], (*path, key))


def _at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


def _changed(value: Any, path: tuple, new: Any, remove: bool = False) -> Any:
    if not path:
        return new
    found = copy.copy(value)
    if remove and len(path) == 1:
        del found[path[0]]
    else:
        found[path[0]] = _changed(value[path[0]], path[1:], new, remove)
    return found
